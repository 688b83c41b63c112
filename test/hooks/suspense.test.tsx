/** Suspense: what was never shown never ran, what is hidden by a fallback goes on, and what is removed is aborted. */

import { render } from '@testing-library/react'
import { StrictMode, Suspense, createRef, startTransition, useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { createKey, until } from 'rescind'
import type { Context } from 'rescind'
import { Hidden, provide, Scope, Unmounted, useCancellable, useContextState, useScope, useTask } from 'rescind/react'
import type { ScopeHandle } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, isReact18, settle, use, watch } from './support.tsx'

failOnNoise()

/** Something that components can wait for, in the way that React 18 knows, too. */
function gate() {
  let isOpen = true
  let open: (() => void) | undefined
  let waiting: Promise<void> | undefined
  return {
    wait() {
      if (!isOpen) throw waiting
    },
    close() {
      isOpen = false
      waiting = new Promise((resolve) => {
        open = resolve
      })
    },
    open() {
      isOpen = true
      open?.()
    },
  }
}

type Gate = ReturnType<typeof gate>

function Worker({ work, gate }: { readonly work: (ctx: Context) => Promise<string>; readonly gate: Gate }) {
  const { status, data } = useTask(work, [work])
  useCancellable(useScope())
  gate.wait()
  return `${status} ${data ?? ''}`
}

const boundary = (children: ReactNode) => <Suspense fallback="fallback">{children}</Suspense>

describe.each([
  ['without StrictMode', ({ children }: { readonly children?: ReactNode }) => children],
  ['in StrictMode', StrictMode],
])('a component that suspends, %s', (_, wrapper) => {
  it('at first runs nothing until it is shown, and then once', async () => {
    const work = fakeWork()
    const door = gate()
    door.close()
    const view = render(boundary(<Worker work={work.fn} gate={door} />), { wrapper })
    await settle()
    expect(view.container.textContent).toBe('fallback')
    expect(work.calls).toEqual([])
    await settle(() => door.open())
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('albums'))
    expect(view.container.textContent).toBe('success albums')
  })

  it('again is not canceled, and shows what came meanwhile', async () => {
    const work = fakeWork()
    const door = gate()
    const app = (name: string) =>
      boundary(
        <Scope label={name}>
          <Worker work={work.fn} gate={door} />
        </Scope>,
      )
    const view = render(app('one'), { wrapper })
    await settle()
    door.close()
    await settle(() => view.rerender(app('two')))
    expect(view.container.textContent).toContain('fallback')
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('albums'))
    expect(work.causes).toEqual([undefined])
    await settle(() => door.open())
    expect(view.container.textContent).toBe('success albums')
    expect(work.calls).toHaveLength(1)
  })

  it('and is removed meanwhile is aborted', async () => {
    const work = fakeWork()
    const door = gate()
    const view = render(boundary(<Worker work={work.fn} gate={door} />), { wrapper })
    await settle()
    door.close()
    await settle(() => view.rerender(boundary(<Worker work={work.fn} gate={door} />)))
    expect(view.container.textContent).toContain('fallback')
    expect(work.causes).toEqual([undefined])
    view.rerender(boundary(null))
    // React 18 leaves the insertion effects of what is hidden alone, even when it is removed.
    const [atOnce, soon] = isReact18 ? [undefined, Hidden] : [Unmounted, Unmounted]
    expect(work.causes).toEqual([atOnce])
    await settle()
    expect(work.causes).toEqual([soon])
    await settle(() => door.open())
    expect(work.calls).toHaveLength(1)
  })

  it('at first, and is removed before it was ever shown, leaves nothing', async () => {
    const work = fakeWork()
    const door = gate()
    door.close()
    const view = render(boundary(<Worker work={work.fn} gate={door} />), { wrapper })
    view.unmount()
    await settle(() => door.open())
    expect(work.calls).toEqual([])
  })

  it('in a transition goes on with what it had', async () => {
    const work = fakeWork()
    const door = gate()
    const closing = watch<() => void>()
    function Component() {
      const [isClosing, close] = useState(false)
      closing.see(() => close(true))
      const { status } = useTask(work.fn, [])
      if (isClosing) door.wait()
      return status
    }
    const view = render(boundary(<Component />), { wrapper })
    await settle()
    door.close()
    await settle(() => startTransition(() => closing.last()))
    expect(view.container.textContent).toBe('pending')
    expect(work.causes).toEqual([undefined])
    await settle(() => door.open())
    expect(work.causes).toEqual([undefined])
  })
})

/** Reads what there is to read. */
function Reader({ promise }: { readonly promise: Promise<string> | undefined }) {
  return promise && use ? use(promise) : 'nothing yet'
}

/** Loads under its scope, above the boundary. */
function Owner({ load }: { readonly load: (ctx: Context) => Promise<string> }) {
  const scope = useScope()
  const { promise, read } = usePromise()
  // What is canceled is not read any more, and no error.
  useEffect(() => read(until(scope, load).catch(() => 'canceled')), [scope, load, read])
  return boundary(<Reader promise={promise} />)
}

function usePromise() {
  const [promise, read] = useState<Promise<string>>()
  return { promise, read }
}

describe.skipIf(!use)('a promise that a scope above the boundary owns', () => {
  it('may be read with use, and is aborted when the scope is removed', async () => {
    const work = fakeWork()
    const container = document.createElement('div')
    const root = createRoot(container)
    const tree = (
      <Scope>
        <Owner load={work.fn} />
      </Scope>
    )
    await settle(() => root.render(tree))
    expect(container.textContent).toContain('fallback')
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('albums'))
    expect(container.textContent).toBe('albums')
    await settle(() => root.unmount())
    expect(work.causes).toEqual([Unmounted])

    const other = createRoot(container)
    await settle(() => other.render(tree))
    await settle(() => other.unmount())
    expect(work.causes).toEqual([Unmounted, Unmounted])
  })

  it('may be another one after a reset, though a scope with values shows its state while it is read', async () => {
    const scope = createRef<ScopeHandle>()
    const loads = watch<(data: string) => void>()
    const promises = new Map<Context, Promise<string>>()
    const load = (ctx: Context) => {
      const promise = promises.get(ctx) ?? new Promise<string>((resolve) => void loads.see(resolve))
      promises.set(ctx, promise)
      return promise
    }
    const container = document.createElement('div')
    const root = createRoot(container)
    await settle(() =>
      root.render(
        <Scope ref={scope}>
          <Around load={load} />
        </Scope>,
      ),
    )
    await settle(() => loads.last('albums'))
    expect(container.textContent).toBe('albums false')
    await settle(() => scope.current?.reset())
    await settle(() => loads.last('more albums'))
    expect(container.textContent).toBe('more albums false')
    await settle(() => root.unmount())
  })
})

const key = createKey<string>('key')

interface Loads {
  readonly load: (ctx: Context) => Promise<string>
}

/** Reads under one scope what belongs to the one around it, and shows the state of the inner. */
function Around({ load }: Loads) {
  return boundary(
    <Scope values={[provide(key, 'value')]}>
      <Inside load={load} outer={useScope()} />
    </Scope>,
  )
}

function Inside({ load, outer }: Loads & { readonly outer: Context }) {
  const { done } = useContextState(useScope())
  return `${use?.(load(outer))} ${done}`
}
