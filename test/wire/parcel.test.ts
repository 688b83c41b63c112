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

  it.each<[what: string, error: object]>([
    ['with a tag of its own', Object.assign(new Error(), { [Symbol.toStringTag]: 'Slow' })],
    ['with the tag of a DOMException, as in another realm', { [Symbol.toStringTag]: 'DOMException' }],
  ])('keep an error %s', (_, error) => {
    const received = posted(Object.assign(error, { name: 'QueryError', message: 'slow' }))
    expect(received).toBeInstanceOf(Error)
    expect(received).toMatchObject({ name: 'QueryError', message: 'slow' })
  })

  it('keep the errors in an AggregateError, and no list of errors of another error', () => {
    const received = posted(new AggregateError([new RangeError('slow'), 'gone'], 'two failed')) as AggregateError
    expect(received).toBeInstanceOf(AggregateError)
    expect(received).toMatchObject({ message: 'two failed', errors: [{ name: 'RangeError', message: 'slow' }, 'gone'] })
    for (const other of [
      Object.assign(new Error('invalid'), { errors: ['name is missing'] }),
      Object.assign(new Error('invalid'), { name: 'AggregateError', errors: 'name is missing' }),
    ]) {
      expect(posted(other)).toMatchObject({ name: other.name, message: 'invalid' })
      expect(posted(other)).not.toHaveProperty('errors')
    }
  })

  it('add nothing that an error has not', () => {
    const plain = posted(new Error('why')) as Error
    expect(plain).not.toHaveProperty('cause')
    for (const name of ['cause', 'label', 'ms']) expect(posted(new CanceledError())).not.toHaveProperty(name)
    for (const name of ['cause', 'label', 'ms']) expect(posted(new DeadlineExceededError())).not.toHaveProperty(name)
    expect(Object.hasOwn(posted(new CanceledError('why')) as Error, 'name')).toBe(false)
  })

  it('leave out a time that is no number of milliseconds', () => {
    const received = posted(new DeadlineExceededError({ ms: Infinity, label: 'search' }))
    expect(received).toBeInstanceOf(DeadlineExceededError)
    expect(received).toMatchObject({ label: 'search' })
    expect(received).not.toHaveProperty('ms')
  })

  it('give an error without a stack its name and message for one', () => {
    const error = Object.assign(new RangeError('slow'), { stack: undefined })
    expect(posted(error)).toMatchObject({ name: 'RangeError', message: 'slow', stack: 'RangeError: slow' })
  })

  it('cut what is longer than the limit, and nothing else', () => {
    for (const [length, shown] of [
      [8_192, 'x'.repeat(8_192)],
      [8_193, `${'x'.repeat(8_191)}…`],
    ] as const) {
      expect((posted(new Error('x'.repeat(length))) as Error).message).toBe(shown)
    }
    const most = 'x'.repeat(65_528 / 2)
    expect(posted(most)).toBe(most)
    expect(posted(`${most}x`)).toHaveLength(8_192)
    const larger = { kind: 'value', value: `${most}x` }
    expect(deserializeError({ kind: 'value', value: most })).toBe(most)
    expect(deserializeError(larger)).toMatchObject({ name: 'PortError', message: 'a cause is too large' })
  })

  it('keep 100 errors in one', () => {
    const errors = Array.from({ length: 99 }, (_, index) => new Error(`error ${index}`))
    expect((posted(new AggregateError(errors)) as AggregateError).errors).toMatchObject(
      errors.map(({ message }) => ({ message })),
    )
    const data = serializeError(new AggregateError(errors))
    if (data.kind === 'value') throw new Error('it was written as text')
    const more = { ...data, errors: [...(data.errors ?? []), serializeError(new Error('one more'))] }
    expect(deserializeError(more)).toMatchObject({ message: 'an error has too many causes or members' })
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

  const error = { kind: 'error', name: 'Error', message: 'why', cause: { kind: 'value', value: undefined } }

  it.each<[message: string, data: unknown]>([
    ['an error is not an object', null],
    ['an error is not an object', 'why'],
    ['an error is of unknown kind', { ...error, kind: 'paused' }],
    ['name is not a string', { ...error, name: 7 }],
    ['name is longer than 200 characters', { ...error, name: 'x'.repeat(201) }],
    ['message is longer than 8192 characters', { ...error, message: 'x'.repeat(8_193) }],
    ['stack is longer than 16384 characters', { ...error, stack: 'x'.repeat(16_385) }],
    ['label is longer than 200 characters', { ...error, kind: 'canceled', label: 'x'.repeat(201) }],
    ['ms is not a finite number', { ...error, kind: 'exceeded', ms: NaN }],
    ['errors is not a list', { ...error, errors: {} }],
    ['errors has more than 100 members', { ...error, errors: Array.from({ length: 101 }, () => error.cause) }],
    ['an error is not an object', { ...error, errors: ['why'] }],
  ])('say that %s', (message, data) => {
    const received = deserializeError(data)
    expect(received).toMatchObject({ name: 'PortError', message })
    expect(received).not.toHaveProperty('cause')
  })

  it('accept texts and lists that are as long as they may be', () => {
    const texts = { name: 'x'.repeat(200), message: 'x'.repeat(8_192), stack: 'x'.repeat(16_384) }
    expect(deserializeError({ ...error, ...texts })).toMatchObject(texts)
    expect(posted(new AggregateError(Array(100).fill('why')))).toMatchObject({ errors: Array(100).fill('why') })
    let deepest: object = error
    for (let depth = 1; depth < 20; depth++) deepest = { ...error, cause: deepest }
    expect(deserializeError(deepest)).toMatchObject({ name: 'Error' })
    const tooDeep = { ...error, cause: deepest }
    expect(deserializeError(tooDeep)).toMatchObject({ message: 'an error has too many causes or members' })
  })

  it('recognize an error of another realm, and one with a tag of its own', () => {
    const prototype = Object.create(null, { name: { value: 'QueryError' } }) as object
    const foreign: unknown = Object.setPrototypeOf(new Error('no such table'), prototype)
    expect(foreign).not.toBeInstanceOf(Error)
    expect(posted(foreign)).toMatchObject({ name: 'QueryError', message: 'no such table' })
    const tagged = Object.assign(new Error('no such table'), { [Symbol.toStringTag]: 'Query' })
    expect(posted(tagged)).toBeInstanceOf(Error)
    expect(posted(tagged)).toMatchObject({ message: 'no such table' })
  })

  it('yield a PortError for data with traps', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(deserializeError(proxy)).toBeInstanceOf(PortError)
  })
})
