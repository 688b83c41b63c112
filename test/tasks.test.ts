/**
 * Work under a context: every operation settles when its context ends at the latest, then with exactly `ctx.err`, and
 * leaves nothing behind. No test may leave an unhandled rejection. `group` has a file of its own.
 */

import {
  afterFunc,
  background,
  cause,
  createKey,
  isCanceled,
  isDeadlineExceeded,
  pause,
  rearm,
  shield,
  sleep,
  until,
  withCancel,
  within,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context, ContextLike } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { block, countListeners, failOnUnhandled, microtask, microtasks, outcome, task, wrong } from './support.ts'

failOnUnhandled()

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Every operation that waits, each for longer than any context here lives. */
const operations: [name: string, wait: (ctx: ContextLike) => Promise<unknown>][] = [
  ['sleep', (ctx) => sleep(ctx, 60_000)],
  ['a sleep without end', (ctx) => sleep(ctx, Infinity)],
  ['until with a promise', (ctx) => until(ctx, new Promise(() => {}))],
  ['until with a function', (ctx) => until(ctx, () => new Promise(() => {}))],
  ['until with work that fails when it is aborted', (ctx) => until(ctx, abortable)],
]

const never = new Promise<never>(() => {})

/** Work that rejects with an error of its own when its context ends, as fetch does in some engines. */
function abortable({ signal }: Context): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('The operation was aborted', 'AbortError')))
  })
}

