/** Objects from another realm, such as a frame of the page, have the same shape but other classes. */

import { runInNewContext } from 'node:vm'
import { background, cause, isCanceled, rearm, withDeadline, withSignal } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'

describe('an object of another realm', () => {
  it('may be the Date of a deadline', () => {
    const at = Date.now() + 60_000
    const date = runInNewContext(`new Date(${at})`) as Date
    expect(date).not.toBeInstanceOf(Date)
    const [ctx, cancel] = withDeadline(background(), date)
    expect(ctx.deadline).toBe(at)
    rearm(ctx, runInNewContext(`new Date(${at + 1_000})`) as Date)
    expect(ctx.deadline).toBe(at + 1_000)
    cancel()
    expect(fakeClock(date).at).toBe(at)
    const invalid = runInNewContext("new Date('soon')") as Date
    expect(() => withDeadline(background(), invalid)).toThrow(/^rescind: at must be .*, got Invalid Date$/)
  })

  it('may be a signal or its reason', () => {
    const controller = new AbortController()
    const [ctx] = withSignal(background(), runInNewContext('signal', { signal: controller.signal }) as AbortSignal)
    const reason: unknown = runInNewContext("Object.assign(new Error('left'), { name: 'AbortError' })")
    controller.abort(reason)
    expect(cause(ctx)).toBe(reason)
    expect(isCanceled(reason)).toBe(true)
  })
})
