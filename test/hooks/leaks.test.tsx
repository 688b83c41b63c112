/** Renders that are never committed and unmounted components leave nothing behind. */

import { act, render } from '@testing-library/react'
import { StrictMode, Suspense, startTransition, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { background, cause, createKey, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import {
  Scope,
  Unmounted,
  useAction,
  useCancellable,
  useContextState,
  useDeadline,
  usePending,
  useRemaining,
  useRoute,
  useScope,
  useTask,
  useTimeout,
  useValue,
} from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { isCollected, task } from '../support.ts'
import { failOnNoise, settle, watch } from './support.tsx'

failOnNoise()

interface Held extends Disposable {
  readonly timers: Set<unknown>
  /** The types of the listeners. */
  readonly listeners: string[]
}

/** Records platform timers, and listeners of the window and of the Navigation API, from now on. */
function count(): Held {
  const timers = new Set<unknown>()
  const held: { readonly type: string; readonly listener: unknown }[] = []
  const { setTimeout, clearTimeout } = globalThis
  Object.assign(globalThis, {
    setTimeout(fn: () => void, ms: number) {
      const handle = setTimeout(() => {
        timers.delete(handle)
        fn()
      }, ms)
      timers.add(handle)
      return handle
    },
    clearTimeout(handle: NodeJS.Timeout) {
      timers.delete(handle)
      clearTimeout(handle)
    },
  })
  const { navigation } = globalThis as { readonly navigation?: EventTarget }
  const restores = [globalThis, navigation].map((target) => {
    if (!target) return () => {}
    const { addEventListener, removeEventListener } = target
    Object.assign(target, {
      addEventListener(type: string, listener: EventListener, options?: AddEventListenerOptions) {
        held.push({ type, listener })
        addEventListener.call(target, type, listener, options)
      },
      removeEventListener(type: string, listener: EventListener, options?: EventListenerOptions) {
        // Earlier listeners are not recorded; removing one must not count for another.
        const index = held.findIndex((one) => one.type === type && one.listener === listener)
        if (index >= 0) held.splice(index, 1)
        removeEventListener.call(target, type, listener, options)
      },
    })
    return () => Object.assign(target, { addEventListener, removeEventListener })
  })
  return {
    timers,
    get listeners() {
      return held.map(({ type }) => type)
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout, clearTimeout })
      for (const restore of restores) restore()
    },
  }
}

function Task({ work }: { readonly work: (ctx: Context) => unknown }) {
  useTask(async (ctx) => work(ctx), [work])
  return null
}

describe('tasks without a scope', () => {
  it('share one listener for each event of the page, and leave none', async () => {
    using held = count()
    const contexts = watch<Context>()
    const tasks = (keys: readonly number[]) => keys.map((key) => <Task key={key} work={contexts.see} />)
    const view = render(tasks([1, 2, 3]))
    await settle()
    expect(held.listeners.toSorted()).toEqual(['pagehide', 'pageshow'])
    await settle(() => view.rerender(tasks([3])))
    expect(contexts.all.map((ctx) => cause(ctx))).toEqual([Unmounted, Unmounted, undefined])
    expect(held.listeners.toSorted()).toEqual(['pagehide', 'pageshow'])
    await settle(() => view.unmount())
    expect(cause(contexts.last)).toBe(Unmounted)
    expect(held.listeners).toEqual([])
  })

  it('leave none after work that failed, and work that was replaced', async () => {
    using held = count()
    const [fail, wait] = [() => Promise.reject(new Error('no')), () => new Promise(() => {})]
    const view = render(<Task work={fail} />)
    await settle()
    await settle(() => view.rerender(<Task work={wait} />))
    await settle(() => view.rerender(<Task work={fail} />))
    await settle(() => view.unmount())
    expect(held.listeners).toEqual([])
  })
})

const locale = createKey<string>('locale')

/** Uses all hooks. */
function Everything({ work }: { readonly work: (ctx: Context) => void }) {
  const scope = useScope()
  const [ctx] = useTimeout(scope, 60_000)
  useCancellable(ctx)
  useDeadline(ctx, new Date(4_102_444_800_000))
  useRoute(ctx)
  useContextState(ctx)
  useRemaining(ctx)
  useValue(locale)
  usePending()
  useAction(work)
  useTask(
    (ctx) => {
      work(ctx)
      return new Promise<void>(() => {})
    },
    [],
    { timeout: 60_000 },
  )
  return null
}

