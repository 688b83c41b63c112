/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Work under a context. Every operation takes the context first, settles no later than it ends, and then rejects with
 * exactly `ctx.err`, whatever the work itself rejected with: engines disagree on that. Nothing stays behind, no
 * timer, no listener, no unhandled rejection. `group` follows golang.org/x/sync/errgroup.
 */

import { afterFunc } from './callbacks.ts'
import {
  assertFunction,
  assertNumber,
  contextOf,
  Deadline,
  derive,
  end,
  withCancel,
  withoutCancel,
  withTimeout,
} from './context.ts'
import type { Context, ContextLike } from './context.ts'
import { invalid, isObject, property } from './errors.ts'
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

/** Options of {@link group}. */
export interface GroupOptions {
  /** How many functions may run at once; no limit if left out. */
  readonly limit?: number | undefined
  /** Keeps the others running when one fails. */
  readonly supervise?: boolean | undefined
}

/**
 * Functions that work on parts of one task; see {@link group}. `await using` cancels what is still running at the end
 * of the block and waits until it has stopped; a failure that no `wait` has reported is thrown there.
 */
export interface Group extends AsyncDisposable {
  /** What the functions work under: ends with the parent, with the first error, and once `wait` is over. */
  readonly ctx: Context
  /**
   * Runs `fn`, as soon as `limit` allows. Needs no `await`; awaiting it keeps a producer from running ahead.
   *
   * @returns true when `fn` was started, false when the group ended first and `fn` will never run; never rejects
   * @throws TypeError if `fn` is not a function
   */
  go(fn: Work<unknown>): Promise<boolean>
  /**
   * Runs `fn` if `limit` allows it now.
   *
   * @returns whether it was started
   * @throws TypeError if `fn` is not a function
   */
  tryGo(fn: Work<unknown>): boolean
  /**
   * Waits until every function has settled, clean-up included.
   *
   * @returns rejects with the first error, or with `ctx.err` where the parent ended and work was left undone
   */
  wait(): Promise<void>
}

/**
 * Runs several functions that work on parts of one task. The first that fails cancels the others, with its error as the
 * cause (with `supervise` they go on); `wait` tells when all are through.
 *
 * @throws TypeError if `parent` is not a context, or `limit` not a positive whole number or Infinity
 * @example
 * const g = group(background())
 * g.go(() => Promise.reject(new Error('operation 1 failed')))
 * g.go((ctx) => sleep(ctx, 60_000))
 * await g.wait().catch((error) => error.message) // => 'operation 1 failed'
 * @see Go's `errgroup.WithContext`
 */
export function group(parent: ContextLike, options: GroupOptions = {}): Group {
  if (!isObject(options)) throw invalid('options', 'an object', options)
  const { limit = Infinity, supervise } = options
  if (limit !== Infinity && !(Number.isInteger(limit) && limit > 0)) {
    throw invalid('limit', 'a positive whole number or Infinity', limit)
  }
  const [ctx, cancel] = withCancel(parent, { label: 'group' })
  let running = 0
  /** Who waits for a slot, in the order of coming; nobody once the group has ended. */
  let first: Waiting | undefined
  let last: Waiting | undefined
  /** The first error, boxed because any value can be thrown. */
  let failure: { readonly error: unknown } | undefined
  let isReported = false
  /** The block is at its end: to be canceled is no failure any more. That a clean-up throws is one. */
  let isClosing = false
  /** The end of the block has left work undone: only `wait` tells. */
  let isCut = false
  /** Called when nothing runs and nothing waits for a slot. */
  const idle: (() => void)[] = []

  function start(fn: Work<unknown>): void {
    running++
    const done = () => {
      running--
      admit()
    }
    new Promise((settle) => settle(fn(ctx))).then(done, (error: unknown) => {
      fail(error)
      done()
    })
  }

  function fail(error: unknown): void {
    // When the parent ended, every engine has its own error for the aborted work: the context's is the honest one.
    const { err } = ctx
    // By its own name: what only has the abort for its cause, as a failed clean-up may, is another error.
    const name = property(error, 'name')
    const isAbort = err && (name === 'AbortError' || name === 'TimeoutError')
    if (isAbort && isClosing) isCut = true
    else failure ??= { error: isAbort ? err : error }
    if (!supervise) cancel(error)
  }

  /** Starts who waits, as far as there are slots, and says so when nothing is left. */
  function admit(): void {
    if (ctx.err) turnAway()
    while (first && running < limit) {
      const { fn, tell, next } = first
      first = next
      start(fn)
      tell(true)
    }
    if (!running) for (const resolve of idle.splice(0)) resolve()
  }

  /** The group has ended: whoever still waits for a slot will never run, and that is a failure if nothing else was. */
  function turnAway(): void {
    let left = first
    if (!left) return
    first = undefined
    if (isClosing) isCut = true
    else failure ??= { error: ctx.err }
    for (; left; left = left.next) left.tell(false)
  }

  async function settled(): Promise<void> {
    // Again and again: whoever was told first may have started something.
    while (running || first) await new Promise<void>((resolve) => idle.push(resolve))
  }

  afterFunc(ctx, turnAway)
  return {
    ctx,
    go(fn) {
      assertFunction('fn', fn)
      return new Promise((tell) => {
        const waiting: Waiting = { fn, tell, next: undefined }
        if (first) (last as Waiting).next = waiting
        else first = waiting
        last = waiting
        admit()
      })
    },
    tryGo(fn) {
      assertFunction('fn', fn)
      if (running >= limit || ctx.err) return false
      start(fn)
      return true
    },
    async wait() {
      await settled()
      cancel()
      isReported = true
      if (failure) throw failure.error
      if (isCut) throw ctx.err
    },
    async [ASYNC_DISPOSE]() {
      isClosing = true
      cancel()
      await settled()
      if (failure && !isReported) throw failure.error
    },
  }
}

interface Waiting {
  readonly fn: Work<unknown>
  /** Whether it was started. */
  readonly tell: (started: boolean) => void
  /** Who came next. A list, since taking the first out of a long array costs as much as the array is long. */
  next: Waiting | undefined
}

const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

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
