/**
 * Other environments: signals of the three polyfills of AbortController that are in use; an old React Native, which has
 * one of them and no DOMException, MessageChannel or EventTarget; Deno and browsers, whose timers are numbers; fake
 * timers that were there before the package; and a worklet, which has no timers.
 */

import { AbortController as Ponyfill } from 'abort-controller'
// @ts-expect-error -- it has no types
import { AbortController as CjsPonyfill } from 'abortcontroller-polyfill/dist/cjs-ponyfill.js'
import { AbortController as NodePonyfill } from 'node-abort-controller'
import { afterFunc, background, cause, sleep, withCancel, withSignal } from 'rescind'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { failOnUnhandled, microtasks, task, wrong } from '../support.ts'

failOnUnhandled()

afterEach(() => {
  vi.unstubAllGlobals()
})

const polyfills: [name: string, Polyfill: typeof AbortController][] = [
  ['abort-controller', wrong(Ponyfill)],
  ['abortcontroller-polyfill', wrong(CjsPonyfill)],
  ['node-abort-controller', wrong(NodePonyfill)],
]

describe.each(polyfills)('a signal of %s', (_, Polyfill) => {
  it('ends a context that follows it', async () => {
    const controller = new Polyfill()
    const [ctx] = withSignal(background(), controller.signal)
    const [child] = withCancel(ctx)
    let isOver = false
    afterFunc(child, () => {
      isOver = true
    })
    expect(child.err).toBeUndefined()
    controller.abort()
    await task()
    expect([child.err?.name, isOver]).toEqual(['AbortError', true])
  })

  it('can be a parent', async () => {
    const controller = new Polyfill()
    const [ctx] = withCancel(controller)
    const sleeping = sleep(ctx, 60_000)
    controller.abort()
    await expect(sleeping).rejects.toBe(ctx.err)
  })

  it('retains no listener of a context that has ended', async () => {
    const controller = new Polyfill()
    const listeners = new Set<unknown>()
    const { addEventListener, removeEventListener } = controller.signal
    controller.signal.addEventListener = function add(this: AbortSignal, ...args: [string, never]) {
      expect(args[1]).toBeTypeOf('function')
      listeners.add(args[1])
      addEventListener.apply(this, args)
    }
    controller.signal.removeEventListener = function remove(this: AbortSignal, ...args: [string, never]) {
      listeners.delete(args[1])
      removeEventListener.apply(this, args)
    }
    const [ctx, cancel] = withSignal(background(), controller.signal)
    const [, cancelChild] = withCancel(controller)
    expect(ctx.err).toBeUndefined()
    expect(listeners.size).toBe(1)
    cancel()
    cancelChild()
    expect(listeners.size).toBe(0)
    controller.abort()
    expect(cause(ctx)).toBe(ctx.err)
  })
})

describe('an old React Native', () => {
  it('runs the whole core', async () => {
    const missing = ['DOMException', 'MessageChannel', 'EventTarget', 'AbortSignal', 'scheduler', 'reportError']
    for (const name of [...missing, 'setImmediate']) vi.stubGlobal(name, undefined)
    vi.stubGlobal('AbortController', Ponyfill)
    vi.resetModules()
    const core = await import('rescind')
    const [ctx, cancel] = core.withTimeout(core.background(), 60_000, { label: 'search' })
    const { signal } = ctx
    let aborts = 0
    signal.addEventListener('abort', () => aborts++)
    const sleeping = core.sleep(ctx, 60_000)
    await core.pause(ctx)
    cancel('the reader pressed Stop')
    expect([signal.aborted, aborts]).toEqual([true, 1])
    await expect(sleeping).rejects.toBe(ctx.err)
    expect(ctx.err).toMatchObject({ name: 'AbortError', message: 'context canceled (search): the reader pressed Stop' })
    const [timed] = core.withTimeout(core.background(), 1)
    await expect(core.until(timed, new Promise(() => {}))).rejects.toMatchObject({ name: 'TimeoutError', ms: 1 })
    const g = core.group(core.background())
    g.go(() => Promise.reject(new Error('boom')))
    await expect(g.wait()).rejects.toThrow('boom')
    await expect(core.within(core.background(), 1_000, () => 5)).resolves.toBe(5)
  })
})

