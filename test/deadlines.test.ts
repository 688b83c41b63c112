/** Contexts that end by themselves. Time moves by `fakeClock` only; the platform's time is in `timers`. */

import {
  afterFunc,
  background,
  cause,
  DeadlineExceededError,
  isCanceled,
  isDeadlineExceeded,
  withCancel,
  withDeadline,
  withTimeout,
} from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { logAbort } from './support.ts'

describe('withTimeout', () => {
  it('ends after ms, and not before', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5_000)
    await clock.advance(4_999)
    expect(ctx.err).toBeUndefined()
    expect(ctx.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(ctx.err).toBeInstanceOf(DeadlineExceededError)
    expect(ctx.signal.reason).toBe(ctx.err)
    expect(cause(ctx)).toBe(ctx.err)
  })

  it('names its deadline in the error', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5_000, { label: 'search' })
    const [child] = withTimeout(ctx, 6_000, { label: 'query' })
    await clock.advance(10_000)
    expect(ctx.err).toMatchObject({
      name: 'TimeoutError',
      message: 'context deadline exceeded (search, 5s)',
      label: 'search',
      ms: 5_000,
    })
    expect(child.err).toBe(ctx.err)
  })

  it('notifies listeners and callbacks though nothing reads the context', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5_000)
    const log: string[] = []
    logAbort(ctx, log, 'listener')
    afterFunc(ctx, () => log.push('callback'))
    await clock.advance(5_000)
    expect(log).toEqual(['listener', 'callback'])
  })

  it('can be canceled, and its deadline changes nothing afterwards', async () => {
    const clock = fakeClock(0)
    const [ctx, cancel] = withTimeout(clock.root, 5_000)
    cancel('early')
    const { err } = ctx
    await clock.advance(10_000)
    expect(ctx.err).toBe(err)
    expect(isCanceled(ctx.err)).toBe(true)
    expect(cause(ctx)).toBe('early')
  })

  it("ends at the parent's deadline if that is sooner", async () => {
    const clock = fakeClock(1_000)
    const [parent] = withTimeout(clock.root, 3_000, { label: 'parent' })
    const [ctx] = withTimeout(parent, 5_000, { label: 'child', cause: 'child' })
    expect(ctx.deadline).toBe(4_000)
    await clock.advance(3_000)
    expect(ctx.err).toBe(parent.err)
    expect(ctx.err).toMatchObject({ label: 'parent', ms: 3_000 })
    expect(cause(ctx)).toBe(ctx.err)
  })

  it("ends before the parent's deadline if that is later", async () => {
    const clock = fakeClock(1_000)
    const [parent] = withTimeout(clock.root, 5_000)
    const [ctx] = withTimeout(parent, 3_000)
    expect(ctx.deadline).toBe(4_000)
    expect(parent.deadline).toBe(6_000)
    await clock.advance(3_000)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    expect(parent.err).toBeUndefined()
  })

  it('has a cause on expiry only', async () => {
    const clock = fakeClock(0)
    const [parent, cancelParent] = withCancel(clock.root)
    const [expired] = withTimeout(clock.root, 10, { cause: 'slow' })
    const [canceled, cancel] = withTimeout(clock.root, 10, { cause: 'slow' })
    const [orphaned] = withTimeout(parent, 10, { cause: 'slow' })
    cancel()
    cancelParent('parent')
    await clock.advance(10)
    expect(cause(expired)).toBe('slow')
    expect(expired.err).toMatchObject({ name: 'TimeoutError', cause: 'slow' })
    expect(cause(canceled)).toBe(canceled.err)
    expect(canceled.err).not.toHaveProperty('cause')
    expect(cause(orphaned)).toBe('parent')
  })

  it.each([0, -0, -1, -Infinity])('ends at once after %s ms', (ms) => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, ms, { cause: 'late' })
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', ms })
    expect(cause(ctx)).toBe('late')
    expect(ctx.signal.aborted).toBe(true)
  })

  it.each([0, -1])('keeps the error of a parent that has ended, with %s ms', (ms) => {
    const [parent, cancel] = withCancel(background())
    cancel('parent')
    const [ctx] = withTimeout(parent, ms, { cause: 'late' })
    expect(ctx.err).toBe(parent.err)
    expect(cause(ctx)).toBe('parent')
  })

  it('never ends after Infinity, and has no deadline', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, Infinity)
    expect(ctx.deadline).toBeUndefined()
    await clock.advance(Number.MAX_SAFE_INTEGER)
    expect(ctx.err).toBeUndefined()
    const [parent] = withTimeout(clock.root, 10)
    expect(withTimeout(parent, Infinity)[0].deadline).toBe(parent.deadline)
  })

  it.each([0x7fff_ffff, 0x8000_0000, 2 ** 40])('ends after %s ms', async (ms) => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, ms)
    await clock.advance(ms - 1)
    expect(ctx.err).toBeUndefined()
    await clock.advance(1)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('keeps its deadline after its end', async () => {
    const clock = fakeClock(1_000)
    const [ctx, cancel] = withTimeout(clock.root, 5_000)
    cancel()
    expect(ctx.deadline).toBe(6_000)
  })

  it('accepts a fraction of a millisecond', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 0.5)
    await clock.advance(0.25)
    expect(ctx.err).toBeUndefined()
    await clock.advance(0.25)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('ends its descendants in the same step as all that are due with it', async () => {
    const clock = fakeClock(0)
    const [one] = withTimeout(clock.root, 10)
    const [other] = withTimeout(clock.root, 10)
    const [child] = withCancel(other)
    const seen: unknown[] = []
    one.signal.addEventListener('abort', () => seen.push(other.err?.name, child.err?.name, child.signal.aborted))
    await clock.advance(10)
    expect(seen).toEqual(['TimeoutError', 'TimeoutError', true])
  })

  it('can be canceled by a listener of another deadline that is due earlier', async () => {
    const clock = fakeClock(0)
    const [one] = withTimeout(clock.root, 10)
    const [later, cancelLater] = withTimeout(clock.root, 20)
    one.signal.addEventListener('abort', () => cancelLater('no longer needed'))
    await clock.advance(30)
    expect(cause(later)).toBe('no longer needed')
  })
})

