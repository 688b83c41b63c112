/**
 * Further attempts at work that failed: how many, when, and when they stop. The waits are random, so the tests set what
 * `Math.random` returns; random failures are compared with a model that works out the whole time line in advance.
 */

import {
  background,
  cause,
  DeadlineExceededError,
  isCanceled,
  retry,
  retryBudget,
  sleep,
  until,
  withCancel,
  within,
  withTimeout,
} from 'rescind'
import type { Context, Retried, RetryOptions } from 'rescind'
import { fakeClock } from 'rescind/testing'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { countListeners, failOnUnhandled, isCollected, microtasks, outcome, task, wrong } from './support.ts'

failOnUnhandled()

afterEach(() => {
  vi.restoreAllMocks()
})

/** Makes `Math.random` return `value` from now on. */
function random(value: number): void {
  vi.spyOn(Math, 'random').mockReturnValue(value)
}

/** Work that fails at once, and the times of its attempts. */
function failing(clock: { readonly at: number }, make: (attempt: number) => unknown = () => new Error('down')) {
  const times: number[] = []
  const work = (_: Context, attempt: number): never => {
    times.push(clock.at)
    throw make(attempt)
  }
  return { times, work }
}

/** The times of the attempts at work whose first error is `error`. */
async function timesAfter(error: unknown, options: RetryOptions & { at?: number; timeout?: number } = {}) {
  const { at = 0, timeout = Infinity, ...others } = options
  const clock = fakeClock(at)
  const { times, work } = failing(clock, (attempt) => (attempt === 1 ? error : new Error('down')))
  const [ctx] = withTimeout(clock.root, timeout)
  const result = outcome(retry(ctx, work, { attempts: 2, delay: 100, ...others }))
  await clock.advance(10_000_000)
  expect(result.settled).toBe(true)
  return times.map((time) => time - at)
}

