/** Errors as data, as a worker sends them back. For causes of contexts see port.test.ts. */

import { background, CanceledError, DeadlineExceededError, isCanceled, isDeadlineExceeded, withTimeout } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { deserializeError, PortError, serializeError } from 'rescind/wire'
import { describe, expect, it } from 'vitest'

/** A copy as `postMessage` makes it. */
function posted(error: unknown): unknown {
  return deserializeError(structuredClone(serializeError(error)))
}

describe('serializeError and deserializeError', () => {
  it('keep the kind, the cause and the deadline of an error of a context', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 50, { label: 'search', cause: new RangeError('slow') })
    await clock.advance(50)
    const received = posted(ctx.err)
    expect(received).toBeInstanceOf(DeadlineExceededError)
    expect(received).toMatchObject({ label: 'search', ms: 50, message: ctx.err?.message, stack: ctx.err?.stack })
    expect((received as Error).cause).toMatchObject({ name: 'RangeError', message: 'slow' })
    expect(posted(new CanceledError({ because: 'left' }))).toBeInstanceOf(CanceledError)
    expect(posted(new CanceledError({ because: 'left' }))).toMatchObject({ cause: { because: 'left' } })
  })

  it('keep what a plain structuredClone loses', () => {
    const error = new DeadlineExceededError({ label: 'search', ms: 5_000 })
    expect(isDeadlineExceeded(structuredClone(error))).toBe(false)
    expect(isDeadlineExceeded(posted(error))).toBe(true)
    expect(isCanceled(structuredClone(new CanceledError('why')))).toBe(false)
    expect(isCanceled(posted(new CanceledError('why')))).toBe(true)
  })

  it("keep the message of a context's error, though it may say more than its fields", () => {
    const error = Object.defineProperty(new CanceledError('why'), 'message', { value: 'canceled in the worker: why' })
    expect(posted(error)).toMatchObject({ message: 'canceled in the worker: why', cause: 'why' })
  })

  it('keep the name, message, stack and cause of any other error', () => {
    class QueryError extends Error {
      override name = 'QueryError'
    }
    const error = new QueryError('no such table', { cause: new CanceledError('left') })
    const received = posted(error) as Error
    expect(received).toBeInstanceOf(Error)
    expect(received).toMatchObject({ name: 'QueryError', message: 'no such table', stack: error.stack })
    expect(isCanceled(received)).toBe(true)
  })

  it.each([['text'], [0], [undefined], [{ code: 7 }]])('keep %o if that was thrown', (thrown) => {
    expect(posted(thrown)).toEqual(thrown)
  })

  it('write a context as its path', () => {
    expect(posted(background())).toBe('background')
  })

  it('never throw, whatever they are given', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const trapped = Object.defineProperty(new Error('why'), 'name', { get: () => expect.unreachable() as never })
    for (const thrown of [proxy, trapped, Symbol('why'), () => {}]) expect(posted(thrown)).toBeTypeOf('string')
  })

  it.each([undefined, null, 7, 'text', [], {}, { kind: 'error' }, { kind: 'canceled', name: 'AbortError' }])(
    'yield a PortError for %o, and throw nothing',
    (data) => {
      expect(deserializeError(data)).toBeInstanceOf(PortError)
    },
  )

  it('yield a PortError for data with traps', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(deserializeError(proxy)).toBeInstanceOf(PortError)
  })
})
