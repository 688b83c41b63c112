/**
 * Retries of work that failed. The invariant: no delay starts that would last beyond the deadline. The promise rejects
 * with the last error of the work itself, without a wrapper, or with `ctx.err` if the context ends first. Delays:
 * exponential with full jitter, as in AWS's Architecture Blog. Budget: the token bucket of gRPC's retry throttling.
 */

import { assertFunction, assertOptions, invalid } from './arguments.ts'
import { resolve } from './context.ts'
import type { Context, ContextLike } from './context.ts'
import { clockOf } from './deadlines.ts'
import { findCause, isCanceled, property } from './errors.ts'
import { remaining } from './lifetime.ts'
import { sleep, wait } from './tasks.ts'

/** Options of {@link retry}. */
export interface RetryOptions {
  /** The largest number of attempts, including the first; Infinity for no limit. 3 by default. */
  readonly attempts?: number | undefined
  /**
   * The longest delay before the second attempt, in milliseconds; 200 by default. This limit doubles with each attempt,
   * up to 20 seconds (or `delay`, if longer); the actual delay is a random part of it. A function is called with the
   * number of the attempt that failed, from 1, and its error; it returns the exact delay.
   */
  readonly delay?: number | ((attempt: number, error: unknown) => number) | undefined
  /** Returns true if `error` should be retried; by default all are. Not called for a cancel, which is never retried. */
  readonly retryIf?: ((error: unknown, attempt: number) => boolean) | undefined
  /** Limits the retries of all callers that share it; see {@link retryBudget}. */
  readonly budget?: RetryBudget | undefined
}

/** Properties that {@link retry} adds to the error with which it rejects, if the error is an extensible object. */
export interface Retried {
  /** The number of attempts that were made. */
  readonly attempts: number
  /**
   * Why there was no further attempt: the name of the option that prevented it; `deadline` if the deadline comes before
   * the next attempt; or `cancel` if the work was canceled.
   */
  readonly stoppedBy: 'attempts' | 'retryIf' | 'budget' | 'deadline' | 'cancel'
}

/** The longest delay, unless the option `delay` is longer. */
const MAX_DELAY = 20_000

/** After this many doublings, every delay has reached its limit. */
const MAX_DOUBLINGS = 30

/**
 * Calls `work` until it succeeds, and waits between the attempts. When `ctx` ends, there are no further attempts; a
 * timeout inside the work, such as `within(ctx, 1_000, …)`, is retried. An error, or one of its causes, can replace
 * `delay`: by `retryAfter` in milliseconds, or by a `Retry-After` header in its `response.headers` or `headers`, in
 * seconds or as a future date.
 *
 * If the next attempt could not start before the deadline of `ctx`, `retry` rejects at once, without waiting.
 *
 * @returns resolves to the result of the first attempt that succeeds; rejects with `ctx.err` if `ctx` ends, or else
 * with the error of the last attempt, unwrapped. That error gets the properties of {@link Retried}, to read in logs.
 * Rejects with a TypeError if `ctx` is not a context, `work` is not a function, or an option is invalid.
 * @example
 * const answers = ['busy', 'busy', 'Blue Train']
 * const work = async (ctx: Context, attempt: number) => {
 *   const answer = answers[attempt - 1]
 *   if (answer === 'busy') throw new Error(answer)
 *   return answer
 * }
 * await retry(background(), work, { attempts: 3, delay: 1 }) // => 'Blue Train'
 * const error = await retry(background(), work, { attempts: 2, delay: 1 }).catch((error) => error)
 * error.message // => 'busy'
 * error.attempts // => 2
 * error.stoppedBy // => 'attempts'
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export async function retry<T>(
  ctx: ContextLike,
  work: (ctx: Context, attempt: number) => T | PromiseLike<T>,
  options: RetryOptions = {},
): Promise<T> {
  const context = resolve(ctx)
  assertFunction('work', work)
  const { attempts, retryIf, delay, budget } = checked(options)
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await wait(context, 'retry', () => work(context, attempt))
      budget?.put()
      return result
    } catch (error) {
      context.throwIfDone()
      if (isCanceled(error)) throw noted(error, attempt, 'cancel')
      if (attempt >= attempts) throw noted(error, attempt, 'attempts')
      if (retryIf && !retryIf(error, attempt)) throw noted(error, attempt, 'retryIf')
      const ms = requestedDelay(error, clockOf(context.node).wall()) ?? delayAfter(attempt, error, delay)
      if (ms >= (remaining(context) ?? Infinity)) throw noted(error, attempt, 'deadline')
      if (budget && !budget.take()) throw noted(error, attempt, 'budget')
      await pass(context, ms, budget)
    }
  }
}

/** Waits for the next attempt. If the wait fails, returns the token to the budget. */
async function pass(ctx: Context, ms: number, budget: RetryBudget | undefined): Promise<void> {
  try {
    await sleep(ctx, ms)
  } catch (error) {
    budget?.put(1)
    throw error
  }
}