describe.each(operations)('%s', (_, wait) => {
  it('rejects with the err of its context when that is canceled', async () => {
    const [ctx, cancel] = withCancel(background())
    const waiting = outcome(wait(ctx))
    await task()
    expect(waiting.settled).toBe(false)
    cancel('why')
    await microtasks()
    expect(waiting).toEqual({ settled: true, error: ctx.err })
    expect(waiting.error).toBe(ctx.err)
  })

  it('rejects with the err of its context when that expires', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5_000)
    const waiting = outcome(wait(ctx))
    await clock.advance(4_999)
    expect(waiting.settled).toBe(false)
    await clock.advance(1)
    expect(isDeadlineExceeded(waiting.error)).toBe(true)
    expect(waiting.error).toBe(ctx.err)
  })

  it('rejects if its context has ended already', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel('before')
    await expect(wait(ctx)).rejects.toBe(ctx.err)
  })

  it('rejects with the error of a foreign context, and removes its listener from it', async () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const waiting = outcome(wait(controller))
    expect(listeners()).toBe(1)
    controller.abort('why')
    await task()
    expect(waiting.error).toMatchObject({ name: 'AbortError', message: 'context canceled: why', cause: 'why' })
    expect(listeners()).toBe(0)
  })

  it('leaves no timer and no unhandled rejection though its promise is dropped', async () => {
    vi.useFakeTimers()
    const [ctx, cancel] = withCancel(background())
    void wait(ctx).catch(() => {})
    cancel()
    await microtask()
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('sleep', () => {
  it('resolves after ms, and not before', async () => {
    const clock = fakeClock(0)
    const sleeping = outcome(sleep(clock.root, 5_000))
    await clock.advance(4_999)
    expect(sleeping.settled).toBe(false)
    await clock.advance(1)
    expect(sleeping).toEqual({ settled: true, value: undefined })
  })

  it('resolves after ms of real time', async () => {
    const start = performance.now()
    await sleep(background(), 5)
    expect(performance.now() - start).toBeGreaterThanOrEqual(5)
  })

  it.each([0, -0, -1, -Infinity])('waits for a later turn of the event loop if the time is %s ms', async (ms) => {
    const log: string[] = []
    const sleeping = sleep(background(), ms).then(() => log.push('slept'))
    for (let round = 0; round < 20; round++) await microtask()
    log.push('microtasks')
    await sleeping
    expect(log).toEqual(['microtasks', 'slept'])
  })

  it('waits for a turn though it is due and a sibling context is read', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const log: string[] = []
    const sleeping = sleep(ctx, 1).then(() => log.push('slept'))
    block(3)
    ctx.throwIfDone()
    for (let round = 0; round < 20; round++) await microtask()
    log.push('microtasks')
    await sleeping
    expect(log).toEqual(['microtasks', 'slept'])
    cancel()
  })

  it('wakes though a read has just ended the only deadline with a platform timer', async () => {
    const [limited] = withTimeout(background(), 1)
    const sleeping = outcome(sleep(background(), 1))
    block(3)
    expect(limited.err).toBeDefined()
    await task()
    await task()
    expect(sleeping.settled).toBe(true)
  })

  it('lets the event loop turn between two concurrent loops', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    let steps = 0
    const loop = async () => {
      while (steps < 1_000) {
        steps++
        await sleep(ctx, 0)
      }
    }
    const loops = [loop(), loop()]
    await task()
    expect(steps).toBeLessThan(100)
    steps = 1_000
    await Promise.all(loops)
    cancel()
  })

  it('rejects if its context ends when it is due but has not woken', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const sleeping = outcome(sleep(ctx, 1))
    block(3)
    ctx.throwIfDone()
    cancel()
    await microtask()
    await microtask()
    expect(sleeping.error).toBe(ctx.err)
    await task()
    await expect(sleep(background(), 0)).resolves.toBeUndefined()
  })

  it('never resolves for Infinity, and starts no timer', async () => {
    vi.useFakeTimers()
    const [ctx, cancel] = withCancel(background())
    const sleeping = outcome(sleep(ctx, Infinity))
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(2 ** 40)
    expect(sleeping.settled).toBe(false)
    cancel()
    await microtask()
    await microtask()
    expect(sleeping.error).toBe(ctx.err)
  })

  it('accepts more milliseconds than platform timers can', async () => {
    const clock = fakeClock(0)
    const sleeping = outcome(sleep(clock.root, 2 ** 40))
    await clock.advance(2 ** 40 - 1)
    expect(sleeping.settled).toBe(false)
    await clock.advance(1)
    expect(sleeping.settled).toBe(true)
  })

  it('rejects at the deadline of its context if it would wake at the same time', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    const sleeping = outcome(sleep(ctx, 10))
    await clock.advance(10)
    expect(isDeadlineExceeded(sleeping.error)).toBe(true)
  })

  it('rejects if its context ends just as it wakes', async () => {
    const clock = fakeClock(0)
    const [ctx, cancel] = withCancel(clock.root)
    const sleeping = outcome(sleep(ctx, 10))
    const [other] = withTimeout(clock.root, 10)
    other.signal.addEventListener('abort', () => cancel('just now'))
    await clock.advance(10)
    expect(sleeping).toEqual({ settled: true, error: ctx.err })
  })

  it('leaves no listener and no timer when it is over', async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const sleeping = sleep(controller, 5_000)
    expect(listeners()).toBe(1)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(5_000)
    await sleeping
    expect(listeners()).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no timer behind if its context ends while it starts', async () => {
    vi.useFakeTimers()
    let now = performance.now()
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now++)
    for (let reads = 1; reads < 12; reads++) {
      const [ctx, cancel] = withTimeout(background(), reads)
      const sleeping = outcome(sleep(ctx, 60_000))
      now += 12
      cancel()
      await microtasks()
      expect(sleeping.error).toBe(ctx.err)
      expect(vi.getTimerCount()).toBe(0)
    }
    spy.mockRestore()
  })

  it('shares one platform timer with all others', async () => {
    vi.useFakeTimers()
    const [ctx, cancel] = withCancel(background())
    const sleeping = Array.from({ length: 1_000 }, (_, index) => sleep(ctx, 1_000 + index).catch(() => 'ended'))
    expect(vi.getTimerCount()).toBe(1)
    cancel()
    expect(new Set(await Promise.all(sleeping))).toEqual(new Set(['ended']))
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each<[shown: string, ms: unknown]>([
    ['NaN', Number.NaN],
    ['"5"', '5'],
    ['undefined', undefined],
    ['null', null],
  ])('rejects with a TypeError for %s, and leaves nothing behind', async (shown, ms) => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const message = `rescind: ms must be a number of milliseconds, got ${shown}`
    await expect(sleep({ signal }, wrong(ms))).rejects.toThrow(new TypeError(message))
    expect(listeners()).toBe(0)
  })

  it('rejects with a TypeError without a context', async () => {
    const message = 'rescind: ctx must be a context, got undefined'
    await expect(sleep(wrong(undefined), 5)).rejects.toThrow(new TypeError(message))
  })
})

