/**
 * Runs a task: which of its runs go on, and which of their results is shown. A run works under a context of its own.
 * What ended it is read from that context, never from what the work rejected with. React is not needed here.
 */

import { cause, disarm, isCanceled, rearm, sleep, until, withCancel, withTimeout } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'
import { Superseded } from './causes.ts'

/** Where a task is, and what came out. */
export interface TaskState<T> {
  readonly status: 'idle' | 'pending' | 'success' | 'error' | 'canceled'
  /** What the last run that succeeded has returned; gone when the next one starts, unless `keepPrevious` is set. */
  readonly data: T | undefined
  /** Why the run failed. A timeout is a failure; a cancel is not. */
  readonly error: unknown
  /** Why the run was canceled or ran out of time. */
  readonly cause: unknown
  /** True if a newer run than that of `data` is under way, or has come to nothing. */
  readonly stale: boolean
  /** What the work that was started last works under; undefined before the first one. */
  readonly context: Context | undefined
}

/** What a new run does to the others: ends them, joins the one there is, waits for its turn, or runs beside them. */
export type TaskMode = 'latest' | 'first' | 'queue' | 'all'

export interface RunnerOptions {
  readonly timeout?: number | undefined
  readonly debounce?: number | undefined
  readonly mode?: TaskMode | undefined
  readonly keepPrevious?: boolean | undefined
  readonly label?: string | undefined
}

/** A function that works under a context. */
export type TaskWork<T, A extends readonly unknown[]> = (ctx: Context, ...args: A) => T | PromiseLike<T>

class Run<T> {
  readonly order: number
  /** Lives on after success: what the work has handed out, such as a stream, may still be in use. */
  readonly ctx: Context
  readonly cancel: Cancel
  /** What the work gets: has the timeout. Undefined while the run waits. */
  work: Context | undefined
  declare promise: Promise<T>
  isCanceled = false

  constructor(order: number, parent: Context, label: string | undefined) {
    this.order = order
    ;[this.ctx, this.cancel] = withCancel(parent, { label })
  }
}

type Outcome<T> = Pick<TaskState<T>, 'status' | 'data' | 'error' | 'cause' | 'stale'>

const NOTHING = { status: 'idle', data: undefined, error: undefined, cause: undefined, stale: false } as const

export class Runner<T, A extends readonly unknown[]> {
  state: TaskState<T> = { ...NOTHING, context: undefined }
  #listener: (() => void) | undefined
  #parent: Context
  #fn: TaskWork<T, A>
  #options: RunnerOptions
  /** In flight or waiting, oldest first. A run that is not here any more has nothing to say. */
  readonly #runs = new Set<Run<T>>()
  #started = 0
  /** The run whose outcome is shown. */
  #shown: Run<T> | undefined
  #outcome: Outcome<T> = NOTHING

  constructor(parent: Context, fn: TaskWork<T, A>, options: RunnerOptions) {
    this.#parent = parent
    this.#fn = fn
    this.#options = options
  }

  get isBusy(): boolean {
    return this.#runs.size > 0
  }

  /**
   * Calls `listener` now and after every change of `state`, until the returned function is called. There is only one.
   */
  subscribe(listener: () => void): () => void {
    this.#listener = listener
    listener()
    return () => {
      this.#listener = undefined
    }
  }

  /** Takes over what the latest render says, for the runs to come. */
  configure(parent: Context, fn: TaskWork<T, A>, options: RunnerOptions): void {
    this.#parent = parent
    this.#fn = fn
    this.#options = options
  }

