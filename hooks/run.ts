/**
 * One run of a task or an action: it calls the work with a context of its own. Why the run ended is read from that
 * context, never from the error with which the work rejected. After success, the context stays live, without its
 * timeout: a result of the work, such as a stream, may still be in use. This file does not need React.
 */

import { completed, rearmFromStart, withTimer } from '../src/bindings.ts'
import { afterFunc, CanceledError, cause, isCanceled, rearm, until } from '../src/index.ts'
import type { Context } from '../src/index.ts'

/** The fields of the state that tasks and actions share. */
interface Shape<Status extends string, Data, Error, Cause> {
  readonly status: Status
  /**
   * The result of the last run that succeeded, or the latest value that the run has yielded. Undefined again when the
   * next run starts, unless `keepPrevious` is set.
   */
  readonly data: Data
  /** Why the run failed. A timeout is a failure; a cancel is not. */
  readonly error: Error
  /** Why the run was canceled or ran out of time. */
  readonly cause: Cause
  /** True if `data` is not from the latest run, or not for the current deps. */
  readonly stale: boolean
  /** True while the run is pending and has taken longer than `slowAfter`. */
  readonly slow: boolean
}

export type Outcome<T> =
  | Shape<'idle', undefined, undefined, undefined>
  | Shape<'pending', T | undefined, undefined, undefined>
  | Shape<'success', T, undefined, undefined>
  | Shape<'error', T | undefined, unknown, unknown>
  | Shape<'canceled', T | undefined, undefined, unknown>

export const IDLE: Shape<'idle', undefined, undefined, undefined> = {
  status: 'idle',
  data: undefined,
  error: undefined,
  cause: undefined,
  stale: false,
  slow: false,
}

/** The outcome to show while a run is in flight and `data` is from an earlier one. */
export function pending<T>(data: T): Shape<'pending', T, undefined, undefined> {
  return { ...IDLE, status: 'pending', data, stale: data !== undefined }
}

/** The outcome to show while nothing is in flight: success with earlier `data`, or idle if that is undefined. */
export function kept<T>(data: T | undefined, stale: boolean): Outcome<T> {
  return data === undefined ? IDLE : { ...IDLE, status: 'success', data, stale }
}

/**
 * The work of a task or an action. It may be an async generator: each value that it yields becomes `data` while the run
 * continues.
 */
export type TaskWork<T, A extends readonly unknown[]> = (
  ctx: Context,
  ...args: A
) => T | PromiseLike<T> | AsyncGenerator<T, unknown, unknown>

/** The functions of a task or an action. */
export interface Controls<T, A extends readonly unknown[]> {
  /**
   * Starts a run. The promise settles like the run: it rejects with the context's error if the run is canceled. A call
   * that is not awaited needs no `catch`. In code that awaits, catch the error, or use `action`.
   */
  readonly run: (...args: A) => Promise<T>
  /**
   * Starts a run. The promise resolves when the run is over, whatever its outcome, which is in the state. For handlers
   * that await, for `<form action>` and for `startTransition`.
   */
  readonly action: (...args: A) => Promise<void>
  /** Starts the runs that wait for their debounce at once. */
  readonly flush: () => void
  /**
   * Cancels the runs that wait or are in flight; a task also ends the context of its result. An event is not used as
   * the cause, so `onClick={cancel}` works.
   */
  readonly cancel: (cause?: unknown) => void
  /** Does what `cancel` does, with `Superseded` as the cause, and makes the state idle. */
  readonly reset: () => void
}

/** The work of a run, and its limits. */
export interface Work<T, A extends readonly unknown[]> {
  readonly fn: TaskWork<T, A>
  /** Milliseconds from the start of the work until the run times out; Infinity means never. */
  readonly timeout: number
  /** Milliseconds from the start of the work until the run is slow; Infinity means never. */
  readonly slowAfter: number
}

/** The context of a run, which has a deadline of its own, its `cancel`, and what the run releases on `cancel`. */
export type RunContext = readonly [ctx: Context, cancel: (cause?: unknown) => void, page?: Releasable | undefined]

interface Releasable {
  release(): void
}

/** Receives the events of a run. It may cancel the run and start others. */
export interface RunListener<T, A extends readonly unknown[]> {
  /** The run has yielded `data`. */
  yielded(run: Run<T, A>, data: T): void
  /** The run has become slow. */
  slowed(run: Run<T, A>): void
  /** The run is over. */
  settled(run: Run<T, A>, outcome: Outcome<T>): void
}