describe('retry', () => {
  it('resolves to the result of the first successful attempt', async () => {
    const clock = fakeClock(0)
    const seen: [Context, number][] = []
    const result = outcome(
      retry(clock.root, async (ctx, attempt) => {
        seen.push([ctx, attempt])
        await sleep(ctx, 1)
        if (attempt < 3) throw new Error('down')
        return 'up'
      }),
    )
    await clock.advance(10_000)
    expect(result).toEqual({ settled: true, value: 'up' })
    expect(seen).toEqual([
      [clock.root, 1],
      [clock.root, 2],
      [clock.root, 3],
    ])
  })

  it('makes three attempts, and rejects with the last error itself and the number of attempts', async () => {
    const clock = fakeClock(0)
    const errors: Error[] = []
    const result = outcome(
      retry(clock.root, () => {
        errors.push(new RangeError(`down ${errors.length + 1}`))
        throw errors.at(-1)
      }),
    )
    await clock.advance(10_000)
    expect(errors).toHaveLength(3)
    expect(result.error).toBe(errors[2])
    expect(result.error).toBeInstanceOf(RangeError)
    expect(result.error).toMatchObject({ message: 'down 3', attempts: 3, stoppedBy: 'attempts' } satisfies object)
  })

  it.each<[what: string, error: unknown]>([
    ['a frozen error', Object.freeze(new Error('down'))],
    ['a text', 'down'],
    ['nothing', undefined],
    ['a proxy that refuses', new Proxy(new Error('down'), { defineProperty: () => raise() })],
    ['a revoked proxy', revoked()],
  ])('rejects with %s unchanged', async (_, error) => {
    const result = outcome(retry(background(), () => Promise.reject(error), { attempts: 1 }))
    await microtasks()
    expect(result.settled).toBe(true)
    expect(Object.is(result.error, error)).toBe(true)
  })

  it.each([
    [1, [0, 100, 300, 700, 1_500]],
    [0.5, [0, 50, 150, 350, 750]],
    [0, [0, 0, 0, 0, 0]],
  ])('waits a random part, %d, of a time that doubles', async (part, expected) => {
    random(part)
    expect(await timesAfter(new Error('down'), { attempts: 5, delay: 100 })).toEqual(expected)
  })

  it('waits no longer than 20 seconds, unless `delay` itself is longer', async () => {
    random(1)
    expect(await timesAfter(new Error('down'), { attempts: 5, delay: 5_000 })).toEqual([
      0, 5_000, 15_000, 35_000, 55_000,
    ])
    expect(await timesAfter(new Error('down'), { attempts: 3, delay: 30_000 })).toEqual([0, 30_000, 60_000])
  })

  it('waits as long as a function returns, given the attempt that failed and its error', async () => {
    const clock = fakeClock(0)
    const { times, work } = failing(clock, (attempt) => new Error(`down ${attempt}`))
    const asked: string[] = []
    const delay = (attempt: number, error: unknown) => {
      asked.push(`${attempt}: ${(error as Error).message}`)
      return attempt * 10
    }
    retry(clock.root, work, { delay }).catch(() => {})
    await clock.advance(1_000)
    expect(times).toEqual([0, 10, 30])
    expect(asked).toEqual(['1: down 1', '2: down 2'])
  })

  it('asks `retryIf` whether an error is worth another attempt', async () => {
    const clock = fakeClock(0)
    const { work } = failing(clock, (attempt) => new Error(attempt < 2 ? 'busy' : 'no such user'))
    const options: RetryOptions = { attempts: 5, retryIf: (error) => String(error).includes('busy') }
    const result = outcome(retry(clock.root, work, options))
    await clock.advance(60_000)
    expect(result.error).toMatchObject({ message: 'no such user', attempts: 2, stoppedBy: 'retryIf' })
  })

  it('ends its wait at once with the context', async () => {
    const clock = fakeClock(0)
    const { times, work } = failing(clock)
    const [ctx, cancel] = withCancel(clock.root)
    const result = outcome(retry(ctx, work, { delay: () => 60_000 }))
    await clock.advance(10)
    expect(result.settled).toBe(false)
    cancel('the reader pressed Stop')
    await microtasks()
    expect(result.error).toBe(ctx.err)
    await clock.advance(600_000)
    expect(times).toEqual([0])
  })

  it('never retries an end of its context, whatever the work rejects with', async () => {
    let calls = 0
    const [ctx, cancel] = withCancel(background())
    const result = retry(ctx, () => {
      calls++
      cancel('gone')
      throw new Error('down')
    })
    await expect(result).rejects.toBe(ctx.err)
    expect(calls).toBe(1)
  })

  it('does not call the work if the context has ended', async () => {
    const { times, work } = failing({ at: 0 })
    const [ctx, cancel] = withCancel(background())
    cancel()
    await expect(retry(ctx, work)).rejects.toBe(ctx.err)
    expect(times).toEqual([])
  })

  it("retries a deadline of the work's own", async () => {
    const clock = fakeClock(0)
    let calls = 0
    const result = outcome(
      retry(clock.root, (ctx) => within(ctx, 10, () => (++calls < 2 ? new Promise<never>(() => {}) : 'in time'))),
    )
    await clock.advance(10_000)
    expect(result.value).toBe('in time')
    expect(calls).toBe(2)
  })

  it("does not retry a cancel of the work's own", async () => {
    const { times, work } = failing({ at: 0 }, () => {
      const [ctx, cancel] = withCancel(background())
      cancel('Stop of this one')
      return new Error('aborted', { cause: ctx.err })
    })
    const result = outcome(retry(background(), work))
    await microtasks()
    expect(isCanceled(result.error)).toBe(true)
    expect(result.error).toMatchObject({ message: 'aborted', attempts: 1, stoppedBy: 'cancel' })
    expect(times).toHaveLength(1)
  })

  it('does not wait if the delay does not fit the time left, and says that the deadline stopped it', async () => {
    const clock = fakeClock(0)
    const { times, work } = failing(clock)
    const [ctx] = withTimeout(clock.root, 100)
    const result = outcome(retry(ctx, work, { delay: (attempt) => attempt * 40 }))
    await clock.advance(39)
    expect(result.settled).toBe(false)
    await clock.advance(1)
    // The next attempt would begin at 120 ms.
    expect(result.error).toMatchObject({ message: 'down', attempts: 2, stoppedBy: 'deadline' })
    expect(times).toEqual([0, 40])
    expect(ctx.err).toBeUndefined()
  })

  it('fails at once if the wait would be over together with the time', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 100)
    const result = outcome(retry(ctx, failing(clock).work, { delay: () => 100 }))
    await clock.advance(0)
    expect(result.error).toMatchObject({ message: 'down', attempts: 1, stoppedBy: 'deadline' })
  })

  it.each([0, () => 0])('may have no delay, and no limit to its attempts: %s', async (delay) => {
    const clock = fakeClock(0)
    const { times, work } = failing(clock)
    const result = outcome(
      retry(clock.root, (ctx, attempt) => (attempt < 9 ? work(ctx, attempt) : 'up'), {
        attempts: Infinity,
        delay,
      }),
    )
    await clock.advance(0)
    expect([result.value, times]).toEqual(['up', Array(8).fill(0)])
  })

  it('makes no attempt that would begin at the deadline', async () => {
    expect(await timesAfter(new Error('down'), { delay: () => 100, timeout: 100 })).toEqual([0])
    expect(await timesAfter(new Error('down'), { delay: () => 99, timeout: 100 })).toEqual([0, 99])
  })

  it('rejects with the error of the context when the time runs out during an attempt', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 100)
    const result = outcome(retry(ctx, () => new Promise<never>(() => {})))
    await clock.advance(100)
    expect(result.error).toBe(ctx.err)
    expect(result.error).toBeInstanceOf(DeadlineExceededError)
    expect(result.error).not.toHaveProperty('attempts')
  })

  it('accepts a foreign context', async () => {
    const controller = new AbortController()
    const result = outcome(retry(controller, () => Promise.reject(new Error('down')), { delay: () => 60_000 }))
    await microtasks()
    controller.abort('gone')
    await microtasks()
    expect(result.error).toMatchObject({ name: 'AbortError', cause: 'gone' })
  })
})

