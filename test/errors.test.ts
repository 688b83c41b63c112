/** The two errors, and how to tell them from each other and from errors of the platform and other packages. */

import { background, CanceledError, cause, contextError, DeadlineExceededError, isCanceled } from 'rescind'
import { isDeadlineExceeded, withCancel, withSignal, withTimeout } from 'rescind'
import type { Context } from 'rescind'
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

  it('names the canceled context and the cause in its message', () => {
    expect(new CanceledError('why').message).toBe('context canceled: why')
    expect(new CanceledError('why', 'search').message).toBe('context canceled (search): why')
    const message = 'context canceled (search)'
    expect(new CanceledError(undefined, 'search')).toMatchObject({ message, label: 'search' })
    expect(new CanceledError()).not.toHaveProperty('label')
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

  it('names the deadline and the cause in its message', () => {
    const messages = [
      {},
      { label: 'search' },
      { ms: 5 },
      { label: 'search', ms: 3_200 },
      { label: 'search', ms: 60_000, cause: 'slow' },
      { cause: new Error('slow') },
    ].map((deadline) => new DeadlineExceededError(deadline).message)
    expect(messages).toEqual([
      'context deadline exceeded',
      'context deadline exceeded (search)',
      'context deadline exceeded (5ms)',
      'context deadline exceeded (search, 3.2s)',
      'context deadline exceeded (search, 60s): slow',
      'context deadline exceeded: slow',
    ])
  })

  it('has the label and the milliseconds of its deadline', () => {
    expect(new DeadlineExceededError({ label: 'search', ms: 5, cause: 'slow' })).toMatchObject({
      label: 'search',
      ms: 5,
      cause: 'slow',
    })
    const bare = new DeadlineExceededError({})
    for (const name of ['label', 'ms', 'cause']) expect(bare).not.toHaveProperty(name)
  })
})

/** The error of a context that was canceled. */
function canceled(): Error {
  const [ctx, cancel] = withCancel(background())
  cancel()
  return ctx.err as Error
}

describe('the error of a context', () => {
  it('leaves Error.stackTraceLimit as it was, also where there is none', () => {
    const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')
    try {
      Reflect.set(Error, 'stackTraceLimit', 7)
      expect(canceled().stack).toContain('in background.withCancel')
      expect(Error).toHaveProperty('stackTraceLimit', 7)
      Reflect.deleteProperty(Error, 'stackTraceLimit')
      expect(canceled().stack).toContain('in background.withCancel')
      expect(Error).not.toHaveProperty('stackTraceLimit')
    } finally {
      if (limit) Object.defineProperty(Error, 'stackTraceLimit', limit)
      else Reflect.deleteProperty(Error, 'stackTraceLimit')
    }
  })
})