describe('withDeadline', () => {
  it('ends at the time given as a number or as a Date', async () => {
    const clock = fakeClock(1_000)
    const contexts = [6_000, new Date(6_000)].map((at) => withDeadline(clock.root, at)[0])
    expect(contexts.map(({ deadline }) => deadline)).toEqual([6_000, 6_000])
    await clock.advance(4_999)
    expect(contexts.map(({ err }) => err)).toEqual([undefined, undefined])
    await clock.advance(1)
    expect(contexts.map(({ err }) => err?.name)).toEqual(['TimeoutError', 'TimeoutError'])
  })

  it('names its deadline and its duration in the error', async () => {
    const clock = fakeClock(1_000)
    const [ctx] = withDeadline(clock.root, 6_000, { label: 'search', cause: 'slow' })
    await clock.advance(5_000)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', label: 'search', ms: 5_000, cause: 'slow' })
    expect(cause(ctx)).toBe('slow')
  })

  const past = [6_000, 5_999, 0, -1, new Date(6_000), -Infinity]

  it.each(past)('ends at once if the time is not in the future: %s', (at) => {
    const clock = fakeClock(6_000)
    const [ctx] = withDeadline(clock.root, at)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    expect(ctx.deadline).toBe(Number(at))
  })

  it('keeps the error of a parent that has ended', () => {
    const [parent, cancel] = withCancel(background())
    cancel('parent')
    expect(cause(withDeadline(parent, 0)[0])).toBe('parent')
  })

  it('never ends at Infinity', async () => {
    const clock = fakeClock(0)
    const [ctx] = withDeadline(clock.root, Infinity)
    await clock.advance(Number.MAX_SAFE_INTEGER)
    expect(ctx.err).toBeUndefined()
    expect(ctx.deadline).toBeUndefined()
  })

  it('does not follow a Date that is changed afterwards', async () => {
    const clock = fakeClock(0)
    const at = new Date(1_000)
    const [ctx] = withDeadline(clock.root, at)
    at.setTime(5_000)
    expect(ctx.deadline).toBe(1_000)
    await clock.advance(1_000)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })
})
