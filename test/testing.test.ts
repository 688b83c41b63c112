/** The clock for tests: time that moves on demand only. */

import { afterFunc, background, isDeadlineExceeded, sleep, withCancel, withDeadline, withTimeout } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { block, outcome, task } from './support.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('fakeClock', () => {
  it('starts at the real time, so that a deadline computed from Date.now() is as far away as expected', async () => {
    const before = Date.now()
    const clock = fakeClock()
    expect(clock.at).toBeGreaterThanOrEqual(before)
    expect(clock.at).toBeLessThanOrEqual(Date.now())
    const [ctx] = withDeadline(clock.root, Date.now() + 60_000)
    await clock.advance(50_000)
    expect(ctx.err).toBeUndefined()
    await clock.advance(10_000 + (Date.now() - before))
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('starts at the given time', () => {
    expect(fakeClock(0).at).toBe(0)
    expect(fakeClock(1_000).at).toBe(1_000)
    expect(fakeClock(new Date(1_000)).at).toBe(1_000)
    expect(fakeClock(-5.5).at).toBe(-5.5)
  })

  it('has a root like background', () => {
    const { root } = fakeClock(0)
    expect(root).not.toBe(background())
    expect(String(root)).toBe('background')
    expect(root.err).toBeUndefined()
    expect(root.deadline).toBeUndefined()
    expect(root.signal.aborted).toBe(false)
  })

  it('does not move by itself', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 1)
    block(3)
    await task()
    expect(ctx.err).toBeUndefined()
    expect(clock.at).toBe(0)
  })

  it('applies to all contexts derived from its root, and to no others', async () => {
    const one = fakeClock(1_000)
    const other = fakeClock(2_000)
    const [ours] = withTimeout(withCancel(one.root)[0], 10)
    const [theirs] = withTimeout(other.root, 10)
    const [real] = withTimeout(background(), 60_000)
    expect([ours.deadline, theirs.deadline]).toEqual([1_010, 2_010])
    await one.advance(10)
    expect([ours, theirs, real].map(({ err }) => err?.name)).toEqual(['TimeoutError', undefined, undefined])
    expect([one.at, other.at]).toEqual([1_010, 2_000])
  })

  it('ends deadlines in order, each at its own time', async () => {
    const clock = fakeClock(0)
    const log: string[] = []
    for (const ms of [30, 10, 20, 10]) {
      const [ctx] = withTimeout(clock.root, ms)
      afterFunc(ctx, () => log.push(`${ms} at ${clock.at}`))
    }
    await clock.advance(29)
    expect(log).toEqual(['10 at 10', '10 at 10', '20 at 20'])
    expect(clock.at).toBe(29)
    await clock.advance(1)
    expect(log.at(-1)).toBe('30 at 30')
  })

  it('lets woken work run before time moves on', async () => {
    const clock = fakeClock(0)
    const log: string[] = []
    const work = async () => {
      for (const round of [1, 2, 3]) {
        await sleep(clock.root, 10)
        log.push(`round ${round} at ${clock.at}`)
      }
    }
    const [ctx] = withTimeout(clock.root, 25)
    afterFunc(ctx, () => log.push(`timeout at ${clock.at}`))
    const working = work()
    await clock.advance(100)
    await working
    expect(log).toEqual(['round 1 at 10', 'round 2 at 20', 'timeout at 25', 'round 3 at 30'])
  })

  it('ends deadlines that are made during a move', async () => {
    const clock = fakeClock(0)
    const log: string[] = []
    const [ctx] = withTimeout(clock.root, 10)
    afterFunc(ctx, () => {
      const [next] = withTimeout(clock.root, 5)
      afterFunc(next, () => log.push(`next at ${clock.at}`))
    })
    await clock.advance(15)
    expect(log).toEqual(['next at 15'])
  })

  it('waits for a chain of promises before it moves', async () => {
    const clock = fakeClock(0)
    const log: number[] = []
    const chain = async () => {
      for (let step = 0; step < 20; step++) await undefined
      const [ctx] = withTimeout(clock.root, 10)
      afterFunc(ctx, () => log.push(clock.at))
    }
    void chain()
    await clock.advance(10)
    expect(log).toEqual([10])
  })

  it('accepts a move by 0 ms', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 1)
    await clock.advance(0)
    expect(clock.at).toBe(0)
    expect(ctx.err).toBeUndefined()
  })

  it('makes concurrent moves one after the other', async () => {
    const clock = fakeClock(0)
    const log: string[] = []
    for (const ms of [50, 105]) afterFunc(withTimeout(clock.root, ms)[0], () => log.push(`due at ${clock.at}`))
    const moves = [100, 10, 0].map((ms) => clock.advance(ms).then(() => log.push(`moved to ${clock.at}`)))
    await expect(clock.advance(-1)).rejects.toThrow(TypeError)
    expect(log).toEqual([])
    await Promise.all(moves)
    expect(log).toEqual(['due at 50', 'moved to 100', 'due at 105', 'moved to 110', 'moved to 110'])
  })

  it('accepts a move that is requested during a move', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5)
    const seen: number[] = []
    afterFunc(ctx, () => void clock.advance(100).then(() => seen.push(clock.at)))
    await clock.advance(10).then(() => seen.push(clock.at))
    await clock.advance(0)
    expect(seen).toEqual([10, 110])
  })

  it('waits for all sleeps of 0 ms before it moves', async () => {
    const clock = fakeClock(0)
    const work = async () => {
      for (let step = 0; step < 1_000; step++) await sleep(clock.root, 0)
      return clock.at
    }
    const working = work()
    await clock.advance(10)
    expect(await working).toBe(0)
  })

  it.each([0, 10])('rejects instead of running forever if a loop keeps time from moving: %s ms', async (ms) => {
    const clock = fakeClock(0)
    const [ctx, cancel] = withCancel(clock.root)
    const loop = async () => {
      for (;;) await sleep(ctx, 0)
    }
    const looping = outcome(loop())
    await expect(clock.advance(ms)).rejects.toThrow('rescind: time cannot advance: timers are due now after 1000 turns')
    expect(clock.at).toBe(0)
    cancel()
    await clock.advance(ms)
    expect(clock.at).toBe(ms)
    expect(looping.error).toBe(ctx.err)
  })

  it('works without MessageChannel', async () => {
    vi.stubGlobal('MessageChannel', undefined)
    const clock = fakeClock(0)
    const sleeping = outcome(sleep(clock.root, 10))
    await clock.advance(10)
    expect(sleeping.settled).toBe(true)
  })

  it('works under fake timers, without using them', async () => {
    vi.useFakeTimers()
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    expect(vi.getTimerCount()).toBe(0)
    await clock.advance(10)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['"now"', 'now'],
    ['null', null],
    ['Invalid Date', new Date('soon')],
  ])('throws a TypeError for the start %s', (shown, at) => {
    expect(() => fakeClock(at as number)).toThrow(TypeError)
    expect(() => fakeClock(at as number)).toThrow(/^rescind: at must be/)
    expect(() => fakeClock(at as number)).toThrow(`got ${shown}`)
  })

  it.each([
    ['-1', -1],
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['"5"', '5'],
    ['undefined', undefined],
  ])('rejects a move by %s with a TypeError, and does not move', async (shown, ms) => {
    const clock = fakeClock(0)
    await expect(clock.advance(ms as number)).rejects.toThrow(TypeError)
    await expect(clock.advance(ms as number)).rejects.toThrow(/^rescind: ms must be/)
    await expect(clock.advance(ms as number)).rejects.toThrow(`got ${shown}`)
    expect(clock.at).toBe(0)
  })
})