function App({ parent, work }: { readonly parent: Context; readonly work: (ctx: Context) => void }) {
  return (
    <Scope parent={parent} timeout={60_000} route>
      <Everything work={work} />
    </Scope>
  )
}

const never = new Promise<never>(() => {})

function Suspends(): never {
  throw never
}

describe('renders that are never committed', () => {
  it('leave no context, timer, listener or call after fifty interruptions', async () => {
    using held = count()
    const [parent] = withCancel(background())
    const calls = watch<Context>()
    const attempts = watch<number>()
    const restart = watch<(attempt: number) => void>()
    function Attempt() {
      const [attempt, setAttempt] = useState(0)
      restart.see(setAttempt)
      if (attempt === 0) return 'nothing'
      attempts.see(attempt)
      return (
        <>
          <App key={attempt} parent={parent} work={calls.see} />
          <Suspends />
        </>
      )
    }
    const { container } = render(
      <Suspense fallback="fallback">
        <Attempt />
      </Suspense>,
      { wrapper: StrictMode },
    )
    await settle()
    held.timers.clear()
    held.listeners.length = 0
    for (let attempt = 1; attempt <= 50; attempt++) {
      await settle(() => startTransition(() => restart.last(attempt)))
    }
    expect(new Set(attempts.all).size).toBe(50)
    expect(container.textContent).toBe('nothing')
    expect(calls.all).toEqual([])
    expect([...held.timers]).toEqual([])
    expect(held.listeners).toEqual([])
    expect(String(parent)).not.toContain('left')
  })

  it('are collected, with everything they have made', async () => {
    const [parent] = withCancel(background())
    const scopes: WeakRef<Context>[] = []
    function SuspendsBelow(): never {
      scopes.push(new WeakRef(useScope()))
      throw new Promise<never>(() => {})
    }
    for (let attempt = 0; attempt < 50; attempt++) {
      const root = createRoot(document.createElement('div'))
      const tree = (
        <Suspense>
          <Scope parent={parent}>
            <SuspendsBelow />
          </Scope>
        </Suspense>
      )
      await act(async () => root.render(tree))
      act(() => root.unmount())
    }
    expect(scopes.length).toBeGreaterThanOrEqual(50)
    expect(await countAlive(scopes)).toBeLessThan(scopes.length / 2)
  })
})

/** How many are not collected. React itself may retain the last ones. */
async function countAlive(refs: readonly WeakRef<Context>[]): Promise<number> {
  await isCollected(() => ({}))
  return refs.filter((ref) => ref.deref() !== undefined).length
}

describe('an unmounted component', () => {
  it('leaves no timer and no listener', async () => {
    using held = count()
    const [parent] = withTimeout(background(), Infinity)
    const calls = watch<Context>()
    const view = render(<App parent={parent} work={calls.see} />, { wrapper: StrictMode })
    await settle()
    expect(held.timers.size).toBeGreaterThan(0)
    expect(held.listeners).toContain('pagehide')
    view.unmount()
    await settle()
    await task()
    expect([...held.timers]).toEqual([])
    expect(held.listeners.filter((type) => /page|visibility|resume|popstate|entrychange/.test(type))).toEqual([])
    expect(calls.all).toHaveLength(1)
  })

  it('does not wait for its page to come back', async () => {
    using held = count()
    const calls = watch<Context>()
    const view = render(<App parent={background()} work={calls.see} />, { wrapper: StrictMode })
    await settle(() => void globalThis.dispatchEvent(new Event('pagehide')))
    expect(held.listeners).toContain('pageshow')
    view.unmount()
    await settle()
    expect(held.listeners.filter((type) => /page/.test(type))).toEqual([])
    expect(calls.all).toHaveLength(1)
  })

  it('leaves nothing in the parent, a hundred times', async () => {
    const [parent] = withCancel(background())
    const scopes: WeakRef<Context>[] = []
    function Tell() {
      const scope = useScope()
      useTask(() => new Promise<void>(() => {}), [])
      scopes.push(new WeakRef(scope))
      return null
    }
    const root = createRoot(document.createElement('div'))
    for (let round = 0; round < 100; round++) {
      const tree = (
        <Scope key={round} parent={parent} timeout={60_000}>
          <Tell />
        </Scope>
      )
      act(() => root.render(tree))
    }
    act(() => root.unmount())
    await settle()
    expect(await countAlive(scopes)).toBeLessThan(scopes.length / 2)
    expect(parent.err).toBeUndefined()
  })
})