describe('until', () => {
  it('settles for any number of callers, before and after the promise has settled', async () => {
    for (const settle of [() => Promise.resolve('done'), () => Promise.reject(new Error('failed'))]) {
      const promise = task().then(settle)
      const waits = () => Promise.allSettled([1, 2, 3].map(() => until(background(), promise)))
      const early = await waits()
      const late = await waits()
      expect(late).toEqual(early)
      expect(await waits()).toEqual(early)
    }
  })

  it('resolves like the promise, or with what the function returns or promises', async () => {
    const ctx = background()
    await expect(until(ctx, Promise.resolve('promised'))).resolves.toBe('promised')
    await expect(until(ctx, () => 'returned')).resolves.toBe('returned')
    await expect(until(ctx, async () => 'promised')).resolves.toBe('promised')
    await expect(until(ctx, () => undefined)).resolves.toBeUndefined()
  })

  it('accepts a thenable', async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- the test needs one
    const thenable = { then: (resolve: (value: string) => void) => resolve('then') }
    await expect(until(background(), wrong<PromiseLike<string>>(thenable))).resolves.toBe('then')
    const callable = Object.assign(() => 'called', thenable)
    await expect(until(background(), wrong<PromiseLike<string>>(callable))).resolves.toBe('then')
  })

  it('calls the function with its context', async () => {
    const [ctx] = withCancel(background())
    await expect(until(ctx, (inner) => inner)).resolves.toBe(ctx)
    const controller = new AbortController()
    const inner = await until(controller, (context) => context)
    controller.abort('why')
    expect(cause(inner)).toBe('why')
  })

  it('rejects with any error of the work while the context lives', async () => {
    const ctx = background()
    const error = new Error('failed')
    await expect(until(ctx, Promise.reject(error))).rejects.toBe(error)
    await expect(until(ctx, () => Promise.reject(error))).rejects.toBe(error)
    await expect(until(ctx, () => Promise.reject())).rejects.toBeUndefined()
    const aborted = new DOMException('somebody else', 'AbortError')
    await expect(until(ctx, () => Promise.reject(aborted))).rejects.toBe(aborted)
  })

  it('rejects with an error that the function throws', async () => {
    const error = new Error('thrown')
    const [ctx] = withCancel(background())
    await expect(
      until(ctx, () => {
        throw error
      }),
    ).rejects.toBe(error)
  })

  it('does not call the function if the context has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    const fn = vi.fn<() => void>()
    await expect(until(ctx, fn)).rejects.toBe(ctx.err)
    expect(fn).not.toHaveBeenCalled()
  })

  it('rejects with the err of an ended context, though the promise is fulfilled', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    await expect(until(ctx, Promise.resolve('late'))).rejects.toBe(ctx.err)
  })

  it.each<[what: string, settle: (resolve: (value: string) => void, reject: (error: Error) => void) => void]>([
    ['result', (resolve) => resolve('late')],
    ['rejection', (_, reject) => reject(new Error('late'))],
  ])('ignores a %s after the end', async (_, settle) => {
    const [ctx, cancel] = withCancel(background())
    const finishing: (() => void)[] = []
    const work = new Promise<string>((resolve, reject) => finishing.push(() => settle(resolve, reject)))
    const waiting = [outcome(until(ctx, work)), outcome(until(ctx, () => work))]
    cancel('why')
    finishing[0]?.()
    await task()
    expect(waiting.map(({ error }) => error)).toEqual([ctx.err, ctx.err])
    await expect(until(ctx, work)).rejects.toBe(ctx.err)
  })

  it('handles the rejection of a promise under an ended context', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    await expect(until(ctx, Promise.reject(new Error('failed')))).rejects.toBe(ctx.err)
  })

  it('rejects with the err of its context if the function ends the context', async () => {
    const [ctx, cancel] = withCancel(background())
    const working = until(ctx, () => {
      cancel('from within')
      return 'result'
    })
    await expect(working).rejects.toBe(ctx.err)
    expect(cause(ctx)).toBe('from within')
  })

  it('rejects with the err of its context if the work fails because of its end', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10, { label: 'query' })
    const waiting = outcome(until(ctx, abortable))
    await clock.advance(10)
    expect(waiting.error).toBe(ctx.err)
    expect(waiting.error).toMatchObject({ name: 'TimeoutError', label: 'query' })
  })

  it('leaves no listener behind, however the work settles', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const works = [
      () => 'returned',
      () => Promise.reject(new Error('rejected')),
      () => {
        throw new Error('thrown')
      },
      Promise.resolve('fulfilled'),
      Promise.reject(new Error('rejected')),
      {
        // oxlint-disable-next-line unicorn/no-thenable -- a thenable may throw
        then() {
          throw new Error('thrown by then')
        },
      },
    ]
    for (const work of works) await until({ signal }, wrong<() => void>(work)).catch(() => {})
    expect(listeners()).toBe(0)
  })

  it.each<[shown: string, work: unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['5', 5],
    ['"work"', 'work'],
    ['[object Object]', {}],
    // oxlint-disable-next-line unicorn/no-thenable -- an invalid thenable
    ['[object Object]', { then: 5 }],
  ])('rejects with a TypeError for %s, and leaves nothing behind', async (shown, work) => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const message = `rescind: work must be a promise or a function, got ${shown}`
    await expect(until({ signal }, wrong<() => void>(work))).rejects.toThrow(new TypeError(message))
    expect(listeners()).toBe(0)
  })

  it('rejects with a TypeError without a context, and does not call the function', async () => {
    const fn = vi.fn<() => void>()
    const message = 'rescind: ctx must be a context, got null'
    await expect(until(wrong(null), fn)).rejects.toThrow(new TypeError(message))
    expect(fn).not.toHaveBeenCalled()
  })
})

