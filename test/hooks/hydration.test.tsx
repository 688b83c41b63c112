/** Server rendering needs no clean-up, and a hydrated page shows the same as its HTML. */

import { act, render } from '@testing-library/react'
import { StrictMode, Suspense, useId } from 'react'
import { hydrateRoot } from 'react-dom/client'
import type { Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { background, createKey, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { provide, Scope, Unmounted, useContextState, useRemaining, useScope, useTask, useValue } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle } from './support.tsx'

failOnNoise()

const user = createKey<string>('user')

function Page({ load }: { readonly load: (ctx: Context) => Promise<string> }) {
  const scope = useScope()
  const { status, data } = useTask(load, [load], { timeout: 5_000 })
  const idle = useTask(load)
  const left = useRemaining(scope)
  const { done, deadline } = useContextState(scope)
  return (
    <p id={useId()}>
      {status} {data} {idle.status} {left ?? 'no'} ms {String(done)} {deadline === undefined ? 'endless' : 'ends'}{' '}
      {useValue(user)}
    </p>
  )
}

function app(load: (ctx: Context) => Promise<string>, parent = background()) {
  return (
    <StrictMode>
      <Scope parent={parent} timeout={60_000} values={[provide(user, 'Ada')]} route>
        <Suspense fallback="fallback">
          <Page load={load} />
        </Suspense>
      </Scope>
    </StrictMode>
  )
}

/** Hydrates `html`; React's complaints are in `errors`. */
async function hydrate(html: string, tree: React.ReactNode) {
  const container = document.createElement('div')
  document.body.append(container)
  container.innerHTML = html
  const errors: unknown[] = []
  let root: Root | undefined
  await act(async () => {
    root = hydrateRoot(container, tree, { onRecoverableError: (error) => errors.push(error) })
  })
  return {
    container,
    errors,
    unmount() {
      act(() => root?.unmount())
      container.remove()
    },
  }
}

describe('hydration', () => {
  it('matches the HTML of the server, countdowns included, and continues from there', async () => {
    const work = fakeWork()
    const html = renderToString(app(work.fn))
    expect(work.calls).toEqual([])
    expect(html.replaceAll(/<.*?>/g, '')).toBe('pending  idle no ms false endless Ada')
    const page = await hydrate(html, app(work.fn))
    expect(page.errors).toEqual([])
    expect(page.container.textContent).toBe('pending  idle 60000 ms false ends Ada')
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('albums'))
    expect(page.container.textContent).toMatch(/^success albums idle/)
    page.unmount()
    expect(work.causes).toEqual([Unmounted])
  })

  it('shows the end of a context that has ended before the hydration', async () => {
    const work = fakeWork()
    const [parent, cancel] = withTimeout(background(), 60_000)
    const html = renderToString(app(work.fn, parent))
    cancel('meanwhile')
    const page = await hydrate(html, app(work.fn, parent))
    await settle()
    expect(page.errors).toEqual([])
    expect(page.container.textContent).toBe('canceled  idle 0 ms true ends Ada')
    expect(work.calls).toEqual([])
    page.unmount()
  })

  it('shows the same as a render in the browser', async () => {
    const work = fakeWork()
    const { container } = render(app(work.fn))
    const page = await hydrate(renderToString(app(work.fn)), app(work.fn))
    expect(page.container.textContent).toBe(container.textContent)
    page.unmount()
  })
})