describe('instanceof', () => {
  it('tells the two apart, and from all other values', () => {
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

  it('tells a subclass from its base', () => {
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
  it('is true for its own error only', () => {
    expect(is(error)).toBe(true)
    expect(is(other)).toBe(false)
    expect(is(new Error('context canceled'))).toBe(false)
    expect(is(new TypeError(name))).toBe(false)
  })

  it("is true for the platform's error of that name", () => {
    expect(is(new DOMException('whatever', name))).toBe(true)
    expect(is(new DOMException('whatever', 'NetworkError'))).toBe(false)
    expect(is({ name })).toBe(true)
    const controller = new AbortController()
    controller.abort()
    expect(is(controller.signal.reason)).toBe(name === 'AbortError')
  })

  it('follows the chain of causes', () => {
    expect(is(new Error('outer', { cause: error }))).toBe(true)
    expect(is(new Error('outer', { cause: new Error('inner', { cause: error }) }))).toBe(true)
    expect(is(new Error('outer', { cause: other }))).toBe(false)
    expect(is({ cause: error })).toBe(true)
  })

  it('is false for a value that throws when it is read', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(is(proxy)).toBe(false)
    expect(is(new Error('outer', { cause: proxy }))).toBe(false)
  })

  it("prefers our own error in the chain of causes to the platform's error around it", () => {
    expect(is(new DOMException('aborted', 'AbortError'))).toBe(name === 'AbortError')
    const shell = Object.assign(new Error('The operation was aborted'), { name: 'AbortError', cause: error })
    expect(is(shell)).toBe(true)
    expect(is(Object.assign(new Error('outer'), { cause: shell }))).toBe(true)
    expect(is(Object.assign(new Error('timed out'), { name: 'TimeoutError', cause: other }))).toBe(false)
  })

  it('takes the nearest of our own errors', () => {
    expect(is(new CanceledError(error))).toBe(name === 'AbortError')
    expect(is(new DeadlineExceededError({ cause: error }))).toBe(name === 'TimeoutError')
    expect(is(new Error('outer', { cause: new CanceledError(error) }))).toBe(name === 'AbortError')
  })

  it('terminates for causes in a circle', () => {
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

describe('contextError', () => {
  it('finds our error at any depth', () => {
    const error = new DeadlineExceededError({ label: 'search', ms: 5 })
    expect(contextError(error)).toBe(error)
    const shell = Object.assign(new Error('The operation was aborted'), { name: 'AbortError', cause: error })
    expect(contextError(new Error('no page', { cause: shell }))).toBe(error)
    const nearest = new CanceledError(error)
    expect(contextError(new Error('no page', { cause: nearest }))).toBe(nearest)
  })

  it('returns undefined for errors that only the platform or a caller made', () => {
    const others = [undefined, null, 5, 'AbortError', new Error('other'), new DOMException('', 'AbortError')]
    for (const other of [...others, { name: 'TimeoutError' }]) expect(contextError(other)).toBeUndefined()
  })
})

function fail(): never {
  throw new Error('trap')
}

describe('a cause that throws when it is read', () => {
  const hostile: [what: string, make: () => unknown][] = [
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      },
    ],
    [
      'a proxy whose traps throw',
      () => new Proxy(new Error('inner'), { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail }),
    ],
    ['an object without a prototype', () => Object.create(null) as object],
    [
      'an error with getters that throw',
      () =>
        Object.defineProperties(new Error('inner'), {
          name: { get: () => expect.unreachable() as never },
          message: { get: () => expect.unreachable() as never },
          cause: { get: () => expect.unreachable() as never },
        }),
    ],
  ]

  it.each(hostile)('can be given to cancel: %s', (_, make) => {
    const why = make()
    const [ctx, cancel] = withCancel(background(), { label: 'search' })
    const [child] = withTimeout(ctx, 60_000)
    let aborts = 0
    child.signal.addEventListener('abort', () => aborts++)
    cancel(why)
    expect(aborts).toBe(1)
    expect(ctx.err).toBeInstanceOf(CanceledError)
    expect(ctx.err?.message).toBe('context canceled (search)')
    expect(Object.is(cause(ctx), why)).toBe(true)
    expect([isCanceled(ctx.err), isDeadlineExceeded(ctx.err)]).toEqual([true, false])
    expect(() => child.throwIfDone()).toThrow('context canceled')
    expect(String(child)).toBe('background.withCancel(search, canceled).withTimeout(60s)')
    expect([isCanceled(why), isDeadlineExceeded(why), contextError(why)]).toEqual([false, false, undefined])
  })

  it.each(hostile)('can be the reason of a signal that is followed: %s', (_, make) => {
    const why = make()
    const controller = new AbortController()
    const [ctx] = withSignal(background(), controller.signal)
    const [foreign] = withCancel(controller)
    controller.abort(why)
    for (const one of [ctx, foreign]) {
      expect(one.err).toBeInstanceOf(CanceledError)
      expect(Object.is(cause(one), why)).toBe(true)
    }
  })

  it('can be in an error of a context that is the reason of a signal', () => {
    const why = Object.defineProperties(new CanceledError('inner'), { name: { get: fail }, cause: { get: fail } })
    const [ctx] = withSignal(background(), AbortSignal.abort(why))
    expect(ctx.err).toBe(why)
    expect(cause(ctx)).toBe(why)
    expect(String(ctx)).toBe('background.withSignal(canceled)')
  })

  it('is not an instance of CanceledError', () => {
    for (const [, make] of hostile) expect(make()).not.toBeInstanceOf(CanceledError)
  })
})

function canceledBy(cause: unknown): Context {
  const [ctx, cancel] = withCancel(background())
  cancel(cause)
  return ctx
}

describe('a cause with a getter that reads the context that it ended', () => {
  const ends: [string, (cause: unknown) => Context][] = [
    ['a cancel', canceledBy],
    ['a deadline', (cause) => withTimeout(background(), 0, { cause })[0]],
    ['a signal', (reason) => withSignal(background(), AbortSignal.abort(reason))[0]],
  ]

  it.each(ends)('is read once, and sees the one error: %s', (_, end) => {
    const seen: unknown[] = []
    const cause = {
      get message() {
        seen.push(ctx.err, String(ctx))
        return 'asked'
      },
    }
    const ctx = end(cause)
    const { err } = ctx
    expect(seen[0]).toBe(err)
    expect(seen).toHaveLength(2)
    expect(err?.cause).toBe(cause)
    expect(String(ctx)).toMatch(/: asked\)$/)
    // It was read again, for the text of the context.
    expect(seen[2]).toBe(err)
    expect(seen).toHaveLength(4)
  })

  it('may be one of two that read each other', () => {
    let reads = 0
    const other = canceledBy({
      get message() {
        reads++
        return `of ${String(ctx.err)}`
      },
    })
    const ctx = canceledBy({
      get message() {
        reads++
        return `with ${String(other.err)}`
      },
    })
    expect(ctx.err).toBe(ctx.err)
    expect(reads).toBe(2)
    expect(other.err?.message).toMatch(/^context canceled: of AbortError: context canceled/)
  })
})

describe('the text of a cause or a label in a message', () => {
  const hostile = 'a\u001b[31mb\u0085c\u2028d\u202ee\nf'
  const escaped = String.raw`a\u001b[31mb\u0085c\u2028d\u202ee\u000af`

  it('is on one line, with control and direction characters escaped', () => {
    const [ctx, cancel] = withCancel(background(), { label: hostile })
    expect(String(ctx)).toBe(`background.withCancel(${escaped})`)
    cancel(hostile)
    expect(ctx.err?.message).toBe(`context canceled (${escaped}): ${escaped}`)
    expect(cause(ctx)).toBe(hostile)
    expect(ctx.err?.label).toBe(hostile)
    expect(String(ctx)).toBe(`background.withCancel(${escaped}, canceled: ${escaped})`)
  })

  it('is the name of a cause without a message', () => {
    expect(new CanceledError({ name: 'Superseded' }).message).toBe('context canceled: Superseded')
  })

  it('is nothing for a cause without text', () => {
    for (const empty of ['', {}, { message: '', name: '' }, { message: 5 }, { message: Symbol('no text') }]) {
      expect(new CanceledError(empty).message).toBe('context canceled')
    }
  })

  it('has a bounded length', () => {
    const long = 'x'.repeat(10_000_000)
    const [ctx, cancel] = withTimeout(background(), 60_000, { label: long })
    cancel(new Error(long))
    expect(ctx.err?.message.length).toBeLessThan(500)
    expect(String(ctx).length).toBeLessThan(1_000)
    expect(ctx.err?.stack?.length).toBeLessThan(1_000)
  })
})