describe('shield', () => {
  it('runs the function though the context has ended, with its values and without its end', async () => {
    const clock = fakeClock(1_000)
    const user = createKey<string>('user')
    const [parent, cancel] = withTimeout(withValue(clock.root, user, 'ada'), 10)
    cancel('why')
    const state = await shield(parent, 5_000, (ctx) => [ctx.deadline, ctx.err, ctx.signal.aborted, ctx.value(user)])
    expect(state).toEqual([6_000, undefined, false, 'ada'])
  })

  it('continues when the context ends meanwhile', async () => {
    const clock = fakeClock(0)
    const [parent, cancel] = withCancel(clock.root)
    const cleaning = outcome(
      shield(parent, 5_000, async (ctx) => {
        await sleep(ctx, 1_000)
        return ctx.err ?? 'clean'
      }),
    )
    cancel('why')
    await clock.advance(1_000)
    expect(cleaning).toEqual({ settled: true, value: 'clean' })
  })

  it('ends the context of the function after ms', async () => {
    const clock = fakeClock(0)
    const [parent, cancel] = withCancel(clock.root)
    cancel('why')
    const cleaning = outcome(shield(parent, 100, () => new Promise(() => {})))
    await clock.advance(99)
    expect(cleaning.settled).toBe(false)
    await clock.advance(1)
    expect(cleaning.error).toMatchObject({ name: 'TimeoutError', label: 'shield', ms: 100 })
  })

  it.each([0, -1])('does not call the function with %s ms', async (ms) => {
    const fn = vi.fn<() => void>()
    await expect(shield(background(), ms, fn)).rejects.toMatchObject({ name: 'TimeoutError', ms })
    expect(fn).not.toHaveBeenCalled()
  })

  it('settles like the function', async () => {
    const ctx = background()
    const error = new Error('failed')
    await expect(shield(ctx, 1_000, () => 'returned')).resolves.toBe('returned')
    await expect(shield(ctx, 1_000, async () => 'promised')).resolves.toBe('promised')
    await expect(shield(ctx, 1_000, () => Promise.reject(error))).rejects.toBe(error)
    const throwing = () => {
      throw error
    }
    await expect(shield(ctx, 1_000, throwing)).rejects.toBe(error)
  })

  it.each<[how: string, fn: () => unknown]>([
    ['returned', () => 'done'],
    ['failed', () => Promise.reject(new Error('failed'))],
    [
      'thrown',
      () => {
        throw new Error('thrown')
      },
    ],
  ])('ends the context of the function, and its timer, once the function has %s', async (_, fn) => {
    vi.useFakeTimers()
    let inside: Context | undefined
    const cleaning = shield(background(), 5_000, (ctx) => {
      inside = ctx
      return fn()
    })
    expect(inside?.err).toBeUndefined()
    await cleaning.catch(() => {})
    expect(inside?.err?.name).toBe('AbortError')
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no listener on a foreign context', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const counts: number[] = []
    await shield({ signal }, 5_000, (ctx) => {
      afterFunc(ctx, () => {})
      counts.push(listeners())
    })
    expect([...counts, listeners()]).toEqual([0, 0])
  })

  it.each<[shown: string, ms: unknown]>([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['"5"', '5'],
    ['undefined', undefined],
  ])('rejects with a TypeError for %s ms, since clean-up must be bounded', async (shown, ms) => {
    const fn = vi.fn<() => void>()
    const message = `rescind: ms must be a finite number of milliseconds, got ${shown}`
    await expect(shield(background(), wrong(ms), fn)).rejects.toThrow(new TypeError(message))
    expect(fn).not.toHaveBeenCalled()
  })

  it('rejects with a TypeError without a context or a function', async () => {
    const fn = vi.fn<() => void>()
    await expect(shield(wrong(undefined), 5, fn)).rejects.toThrow(
      new TypeError('rescind: ctx must be a context, got undefined'),
    )
    await expect(shield(background(), 5, wrong<() => void>('fn'))).rejects.toThrow(
      new TypeError('rescind: fn must be a function, got "fn"'),
    )
    expect(fn).not.toHaveBeenCalled()
  })
})

