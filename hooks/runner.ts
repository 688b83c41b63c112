/**
 * Runs a task: which of its runs go on, and which of their results is shown. A run works under a context of its own.
 * What ended it is read from that context, never from what the work rejected with. React is not needed here.
 *
 * The work and whoever listens to a signal may call the runner from within: its own state is complete before it calls
 * either, and what it does after that holds for whatever they have made of it.
 */

import { cause, disarm, isCanceled, rearm, sleep, until, withCancel, withTimeout } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'
import { reasonOf, Superseded } from './causes.ts'

interface Shape<Status extends string, Data, Error, Cause> {
  readonly status: Status
  /** What the last run that succeeded has returned; gone when the next one starts, unless `keepPrevious` is set. */
  readonly data: Data
  /** Why the run failed. A timeout is a failure; a cancel is not. */
  readonly error: Error
  /** Why the run was canceled or ran out of time. */
  readonly cause: Cause
  /** True if a newer run than that of `data` is under way, or has come to nothing. */
  readonly stale: boolean
}

type Outcome<T> =
  | Shape<'idle', undefined, undefined, undefined>
  | Shape<'pending', T | undefined, undefined, undefined>
  | Shape<'success', T, undefined, undefined>
  | Shape<'error', T | undefined, unknown, unknown>
  | Shape<'canceled', T | undefined, undefined, unknown>

/** Where a task is, and what came out. `status` says what the others can be: `data` is there after a success. */
export type TaskState<T> = Outcome<T> & {
  /** What the work that was started last works under; undefined before the first one. */
  readonly context: Context | undefined
}

/** What a new run does to the others: ends them, joins the one there is, waits for its turn, or runs beside them. */
export type TaskMode = 'latest' | 'first' | 'queue' | 'all'

/** What a runner is told to run, and how. */
export interface Job<T, A extends readonly unknown[]> {
  readonly parent: Context
  readonly fn: TaskWork<T, A>
  /** Milliseconds; Infinity is none. */
  readonly timeout: number
  readonly debounce: number
  readonly mode: TaskMode
  readonly keepPrevious: boolean
  readonly label: string | undefined
}

/** A function that works under a context. */
export type TaskWork<T, A extends readonly unknown[]> = (ctx: Context, ...args: A) => T | PromiseLike<T>

interface Run<T> {
  readonly order: number
  /** Lives on after success: what the work has handed out, such as a stream, may still be in use. */
  readonly ctx: Context
  readonly cancel: Cancel
  /** What the work gets: has the timeout. Undefined while the run waits. */
  work: Context | undefined
  readonly promise: Promise<T>
  outcome: Outcome<T>
}

const NOTHING = {
  status: 'idle',
  data: undefined,
  error: undefined,
  cause: undefined,
  stale: false,
  context: undefined,
} as const

/** What the component that shows a task gets of its runner. */
export interface Steering<T, A extends readonly unknown[]> {
  /** Starts a run. Settles as the run does: rejects with the context's error if it is canceled. Needs no `catch`. */
  readonly run: (...args: A) => Promise<T>
  /** Like `run`, for actions and transitions: a cancel resolves to undefined. */
  readonly runAction: (...args: A) => Promise<T | undefined>
  /**
   * Cancels what is in flight, and what the last result has handed out. An event is no cause, so that
   * `onClick={cancel}` does what it says.
   */
  readonly cancel: (cause?: unknown) => void
  /** Cancels what is in flight, and forgets what came out. */
  readonly reset: () => void
}

export interface Runner<T, A extends readonly unknown[]> {
  readonly steering: Steering<T, A>
  /** Another object after every change. */
  read(): TaskState<T>
  /**
   * Calls `listener` now and after every change of the state, until the returned function is called. There is only one.
   */
  subscribe(listener: () => void): () => void
  /** Takes over what the latest render says, for the runs to come. */
  configure(job: Job<T, A>): void
  /** Gives what is running another timeout, which counts from the start of it. */
  limit(timeout: number): void
  /** Runs for another question: an answer to the one before will not do, so there is nothing to join. */
  ask(...args: A): void
  /** Ends what is in flight, and shows what was kept of before. */
  stop(): void
}