describe('the time in an error after which to retry', () => {
  const at = Date.UTC(2030, 0, 1, 12)
  const date = (seconds: number) => new Date(at + 1_000 * seconds).toUTCString()

  it.each<[what: string, error: unknown, ms: number]>([
    ['`retryAfter` in milliseconds', { retryAfter: 1_234 }, 1_234],
    ['a `retryAfter` of nothing', { retryAfter: 0 }, 0],
    ['seconds, in `Headers`, as of ky', { response: { headers: new Headers({ 'Retry-After': '7' }) } }, 7_000],
    ['seconds, in an object, as of axios', { response: { headers: { 'retry-after': '7' } } }, 7_000],
    ['seconds, as a number', { response: { headers: { 'Retry-After': 7 } } }, 7_000],
    ['a date', { response: { headers: new Headers({ 'Retry-After': date(90) }) } }, 90_000],
    ['a date in an object', { response: { headers: { 'retry-after': date(90) } } }, 90_000],
    ['an error with `headers` of its own', { headers: new Headers({ 'Retry-After': '7' }) }, 7_000],
    ['an error that is a response', new Response('', { status: 503, headers: { 'Retry-After': '7' } }), 7_000],
    ['a cause', new Error('no user', { cause: new Error('503', { cause: { retryAfter: 5 } }) }), 5],
    ['a cause behind a response that does not say', { response: { headers: {} }, cause: { retryAfter: 5 } }, 5],
  ])('replaces the delay: %s', async (_, error, ms) => {
    random(1)
    expect(await timesAfter(error, { at })).toEqual([0, ms])
    expect(await timesAfter(error, { at, delay: () => 1 })).toEqual([0, ms])
  })

  it.each<[what: string, error: unknown]>([
    ['a date that is now', { response: { headers: { 'retry-after': date(0) } } }],
    ['a date that has passed', { response: { headers: { 'retry-after': date(-5) } } }],
    ['a negative number', { retryAfter: -5 }],
    ['no number', { retryAfter: '5' }],
    ['not a number', { retryAfter: NaN }],
    ['no end', { retryAfter: Infinity }],
    ['negative seconds', { headers: { 'retry-after': '-5' } }],
    ['words', { headers: { 'retry-after': 'in May 2031' } }],
    ['no text', { headers: { 'retry-after': '' } }],
    ['no headers', { response: {} }],
    ['a revoked proxy', { response: revoked() }],
  ])('keeps the usual delay where it has no valid time: %s', async (_, error) => {
    random(1)
    expect(await timesAfter(error, { at })).toEqual([0, 100])
  })

  it('is waited for where the deadline leaves time, and otherwise stops the attempts', async () => {
    expect(await timesAfter({ retryAfter: 999 }, { timeout: 1_000 })).toEqual([0, 999])
    expect(await timesAfter({ retryAfter: 1_000 }, { timeout: 1_000 })).toEqual([0])
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5_000)
    const { work } = failing(clock, () => Object.assign(new Error('503'), { retryAfter: 60_000 }))
    const result = outcome(retry(ctx, work))
    await clock.advance(0)
    expect(result.error).toMatchObject({ message: '503', attempts: 1, stoppedBy: 'deadline' } satisfies Partial<
      Retried & Error
    >)
  })
})