  /** Gives what is running another timeout, which counts from the start of it. */
  limit(timeout: number | undefined): void {
    for (const { work } of this.#runs) if (work) rearm(work, timeout ?? Infinity)
  }

  readonly run = (...args: A): Promise<T> => this.#launch(args).promise

  readonly runAction = async (...args: A): Promise<T | undefined> => {
    const run = this.#launch(args)
    try {
      return await run.promise
    } catch (error) {
      if (run.isCanceled) return undefined
      throw error
    }
  }

  readonly cancel = (cause?: unknown): void => {
    for (const run of [...this.#runs, this.#shown]) run?.cancel(cause)
  }

  readonly reset = (): void => {
    this.#drop()
    this.#emit(NOTHING, undefined)
  }

  /** Ends what is in flight, and shows what was kept of before. */
  stop(): void {
    const { data, stale } = this.state
    this.#drop()
    this.#emit({ ...NOTHING, status: data === undefined ? 'idle' : 'success', data, stale }, undefined)
  }

  #launch(args: A): Run<T> {
    const { keepPrevious, label, mode = 'latest' } = this.#options
    const newest = [...this.#runs].at(-1)
    if (mode === 'first' && newest && (newest.work ?? newest.ctx).err === undefined) return newest
    // One that has ended, but not settled yet, is nothing to join.
    if (mode === 'latest' || (mode === 'first' && newest)) this.#drop()
    const run = new Run<T>(this.#started++, this.#parent, label)
    this.#runs.add(run)
    const { context, data } = this.state
    const isAlone = this.#runs.size === 1
    this.#pend(isAlone && !keepPrevious ? undefined : data, isAlone ? run.ctx : context)
    run.promise = this.#perform(run, args, mode === 'queue' ? newest : undefined)
    run.promise.then(
      (data) => this.#settle(run, { ...NOTHING, status: 'success', data }),
      (error: unknown) => this.#settle(run, this.#failure(run, error)),
    )
    return run
  }

  async #perform(run: Run<T>, args: A, before: Run<T> | undefined): Promise<T> {
    const { ctx } = run
    const fn = this.#fn
    const { debounce = 0, label } = this.#options
    if (before) await until(ctx, before.promise.then(ignore, ignore))
    if (debounce > 0) await sleep(ctx, debounce)
    const [work] = withTimeout(ctx, this.#options.timeout ?? Infinity, { label })
    run.work = work
    this.#emit(this.state, work)
    return until(work, async () => {
      const data = await fn(work, ...args)
      disarm(work)
      return data
    })
  }

  /** What ended a run is read from its context: engines disagree on what aborted work rejects with. */
  #failure(run: Run<T>, error: unknown): Outcome<T> {
    const ctx = run.work ?? run.ctx
    const isEnd = error === ctx.err
    run.isCanceled = isEnd && isCanceled(error)
    const { data } = this.state
    const rest = { data, cause: isEnd ? cause(ctx) : undefined, stale: data !== undefined }
    return run.isCanceled ? { ...rest, status: 'canceled', error: undefined } : { ...rest, status: 'error', error }
  }

  #settle(run: Run<T>, outcome: Outcome<T>): void {
    if (!this.#runs.delete(run)) return
    const isLate = this.#shown !== undefined && this.#shown.order > run.order
    if (isLate) run.cancel(Superseded)
    else {
      if (outcome.status !== 'success') run.cancel(outcome.error)
      this.#shown?.cancel(Superseded)
      this.#shown = run
      this.#outcome = outcome
    }
    const { context } = this.state
    if (!this.isBusy) this.#emit(this.#outcome, context)
    else if (!isLate) this.#pend(outcome.data, context)
  }

  /** Ends everything that is in flight, and what was handed out by the run that is shown. */
  #drop(): void {
    const runs = [...this.#runs, this.#shown]
    this.#runs.clear()
    this.#shown = undefined
    this.#outcome = NOTHING
    for (const run of runs) run?.cancel(Superseded)
  }

  /** Shows that something is in flight, and `data` meanwhile. */
  #pend(data: T | undefined, context: Context | undefined): void {
    const newest = [...this.#runs].at(-1)?.order ?? 0
    const isOld = this.#outcome.stale || (this.#shown?.order ?? -1) < newest
    this.#emit({ ...NOTHING, status: 'pending', data, stale: data !== undefined && isOld }, context)
  }

  #emit(outcome: Outcome<T>, context: Context | undefined): void {
    this.state = { ...outcome, context }
    this.#listener?.()
  }
}

function ignore(): void {}
