/**
 * One run of a task or an action: work under a context of its own. What ended it is read from that context, never from
 * what the work rejected with. A run that succeeded keeps its context, without its timeout: what the work has handed
 * out, such as a stream, may still be in use. React is not needed here.
 */

import { completed, rearmFromStart } from '../src/bindings.ts'
import { afterFunc, CanceledError, cause, isCanceled, rearm, until, withTimeout } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'

/** What a task or an action shows. */
interface Shape<Status extends string, Data, Error, Cause> {
  readonly status: Status
  /**
   * What the last run that succeeded has returned, or what the run has yielded so far. Gone when the next run starts,
   * unless `keepPrevious` is set.
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

export const NOTHING: Shape<'idle', undefined, undefined, undefined> = {
  status: 'idle',
  data: undefined,
  error: undefined,
  cause: undefined,
  stale: false,
  slow: false,
}

/** The outcome to show while newer work than that of `data` is under way. */
export function pending<T>(data: T): Shape<'pending', T, undefined, undefined> {
  return { ...NOTHING, status: 'pending', data, stale: data !== undefined }
}

/** The outcome to show where nothing is under way: what was known before, if anything. */
export function kept<T>(data: T | undefined, stale: boolean): Outcome<T> {
  return data === undefined ? NOTHING : { ...NOTHING, status: 'success', data, stale }
}

/** A function that works under a context. Each value that an async generator yields is shown while it goes on. */
export type TaskWork<T, A extends readonly unknown[]> = (
  ctx: Context,
  ...args: A
) => T | PromiseLike<T> | AsyncGenerator<T, unknown, unknown>

/** How a run works. */
export interface Work<T, A extends readonly unknown[]> {
  readonly fn: TaskWork<T, A>
  /** Milliseconds from the start of the work; Infinity is none. */
  readonly timeout: number
  /** The same until it is slow. */
  readonly slowAfter: number
}

/** What is told of a run. It may do anything with it, and start others. */
export interface Host<T, A extends readonly unknown[]> {
  /** The run has yielded `data`. */
  yielded(run: Run<T, A>, data: T): void
  /** The run has become slow. */
  slowed(run: Run<T, A>): void
  /** The run is over. Its `data` is there if it succeeded. */
  settled(run: Run<T, A>, outcome: Outcome<T>): void
}

export class Run<T, A extends readonly unknown[]> {
  readonly args: A
  readonly deps: readonly unknown[] | undefined
  readonly ctx: Context
  readonly cancel: Cancel
  readonly promise: Promise<T>
  /** Undefined while it waits or is pending. */
  outcome: Outcome<T> | undefined
  isStarted = false
  isSlow = false
  /** Waits for a debounce, and not for its turn. */
  isHeld = false
  /** Whether the timeout holds: from the start of the work until it has returned. */
  #isTimed = false
  readonly #host: Host<T, A>
  #work: Work<T, A>
  #resolve!: (result: Promise<T>) => void
  /** Stops the wait for what comes first: the start, the end, or that it is slow. */
  #stop: (() => unknown) | undefined
  readonly #leave: () => void

  /**
   * @param derived the context of the run, which has a deadline of its own, and how to end it
   * @param leave called when the run is over
   */
  constructor(
    host: Host<T, A>,
    work: Work<T, A>,
    args: A,
    deps: readonly unknown[] | undefined,
    [ctx, cancel]: readonly [ctx: Context, cancel: Cancel],
    leave: () => void,
  ) {
    this.#host = host
    this.#work = work
    this.args = args
    this.deps = deps
    this.ctx = ctx
    this.cancel = cancel
    this.#leave = leave
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.promise.then(
      (data) => this.#settle({ ...NOTHING, status: 'success', data }),
      (error: unknown) => this.#settle(this.#failure(error)),
    )
  }

  /** Waits for `start`, or for the end: then the work is not called. */
  wait(): void {
    this.#stop = afterFunc(this.ctx, () => this.start())
  }

  start(): void {
    if (this.isStarted) return
    this.isStarted = true
    this.#stop?.()
    this.#resolve(until(this.ctx, () => this.#perform()))
  }

  /** Takes over another timeout, which counts from the same start. */
  limit(timeout: number): void {
    if (timeout === this.#work.timeout) return
    this.#work = { ...this.#work, timeout }
    if (this.#isTimed) rearmFromStart(this.ctx, timeout)
  }

  async #perform(): Promise<T> {
    const { ctx } = this
    const { fn, slowAfter, timeout } = this.#work
    this.#isTimed = true
    rearm(ctx, timeout)
    ctx.throwIfDone()
    if (slowAfter < Infinity) this.#watch(slowAfter)
    const result = fn(ctx, ...this.args)
    const data = isGenerator(result) ? await this.#drain(result) : await result
    // Nothing takes the result away again: neither this timeout nor another one.
    this.#isTimed = false
    rearm(ctx, Infinity)
    return data
  }

  #watch(slowAfter: number): void {
    const { ctx } = this
    const [quick, stop] = withTimeout(ctx, slowAfter)
    this.#stop = stop
    afterFunc(quick, () => {
      if (this.outcome || ctx.err !== undefined) return
      this.isSlow = true
      this.#host.slowed(this)
    })
  }

  /** Once `ctx` has ended, `next` is no longer called: the generator can only clean up. */
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

  /** What ended a run is read from its context: engines disagree on what aborted work rejects with. */
  #failure(error: unknown): Outcome<T> {
    const { err } = this.ctx
    // Work may also be stopped by the cancel of a context that it has derived.
    const why = error === err ? cause(this.ctx) : error instanceof CanceledError ? (error.cause ?? error) : undefined
    if (why !== undefined && isCanceled(error)) return { ...pending(undefined), status: 'canceled', cause: why }
    return { ...pending(undefined), status: 'error', error, cause: why }
  }

  #settle(outcome: Outcome<T>): void {
    this.outcome = outcome
    if (outcome.status === 'success') completed(this.ctx)
    this.#stop?.()
    this.#leave()
    this.#host.settled(this, outcome)
    if (outcome.status !== 'success') this.cancel(outcome.error)
  }
}

/** A stream can be iterated, too, but is handed out as it is. */
function isGenerator<T>(value: unknown): value is AsyncGenerator<T, unknown, unknown> {
  const { next, return: close } = Object(value) as Partial<AsyncGenerator>
  return typeof next === 'function' && typeof close === 'function' && Symbol.asyncIterator in Object(value)
}

export function ignore(): void {}
