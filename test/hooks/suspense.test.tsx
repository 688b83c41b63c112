/** Suspense: work that was never shown never runs, work behind a fallback continues, and removed work is aborted. */

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

/** A gate for which components suspend, in a way that React 18 supports too. */
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
  it('runs no work until it is first shown, and then once', async () => {
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

  it('does not cancel its work when it suspends later, and shows the result afterwards', async () => {
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

  it('aborts its work if it is removed while it suspends', async () => {
    const work = fakeWork()
    const door = gate()
    const view = render(boundary(<Worker work={work.fn} gate={door} />), { wrapper })
    await settle()
    door.close()
    await settle(() => view.rerender(boundary(<Worker work={work.fn} gate={door} />)))
    expect(view.container.textContent).toContain('fallback')
    expect(work.causes).toEqual([undefined])
    view.rerender(boundary(null))
    // React 18 keeps the insertion effects of hidden components, even when it removes them.
    const [atOnce, soon] = isReact18 ? [undefined, Hidden] : [Unmounted, Unmounted]
    expect(work.causes).toEqual([atOnce])
    await settle()
    expect(work.causes).toEqual([soon])
    await settle(() => door.open())
    expect(work.calls).toHaveLength(1)
  })

  it('leaves nothing if it is removed before it was ever shown', async () => {
    const work = fakeWork()
    const door = gate()
    door.close()
    const view = render(boundary(<Worker work={work.fn} gate={door} />), { wrapper })
    view.unmount()
    await settle(() => door.open())
    expect(work.calls).toEqual([])
  })

  it('keeps its running work when it suspends in a transition', async () => {
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

/** Reads `promise` with use, if there is one. */
function Reader({ promise }: { readonly promise: Promise<string> | undefined }) {
  return promise && use ? use(promise) : 'nothing yet'
}

/** Loads in its scope, above the boundary. */
function Owner({ load }: { readonly load: (ctx: Context) => Promise<string> }) {
  const scope = useScope()
  const { promise, read } = usePromise()
  // A cancel is not an error here, since its result is no longer read.
  useEffect(() => read(until(scope, load).catch(() => 'canceled')), [scope, load, read])
  return boundary(<Reader promise={promise} />)
}

function usePromise() {
  const [promise, read] = useState<Promise<string>>()
  return { promise, read }
}

describe.skipIf(!use)('a promise that a scope above the boundary owns', () => {
  it('can be read with use, and is aborted when the scope unmounts', async () => {
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

  it('is replaced after a reset, though a scope with values shows its state while it is read', async () => {
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

/** Reads a promise of the outer scope inside an inner one, and shows the state of the inner one. */
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