describe('pause', () => {
  it('lets the event loop turn', async () => {
    const log: string[] = []
    const { port1, port2 } = new MessageChannel()
    const message = new Promise<void>((resolve) => {
      port1.onmessage = () => {
        log.push('message')
        port1.close()
        resolve()
      }
    })
    port2.postMessage(undefined)
    // The message is almost the only thing in the queue.
    for (let step = 0; step < 20; step++) await pause(background())
    expect(log).toEqual(['message'])
    await message
  })

  it('waits for more than a microtask', async () => {
    const log: string[] = []
    const pausing = pause(background()).then(() => log.push('paused'))
    for (let round = 0; round < 20; round++) await microtask()
    log.push('microtasks')
    await pausing
    expect(log).toEqual(['microtasks', 'paused'])
  })

  it('rejects if the context ends before or meanwhile', async () => {
    const [ctx, cancel] = withCancel(background())
    const pausing = pause(ctx)
    cancel('meanwhile')
    await expect(pausing).rejects.toBe(ctx.err)
    await expect(pause(ctx)).rejects.toBe(ctx.err)
  })

  it('rejects when the context ends, though the event loop does not turn', async () => {
    vi.stubGlobal('scheduler', undefined)
    vi.stubGlobal('setImmediate', () => {})
    const [ctx, cancel] = withCancel(background())
    const pausing = outcome(pause(ctx))
    cancel()
    await microtasks()
    expect(pausing).toEqual({ settled: true, error: ctx.err })
  })

  it('rejects without a turn if the context has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel('before')
    const pausing = outcome(pause(ctx))
    for (let round = 0; round < 5; round++) await microtask()
    expect(pausing).toEqual({ settled: true, error: ctx.err })
  })

  it('leaves no port open', async () => {
    let open = 0
    vi.stubGlobal('scheduler', undefined)
    vi.stubGlobal('setImmediate', undefined)
    vi.stubGlobal(
      'MessageChannel',
      class extends MessageChannel {
        constructor() {
          super()
          open++
          const { port1 } = this
          const { close } = port1
          port1.close = () => (open--, close.call(port1))
        }
      },
    )
    await pause(background())
    expect(open).toBe(0)
  })

  it('stops a computation at its deadline', async () => {
    const [ctx] = withTimeout(background(), 5)
    let steps = 0
    const compute = async () => {
      for (;;) {
        steps++
        await pause(ctx)
      }
    }
    await expect(compute()).rejects.toThrow('context deadline exceeded')
    expect(steps).toBeGreaterThan(0)
  })

  it('uses scheduler.yield in part only, since that starves other tasks', async () => {
    const scheduler = { yields: 0, yield: () => (scheduler.yields++, Promise.resolve()) }
    vi.stubGlobal('scheduler', scheduler)
    for (let step = 0; step < 10; step++) await pause(background())
    expect(scheduler.yields).toBe(5)
  })

  it.each([
    ['setImmediate', { scheduler: undefined, setImmediate: (fn: () => void) => setTimeout(fn) }],
    ['nothing of the kind', { scheduler: undefined, setImmediate: undefined }],
    ['a scheduler that cannot yield', { scheduler: {}, setImmediate: undefined }],
    ['nothing but timers', { scheduler: undefined, setImmediate: undefined, MessageChannel: undefined }],
  ])('waits for a turn with %s', async (_, globals) => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
    const log: string[] = []
    const pausing = pause(background()).then(() => log.push('paused'))
    for (let round = 0; round < 20; round++) await microtask()
    log.push('microtasks')
    await pausing
    expect(log).toEqual(['microtasks', 'paused'])
  })

  it('listens to a foreign context only while it waits', async () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    await pause(controller)
    expect(listeners()).toBe(0)
    const pausing = pause(controller)
    controller.abort('why')
    await expect(pausing).rejects.toMatchObject({ name: 'AbortError', cause: 'why' })
    expect(listeners()).toBe(0)
  })

  it('rejects with a TypeError without a context', async () => {
    const message = 'rescind: ctx must be a context, got undefined'
    await expect(pause(wrong(undefined))).rejects.toThrow(new TypeError(message))
  })
})