export function createRunner<T, A extends readonly unknown[]>(job: Job<T, A>): Runner<T, A> {
  let state: TaskState<T> = NOTHING
  let tell: (() => void) | undefined
  /** In flight or waiting, oldest first. A run that is not here any more has nothing to say. */
  const runs = new Set<Run<T>>()
  let started = 0
  /** The run whose outcome is shown. */
  let shown: Run<T> | undefined

  function launch(args: A, mode: TaskMode): Run<T> {
    const { keepPrevious, label, parent } = job
    const first = mode === 'first' ? newest() : undefined
    if (first && (first.work ?? first.ctx).err === undefined) return first
    // Ends what is overdue, and so may call out, as the line above: all else is read afterwards.
    const [ctx, cancel] = withCancel(parent, { label })
    const before = newest()
    // One that has ended, but not settled yet, is nothing to join.
    const dropped = mode === 'latest' || (mode === 'first' && before) ? clear() : []
    let resolve!: (data: PromiseLike<T>) => void
    const promise = new Promise<T>((settle) => (resolve = settle))
    const run: Run<T> = { order: started++, ctx, cancel, work: undefined, promise, outcome: NOTHING }
    runs.add(run)
    if (runs.size === 1) pend(keepPrevious ? state.data : undefined, ctx)
    else pend(state.data, state.context)
    promise.then(
      (data) => settle(run, { ...NOTHING, status: 'success', data }),
      (error: unknown) => settle(run, failure(run, error)),
    )
    supersede(dropped)
    resolve(perform(run, args, mode === 'queue' ? before : undefined))
    return run
  }

  async function perform(run: Run<T>, args: A, before: Run<T> | undefined): Promise<T> {
    const { ctx } = run
    const { debounce, fn, label } = job
    if (before) await until(ctx, before.promise.catch(ignore))
    if (debounce > 0) await sleep(ctx, debounce)
    const [work] = withTimeout(ctx, job.timeout, { label })
    run.work = work
    if (runs.has(run)) emit(state, work)
    return until(work, async () => {
      const data = await fn(work, ...args)
      disarm(work)
      return data
    })
  }

  /** What ended a run is read from its context: engines disagree on what aborted work rejects with. */
  function failure(run: Run<T>, error: unknown): Outcome<T> {
    const ctx = run.work ?? run.ctx
    const isEnd = error === ctx.err
    const why = isEnd ? cause(ctx) : undefined
    const { data } = state
    const failed = { status: 'error', data, error, cause: why, stale: data !== undefined } as const
    return isEnd && isCanceled(error) ? { ...failed, status: 'canceled', error: undefined } : failed
  }

  function settle(run: Run<T>, outcome: Outcome<T>): void {
    run.outcome = outcome
    if (!runs.delete(run)) return
    const before = shown
    const isLate = before !== undefined && before.order > run.order
    const latest = isLate ? before : run
    shown = latest
    if (runs.size === 0) emit(latest.outcome, state.context)
    else if (!isLate) pend(outcome.data, state.context)
    supersede([isLate ? run : before])
    if (outcome.status !== 'success') run.cancel(outcome.error)
  }

  /** Takes out what is in flight, and the run that is shown. Whoever calls this ends them. */
  function clear(): (Run<T> | undefined)[] {
    const all = [...runs, shown]
    runs.clear()
    shown = undefined
    return all
  }

  function replace(outcome: Outcome<T>): void {
    const dropped = clear()
    emit(outcome, undefined)
    supersede(dropped)
  }

  function newest(): Run<T> | undefined {
    return [...runs].at(-1)
  }

  /** Shows that something is in flight, and `data` meanwhile. */
  function pend(data: T | undefined, context: Context | undefined): void {
    const isOld = !shown || shown.outcome.stale || shown.order < (newest()?.order ?? 0)
    emit({ ...NOTHING, status: 'pending', data, stale: data !== undefined && isOld }, context)
  }

  function emit(outcome: Outcome<T>, context: Context | undefined): void {
    state = { ...outcome, context }
    tell?.()
  }

  return {
    steering: {
      run: (...args) => launch(args, job.mode).promise,
      async runAction(...args) {
        const run = launch(args, job.mode)
        try {
          return await run.promise
        } catch (error) {
          if (run.outcome.status === 'canceled') return undefined
          throw error
        }
      },
      cancel(cause) {
        for (const run of [...runs, shown]) run?.cancel(reasonOf(cause))
      },
      reset: () => replace(NOTHING),
    },
    read: () => state,
    subscribe(listener) {
      tell = listener
      listener()
      return () => {
        tell = undefined
      }
    },
    configure(latest) {
      job = latest
    },
    limit(timeout) {
      for (const { work } of runs) if (work) rearm(work, timeout)
    },
    ask: (...args) => void launch(args, job.mode === 'first' ? 'latest' : job.mode),
    stop() {
      const { data, stale } = state
      replace(data === undefined ? NOTHING : { ...NOTHING, status: 'success', data, stale })
    },
  }
}

function supersede(runs: readonly (Pick<Run<unknown>, 'cancel'> | undefined)[]): void {
  for (const run of runs) run?.cancel(Superseded)
}

function ignore(): void {}
