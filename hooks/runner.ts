/**
 * Runs a task: which of its runs go on, and which of their results is shown. A run works under a context of its own.
 * What ended it is read from that context, never from what the work rejected with. React is not needed here.
 *
 * The work and whoever listens to a signal may call the runner from within: its own state is complete before it calls
 * either, and what it does after that holds for whatever they have made of it.
 */

import { rearmFromStart } from '../src/bindings.ts'
import { cause, disarm, isCanceled, sleep, until, withCancel, withTimeout } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'
import { reasonOf, Superseded } from './causes.ts'
import { sameDeps } from './deps.ts'

interface Shape<Status extends string, Data, Error, Cause> {
  readonly status: Status
  /** What the last run that succeeded has returned; gone when the next one starts, unless `keepPrevious` is set. */
  readonly data: Data
  /** Why the run failed. A timeout is a failure; a cancel is not. */
  readonly error: Error
  /** Why the run was canceled or ran out of time. */
  readonly cause: Cause
  /** True if a newer run than that of `data` is under way or has come to nothing, or if `data` is of other deps. */
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
  /** What it depends on; undefined for what is only told to run. */
  readonly deps: readonly unknown[] | undefined
  /** Milliseconds; Infinity is none. */
  readonly timeout: number
  readonly debounce: number
  readonly mode: TaskMode
  readonly keepPrevious: boolean | undefined
  readonly label: string | undefined
}

/** A function that works under a context. */
export type TaskWork<T, A extends readonly unknown[]> = (ctx: Context, ...args: A) => T | PromiseLike<T>

interface Run<T> {
  /** Lives on after success: what the work has handed out, such as a stream, may still be in use. */
  readonly ctx: Context
  readonly cancel: Cancel
  /** What the work gets: has the timeout. While the run waits, it is `ctx` itself. */
  work: Context
  readonly promise: Promise<T>
  readonly deps: readonly unknown[] | undefined
  /** Undefined while it is in flight or waits. */
  outcome: Outcome<T> | undefined
}

/** What a task that runs by itself was asked last: another one is another run. Begins with what it works under. */
export type Question = readonly [parent?: Context, ...deps: unknown[]]

/** A {@link TaskState}, and what it is the answer to: the last question, and the deps of the last run. */
type Answer<T> = TaskState<T> & { readonly question: Question; readonly deps: readonly unknown[] | undefined }

/** In the modes that run beside others, so many results are kept in use besides the one shown: a page may live long. */
const MAX_RELEASED = 100

const NOTHING = { status: 'idle', data: undefined, error: undefined, cause: undefined, stale: false } as const

/** What the component that shows a task gets of its runner. */
export interface Steering<T, A extends readonly unknown[]> {
  /**
   * Starts a run. Settles as the run does: rejects with the context's error if it is canceled. A call that nobody
   * awaits needs no `catch`; one that is awaited does, or take `runAction`.
   */
  readonly run: (...args: A) => Promise<T>
  /**
   * Like `run`, for actions and transitions: a cancel resolves to undefined. A failure rejects, and React hands what an
   * action rejects with to the nearest error boundary; a form that shows `error` itself catches it:
   * `<form action={async (data) => { await save.runAction(data).catch(() => {}) }}>`.
   */
  readonly runAction: (...args: A) => Promise<T | undefined>
  /**
   * Cancels what is in flight, and what results have handed out. An event is no cause, so that `onClick={cancel}` does
   * what it says.
   */
  readonly cancel: (cause?: unknown) => void
  /** Cancels what is in flight, and forgets what came out. */
  readonly reset: () => void
}

export interface Runner<T, A extends readonly unknown[]> {
  readonly steering: Steering<T, A>
  /** Another object after every change. */
  read(): Answer<T>
  /**
   * Calls `listener` now and after every change of the state, until the returned function is called. There is only one.
   */
  subscribe(listener: (state: Answer<T>) => void): () => void
  /** Takes over what the latest render says, for the runs to come. */
  configure(job: Job<T, A>): void
  /** Gives what is running another timeout, which counts from the start of it. */
  limit(timeout: number): void
  /** Runs for another question: an answer to the one before will not do, so there is nothing to join. */
  ask(question: Question): void
  /** Nothing is asked any more: ends what is in flight, and shows what was kept of before. */
  stop(): void
}

