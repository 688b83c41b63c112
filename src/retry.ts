/**
 * Further attempts at work that failed. The invariant: no attempt is made, and no wait is begun, that cannot fit the
 * time left; and the error that rejects is the last one of the work itself, without a wrapper. Delays: exponential with
 * full jitter, as in AWS's Architecture Blog. Budget: the token bucket of gRPC's retry throttling.
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
  /** How many attempts there are at most, the first one included; Infinity: any number. 3 if left out. */
  readonly attempts?: number | undefined
  /**
   * How many milliseconds to wait before the second attempt at most. The limit doubles with each attempt, up to 20
   * seconds or `delay`, and the wait is a random part of it. 200 if left out. A function gets the number of the attempt
   * that failed, from 1, and its error; what it returns is waited exactly.
   */
  readonly delay?: number | ((attempt: number, error: unknown) => number) | undefined
  /** Says whether an error is worth another attempt; all are if left out. Not asked about a cancel, which never is. */
  readonly retryIf?: ((error: unknown, attempt: number) => boolean) | undefined
  /** Bounds the retries of all callers that share it; see {@link retryBudget}. */
  readonly budget?: RetryBudget | undefined
}

/** What {@link retry} adds to the error with which it rejects, if that is an object that can be extended. */
export interface Retried {
  /** How many attempts were made. */
  readonly attempts: number
  /**
   * Why there was not another one: the option that ruled it out, a `deadline` that comes before the next attempt could
   * begin, or a `cancel` of the work.
   */
  readonly stoppedBy: 'attempts' | 'retryIf' | 'budget' | 'deadline' | 'cancel'
}

/** The longest delay, unless a longer one was asked for. */
const MAX_DELAY = 20_000

/** Beyond this many doublings, every delay is at its limit. */
const MAX_DOUBLINGS = 30

/**
 * Calls `work` until it succeeds, and waits between the attempts. An end of `ctx` is never retried; a deadline of the
 * work's own, as of `within(ctx, 1_000, …)` in it, is. An error that says when to come back, or that has a cause which
 * does, is obeyed instead of `delay`: by a `retryAfter` in milliseconds, or by a `Retry-After` header, in seconds or as
 * a date that is yet to come, in its `response.headers` or `headers`.
 *
 * Where an attempt could not begin before the deadline of `ctx`, there is none: `retry` rejects at once.
 *
 * @returns settles as the first attempt that succeeds; rejects with `ctx.err` if `ctx` ends, else with the error of the
 * last attempt, the very object that it rejected with. That error gets the properties of {@link Retried}, to be read by
 * people and loggers. Rejects with a TypeError if `ctx` is not a context, `work` not a function or an option wrong.
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

/** Waits for the next attempt; if that is not to come, the budget gets its token back. */
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
    throw invalid('attempts', 'a positive whole number or Infinity', attempts)
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
  assertDelay('what delay returns', ms)
  return ms
}

/** How many milliseconds `error`, or a cause of it, asks to wait; undefined if it does not say. */
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
  // Only what has a time of day: engines find a date in almost any text. One that has passed would be no wait at all.
  const left = /\d:\d\d:\d\d/.test(text) ? Date.parse(text) - now : NaN
  return left > 0 ? left : undefined
}

/** The header in a `Headers`, or in an object of headers by their names. */
function retryAfterIn(headers: unknown): unknown {
  if (typeof property(headers, 'get') === 'function') return (headers as Headers).get('retry-after')
  return property(headers, 'retry-after') ?? property(headers, 'Retry-After')
}

/** `error` with what is known of its retries. One that is frozen, or not an object, stays as it is. */
function noted(error: unknown, attempts: number, stoppedBy: Retried['stoppedBy']): unknown {
  const retried: Retried = { attempts, stoppedBy }
  try {
    for (const [name, value] of Object.entries(retried)) {
      Reflect.defineProperty(error as object, name, { value, configurable: true, enumerable: true, writable: true })
    }
  } catch {
    // It is no object, or a proxy that refuses by throwing.
  }
  return error
}

/** A budget for retries, shared by callers; see {@link retryBudget}. */
export interface RetryBudget {
  /** How many retries there is room for at the moment. A part of one is not enough. */
  readonly tokens: number
  /** Takes a token for one retry. Says whether there was one. */
  take(): boolean
  /** Puts tokens back: as many as given, by default those for one success. Never more than the budget began with. */
  put(tokens?: number): void
}

/** Options of {@link retryBudget}. */
export interface RetryBudgetOptions {
  /** How many retries there may be without a success: gRPC's `maxTokens`. At least 1; 100 if left out. */
  readonly tokens?: number | undefined
  /** How many retries each success pays for: gRPC's `tokenRatio`. 0.1 if left out. */
  readonly ratio?: number | undefined
}

/** Ten times a tenth is a little less than one. */
const ROUNDING = 1e-6

/**
 * Makes a budget for the retries of many callers, so that they do not multiply the load on a server in trouble. Each
 * retry takes a token; each call of {@link retry} that succeeds puts `ratio` of one back. Without a token there is no
 * retry: the call rejects with its error at once. First attempts are never held up, so a server that recovers fills the
 * budget again. One budget for each server, made once.
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