it('a runtime without Symbol.dispose has functions that `using` finds when it is lowered', async () => {
  const Native = Symbol
  const { dispose: _, ...others } = Object.getOwnPropertyDescriptors(Native) as PropertyDescriptorMap
  vi.stubGlobal(
    'Symbol',
    Object.defineProperties((text: string) => Native(text), { ...others, prototype: {} }),
  )
  vi.resetModules()
  const core = await import('rescind')
  const { inspect } = await import('rescind/inspect')
  vi.unstubAllGlobals()
  const dispose: typeof Symbol.dispose = wrong(Symbol.for('Symbol.dispose'))
  const [ctx, cancel] = core.withCancel(core.background())
  const release = core.semaphore(1).tryAcquire()
  const inspector = inspect()
  cancel[dispose]()
  expect(ctx.err).toBeDefined()
  expect(release?.[dispose]).toBeTypeOf('function')
  inspector[dispose]()
  for (const one of [cancel, release, inspector]) expect(one).not.toHaveProperty('undefined')
})

/** Timers as in Deno, which keep the process alive until `unrefTimer`; those that do are in the returned set. */
function numberTimers(): Set<number> {
  const alive = new Set<number>()
  let last = 0
  vi.stubGlobal('setTimeout', () => {
    alive.add(++last)
    return last
  })
  vi.stubGlobal('clearTimeout', (timer: number) => alive.delete(timer))
  vi.resetModules()
  return alive
}

describe('timers that are numbers', () => {
  it('keep Deno alive only while something waits under a deadline', async () => {
    const alive = numberTimers()
    vi.stubGlobal('Deno', {
      refTimer: (timer: number) => alive.add(timer),
      unrefTimer: (timer: number) => alive.delete(timer),
    })
    const core = await import('rescind')
    const [ctx, cancel] = core.withTimeout(core.background(), 60_000)
    await microtasks()
    expect(alive.size).toBe(0)
    const [inner, cancelInner] = core.withCancel(ctx)
    const waits = [core.until(ctx, new Promise(() => {})), core.until(inner, new Promise(() => {}))]
    const settled = Promise.allSettled(waits)
    expect(alive.size).toBe(1)
    cancelInner()
    expect(alive.size).toBe(1)
    // A sooner timer replaces the first.
    const [, cancelSooner] = core.withTimeout(ctx, 30_000)
    await microtasks()
    expect(alive.size).toBe(1)
    cancel()
    cancelSooner()
    await settled
    expect(alive.size).toBe(0)
    // The wait begins before the next timer is set.
    const [other, cancelOther] = core.withTimeout(core.background(), 60_000)
    const waiting = core.until(other, new Promise(() => {}))
    await microtasks()
    expect(alive.size).toBe(1)
    cancelOther('why')
    await expect(waiting).rejects.toMatchObject({ cause: 'why' })
    expect(alive.size).toBe(0)
  })

  it('need nothing in a browser', async () => {
    const alive = numberTimers()
    const core = await import('rescind')
    const [ctx, cancel] = core.withTimeout(core.background(), 60_000)
    const waiting = core.until(ctx, new Promise(() => {}))
    await microtasks()
    expect(alive.size).toBe(1)
    cancel('why')
    await expect(waiting).rejects.toMatchObject({ cause: 'why' })
    await microtasks()
    expect(alive.size).toBe(0)
  })
})

describe('the core', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each<[what: string, install: () => () => number]>([
    [
      'fake timers',
      () => {
        vi.useFakeTimers()
        return vi.getTimerCount
      },
    ],
    [
      'mocked timers',
      () => {
        const pending = new Set<number>()
        let last = 0
        const set = () => (pending.add(++last), last)
        vi.stubGlobal('setTimeout', Object.assign(set, { _isMockFunction: true }))
        vi.stubGlobal('clearTimeout', (timer: number) => pending.delete(timer))
        return () => pending.size
      },
    ],
  ])('sets and clears %s at once, though they were installed before it was loaded', async (_, install) => {
    const count = install()
    vi.resetModules()
    const { background, withTimeout } = await import('rescind')
    const [, cancel] = withTimeout(background(), 5_000)
    expect(count()).toBe(1)
    cancel()
    expect(count()).toBe(0)
  })

  it('can be loaded where there are no timers, as in a worklet', async () => {
    vi.stubGlobal('setTimeout', undefined)
    vi.resetModules()
    const core = await import('rescind')
    const [ctx, cancel] = core.withCancel(core.background())
    cancel('why')
    expect(core.cause(ctx)).toBe('why')
  })
})