describe('a budget', () => {
  it('limits 1,000 callers of a dead server to 1,100 attempts a minute, and recovers with the server', async () => {
    const clock = fakeClock(0)
    const budget = retryBudget()
    let tries = 0
    const request = (isDown: (attempt: number) => boolean) => {
      const work = async (ctx: Context, attempt: number) => {
        tries++
        await sleep(ctx, 5)
        if (isDown(attempt)) throw new Error('down')
      }
      return retry(clock.root, work, { attempts: 5, budget })
    }
    /** A thousand calls in a minute: how many succeed, and how many requests the server gets. */
    const minute = async (isDown: (caller: number, attempt: number) => boolean) => {
      tries = 0
      const results = Array.from({ length: 1_000 }, async (_, caller) => {
        await sleep(clock.root, 590 * Math.floor(caller / 10))
        await request((attempt) => isDown(caller, attempt))
      }).map((result) => outcome(result))
      await clock.advance(120_000)
      return [results.filter(({ settled, error }) => settled && !error).length, tries]
    }
    expect(await minute(() => true)).toEqual([0, 1_100])
    // A second minute of the same: the budget is spent.
    expect(await minute(() => true)).toEqual([0, 1_000])
    expect(await minute(() => false)).toEqual([1_000, 1_000])
    // The server has recovered: occasional failures are retried.
    expect(budget.tokens).toBeCloseTo(100)
    expect(await minute((caller, attempt) => caller % 10 === 0 && attempt === 1)).toEqual([1_000, 1_100])
  })

  it('takes a token for each retry, never for a first attempt, and stops the retries when it has none', async () => {
    const clock = fakeClock(0)
    const budget = retryBudget({ tokens: 2 })
    const { times, work } = failing(clock)
    const results = [1, 2, 3].map(() => outcome(retry(clock.root, work, { attempts: 2, budget })))
    await clock.advance(10_000)
    expect(times).toHaveLength(5)
    expect(results.map(({ error }) => error)).toMatchObject([
      { attempts: 2, stoppedBy: 'attempts' },
      { attempts: 2, stoppedBy: 'attempts' },
      { attempts: 1, stoppedBy: 'budget' },
    ])
    expect(budget.tokens).toBe(0)
  })

  it('regains a part of a token for each success, up to whole ones', async () => {
    const budget = retryBudget({ tokens: 1 })
    expect([budget.take(), budget.take()]).toEqual([true, false])
    for (let success = 1; success <= 9; success++) await retry(background(), () => {}, { budget })
    expect(budget.take()).toBe(false)
    await retry(background(), () => {}, { budget })
    expect([budget.take(), budget.take()]).toEqual([true, false])
  })

  it('gets nothing back for a success with a ratio of zero', async () => {
    const budget = retryBudget({ tokens: 2, ratio: 0 })
    budget.take()
    await retry(background(), () => 'up', { budget })
    expect(budget.tokens).toBe(1)
  })

  it('never has more tokens than at the start', async () => {
    const budget = retryBudget({ tokens: 3, ratio: 2 })
    await retry(background(), () => {}, { budget })
    expect(budget.tokens).toBe(3)
    budget.put(100)
    expect(budget.tokens).toBe(3)
  })

  it('gets its token back if the context ends before the retry', async () => {
    const budget = retryBudget({ tokens: 1 })
    const [ctx, cancel] = withCancel(background())
    const result = outcome(retry(ctx, () => Promise.reject(new Error('down')), { delay: () => 60_000, budget }))
    await microtasks()
    expect(budget.tokens).toBe(0)
    cancel()
    await microtasks()
    expect(result.error).toBe(ctx.err)
    expect(budget.tokens).toBe(1)
  })

  it('spends no token on a retry that does not fit the time left', async () => {
    const clock = fakeClock(0)
    const budget = retryBudget({ tokens: 1 })
    const [ctx] = withTimeout(clock.root, 50)
    await expect(retry(ctx, failing(clock).work, { delay: () => 60, budget })).rejects.toThrow('down')
    expect(budget.tokens).toBe(1)
  })
})