export function createRunner<T, A extends readonly unknown[]>(job: Job<T, A>): Runner<T, A> {
  let question: Question = []
  let context: Context | undefined
  let deps: readonly unknown[] | undefined
  let state: Answer<T> = { ...NOTHING, question, deps, context }
  let tell: ((state: Answer<T>) => void) | undefined
  /**
   * Oldest first: what is in flight or waits, and the one whose outcome is shown. A run that is not here any more has
   * nothing to say. Never changed, but replaced: whoever goes through it may call what changes it.
   */
  let runs: readonly Run<T>[] = []
  /** Who has succeeded and is not shown any more, beside others: nothing has taken the place of these. Oldest first. */
  let released: readonly Run<T>[] = []

  function launch(args: A, mode: TaskMode): Run<T> {
    const { keepPrevious, label, parent } = job
    const first = newest()
    if (mode === 'first' && first && sameDeps(first.deps, job.deps) && first.work.err === undefined) return first
    // Ends what is overdue, and so may call out, as the line above: all else is read afterwards.
    const [ctx, cancel] = withCancel(parent, { label })
    // One that has ended, but not settled yet, is nothing to join.
    const dropped = mode === 'latest' || (mode === 'first' && newest()) ? clear() : []
    const before = newest()
    let resolve!: (data: PromiseLike<T>) => void
    const promise = new Promise<T>((settle) => (resolve = settle))
    const run: Run<T> = { ctx, cancel, work: ctx, promise, deps: job.deps, outcome: undefined }
    runs = [...runs, run]
    if (!before) context = ctx
    // What is run by hand for other deps is no answer to what was asked.
    if (question.length && !sameDeps(question.slice(1), job.deps)) question = []
    const isSame = question === state.question && sameDeps(job.deps, deps)
    deps = job.deps
    emit(pending((before && isSame) || keepPrevious ? state.data : undefined))
    promise.then(
      (data) => settle(run, { ...NOTHING, status: 'success', data }),
      (error: unknown) => settle(run, failure(run, error)),
    )
    cancelAll(dropped, Superseded)
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
    if (runs.includes(run)) {
      context = work
      emit(state)
    }
    return until(work, async () => {
      const data = await fn(work, ...args)
      disarm(work)
      return data
    })
  }

  /** What ended a run is read from its context: engines disagree on what aborted work rejects with. */
  function failure({ work }: Run<T>, error: unknown): Outcome<T> {
    const why = error === work.err ? cause(work) : undefined
    const failed = { ...pending(state.data), cause: why }
    if (why !== undefined && isCanceled(error)) return { ...failed, status: 'canceled' }
    return { ...failed, status: 'error', error }
  }

  function settle(run: Run<T>, outcome: Outcome<T>): void {
    run.outcome = outcome
    if (!runs.includes(run)) return
    const settled = runs.filter((one) => one.outcome)
    // Whoever was started later counts, though it may have settled earlier.
    const shown = settled.pop()
    runs = runs.filter((one) => !settled.includes(one))
    const dropped = job.mode === 'latest' || job.mode === 'first' ? settled : release(settled)
    if (!newest()) emit(shown?.outcome ?? NOTHING)
    else if (shown === run && (job.keepPrevious || sameDeps(run.deps, deps))) {
      const { data, stale } = runs.at(-1) === run ? outcome : pending(outcome.data)
      emit({ ...pending(data), stale })
    }
    cancelAll(dropped, Superseded)
    if (outcome.status !== 'success') run.cancel(outcome.error)
  }

  /** Keeps what these have handed out in use. Returns those that are too many. */
  function release(settled: readonly Run<T>[]): readonly Run<T>[] {
    const all = [...released, ...settled.filter(({ outcome }) => outcome?.status === 'success')]
    released = all.slice(-MAX_RELEASED)
    return all.slice(0, -MAX_RELEASED)
  }

  /** Takes out all runs. Whoever calls this ends them. */
  function clear(): readonly Run<T>[] {
    const all = [...released, ...runs]
    runs = released = []
    return all
  }

  function replace(outcome: Outcome<T>): void {
    const dropped = clear()
    context = undefined
    emit(outcome)
    cancelAll(dropped, Superseded)
  }

  /** The youngest that is in flight or waits. */
  function newest(): Run<T> | undefined {
    let index = runs.length - 1
    while (runs[index]?.outcome) index--
    return runs[index]
  }

  function emit(outcome: Outcome<T>): void {
    state = { ...outcome, question, deps, context }
    tell?.(state)
  }

  return {
    steering: {
      run: (...args) => launch(args, job.mode).promise,
      runAction(...args) {
        const run = launch(args, job.mode)
        return run.promise.catch((error: unknown) => {
          if (run.outcome?.status === 'canceled') return undefined
          throw error
        })
      },
      cancel: (cause) => cancelAll([...released, ...runs], reasonOf(cause)),
      reset: () => replace(NOTHING),
    },
    read: () => state,
    subscribe(listener) {
      tell = listener
      listener(state)
      return () => {
        tell = undefined
      }
    },
    configure(latest) {
      job = latest
    },
    limit(timeout) {
      for (const { ctx, work } of runs) if (work !== ctx) rearmFromStart(work, timeout)
    },
    ask(latest) {
      question = latest
      launch([] as unknown as A, job.mode === 'first' ? 'latest' : job.mode)
    },
    stop() {
      const { data, stale, status } = state
      if (!question.length || status === 'success') return
      question = []
      if (newest()) replace(kept(data, stale))
      // What came to nothing is asked again.
      else emit(state)
    },
  }
}

/** The outcome to show while newer work than that of `data` is under way. */
export function pending<T>(data: T): Shape<'pending', T, undefined, undefined> {
  return { ...NOTHING, status: 'pending', data, stale: data !== undefined }
}

/** The outcome to show where nothing is under way: what was known before, if anything. */
export function kept<T>(data: T | undefined, stale: boolean): Outcome<T> {
  return data === undefined ? NOTHING : { ...NOTHING, status: 'success', data, stale }
}

function cancelAll(runs: readonly Run<unknown>[], cause: unknown): void {
  for (const { cancel } of runs) cancel(cause)
}

function ignore(): void {}
