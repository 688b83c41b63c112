/** The frames of errors, which V8 shows best: work keeps its callers, and an end has no unrelated frames. */

import {
  background,
  cause,
  CanceledError,
  group,
  retry,
  semaphore,
  share,
  shield,
  sleep,
  stream,
  until,
  withCancel,
  within,
  withTimeout,
} from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { microtask, outcome } from '../support.ts'

const failure = async () => {
  await microtask()
  throw new Error('boom')
}

describe('an error of failed work has the frames of its callers', () => {
  const [ctx] = withTimeout(background(), 60_000)

  async function callerOfUntil(): Promise<void> {
    await until(ctx, failure)
  }
  async function callerOfUntilWithAPromise(): Promise<void> {
    await until(ctx, failure())
  }
  async function callerOfWithin(): Promise<void> {
    await within(ctx, 60_000, failure)
  }
  async function callerOfShield(): Promise<void> {
    await shield(ctx, 60_000, failure)
  }
  async function callerOfGroup(): Promise<void> {
    const g = group(ctx)
    g.go(failure)
    await g.wait()
  }
  async function callerOfSuperviser(): Promise<void> {
    const g = group(ctx, { supervise: true })
    g.go((own) => sleep(own, 1))
    g.go(failure)
    await g.wait()
  }
  async function callerOfGroupWithALimit(): Promise<void> {
    const g = group(ctx, { limit: 1 })
    g.go(microtask)
    g.go(failure)
    await g.wait()
  }

  async function callerOfRetry(): Promise<void> {
    await retry(ctx, failure, { attempts: 2, delay: 0 })
  }
  async function callerOfSemaphore(): Promise<void> {
    await semaphore(1).run(ctx, failure)
  }
  async function firstCallerOfShare(): Promise<void> {
    await share(ctx, failure)(ctx)
  }
  async function callerOfStream(): Promise<void> {
    for await (const _ of stream(ctx, failure));
  }
  async function callerOfStreamOfAFailingSource(): Promise<void> {
    for await (const _ of stream(ctx, { [Symbol.asyncIterator]: () => ({ next: failure }) }));
  }

  it.each([
    callerOfUntil,
    callerOfUntilWithAPromise,
    callerOfWithin,
    callerOfShield,
    callerOfGroup,
    callerOfSuperviser,
    callerOfGroupWithALimit,
    callerOfRetry,
    callerOfSemaphore,
    firstCallerOfShare,
    callerOfStream,
    callerOfStreamOfAFailingSource,
  ])('%o', async (caller) => {
    const error = (await caller().catch((error: unknown) => error)) as Error
    expect(error.message).toBe('boom')
    expect(error.stack).toContain(caller.name)
  })
})

describe("the stack of a context's error", () => {
  const FRAME = /\n\s+at /

  it('is the path of the context that ended, whichever code reads it first', async () => {
    const clock = fakeClock(0)
    const [page] = withCancel(clock.root, { label: 'page' })
    const [ctx] = withTimeout(page, 5, { label: 'report' })
    const sleeping = outcome(sleep(withCancel(ctx)[0], 1_000))
    await clock.advance(5)
    const { message, stack } = sleeping.error as Error
    expect(message).toBe('context deadline exceeded (report, 5ms)')
    expect(stack).toBe(`TimeoutError: ${message}\n    in background.withCancel(page).withTimeout(report, 5ms)`)
  })

  it.each<[what: string, why: unknown, message: string]>([
    ['no cause', undefined, 'context canceled (search)'],
    ['text', 'the reader pressed Stop', 'context canceled (search): the reader pressed Stop'],
    ['an error', new Error('no connection'), 'context canceled (search): no connection'],
    ['a number', 0, 'context canceled (search): 0'],
    ['null', null, 'context canceled (search): null'],
    ['a symbol', Symbol('stop'), 'context canceled (search): Symbol(stop)'],
    ['an object with a message', { message: 'no connection' }, 'context canceled (search): no connection'],
    ['an object that says nothing', { code: 5 }, 'context canceled (search)'],
    ['an error without a message', new TypeError(), 'context canceled (search): TypeError'],
  ])('has no frames after a cancel with %s', (_, why, message) => {
    const [ctx, cancel] = withCancel(background(), { label: 'search' })
    cancel(why)
    const err = ctx.err as Error
    expect(err.message).toBe(message)
    expect(err.stack).toBe(`AbortError: ${message}\n    in background.withCancel(search)`)
    expect(Object.keys(err)).not.toContain('stack')
  })

  it('has no frames after the abort of a foreign signal', () => {
    const reasons = [undefined, 'why', new DOMException('too slow', 'TimeoutError')]
    for (const reason of reasons) {
      const [ctx] = withCancel({ signal: AbortSignal.abort(reason) })
      expect(ctx.err?.stack).toMatch(/\n {4}in signal$/)
      expect(ctx.err?.stack).not.toMatch(FRAME)
    }
  })

  it('does not change how many frames other errors have', () => {
    const { stackTraceLimit } = Error
    const [ctx, cancel] = withCancel(background())
    const why = {
      get message(): string {
        throw new Error('hostile')
      },
    }
    cancel(why)
    expect(ctx.err?.message).toBe('context canceled')
    expect(Error.stackTraceLimit).toBe(stackTraceLimit)
    expect(new Error('other').stack).toMatch(FRAME)
  })

  it('is set even where Error is frozen', () => {
    const { stackTraceLimit } = Error
    Object.defineProperty(Error, 'stackTraceLimit', { writable: false })
    try {
      const [ctx, cancel] = withCancel(background())
      cancel()
      expect(ctx.err?.stack).toBe('AbortError: context canceled\n    in background.withCancel')
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { writable: true, value: stackTraceLimit })
    }
  })

  it("has the caller's frames if the caller makes the error", () => {
    expect(new CanceledError('why').stack).toContain('stacks.test')
  })

  it('does not change the stack of the cause', () => {
    const why = new Error('no connection')
    const { stack } = why
    const [ctx, cancel] = withCancel(background())
    cancel(why)
    expect(ctx.err?.cause).toBe(why)
    expect((cause(ctx) as Error).stack).toBe(stack)
  })
})