describe('misuse of retry', () => {
  it.each<[message: string, options: unknown]>([
    ['options must be an object, got null', null],
    ['attempts must be a positive integer or Infinity, got 0', { attempts: 0 }],
    ['attempts must be a positive integer or Infinity, got 1.5', { attempts: 1.5 }],
    ['attempts must be a positive integer or Infinity, got "3"', { attempts: '3' }],
    ['delay must be a finite number of milliseconds, at least 0, got -1', { delay: -1 }],
    ['delay must be a finite number of milliseconds, at least 0, got Infinity', { delay: Infinity }],
    ['delay must be a finite number of milliseconds, at least 0, got "1s"', { delay: '1s' }],
    ['retryIf must be a function, got true', { retryIf: true }],
    ['budget must be made by retryBudget, got 100', { budget: 100 }],
  ])('rejects: %s', async (message, options) => {
    let calls = 0
    const result = retry(background(), () => calls++, wrong(options))
    await expect(result).rejects.toThrow(new TypeError(`rescind: ${message}`))
    expect(calls).toBe(0)
  })

  it('rejects an invalid context, invalid work, and a delay function that returns no delay', async () => {
    await expect(retry(wrong(undefined), () => {})).rejects.toThrow('rescind: ctx must be a context, got undefined')
    await expect(retry(background(), wrong<() => void>(5))).rejects.toThrow('rescind: work must be a function, got 5')
    await expect(retry(background(), failing({ at: 0 }).work, { delay: () => NaN })).rejects.toThrow(
      'rescind: the result of delay must be a finite number of milliseconds, at least 0, got NaN',
    )
  })

  it.each<[message: string, options: unknown]>([
    ['options must be an object, got 100', 100],
    ['tokens must be a finite number, at least 1, got 0.5', { tokens: 0.5 }],
    ['tokens must be a finite number, at least 1, got Infinity', { tokens: Infinity }],
    ['ratio must be a finite number, at least 0, got -0.1', { ratio: -0.1 }],
    ['ratio must be a finite number, at least 0, got Infinity', { ratio: Infinity }],
    ['ratio must be a finite number, at least 0, got "10%"', { ratio: '10%' }],
  ])('throws for an invalid budget: %s', (message, options) => {
    expect(() => retryBudget(wrong(options))).toThrow(new TypeError(`rescind: ${message}`))
  })
})

describe('a retry that is over', () => {
  it('leaves no listener and no context', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    await expect(retry({ signal }, failing({ at: 0 }).work, { delay: 0 })).rejects.toThrow('down')
    expect(listeners()).toBe(0)
    const [parent] = withCancel(background())
    expect(
      await isCollected(() => {
        const [ctx, cancel] = withCancel(parent)
        retry(ctx, failing({ at: 0 }).work, { delay: () => 60_000 }).catch(() => {})
        queueMicrotask(() => queueMicrotask(cancel))
        return ctx
      }),
    ).toBe(true)
    await task()
  })
})

