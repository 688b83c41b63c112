/** The queue for one connection or transaction: its order, its ended callers, and its keys. Needs no database. */

import { background, withCancel } from 'rescind'
import { describe, expect, it } from 'vitest'
import { Lane } from '../../src/sql/lane.ts'
import { isCollected, outcome, task } from '../support.ts'

const bg = background()

describe('a lane', () => {
  it('admits callers one at a time, in the order of their calls', async () => {
    const lane = new Lane()
    const callers = Array.from({ length: 3 }, () => outcome(lane.enter(bg)))
    for (let index = 0; index < 3; index++) {
      await task()
      expect(callers.map(({ settled }) => settled)).toEqual([true, index >= 1, index >= 2])
      callers[index]?.value?.()
    }
    const next = outcome(lane.enter(bg))
    await task()
    expect(next.settled).toBe(true)
  })

  it('passes over a caller whose context has ended while it waited', async () => {
    const lane = new Lane()
    const leave = await lane.enter(bg)
    const [ctx, cancel] = withCancel(bg)
    const ended = outcome(lane.enter(ctx))
    const next = outcome(lane.enter(bg))
    cancel()
    await task()
    expect(ended.error).toBe(ctx.err)
    expect(next.settled).toBe(false)
    leave()
    await task()
    expect(next.settled).toBe(true)
  })

  it('passes over a caller whose context ends in the turn in which the lane becomes free', async () => {
    const lane = new Lane()
    const leave = await lane.enter(bg)
    const [ctx, cancel] = withCancel(bg)
    const ended = outcome(lane.enter(ctx))
    cancel()
    leave()
    await task()
    expect(ended.error).toBe(ctx.err)
    await lane.enter(bg)
  })

  it('is not taken by a context that has ended', async () => {
    const lane = new Lane()
    const [ctx, cancel] = withCancel(bg)
    cancel()
    await expect(lane.enter(ctx)).rejects.toBe(ctx.err)
    await lane.enter(bg)
  })

  it('admits only one caller for each key, however often that is used', async () => {
    const lane = new Lane()
    const leave = await lane.enter(bg)
    const [next, last] = [outcome(lane.enter(bg)), outcome(lane.enter(bg))]
    leave()
    leave()
    await task()
    expect([next.settled, last.settled]).toEqual([true, false])
  })

  it('rejects waiting and later callers once it is closed, those whose context has ended with its error', async () => {
    const lane = new Lane()
    const leave = await lane.enter(bg)
    const [ctx, cancel] = withCancel(bg)
    const error = new Error('closed')
    const callers = [bg, ctx, bg].map((ctx) => outcome(lane.enter(ctx)))
    cancel()
    lane.close(error)
    lane.close(new Error('closed twice'))
    callers.push(outcome(lane.enter(bg)), outcome(lane.enter(ctx)))
    leave()
    callers.push(outcome(lane.enter(bg)))
    await task()
    expect(callers.map(({ error }) => error)).toEqual([error, ctx.err, error, error, ctx.err, error])
  })

  it('retains no caller whose context has ended, and none that has entered', async () => {
    const lane = new Lane()
    const leave = await lane.enter(bg)
    const ended = () => {
      const [ctx, cancel] = withCancel(bg)
      lane.enter(ctx).catch(() => {})
      cancel()
      return ctx
    }
    expect(await isCollected(ended)).toBe(true)
    const entered = () => {
      const [ctx] = withCancel(bg)
      void lane.enter(ctx).then((leave) => leave())
      leave()
      return ctx
    }
    expect(await isCollected(entered)).toBe(true)
    await lane.enter(bg)
  })
})