function checked(options: RetryOptions) {
  assertOptions(options)
  const { attempts = 3, delay = 200, retryIf, budget } = options
  if (attempts !== Infinity && !(Number.isInteger(attempts) && attempts > 0)) {
    throw invalid('attempts', 'a positive integer or Infinity', attempts)
  }
  if (typeof delay !== 'function') assertDelay('delay', delay)
  if (retryIf !== undefined) assertFunction('retryIf', retryIf)
  if (budget !== undefined && typeof property(budget, 'take') !== 'function') {
    throw invalid('budget', 'made by retryBudget', budget)
  }
  return { attempts, delay, retryIf, budget }
}

function assertDelay(parameter: string, ms: unknown): void {
  if (!(Number.isFinite(ms) && (ms as number) >= 0)) {
    throw invalid(parameter, 'a finite number of milliseconds, at least 0', ms)
  }
}

function delayAfter(attempt: number, error: unknown, delay: NonNullable<RetryOptions['delay']>): number {
  if (typeof delay === 'number') {
    const limit = Math.max(MAX_DELAY, delay)
    return Math.random() * Math.min(limit, delay * 2 ** Math.min(attempt - 1, MAX_DOUBLINGS))
  }
  const ms = delay(attempt, error)
  assertDelay('the result of delay', ms)
  return ms
}

/** The delay in milliseconds that `error` or one of its causes requests; undefined if none does. */
function requestedDelay(error: unknown, now: number): number | undefined {
  let ms: number | undefined
  findCause(error, (link) => (ms = requestOf(link, now)) !== undefined)
  return ms
}

function requestOf(link: unknown, now: number): number | undefined {
  const own = property(link, 'retryAfter')
  if (Number.isFinite(own) && (own as number) >= 0) return own as number
  const response = property(link, 'response')
  const header = retryAfterIn(property(response, 'headers')) ?? retryAfterIn(property(link, 'headers'))
  const text = String(header ?? '').trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // Must contain a time of day: `Date.parse` accepts almost any text. A past date is ignored: it would mean no delay.
  const left = /\d:\d\d:\d\d/.test(text) ? Date.parse(text) - now : NaN
  return left > 0 ? left : undefined
}

/** The header in a `Headers`, or in an object with the names of headers as keys. */
function retryAfterIn(headers: unknown): unknown {
  if (typeof property(headers, 'get') === 'function') return (headers as Headers).get('retry-after')
  return property(headers, 'retry-after') ?? property(headers, 'Retry-After')
}

/** Adds the properties of `Retried` to `error`, and returns it. Leaves a frozen error or a primitive as it is. */
function noted(error: unknown, attempts: number, stoppedBy: Retried['stoppedBy']): unknown {
  const retried: Retried = { attempts, stoppedBy }
  try {
    for (const [name, value] of Object.entries(retried)) {
      Reflect.defineProperty(error as object, name, { value, configurable: true, enumerable: true, writable: true })
    }
  } catch {
    // A primitive, or a proxy that throws.
  }
  return error
}

/** A budget for retries that callers share; see {@link retryBudget}. */
export interface RetryBudget {
  /** The current number of tokens. A retry needs a whole one. */
  readonly tokens: number
  /** Takes a token for one retry. Returns false if there is none. */
  take(): boolean
  /** Adds `tokens`, by default the `ratio` for one success, up to the number with which the budget began. */
  put(tokens?: number): void
}

/** Options of {@link retryBudget}. */
export interface RetryBudgetOptions {
  /** The largest number of retries without a success, at least 1; 100 by default. gRPC's `maxTokens`. */
  readonly tokens?: number | undefined
  /** The number of retries that each success adds; 0.1 by default. gRPC's `tokenRatio`. */
  readonly ratio?: number | undefined
}

/** Tolerance for rounding: in floating point, ten times 0.1 adds up to less than 1. */
const ROUNDING = 1e-6

/**
 * Makes a budget for the retries of many callers, so that they do not multiply the load on a failing server. Each retry
 * takes a token; each call of {@link retry} that succeeds adds `ratio` of a token. Without a token there is no retry:
 * the call rejects at once with the error of the work. First attempts need no token, so the budget fills again when the
 * server recovers. Make one budget for each server, once.
 *
 * With the defaults, 1,000 callers of a dead server send at most 1,100 requests.
 *
 * @throws TypeError if an option is out of range
 * @example
 * const budget = retryBudget({ tokens: 1 })
 * const fail = () => Promise.reject(new Error('busy'))
 * const error = await retry(background(), fail, { attempts: 9, delay: 1, budget }).catch((error) => error)
 * error.attempts // => 2
 * error.stoppedBy // => 'budget'
 * @see https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  assertOptions(options)
  const { tokens: most = 100, ratio = 0.1 } = options
  if (!(Number.isFinite(most) && most >= 1)) throw invalid('tokens', 'a finite number, at least 1', most)
  if (!(Number.isFinite(ratio) && ratio >= 0)) throw invalid('ratio', 'a finite number, at least 0', ratio)
  let tokens = most
  return {
    get tokens() {
      return tokens
    },
    take() {
      if (tokens < 1 - ROUNDING) return false
      tokens = Math.max(tokens - 1, 0)
      return true
    },
    put(count = ratio) {
      tokens = Math.min(tokens + count, most)
    },
  }
}