describe('within', () => {
  it('resolves to the result of the work, and ends its context then', async () => {
    const [ctx, cancel] = withCancel(background())
    let own: Context | undefined
    const result = await within(ctx, 60_000, async (inner) => {
      own = inner
      await task()
      expect(inner.err).toBeUndefined()
      return 5
    })
    expect(result).toBe(5)
    expect(isCanceled(own?.err)).toBe(true)
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('rejects with an error of the work, sync or async, and ends its context then', async () => {
    const failure = new Error('failed')
    const works: ((ctx: Context) => unknown)[] = [
      () => {
        throw failure
      },
      () => Promise.reject(failure),
    ]
    for (const work of works) {
      let own: Context | undefined
      const running = within(background(), 60_000, (inner) => {
        own = inner
        return work(inner)
      })
      await expect(running).rejects.toBe(failure)
      expect(own?.err).toBeDefined()
    }
  })

  it('rejects with a deadline that names it when the time is over', async () => {
    const clock = fakeClock(0)
    const running = outcome(within(clock.root, { timeout: 5_000, label: 'search', cause: 'slow' }, () => never))
    await clock.advance(4_999)
    expect(running.settled).toBe(false)
    await clock.advance(1)
    expect(running.error).toMatchObject({
      name: 'TimeoutError',
      message: 'context deadline exceeded (search, 5s): slow',
      label: 'search',
      ms: 5_000,
    })
  })

  it('accepts a deadline as a time or a Date, and applies the sooner of the two limits', async () => {
    const clock = fakeClock(1_000)
    const running = [
      within(clock.root, { deadline: 1_020 }, () => never),
      within(clock.root, { deadline: new Date(1_020) }, () => never),
      within(clock.root, { deadline: 1_020, timeout: 60_000 }, () => never),
      within(clock.root, { deadline: 60_000, timeout: 20 }, () => never),
    ].map((promise) => outcome(promise))
    await clock.advance(19)
    expect(running.some(({ settled }) => settled)).toBe(false)
    await clock.advance(1)
    expect(running.map(({ error }) => isDeadlineExceeded(error))).toEqual([true, true, true, true])
  })

  it('ends with any of its signals, and leaves no listener on them', async () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    await within(background(), { signal: controller.signal }, () => 5)
    await within(background(), { signal: null }, () => 5)
    expect(listeners()).toBe(0)
    const running = outcome(within(background(), { signal: [undefined, controller.signal] }, () => never))
    await task()
    controller.abort('the reader pressed Stop')
    await task()
    expect(running.error).toMatchObject({ name: 'AbortError', cause: 'the reader pressed Stop' })
    expect(listeners()).toBe(0)
  })

  it("rejects when its parent ends, with the parent's error", async () => {
    const [ctx, cancel] = withCancel(background(), { label: 'page' })
    const running = outcome(within(ctx, { timeout: 60_000, fallback: 'none' }, () => never))
    cancel('left')
    await task()
    expect(running.error).toBe(ctx.err)
  })

  it('does not call the work if its parent has ended, its time is up, or its signal has aborted', async () => {
    const [ended, cancel] = withCancel(background())
    cancel()
    const work = vi.fn<() => void>()
    await expect(within(ended, 60_000, work)).rejects.toBe(ended.err)
    await expect(within(background(), 0, work)).rejects.toMatchObject({ name: 'TimeoutError' })
    const signal = AbortSignal.abort('why')
    await expect(within(background(), { signal }, work)).rejects.toMatchObject({ cause: 'why' })
    expect(work).not.toHaveBeenCalled()
  })

  it.each<[what: string, fallback: string | (() => string | Promise<string>)]>([
    ['a value', 'cached'],
    ['a function', () => 'cached'],
    ['a function that returns a promise', () => Promise.resolve('cached')],
  ])('resolves to the fallback when its own time is over: %s', async (_, fallback) => {
    const clock = fakeClock(0)
    const running = outcome(within(clock.root, { timeout: 5, fallback }, () => never))
    await clock.advance(5)
    expect(running).toEqual({ settled: true, value: 'cached' })
  })

  it('ignores the fallback for a deadline of its parent, an error of the work and its signal', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 5, { label: 'page' })
    const late = outcome(within(parent, { timeout: 10, fallback: 'cached' }, () => never))
    await clock.advance(5)
    expect(late.error).toMatchObject({ label: 'page' })
    const failure = new Error('failed')
    await expect(within(clock.root, { timeout: 5, fallback: 1 }, () => Promise.reject(failure))).rejects.toBe(failure)
    const signal = AbortSignal.abort('why')
    await expect(within(clock.root, { signal, fallback: 1 }, () => 2)).rejects.toMatchObject({ cause: 'why' })
  })

  it('lets the work rearm its context, for an idle timeout', async () => {
    const clock = fakeClock(0)
    const running = outcome(
      within(clock.root, { timeout: 10, label: 'idle' }, async (ctx) => {
        for (let chunk = 0; chunk < 5; chunk++) {
          await sleep(ctx, 8)
          rearm(ctx, 10)
        }
        return 'all'
      }),
    )
    await clock.advance(40)
    expect(running).toEqual({ settled: true, value: 'all' })
  })

  it('shows itself and its label in the path', async () => {
    const path = await within(background(), { label: 'search' }, (ctx) => String(ctx))
    expect(path).toBe('background.within(search)')
  })

  it('leaves no timer behind', async () => {
    vi.useFakeTimers()
    await within(background(), 60_000, () => 5)
    await within(background(), 60_000, () => Promise.reject(new Error('failed'))).catch(() => {})
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each<[message: string, limits: unknown, work: unknown]>([
    ['options must be an object, got "5"', '5', () => {}],
    ['options must be an object, got undefined', undefined, () => {}],
    ['timeout must be a number of milliseconds, got NaN', Number.NaN, () => {}],
    ['timeout must be a number of milliseconds, got "5"', { timeout: '5' }, () => {}],
    ['deadline must be a number of milliseconds, got "5"', { deadline: '5' }, () => {}],
    ['deadline must be a number of milliseconds, got Invalid Date', { deadline: new Date('soon') }, () => {}],
    ['signal must be an AbortSignal, got [object Object]', { signal: {} }, () => {}],
    ['work must be a function, got 5', 5, 5],
  ])('rejects with a TypeError: %s', async (message, limits, work) => {
    await expect(within(background(), wrong<number>(limits), wrong<() => void>(work))).rejects.toThrow(
      new TypeError(`rescind: ${message}`),
    )
    await expect(within(wrong(undefined), 5, () => {})).rejects.toThrow(TypeError)
  })
})
