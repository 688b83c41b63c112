/**
 * Work under a context. Every operation takes the context first, settles no later than it ends, and then rejects with
 * exactly `ctx.err`, whatever the work itself rejected with: engines disagree on that. Nothing stays behind, no
 * timer, no listener, no unhandled rejection.
 */

import { assertFunction, assertNumber, invalid, isObject } from './arguments.ts'
import { afterFunc } from './callbacks.ts'
import { contextOf, Deadline, derive, end, withoutCancel, withTimeout } from './context.ts'
import type { Context, ContextLike } from './context.ts'
import type { Listener } from './listeners.ts'
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
    afterFunc(alarm, () => {
      const { err } = context
      if (err) reject(err)
      else resolve()
    })
    // Pending even if it is due: it would end at once, and a sleep takes a turn at least.
    if (ms < Infinity && !alarm.ended) alarm.clock.start(deadline)
  })
}

/** Goes off in a turn of the event loop only: loops of sleeps would starve it if one woke the other by asking `err`. */
class Alarm extends Deadline implements Listener {
  override expire(_: Listener[], sleepers: Listener[]): void {
    sleepers.push(this)
  }

  tell(): void {
    end(this.node, this)
  }
}

/**
 * Waits for a promise, or for what `work` returns, but no longer than `ctx` lives. For work that takes no signal, and
 * for one honest error everywhere. `work` is not called if `ctx` has ended; a result that comes too late is dropped.
 *
 * @returns settles as the work does; rejects with `ctx.err` if `ctx` ends first, or if the work fails after that,
 * with a TypeError if `ctx` is not a context, or `work` neither a promise nor a function
 */
export function until<T>(ctx: ContextLike, work: PromiseLike<T> | Work<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const context = contextOf(ctx)
    const isPromise = isThenable(work)
    if (!isPromise && typeof work !== 'function') throw invalid('work', 'a promise or a function', work)
    // A promise gets its handlers even if nobody will look at it: its late rejection must not count as unhandled.
    if (!isPromise) context.throwIfDone()
    let running: Promise<T>
    try {
      // What is a promise is taken itself: one around it would stay with it for as long as it is pending.
      running = Promise.resolve(isPromise ? work : work(context))
    } catch (error) {
      running = Promise.reject(error)
    }
    const waiter: Waiter = {
      settle() {
        if (stop()) running.then(resolve, reject)
      },
    }
    const stop = afterFunc(context, () => {
      waiter.settle = undefined
      reject(context.err)
    })
    const settled = settle.bind(waiter)
    running.then(settled, settled)
  })
}

/** All that a promise is given. It never lets go of that while it is pending, so an ended context empties it. */
interface Waiter {
  settle: (() => void) | undefined
}

function settle(this: Waiter): void {
  this.settle?.()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function'
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
  try {
    return await until(shielded, fn)
  } finally {
    cancel()
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
  return until(ctx, nextTurn)
}

interface Platform {
  scheduler?: { yield?: () => Promise<void> }
  setImmediate?: (fn: () => void) => unknown
}

/** Whether the last turn came from `scheduler.yield`. */
let yielded = false

function nextTurn(): Promise<void> {
  const { scheduler, setImmediate } = globalThis as Platform
  // Chromium puts what has yielded before all messages, timers and responses, so only every other turn is one of those.
  yielded = scheduler?.yield !== undefined && !yielded
  if (yielded) return (scheduler as { yield: () => Promise<void> }).yield()
  return setImmediate ? new Promise((resolve) => void setImmediate(resolve)) : turn()
}
