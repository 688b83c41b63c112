/**
 * Work under a context. Every operation takes the context first, settles no later than it ends, and then rejects with
 * exactly `ctx.err`, whatever the work itself rejected with: engines disagree on that. It leaves nothing behind, no
 * timer, no listener, no unhandled rejection, and errors of the work keep the frames of its callers.
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
 * Waits `ms` milliseconds. Zero and less wait for the next turn of the event loop, Infinity for the end of `ctx`.
 *
 * @returns resolves when the time is over; rejects with `ctx.err` when `ctx` ends first, with a TypeError if `ctx` is
 * not a context or `ms` not a number
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
    // In sight of what waits, which keeps the process alive for it.
    if (ms < Infinity) alarm.deadlines = deadline
    waitFor(alarm, 'sleep', () => {
      const { err } = context
      if (err) reject(err)
      else resolve()
    })
    // Pending even if it is due: it would end at once, and a sleep takes a turn at least.
    if (ms < Infinity && !alarm.ended) clockOf(alarm).start(deadline)
  })
}

/** Expires in a turn of the event loop only: loops of sleeps would starve it if a read of `err` woke the next one. */
class Alarm extends Deadline implements Listener {
  override expire(_: Listener[], sleepers: Listener[]): void {
    sleepers.push(this)
  }

  tell(): void {
    finish(() => end(this.node, this), 'completed')
  }
}

/**
 * Waits for a promise, or for what `work` returns, but no longer than `ctx` lives. For work that takes no signal, and
 * for one error in every engine. `work` is not called if `ctx` has ended; a result that comes too late is dropped.
 *
 * @returns settles as the work does; rejects with `ctx.err` if `ctx` ends first, or if the work fails after that,
 * with a TypeError if `ctx` is not a context, or `work` neither a promise nor a function
 */
export function until<T>(ctx: ContextLike, work: PromiseLike<T> | Work<T>): Promise<T> {
  return wait(ctx, 'until', work)
}

/** What {@link until} does, under the name that an inspector has for it. */
export async function wait<T>(ctx: ContextLike, name: string, work: PromiseLike<T> | Work<T>): Promise<T> {
  const context = contextOf(ctx)
  const isPromise = isThenable(work)
  if (!isPromise && typeof work !== 'function') throw invalid('work', 'a promise or a function', work)
  // A promise gets its handlers all the same: its late rejection must not count as unhandled.
  if (!isPromise) context.throwIfDone()
  let stop: (() => boolean) | undefined
  let leave: (() => void) | undefined
  let running: Promise<T> | undefined
  try {
    ;[running, leave] = follow<T>(isPromise ? work : work(context))
    const ended = new Promise<never>((_, reject) => {
      stop = waitFor(context, name, () => reject(context.err))
    })
    // A race: V8 finds the callers of failed work through it, but not through a handler of ours.
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

/** What waits for a promise besides its first follower. */
interface Follower<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/**
 * The promises that are followed. A pending promise never drops its handlers, so only the first follower is one; the
 * later ones share another, in a set that they leave.
 */
const followers = /* @__PURE__ */ new WeakMap<object, Set<Follower<never>> | undefined>()

/** A promise that settles as `value` does, and what to call when it is no longer of interest. */
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
    // What comes later would never be told; a promise that has settled keeps no handlers.
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
  /** How many milliseconds the work has; Infinity: any number. */
  readonly timeout?: number | undefined
  /** When the work must be over: a Date, or milliseconds since the epoch. The sooner of the two counts. */
  readonly deadline?: number | Date | undefined
  /** One signal or a list, as {@link withSignal} takes them. */
  readonly signal?: Parameters<typeof withSignal>[1]
  /** Answers instead when the work's own time is over: a value, or a function that returns it. */
  readonly fallback?: F | (() => F | PromiseLike<F>) | undefined
}

/**
 * Runs `work` under a context of its own, and ends that when the work has settled: to derive, to run and to release in
 * one. What `work` hands out that still needs the context, such as a body that is not read yet, ends with it.
 *
 * @param limits milliseconds, or what else bounds the work; its `label` and `cause` are in the error
 * @returns settles as {@link until} does. When the work's own time is over, resolves to the `fallback` if there is one;
 * an end of `ctx` or of `signal` rejects all the same.
 * @throws TypeError, as a rejection, if `ctx` is not a context, a limit of the wrong type, or `work` not a function
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
 * Runs clean-up that must happen although `ctx` may have ended: under a context with the values of `ctx`, without its
 * end, and with `ms` milliseconds of its own.
 *
 * @returns settles as `fn` does; rejects with a DeadlineExceededError after `ms`, with a TypeError if `ctx` is not a
 * context, `ms` not a finite number, or `fn` not a function
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
 * Lets the event loop breathe in the middle of CPU work, so that input, timers and cancels get their turn.
 *
 * @returns resolves in a later turn; rejects with `ctx.err` if `ctx` has ended by then, with a TypeError if `ctx` is
 * not a context
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
  // Chromium puts what has yielded before all messages, timers and responses, so only every other turn is one of those.
  yielded = scheduler?.yield !== undefined && !yielded
  if (yielded) return (scheduler as { yield: () => Promise<void> }).yield()
  return setImmediate ? new Promise((resolve) => void setImmediate(resolve)) : turn()
}
