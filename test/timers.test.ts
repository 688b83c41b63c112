/**
 * Deadlines on the platform's time: exact when read, with few platform timers, and independent of the wall clock. Page
 * events come from the real document where there is one; only `hidden` is ours.
 */

import {
  afterFunc,
  background,
  cause,
  DeadlineExceededError,
  disarm,
  isDeadlineExceeded,
  rearm,
  remaining,
  sleep,
  withCancel,
  withDeadline,
  withTimeout,
} from 'rescind'
import type { Cancel, Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { block, microtask } from './support.ts'

/** The root of all deadlines of a test, so that none of them outlives the test. */
let root: Context
let cancelRoot: Cancel

beforeEach(() => {
  ;[root, cancelRoot] = withCancel(background())
})

afterEach(async () => {
  cancelRoot()
  await microtask()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const ended = (ctx: Context) => new Promise<void>((resolve) => void afterFunc(ctx, resolve))

describe('a deadline on real time', () => {
  it('fires by itself', async () => {
    const [ctx] = withTimeout(root, 5)
    const { signal } = ctx
    await ended(ctx)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBeInstanceOf(DeadlineExceededError)
  })

  it('does not fire before its time', async () => {
    const start = performance.now()
    const [ctx] = withTimeout(root, 5)
    await ended(ctx)
    expect(performance.now() - start).toBeGreaterThanOrEqual(5)
  })

  const reads: [name: string, read: (ctx: Context, stop: () => boolean) => unknown, expected: unknown][] = [
    ['err', (ctx) => ctx.err?.name, 'TimeoutError'],
    ['signal', (ctx) => ctx.signal.aborted, true],
    ['cause', (ctx) => cause(ctx), 'slow'],
    ['the stop of afterFunc', (_, stop) => stop(), false],
    ['what is derived from it', (ctx) => cause(withCancel(ctx)[0]), 'slow'],
    ['disarm', (ctx) => (disarm(ctx), ctx.err?.name), 'TimeoutError'],
  ]

  it.each(reads)(
    'has passed for %s as soon as its time has come, while the event loop is blocked',
    (_, read, expected) => {
      const [ctx] = withTimeout(root, 2, { cause: 'slow' })
      const stop = afterFunc(ctx, () => {})
      block(3)
      expect(read(ctx, stop)).toBe(expected)
    },
  )

  it('has passed for throwIfDone and for all descendants while the event loop is blocked', () => {
    const [ctx] = withTimeout(root, 60_000)
    const [child] = withCancel(ctx)
    const log: string[] = []
    child.signal.addEventListener('abort', () => log.push('child'))
    // Not sooner: it could pass before the listener is added.
    rearm(ctx, 2)
    block(3)
    expect(() => child.throwIfDone()).toThrow('context deadline exceeded')
    expect(log).toEqual(['child'])
    expect(child.err).toBe(ctx.err)
  })

  it('decides the cause of contexts derived after it, while the event loop is blocked', () => {
    const [parent] = withTimeout(root, 2, { cause: 'parent' })
    block(3)
    expect(cause(withTimeout(parent, 0, { cause: 'child' })[0])).toBe('parent')
  })

  it('has passed for a cancel by a listener of another deadline that is due at the same time', async () => {
    const clock = fakeClock(0)
    const [first] = withTimeout(clock.root, 16)
    const [second, cancelSecond] = withTimeout(clock.root, 16)
    first.signal.addEventListener('abort', () => cancelSecond('too late'))
    await clock.advance(16)
    expect(second.err).toMatchObject({ name: 'TimeoutError', ms: 16 })
  })

  it('notifies the listeners of deadlines one after the other, though they read one that is pending', () => {
    const [later] = withTimeout(root, 60_000)
    const log: string[] = []
    for (const name of ['one', 'two', 'three']) {
      const [ctx] = withTimeout(root, 1)
      ctx.signal.addEventListener('abort', () => {
        log.push(`begin ${name}`)
        expect(later.err).toBeUndefined()
        log.push(`end ${name}`)
      })
    }
    block(2)
    expect(later.err).toBeUndefined()
    expect(log).toEqual(['begin one', 'end one', 'begin two', 'end two', 'begin three', 'end three'])
  })

  it('has passed for a cancel that comes after it', () => {
    const [ctx, cancel] = withTimeout(root, 2)
    void ctx.signal
    block(3)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    cancel('too late')
    expect(cause(ctx)).toBe(ctx.err)
  })
})

describe('a deadline', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  it('follows fake timers', async () => {
    const [ctx] = withTimeout(root, 5_000)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(4_999)
    expect(signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(signal.aborted).toBe(true)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('is in epoch milliseconds', () => {
    vi.setSystemTime(1_000)
    const [ctx, cancel] = withTimeout(root, 5_000)
    expect(ctx.deadline).toBe(6_000)
    expect(withDeadline(root, 500)[0].err?.name).toBe('TimeoutError')
    cancel()
  })

  it.each([-3_600_000, 3_600_000])('does not move when the wall clock steps by %s ms', async (step) => {
    const at = Date.now() + 5_000
    const [timeout] = withTimeout(root, 5_000)
    const [deadline] = withDeadline(root, at)
    expect(timeout.deadline).toBe(at)
    vi.setSystemTime(Date.now() + step)
    expect([timeout.deadline, deadline.deadline]).toEqual([at, at])
    expect([timeout.err, deadline.err]).toEqual([undefined, undefined])
    await vi.advanceTimersByTimeAsync(4_999)
    expect([timeout.err, deadline.err]).toEqual([undefined, undefined])
    await vi.advanceTimersByTimeAsync(1)
    expect([timeout.err?.name, deadline.err?.name]).toEqual(['TimeoutError', 'TimeoutError'])
  })

  it.each([0x7fff_ffff, 0x8000_0000, 0x1_0000_0000, 10 * 0x7fff_ffff])('may be %s ms away', async (ms) => {
    const setTimeout = vi.spyOn(globalThis, 'setTimeout')
    const [ctx] = withTimeout(root, ms)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(ms - 1)
    expect(signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(signal.aborted).toBe(true)
    for (const [, delay] of setTimeout.mock.calls) expect(delay).toBeLessThanOrEqual(0x7fff_ffff)
  })

  it('does not end because a platform timer fires too early', async () => {
    const armed: (() => void)[] = []
    vi.stubGlobal('setTimeout', (fire: () => void) => armed.push(fire))
    const [ctx] = withTimeout(root, 5_000)
    expect(armed).toHaveLength(1)
    armed.shift()?.()
    expect(ctx.err).toBeUndefined()
    expect(armed).toHaveLength(1)
    vi.advanceTimersByTime(5_000)
    const { length } = armed
    expect(length).toBe(1)
    const listener = vi.fn<() => void>()
    ctx.signal.addEventListener('abort', listener)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    armed.shift()?.()
    expect(armed).toHaveLength(0)
  })

  it("starts no platform timer if it is later than the parent's, has passed or is Infinity", () => {
    const setTimeout = vi.spyOn(globalThis, 'setTimeout')
    const [parent, cancel] = withTimeout(root, 5_000)
    expect(setTimeout).toHaveBeenCalledTimes(1)
    withTimeout(parent, 5_000)
    withTimeout(parent, 6_000)
    withDeadline(parent, Date.now() + 6_000)
    withTimeout(root, Infinity)
    withDeadline(root, Infinity)
    withTimeout(root, 0)
    withTimeout(root, -1)
    expect(setTimeout).toHaveBeenCalledTimes(1)
    cancel()
  })

  it('starts no platform timer under a parent that has ended', () => {
    const [parent, cancel] = withCancel(root)
    cancel()
    withTimeout(parent, 5_000)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each<[order: string, ms: (index: number) => number]>([
    ['one after the other', (index) => 1_000 + index],
    ['one before the other', (index) => 20_000 - index],
    ['all at the same time', () => 1_000],
    ['here and there', (index) => 1_000 + ((index * 7_919) % 10_007)],
  ])('shares one platform timer with 1,000 others, due %s', (_, ms) => {
    const contexts = Array.from({ length: 1_000 }, (_, index) => withTimeout(root, ms(index)))
    expect(vi.getTimerCount()).toBe(1)
    for (const [, cancel] of contexts.slice(0, 500)) cancel()
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(20_000)
    for (const [index, [ctx]] of contexts.entries()) expect(isDeadlineExceeded(ctx.err)).toBe(index >= 500)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no platform timer when none is pending', async () => {
    const [, cancel] = withTimeout(root, 5_000)
    const [disarmed] = withTimeout(root, 6_000)
    const [parent, cancelParent] = withCancel(root)
    withTimeout(withCancel(parent)[0], 7_000)
    expect(vi.getTimerCount()).toBe(1)
    cancel()
    disarm(disarmed)
    cancelParent()
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
    withTimeout(root, 5)
    await vi.advanceTimersByTimeAsync(5)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sets and clears fake timers synchronously', () => {
    const [, cancel] = withTimeout(root, 5_000)
    expect(vi.getTimerCount()).toBe(1)
    cancel()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no platform timer after a loop of short-lived ones, and the next one is on time', async () => {
    for (let round = 0; round < 1_000; round++) withTimeout(root, 5_000)[1]()
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
    for (let round = 0; round < 10; round++) withTimeout(root, 5_000 - round)[1]()
    const [ctx] = withTimeout(root, 10)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(10)
    expect(signal.aborted).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is on time though a sooner one was canceled, and a later one was set first', async () => {
    const [later] = withTimeout(root, 9_000)
    const [, cancel] = withTimeout(root, 3_000)
    const [ctx] = withTimeout(root, 5_000)
    cancel()
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(5_000)
    expect(signal.aborted).toBe(true)
    expect(later.err).toBeUndefined()
    await vi.advanceTimersByTimeAsync(4_000)
    expect(later.err?.name).toBe('TimeoutError')
  })

  it('starts no platform timer on a fake clock', () => {
    withTimeout(fakeClock(0).root, 5_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('fake timers that are installed and removed', () => {
  it('move a deadline though another on real time is pending', async () => {
    const [real, cancel] = withTimeout(root, 30_000)
    const [sooner, cancelSooner] = withTimeout(root, 1_000)
    vi.useFakeTimers()
    // Later than the pending deadlines in any case, whatever time fake timers start at.
    const ms = performance.now() + 10_000_000
    const [ctx] = withTimeout(root, ms)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(ms)
    expect(signal.aborted).toBe(true)
    vi.useRealTimers()
    cancel()
    cancelSooner()
    expect([real.err, sooner.err]).not.toContain(undefined)
  })

  it('move a deadline that is sooner than one pending on real time', async () => {
    const [, cancel] = withTimeout(root, 10_000_000)
    vi.useFakeTimers()
    const [ctx] = withTimeout(root, 5)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(5)
    expect(signal.aborted).toBe(true)
    cancel()
  })

  it('leave a deadline that was set before them to real time when they are removed', async () => {
    const [real] = withTimeout(root, 20)
    // The platform timer is set at the end of the turn.
    await microtask()
    vi.useFakeTimers()
    const [ctx] = withTimeout(root, 5)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(5)
    expect(signal.aborted).toBe(true)
    vi.useRealTimers()
    await ended(real)
    expect(isDeadlineExceeded(real.err)).toBe(true)
  })

  it.each([1, 10_000_000])('do not delay real time with a deadline of %s ms that they left behind', async (ms) => {
    vi.useFakeTimers()
    const [, cancel] = withTimeout(root, ms)
    vi.useRealTimers()
    const [ctx] = withTimeout(root, 5)
    await ended(ctx)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    cancel()
  })

  it('can be installed twice', async () => {
    for (const _ of [1, 2]) {
      vi.useFakeTimers()
      const [ctx] = withTimeout(root, 5_000)
      const { signal } = ctx
      await vi.advanceTimersByTimeAsync(5_000)
      expect(signal.aborted).toBe(true)
      withTimeout(root, 1)
      vi.useRealTimers()
    }
  })
})

describe('fake timers', () => {
  it('keep a deadline whose timer was set before a later one that is canceled', async () => {
    vi.useFakeTimers()
    const [first] = withTimeout(root, 5)
    const [ctx] = withTimeout(root, 5_000)
    const { signal } = ctx
    await vi.advanceTimersByTimeAsync(5)
    expect(isDeadlineExceeded(first.err)).toBe(true)
    withTimeout(root, 60_000)[1]()
    await vi.advanceTimersByTimeAsync(4_995)
    expect(signal.aborted).toBe(true)
  })
})

describe.each<[name: string, toFake: readonly ('Date' | 'setTimeout' | 'clearTimeout' | 'performance')[]]>([
  ['with Date', ['setTimeout', 'clearTimeout', 'Date']],
  ['alone', ['setTimeout', 'clearTimeout']],
  ['with performance', ['setTimeout', 'clearTimeout', 'performance']],
])('fake timers that replace setTimeout %s', (_, toFake) => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: [...toFake] })
  })

  it('let a deadline pass at its time, and a later one at its own', async () => {
    const [sooner] = withTimeout(root, 10)
    // Real time has no effect meanwhile.
    if (!toFake.includes('performance')) block(2)
    const [later] = withTimeout(root, 5_000)
    const signals = [sooner.signal, later.signal]
    await vi.advanceTimersByTimeAsync(9)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
    await vi.advanceTimersByTimeAsync(1)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    await vi.advanceTimersByTimeAsync(4_989)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    await vi.advanceTimersByTimeAsync(1)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  it('let a deadline of 1 ms pass, and a loop of sleeps go on', async () => {
    const [ctx] = withTimeout(root, 1)
    const { signal } = ctx
    let rounds = 0
    const loop = (async () => {
      for (; rounds < 3; rounds++) await sleep(root, 100)
    })()
    await vi.advanceTimersByTimeAsync(1)
    expect(signal.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(299)
    await loop
    expect(rounds).toBe(3)
  })

  it('decide what remains, and whether a read finds the deadline passed before a timer fires', () => {
    const [ctx, cancel] = withTimeout(root, 5_000)
    vi.advanceTimersByTime(2_000)
    expect(remaining(ctx)).toBe(3_000)
    vi.advanceTimersByTime(3_000)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    cancel()
  })
})

/** Timers by their due time, in place of `setTimeout` alone, as with `jest.fn()`. */
function mockTimers() {
  const pending = new Map<number, { readonly fn: () => void; readonly due: number }>()
  let now = 0
  let handles = 0
  const set = Object.assign((fn: () => void, ms = 0) => (pending.set(++handles, { fn, due: now + ms }), handles), {
    _isMockFunction: true,
  })
  vi.stubGlobal('setTimeout', set)
  vi.stubGlobal('clearTimeout', (handle: number) => pending.delete(handle))
  return function advance(ms: number): void {
    for (const end = now + ms; ;) {
      const [next] = [...pending].filter(([, { due }]) => due <= end).toSorted(([, a], [, b]) => a.due - b.due)
      now = next?.[1].due ?? end
      if (!next) return
      pending.delete(next[0])
      next[1].fn()
    }
  }
}

describe("mocked timers without a clock, like Jest's legacy ones", () => {
  it('let deadlines pass when the timer fires', () => {
    const advance = mockTimers()
    // Real time counts here too.
    const real = vi.spyOn(performance, 'now').mockReturnValue(0)
    const [sooner] = withTimeout(root, 100_000)
    real.mockReturnValue(0.4)
    const [later] = withTimeout(root, 6_000_000)
    const signals = [sooner.signal, later.signal]
    advance(90_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
    advance(10_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    advance(5_900_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })
})

describe('many deadlines', () => {
  it('end by time, then in the order in which they were set, whatever is canceled or disarmed meanwhile', async () => {
    const deadline = fc.record({
      ms: fc.integer({ min: 1, max: 40 }),
      fate: fc.constantFrom('expires', 'expires', 'canceled', 'disarmed'),
      // Often 0: before time moves.
      at: fc.oneof(fc.constant(0), fc.nat({ max: 40 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(deadline, { maxLength: 60, size: 'max' }), async (deadlines) => {
        const clock = fakeClock(0)
        const log: number[] = []
        const contexts = deadlines.map(({ ms }, index) => {
          const [ctx, cancel] = withTimeout(clock.root, ms)
          ctx.signal.addEventListener('abort', () => {
            if (isDeadlineExceeded(ctx.err)) log.push(index)
          })
          return { ctx, cancel }
        })
        for (let now = 0; now <= 40; now++) {
          for (const [index, { fate, at }] of deadlines.entries()) {
            const context = contexts[index]
            if (at !== now || !context) continue
            if (fate === 'canceled') context.cancel()
            if (fate === 'disarmed') disarm(context.ctx)
          }
          await clock.advance(1)
        }
        const expected = deadlines
          .map(({ ms, fate, at }, index) => ({ ms, index, expires: fate === 'expires' || at >= ms }))
          .filter(({ expires }) => expires)
          .toSorted((one, other) => one.ms - other.ms || one.index - other.index)
        expect(log).toEqual(expected.map(({ index }) => index))
        expect(contexts.map(({ ctx }) => ctx.err?.name)).toEqual(
          deadlines.map(({ ms, fate, at }) => {
            if (fate === 'expires' || at >= ms) return 'TimeoutError'
            return fate === 'canceled' ? 'AbortError' : undefined
          }),
        )
      }),
      { numRuns: 30 },
    )
  })
})

/** The computer sleeps: the wall clock goes on, `performance.now()` and timers do not. */
function sleepFor(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

it.skipIf('addEventListener' in globalThis)('a deadline needs no events of a document that only renders', () => {
  vi.stubGlobal('document', {})
  vi.useFakeTimers()
  const [ctx] = withTimeout(root, 10)
  vi.advanceTimersByTime(10)
  expect(isDeadlineExceeded(ctx.err)).toBe(true)
})

describe.skipIf(typeof document === 'undefined')('the page', () => {
  let hidden = false

  beforeEach(() => {
    hidden = false
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
    vi.useFakeTimers()
  })

  afterEach(() => {
    change('visible')
    Reflect.deleteProperty(document, 'hidden')
  })

  function change(state: 'hidden' | 'visible'): void {
    hidden = state === 'hidden'
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
  }

  it('counts the sleep of the computer while the page is hidden', async () => {
    const [ctx] = withTimeout(root, 10_000)
    const { signal } = ctx
    change('hidden')
    sleepFor(8_999)
    change('visible')
    expect(signal.aborted).toBe(false)
    change('hidden')
    sleepFor(1_001)
    change('visible')
    expect(signal.aborted).toBe(true)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    const [later, cancel] = withTimeout(root, 10)
    expect(later.err).toBeUndefined()
    cancel()
  })

  it('does not take the difference between two clock reads for sleep, however often they are read', () => {
    const [ctx] = withTimeout(root, 10_000)
    change('hidden')
    for (let sooner = 1; sooner <= 100; sooner++) {
      sleepFor(999)
      withTimeout(root, 9_000 - sooner)
    }
    change('visible')
    expect(ctx.err).toBeUndefined()
  })

  it('adds up sleep and waking time', async () => {
    const [ctx] = withTimeout(root, 10_000)
    await vi.advanceTimersByTimeAsync(3_000)
    change('hidden')
    await vi.advanceTimersByTimeAsync(2_000)
    sleepFor(4_000)
    change('visible')
    await vi.advanceTimersByTimeAsync(999)
    expect(ctx.err).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(ctx.signal.aborted).toBe(true)
  })

  it('counts the sleep if the page was hidden when the deadline was set', () => {
    change('hidden')
    const [ctx, cancel] = withTimeout(root, 10_000)
    sleepFor(10_000)
    change('visible')
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    cancel()
  })

  it('gives a deadline that is set after the sleep its full time, though the page is still hidden', () => {
    const [, cancelPending] = withTimeout(root, 3_600_000)
    change('hidden')
    sleepFor(60_000)
    const [ctx, cancel] = withTimeout(root, 10_000)
    expect(ctx.err).toBeUndefined()
    sleepFor(8_999)
    expect(ctx.err).toBeUndefined()
    sleepFor(1_001)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    cancel()
    cancelPending()
  })

  it('ignores a step of the wall clock while the page is visible', () => {
    const [ctx, cancel] = withTimeout(root, 10_000)
    sleepFor(3_600_000)
    change('visible')
    dispatchEvent(new Event('pageshow'))
    change('hidden')
    change('visible')
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('ignores a step of the wall clock though nothing was pending when the page became visible', async () => {
    const [, cancel] = withTimeout(root, 10_000)
    change('hidden')
    cancel()
    await microtask()
    change('visible')
    sleepFor(3_600_000)
    const [ctx, cancelCtx] = withTimeout(root, 10_000)
    change('hidden')
    change('visible')
    expect(ctx.err).toBeUndefined()
    cancelCtx()
  })

  it('ignores a step of the wall clock between two hidden periods', async () => {
    const [, cancel] = withTimeout(root, 10_000)
    change('hidden')
    cancel()
    await microtask()
    change('visible')
    sleepFor(3_600_000)
    change('hidden')
    const [ctx, cancelCtx] = withTimeout(root, 10_000)
    change('visible')
    expect(ctx.err).toBeUndefined()
    cancelCtx()
  })

  it('counts the sleep though a timer has fired while the page was hidden', async () => {
    const [sooner] = withTimeout(root, 1_000)
    const [ctx] = withTimeout(root, 10_000)
    change('hidden')
    sleepFor(8_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(isDeadlineExceeded(sooner.err)).toBe(true)
    change('visible')
    expect(ctx.err).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(ctx.signal.aborted).toBe(true)
  })

  it('does not move deadlines back when the wall clock was set back while the page was hidden', async () => {
    const [ctx] = withTimeout(root, 10_000)
    change('hidden')
    sleepFor(-3_600_000)
    change('visible')
    await vi.advanceTimersByTimeAsync(9_999)
    expect(ctx.err).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it.each<[event: string, wake: () => void]>([
    ['visibilitychange', () => change('visible')],
    ['resume', () => document.dispatchEvent(new Event('resume', { bubbles: true }))],
    ['pageshow', () => dispatchEvent(new Event('pageshow'))],
  ])('ends passed deadlines when it wakes with %s, though its timers were frozen', (_, wake) => {
    const [ctx] = withTimeout(root, 10_000)
    const [later, cancel] = withTimeout(root, 20_000)
    const { signal } = ctx
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000)
    expect(signal.aborted).toBe(false)
    wake()
    expect(signal.aborted).toBe(true)
    expect(later.err).toBeUndefined()
    cancel()
  })

  it('has listeners only while a deadline is pending', async () => {
    const listening = new Set<string>()
    const { addEventListener, removeEventListener } = globalThis
    vi.stubGlobal('addEventListener', (...args: Parameters<typeof addEventListener>) => {
      listening.add(args[0])
      addEventListener(...args)
    })
    vi.stubGlobal('removeEventListener', (...args: Parameters<typeof removeEventListener>) => {
      listening.delete(args[0])
      removeEventListener(...args)
    })
    const [, cancelFirst] = withCancel(root)
    expect(listening.size).toBe(0)
    const [ctx, cancel] = withTimeout(root, 10_000)
    const [expiring] = withTimeout(root, 5_000)
    expect([...listening].toSorted()).toEqual(['pageshow', 'resume', 'visibilitychange'])
    cancelFirst()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(isDeadlineExceeded(expiring.err)).toBe(true)
    expect([...listening].toSorted()).toEqual(['pageshow', 'resume', 'visibilitychange'])
    cancel()
    await microtask()
    expect(ctx.err?.name).toBe('AbortError')
    expect(listening.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})