export class Run<T, A extends readonly unknown[]> {
  readonly args: A
  readonly ctx: Context
  readonly promise: Promise<T>
  isOver = false
  isStarted = false
  isSlow = false
  /** True while the run waits for a debounce; false while it waits only for its turn. */
  isHeld = false
  /** True while the timeout applies: from the start of the work until the work has returned. */
  #isTimed = false
  readonly #host: RunListener<T, A>
  readonly #end: (cause?: unknown) => void
  #page: Releasable | undefined
  /** Undefined once it was called: the component retains the run, and the work retains the render that made it. */
  #work: Work<T, A> | undefined
  /** The timeout in milliseconds from the latest render. */
  #timeout: number
  #resolve!: (result: Promise<T>) => void
  /** Stops the wait for the end before the start or, after it, the timer for `slowAfter`. */
  #stop: (() => unknown) | undefined
  #leave: () => void

  /** @param leave called when the run is over */
  constructor(host: RunListener<T, A>, work: Work<T, A>, args: A, [ctx, cancel, page]: RunContext, leave: () => void) {
    this.#host = host
    this.#work = work
    this.#timeout = work.timeout
    this.args = args
    this.ctx = ctx
    this.#end = cancel
    this.#page = page
    this.#leave = leave
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.promise.then(
      (data) => this.#settle({ ...IDLE, status: 'success', data }),
      (error: unknown) => this.#settle(this.#failure(error)),
    )
  }

  /** Waits for `start`. If the context ends before that, the run fails without calling the work. */
  wait(): void {
    this.#stop = afterFunc(this.ctx, () => this.start())
  }

  start(): void {
    if (this.isStarted) return
    this.isStarted = true
    this.#stop?.()
    this.#resolve(until(this.ctx, () => this.#perform()))
  }

  cancel(cause?: unknown): void {
    this.#end(cause)
    this.#page?.release()
    this.#page = undefined
  }

  /** Sets another timeout, which counts from the same start. */
  limit(timeout: number): void {
    if (timeout === this.#timeout) return
    this.#timeout = timeout
    if (this.#isTimed) rearmFromStart(this.ctx, timeout)
  }

  async #perform(): Promise<T> {
    const { ctx } = this
    const { fn, slowAfter } = this.#work as Work<T, A>
    this.#work = undefined
    this.#isTimed = true
    rearm(ctx, this.#timeout)
    ctx.throwIfDone()
    if (slowAfter < Infinity) this.#watch(slowAfter)
    const result = fn(ctx, ...this.args)
    const data = isGenerator(result) ? await this.#drain(result) : await result
    // A result is final: neither this timeout nor a later one may turn it into a failure.
    this.#isTimed = false
    rearm(ctx, Infinity)
    return data
  }

  #watch(slowAfter: number): void {
    const { ctx } = this
    const [quick, stop] = withTimer(ctx, slowAfter)
    this.#stop = stop
    afterFunc(quick, () => {
      if (this.isOver || ctx.err !== undefined) return
      this.isSlow = true
      this.#host.slowed(this)
    })
  }

  /** Reads the values of a generator. Does not call `next` after the end of `ctx`: the generator may only clean up. */
  async #drain(source: AsyncGenerator<T, unknown, unknown>): Promise<T> {
    const { ctx } = this
    const stop = afterFunc(ctx, () => void source.return(undefined).catch(ignore))
    let last: T | undefined
    for (;;) {
      const { done, value } = await source.next()
      if (done || ctx.err !== undefined) break
      last = value
      this.#host.yielded(this, value)
    }
    stop()
    return last as T
  }

  /** Reads why the run ended from its context: engines reject aborted work with different errors. */
  #failure(error: unknown): Outcome<T> {
    const { err } = this.ctx
    // The work may also reject because a context that it has derived itself was canceled.
    const why = error === err ? cause(this.ctx) : error instanceof CanceledError ? (error.cause ?? error) : undefined
    if (why !== undefined && isCanceled(error)) return { ...pending(undefined), status: 'canceled', cause: why }
    return { ...pending(undefined), status: 'error', error, cause: why }
  }

  #settle(outcome: Outcome<T>): void {
    this.isOver = true
    if (outcome.status === 'success') completed(this.ctx)
    this.#stop?.()
    this.#leave()
    // The component retains the run: drop what it no longer needs.
    this.#stop = this.#work = undefined
    this.#leave = this.#resolve = ignore
    this.#host.settled(this, outcome)
    if (outcome.status !== 'success') this.cancel(outcome.error)
  }
}

/** Tests the shape of a generator. A stream can be iterated too, but has no `next`: it is returned as `data`. */
function isGenerator<T>(value: unknown): value is AsyncGenerator<T, unknown, unknown> {
  const { next, return: close } = Object(value) as Partial<AsyncGenerator>
  return typeof next === 'function' && typeof close === 'function' && Symbol.asyncIterator in Object(value)
}

export function ignore(): void {}