/** How long an attempt takes, and what its error asks for. */
interface Try {
  readonly ms: number
  readonly retryAfter: number | undefined
}

const tries: fc.Arbitrary<Try[]> = fc.array(
  fc.record({
    ms: fc.nat({ max: 30 }),
    retryAfter: fc.option(fc.nat({ max: 40 }), { nil: undefined }),
  }),
  { minLength: 6, maxLength: 6 },
)

describe('retry, with random failures', () => {
  it('makes its attempts at the times of the model, and settles like it', async () => {
    const options = fc.record({
      attempts: fc.integer({ min: 1, max: 6 }),
      delay: fc.nat({ max: 20 }),
      timeout: fc.oneof(fc.nat({ max: 120 }), fc.constant(Infinity)),
      part: fc.double({ min: 0, max: 0.999, noNaN: true }),
      tokens: fc.integer({ min: 1, max: 4 }),
      lastSucceeds: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(tries, options, async (all, { attempts, delay, timeout, part, tokens, lastSucceeds }) => {
        vi.spyOn(Math, 'random').mockReturnValue(part)
        // The model: the whole time line, worked out in advance.
        const expected: number[] = []
        let now = 0
        let end = timeout === 0 ? 'TimeoutError' : ''
        for (let attempt = 1; !end; attempt++) {
          expected.push(now)
          const { ms, retryAfter } = all[attempt - 1] as Try
          now += ms
          const wait = retryAfter ?? part * Math.min(20_000, delay * 2 ** (attempt - 1))
          if (ms > 0 && now >= timeout) end = 'TimeoutError'
          else if (lastSucceeds && attempt === 3) end = 'done'
          else if (attempt === attempts) end = 'attempts'
          else if (now + wait >= timeout) end = 'deadline'
          else if (attempt > tokens) end = 'budget'
          else now += wait
        }
        const clock = fakeClock(0)
        const [ctx] = withTimeout(clock.root, timeout)
        const times: number[] = []
        const work = async (ctx: Context, attempt: number) => {
          times.push(clock.at)
          const { ms, retryAfter } = all[attempt - 1] as Try
          if (ms > 0) await sleep(ctx, ms)
          if (lastSucceeds && attempt === 3) return 'done'
          throw Object.assign(new Error('down'), { retryAfter })
        }
        const result = outcome(retry(ctx, work, { attempts, delay, budget: retryBudget({ tokens }) }))
        await clock.advance(1_000)
        expect(times).toEqual(expected)
        const { stoppedBy, name } = (result.error ?? {}) as Partial<Retried & Error>
        expect(result.value ?? stoppedBy ?? name).toBe(end)
      }),
      { numRuns: 200 },
    )
  })

  it('spreads the waits of many callers over the whole range', async () => {
    const clock = fakeClock(0)
    const times: number[] = []
    const work = (_: Context, attempt: number) => {
      if (attempt > 1) times.push(clock.at)
      throw new Error('down')
    }
    const all = Array.from({ length: 1_000 }, () => outcome(retry(clock.root, work, { attempts: 2, delay: 1_000 })))
    await clock.advance(1_000)
    expect(all.every(({ settled }) => settled)).toBe(true)
    const tenths = Array.from({ length: 10 }, (_, tenth) => times.filter((time) => Math.floor(time / 100) === tenth))
    // A hundred each, give or take: one in a billion runs has fewer.
    for (const tenth of tenths) expect(tenth.length).toBeGreaterThan(40)
  })
})

describe('a retry inside another', () => {
  it('rejects with the error of the context when that ends', async () => {
    const [ctx, cancel] = withCancel(background())
    const result = outcome(retry(ctx, (ctx) => until(ctx, () => retry(ctx, () => Promise.reject(new Error('down'))))))
    await microtasks()
    cancel('gone')
    await microtasks()
    expect(result.error).toBe(ctx.err)
    expect(cause(ctx)).toBe('gone')
  })
})

function raise(): never {
  throw new Error('refused')
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
