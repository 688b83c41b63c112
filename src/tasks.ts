/**
 * Work under a context. Every operation takes the context first. When the context ends, the operation rejects with
 * exactly `ctx.err`, whatever the error of the work is: that error differs between engines. The operation leaves no
 * timer, no listener and no unhandled rejection, and errors of the work keep the stack frames of its callers.
 */

import { assertFunction, assertNumber, assertOptions, invalid, isDate, isObject } from './arguments.ts'
import { waitFor } from './callbacks.ts'
import { contextOf, derive, end, withoutCancel } from './context.ts'
import type { Context, ContextLike } from './context.ts'
import { clockOf, Deadline, limited, withTimeout } from './deadlines.ts'
import type { DeadlineOptions } from './deadlines.ts'
import type { Listener } from './listeners.ts'
import { finish, watch } from './observer.ts'
import type { Hint } from './observer.ts'
import { withSignal } from './signals.ts'
import { turn } from './turn.ts'

/** A function that works under a context. */
export type Work<T> = (ctx: Context) => T | PromiseLike<T>

/**
 * Waits `ms` milliseconds: with zero or less until the next turn of the event loop, with Infinity until `ctx` ends.
 *
 * @returns resolves when the time has passed; rejects with `ctx.err` when `ctx` ends first, and with a TypeError if
 * `ctx` is not a context or `ms` is not a number
 * @example
 * const [ctx, cancel] = withTimeout(background(), 10)
 * const err = await sleep(ctx, 60_000).catch((error) => error)
 * err === ctx.err // => true
 * cancel()
 * @see Go's `time.After` in a `select` with `ctx.Done()`
 */
export function sleep(ctx: ContextLike, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const context = contextOf(ctx)
    assertNumber('ms', ms)
    context.throwIfDone()
    const alarm = derive(context, 'sleep')
    const deadline = (alarm.own = new Alarm(alarm, Math.max(ms, 0)))
    // For `waitFor`, which keeps the process alive if there is a deadline.
    if (ms < Infinity) alarm.deadlines = deadline
    waitFor(alarm, 'sleep', () => {
      const { err } = context
      if (err) reject(err)
      else resolve()
    })
    // Not `deadline.start()`, which would end it at once if `ms` is zero: a sleep takes at least one turn.
    if (ms < Infinity && !alarm.ended) clockOf(alarm).start(deadline)
  })
}

/** Expires only in a turn of the event loop: if reading `err` could expire it, loops of sleeps could block all else. */
class Alarm extends Deadline implements Listener {
  override expire(_: Listener[], sleepers: Listener[]): void {
    sleepers.push(this)
  }

  tell(): void {
    finish(() => end(this.node, this), 'completed')
  }
}

/**
 * Waits for a promise, or for the result of a function, but no longer than `ctx` lives. Use it for work that takes no
 * signal, and for the same error in every engine. A function is not called if `ctx` has ended. A result that arrives
 * after the end of `ctx` is dropped.
 *
 * @returns settles as the work does; rejects with `ctx.err` when `ctx` ends first, and with a TypeError if `ctx` is not
 * a context or `work` is neither a promise nor a function
 */
export function until<T>(ctx: ContextLike, work: PromiseLike<T> | Work<T>): Promise<T> {
  return wait(ctx, 'until', work)
}

/** Does what {@link until} does; an inspector shows the operation as `name`. */
export async function wait<T>(ctx: ContextLike, name: string, work: PromiseLike<T> | Work<T>): Promise<T> {
  const context = contextOf(ctx)
  const isPromise = isThenable(work)
  if (!isPromise && typeof work !== 'function') throw invalid('work', 'a promise or a function', work)
  // Not for a promise: it must get its handlers first, or its rejection would count as unhandled.
  if (!isPromise) context.throwIfDone()
  let stop: (() => boolean) | undefined
  let leave: (() => void) | undefined
  let running: Promise<T> | undefined
  try {
    ;[running, leave] = follow<T>(isPromise ? work : work(context))
    const ended = new Promise<never>((_, reject) => {
      stop = waitFor(context, name, () => reject(context.err))
    })
    // A race: V8 finds the callers of failed work through it, but not through a handler in our code.
    const result = await Promise.race([running, ended])
    if (stop?.()) return result
  } catch (error) {
    if (stop ? stop() : !context.err) throw error
  } finally {
    leave?.()
  }
  if (watch.observer && running && !isPromise) {
    const done = watch.observer.works(context, name)
    void running.then(done, done)
  }
  throw context.err
}

/** A caller that waits for a promise after another one did. */
interface Follower<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/**
 * The promises that callers wait for. A pending promise never drops its handlers, so each has at most two: that of the
 * first caller, and one for the set of all later callers, which can leave the set.
 */
const followers = /* @__PURE__ */ new WeakMap<object, Set<Follower<never>> | undefined>()

/** Returns a promise that settles as `value` does, and a function to call when the caller no longer waits. */
function follow<T>(value: T | PromiseLike<T>): [followed: Promise<T>, leave: () => void] {
  if (!isThenable(value) || !followers.has(value)) {
    if (isThenable(value)) followers.set(value, undefined)
    return [Promise.resolve(value), () => {}]
  }
  const set = (followers.get(value) as Set<Follower<T>> | undefined) ?? share<T>(value)
  let follower!: Follower<T>
  const followed = new Promise<T>((resolve, reject) => {
    set.add((follower = { resolve, reject }))
  })
  return [followed, () => set.delete(follower)]
}

