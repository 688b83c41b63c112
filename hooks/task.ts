/**
 * A component's work: runs by itself when its dependencies change, or when it is told to, and stops when the component
 * goes. What runs and what is shown is the runner's matter; here it is bound to React.
 */

import { startTransition, useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react'
import type { DependencyList } from 'react'
import type { Context } from '../src/index.ts'
import { checkMilliseconds, returns, useLife } from './life.ts'
import type { Life } from './life.ts'
import { Runner } from './runner.ts'
import type { TaskMode, TaskState, TaskWork } from './runner.ts'
import { sameItems, useScope } from './scope.tsx'

/** Options of {@link useTask}. */
export interface TaskOptions {
  /** What its runs are derived from; the nearest scope if left out. */
  readonly parent?: Context | undefined
  /** Milliseconds for each run, from the start of its work. Another one holds for what is running, too. */
  readonly timeout?: number | undefined
  /** Milliseconds to wait before the work of a run starts. */
  readonly debounce?: number | undefined
  /** What a new run does to the others: ends them (`latest`), joins them, waits for its turn, or runs beside them. */
  readonly mode?: TaskMode | undefined
  /** Keeps `data` while newer work is under way. */
  readonly keepPrevious?: boolean | undefined
  /** False keeps an automatic task from running, and stops it. */
  readonly enabled?: boolean | undefined
  /** Shows outcomes in a transition. */
  readonly transition?: boolean | undefined
  /** A name for people. */
  readonly label?: string | undefined
}

/** Where a component's work is, and how to steer it. The functions keep their identity. */
export interface Task<T, A extends readonly unknown[] = []> extends TaskState<T> {
  /** What the work that was started last works under; before the first one, what it will be derived from. */
  readonly context: Context
  /** Starts a run. Settles as the run does: rejects with the context's error if it is canceled. Needs no `catch`. */
  readonly run: (...args: A) => Promise<T>
  /** Like `run`, for actions and transitions: a cancel resolves to undefined. */
  readonly runAction: (...args: A) => Promise<T | undefined>
  /** Cancels what is in flight, and what the last result has handed out. */
  readonly cancel: (cause?: unknown) => void
  /** Cancels what is in flight, and forgets what came out. */
  readonly reset: () => void
}

/** What an automatic task has run for. */
interface Start {
  readonly deps: DependencyList
  readonly life: Life
}

interface Shown<T> {
  readonly state: TaskState<T>
  readonly start: Start | undefined
}

const MODES: readonly TaskMode[] = ['latest', 'first', 'queue', 'all']

/**
 * Runs `fn` under a context that ends when newer work takes its place, when its time is over, when the scope ends,
 * when the page is left, and when the component goes. With `deps` it runs by itself, once for each change of them;
 * without, it waits for `run`. A cancel is no error: nothing is thrown, nothing is printed. After success the context
 * lives on, without its timeout, so that what `fn` has returned can still be read.
 *
 * @throws TypeError if `fn` is not a function, or an option is none
 * @example
 * function useReport(id: string): string {
 *   const { status, data } = useTask(
 *     async ({ signal }): Promise<string> => (await fetch(`/reports/${id}`, { signal })).text(),
 *     [id],
 *     { timeout: 5_000 },
 *   )
 *   return data ?? status
 * }
 */
export function useTask<T>(
  fn: (ctx: Context) => T | PromiseLike<T>,
  deps: DependencyList,
  options?: TaskOptions,
): Task<T>
export function useTask<T, A extends readonly unknown[]>(
  fn: TaskWork<T, A>,
  deps?: undefined,
  options?: TaskOptions,
): Task<T, A>
export function useTask<T, A extends readonly unknown[]>(
  fn: TaskWork<T, A>,
  deps?: DependencyList,
  options: TaskOptions = {},
): Task<T, A> {
  const { enabled = true, keepPrevious = false, label, parent, timeout, transition = false } = options
  check(fn, options)
  const scope = useScope()
  const { life } = useLife(parent ?? scope, { label })
  const [runner] = useState(() => new Runner(life.ctx, fn, options))
  const latest = useRef<Start>(undefined)
  const [shown, show] = useState<Shown<T>>({ state: runner.state, start: undefined })

  // Before anybody can call `run`, layout effects included.
  useInsertionEffect(() => runner.configure(life.ctx, fn, options))

  useEffect(
    () =>
      runner.subscribe(() => {
        const { state } = runner
        const start = latest.current
        // What runs by itself will run again soon: to show the cancel would be to flicker.
        if (state.status === 'canceled' && start && returns(start.life.ctx)) return
        const update = () => show((shown) => (shown.state === state ? shown : { state, start }))
        if (transition && state.status !== 'pending') startTransition(update)
        else update()
      }),
    [runner, transition],
  )

  useEffect(() => runner.limit(timeout), [runner, timeout])

  // After every commit: what matters is whether this one asks for something else than the last run.
  useEffect(() => {
    if (!deps) return
    const start = latest.current
    if (!enabled) {
      if (!runner.isBusy) return
      latest.current = undefined
      runner.stop()
    } else if (start?.life !== life || !sameItems(start.deps, deps)) {
      latest.current = { deps, life }
      void runner.run(...([] as unknown as A))
    }
  })

  const { state, start } = shown
  const willRun = deps !== undefined && enabled && !(start?.life === life && sameItems(start.deps, deps))
  return useMemo(() => {
    const { run, runAction, cancel, reset } = runner
    const task = { ...state, context: state.context ?? life.ctx, run, runAction, cancel, reset }
    if (!willRun) return task
    const data = keepPrevious ? state.data : undefined
    return { ...task, status: 'pending', data, error: undefined, cause: undefined, stale: data !== undefined }
  }, [state, life, runner, willRun, keepPrevious])
}

function check(fn: unknown, { debounce = 0, mode = 'latest', timeout = 0 }: TaskOptions): void {
  if (typeof fn !== 'function') throw new TypeError(`rescind: fn must be a function, got ${String(fn)}`)
  if (!MODES.includes(mode)) {
    throw new TypeError(`rescind: mode must be one of ${MODES.join(', ')}, got ${String(mode)}`)
  }
  checkMilliseconds('debounce', debounce)
  checkMilliseconds('timeout', timeout)
}
