/** The two errors, and how they are told apart, also from what the platform and other packages throw. */

import { background, CanceledError, DeadlineExceededError, isCanceled, isDeadlineExceeded, withCancel } from 'rescind'
import { describe, expect, it } from 'vitest'

describe('CanceledError', () => {
  it('is an Error with the name that the platform uses', () => {
    const error = new CanceledError()
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('AbortError')
    expect(error.message).toBe('context canceled')
    expect(String(error)).toBe('AbortError: context canceled')
    expect(error.stack).toContain('errors.test')
  })

  it('has a cause if one was given', () => {
    expect(new CanceledError()).not.toHaveProperty('cause')
    expect(new CanceledError(undefined)).not.toHaveProperty('cause')
    expect(new CanceledError('why').cause).toBe('why')
    expect(new CanceledError(null)).toHaveProperty('cause', null)
  })
})

describe('DeadlineExceededError', () => {
  it('is an Error with the name that the platform uses', () => {
    const error = new DeadlineExceededError()
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('TimeoutError')
    expect(error.message).toBe('context deadline exceeded')
    expect(String(error)).toBe('TimeoutError: context deadline exceeded')
  })

  it('says whose deadline it was', () => {
    expect(new DeadlineExceededError({ label: 'search', ms: 5, cause: 'slow' })).toMatchObject({
      label: 'search',
      ms: 5,
      cause: 'slow',
    })
    const bare = new DeadlineExceededError({})
    expect([bare.label, bare.ms]).toEqual([undefined, undefined])
    expect(bare).not.toHaveProperty('cause')
  })
})

describe('instanceof', () => {
  it('tells the two apart, and from everything else', () => {
    const canceled = new CanceledError()
    const exceeded = new DeadlineExceededError()
    expect(canceled).toBeInstanceOf(CanceledError)
    expect(exceeded).toBeInstanceOf(DeadlineExceededError)
    expect(canceled).not.toBeInstanceOf(DeadlineExceededError)
    expect(exceeded).not.toBeInstanceOf(CanceledError)
    const others = [undefined, null, 5, 'AbortError', {}, { name: 'AbortError' }, new Error('other')]
    for (const other of [...others, new DOMException('', 'AbortError'), new DOMException('', 'TimeoutError')]) {
      expect(other).not.toBeInstanceOf(CanceledError)
      expect(other).not.toBeInstanceOf(DeadlineExceededError)
    }
  })

  it('knows a subclass from its base', () => {
    class Superseded extends CanceledError {}
    const superseded = new Superseded('newer')
    expect(superseded).toBeInstanceOf(Superseded)
    expect(superseded).toBeInstanceOf(CanceledError)
    expect(isCanceled(superseded)).toBe(true)
    const [ctx, cancel] = withCancel(background())
    cancel()
    expect(ctx.err).not.toBeInstanceOf(Superseded)
  })
})

describe.each([
  ['isCanceled', isCanceled, 'AbortError', new CanceledError('why'), new DeadlineExceededError()],
  ['isDeadlineExceeded', isDeadlineExceeded, 'TimeoutError', new DeadlineExceededError(), new CanceledError('why')],
] as const)('%s', (_, is, name, error, other) => {
  it('knows its error, and no other', () => {
    expect(is(error)).toBe(true)
    expect(is(other)).toBe(false)
    expect(is(new Error('context canceled'))).toBe(false)
    expect(is(new TypeError(name))).toBe(false)
  })

  it("knows the platform's own, by name", () => {
    expect(is(new DOMException('whatever', name))).toBe(true)
    expect(is(new DOMException('whatever', 'NetworkError'))).toBe(false)
    expect(is({ name })).toBe(true)
    const controller = new AbortController()
    controller.abort()
    expect(is(controller.signal.reason)).toBe(name === 'AbortError')
  })

  it('follows the causes', () => {
    expect(is(new Error('outer', { cause: error }))).toBe(true)
    expect(is(new Error('outer', { cause: new Error('inner', { cause: error }) }))).toBe(true)
    expect(is(new Error('outer', { cause: other }))).toBe(false)
    expect(is({ cause: error })).toBe(true)
  })

  it('knows nothing of what throws when it is asked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(is(proxy)).toBe(false)
    expect(is(new Error('outer', { cause: proxy }))).toBe(false)
  })

  it('goes by the nearest of them', () => {
    expect(is(new CanceledError(error))).toBe(name === 'AbortError')
    expect(is(new DeadlineExceededError({ cause: error }))).toBe(name === 'TimeoutError')
    expect(is(new Error('outer', { cause: new CanceledError(error) }))).toBe(name === 'AbortError')
  })

  it('comes to an end with causes that lead back to themselves', () => {
    const one = new Error('one')
    const two = new Error('two', { cause: one })
    one.cause = two
    expect(is(one)).toBe(false)
    const self = { cause: undefined as unknown }
    self.cause = self
    expect(is(self)).toBe(false)
  })

  it.each([undefined, null, 0, 5, true, '', name, Symbol(name), 5n, Number.NaN, () => {}, [], {}, new Date()])(
    'is false for %s',
    (value) => {
      expect(is(value)).toBe(false)
    },
  )
})