function share<T>(promise: PromiseLike<T>): Set<Follower<T>> {
  const set = new Set<Follower<T>>()
  followers.set(promise, set)
  const settle = (tell: (follower: Follower<T>) => void) => {
    // A later caller must not join this set, which is notified once. It adds a handler; settled promises retain none.
    followers.delete(promise)
    set.forEach(tell)
  }
  void promise.then(
    (value) => settle(({ resolve }) => resolve(value)),
    (error: unknown) => settle(({ reject }) => reject(error)),
  )
  return set
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function'
}

/** Limits of {@link within}. */
export interface Limits<F = never> extends DeadlineOptions {
  /** The longest duration of the work, in milliseconds; Infinity for no limit. */
  readonly timeout?: number | undefined
  /** The latest end of the work: a Date, or milliseconds since the epoch. With a `timeout` too, the sooner counts. */
  readonly deadline?: number | Date | undefined
  /** One signal or a list, as {@link withSignal} takes them. */
  readonly signal?: Parameters<typeof withSignal>[1]
  /** The result if `timeout` or `deadline` has passed: a value, or a function that returns one. */
  readonly fallback?: F | (() => F | PromiseLike<F>) | undefined
}

/**
 * Runs `work` under a new context derived from `ctx`, which ends when the work has settled. Read whatever needs that
 * context, such as the body of a response, inside `work`: after it, the body is aborted.
 *
 * @param limits a timeout in milliseconds, or an object of limits; its `label` and `cause` are in the error
 * @returns settles as {@link until} does. If `timeout` or `deadline` has passed and there is a `fallback`, resolves to
 * that; when `ctx` or `signal` ends the work, rejects nevertheless.
 * @throws TypeError, as a rejection, if `ctx` is not a context, a limit has a wrong type, or `work` is not a function
 * @example
 * const titles = await within(background(), 5_000, async ({ signal }) => {
 *   const response = await fetch('data:application/json,["Blue Train"]', { signal })
 *   return response.json()
 * })
 * titles // => ['Blue Train']
 */
export async function within<T, F = never>(
  ctx: ContextLike,
  limits: number | Limits<F>,
  work: Work<T>,
): Promise<T | F> {
  const options: Limits<F> = typeof limits === 'number' ? { timeout: limits } : limits
  assertOptions(options)
  assertFunction('work', work)
  const { timeout = Infinity, deadline = Infinity, fallback, signal } = options
  const at = isDate(deadline) ? deadline.getTime() : deadline
  assertNumber('timeout', timeout)
  assertNumber('deadline', at, deadline)
  const parent = contextOf(ctx)
  const [above, leave] = signal ? withSignal(parent, signal) : [parent]
  const node = derive(above, 'within', options)
  const left = at < Infinity ? at - clockOf(node).wall() : Infinity
  const [, cancel] = limited(node, Math.min(timeout, left), options)
  let settled: [hint: Hint, failure?: unknown] = ['completed']
  try {
    return await wait(node, 'within', work)
  } catch (error) {
    settled = ['canceled', error]
    if (fallback === undefined || node.ended !== node.own) throw error
    return typeof fallback === 'function' ? await (fallback as () => F | PromiseLike<F>)() : fallback
  } finally {
    finish(cancel, ...settled)
    leave?.()
  }
}

/**
 * Runs clean-up that must happen even if `ctx` has ended. The context of `fn` has the values of `ctx`, but does not end
 * with it; it ends after `ms` milliseconds.
 *
 * @returns settles as `fn` does; rejects with a DeadlineExceededError after `ms`, and with a TypeError if `ctx` is not
 * a context, `ms` is not a finite number, or `fn` is not a function
 */
export async function shield<T>(ctx: ContextLike, ms: number, fn: Work<T>): Promise<T> {
  if (!Number.isFinite(ms)) throw invalid('ms', 'a finite number of milliseconds', ms)
  assertFunction('fn', fn)
  const [shielded, cancel] = withTimeout(withoutCancel(contextOf(ctx)), ms, { label: 'shield' })
  let settled: [hint: Hint, failure?: unknown] = ['completed']
  try {
    return await wait(shielded, 'shield', fn)
  } catch (error) {
    settled = ['canceled', error]
    throw error
  } finally {
    finish(cancel, ...settled)
  }
}

/**
 * Yields to the event loop. Call it regularly in CPU-bound work, so that input, timers and cancels are handled.
 *
 * @returns resolves in a later turn; rejects with `ctx.err` if `ctx` has ended by then, and with a TypeError if `ctx`
 * is not a context
 * @see https://wicg.github.io/scheduling-apis/#dom-scheduler-yield
 */
export function pause(ctx: ContextLike): Promise<void> {
  return wait(ctx, 'pause', nextTurn)
}

interface SchedulingGlobals {
  scheduler?: { yield?: () => Promise<void> }
  setImmediate?: (fn: () => void) => unknown
}

/** Whether the last turn came from `scheduler.yield`. */
let yielded = false

function nextTurn(): Promise<void> {
  const { scheduler, setImmediate } = globalThis as SchedulingGlobals
  // In Chromium, `yield` resumes before all messages, timers and responses, so we use it only every second time.
  yielded = scheduler?.yield !== undefined && !yielded
  if (yielded) return (scheduler as { yield: () => Promise<void> }).yield()
  return setImmediate ? new Promise((resolve) => void setImmediate(resolve)) : turn()
}
