/**
 * A component's work: runs by itself when its dependencies change, or when it is told to, and stops when the component
 * goes. What runs and what is shown is the runner's matter; here it is bound to React.
 */

import { startTransition, useEffect, useInsertionEffect, useMemo, useState } from 'react'
import type { DependencyList } from 'react'
import type { Context } from '../src/index.ts'
import { returns, useLife } from './life.ts'
import { check, checkMilliseconds } from './misuse.ts'
import { createRunner, pending } from './runner.ts'
import type { Question, Steering, TaskMode, TaskState, TaskWork } from './runner.ts'
import { sameItems, useScope } from './scope.tsx'

/** Options of {@link useTask}. */
export interface TaskOptions {
  /** What its runs are derived from; the nearest scope if left out. Another one starts an automatic task again. */
  readonly parent?: Context | undefined
  /** Milliseconds for each run, from the start of its work. Another one holds for what is running, too. */
  readonly timeout?: number | undefined
  /** Milliseconds to wait before the work of a run starts; not less than 0. */
  readonly debounce?: number | undefined
  /**
   * What a new run does to the others: ends them (`latest`), joins them (`first`), waits for its turn (`queue`), or
   * runs beside them (`all`). A run for other deps joins nothing: in mode `first` it ends the others.
   */
  readonly mode?: TaskMode | undefined
  /** Keeps `data` while newer work is under way. */
  readonly keepPrevious?: boolean | undefined
  /** False keeps an automatic task from running, and stops it. What is run by hand after that does run. */
  readonly enabled?: boolean | undefined
  /** Shows outcomes in a transition. */
  readonly transition?: boolean | undefined
  /** A name for people. */
  readonly label?: string | undefined
}

/** Where a component's work is, and how to steer it. The functions keep their identity. */
export type Task<T, A extends readonly unknown[] = []> = TaskState<T> &
  Steering<T, A> & {
    /** What the work that was started last works under; before the first one, what it will be derived from. */
    readonly context: Context
  }

const MODES: readonly TaskMode[] = ['latest', 'first', 'queue', 'all']

/**
 * Runs `fn` under a context that ends when newer work takes its place, when its time is over, when the scope ends,
 * when the page is left, and when the component goes. With `deps` it runs by itself, once for each change of them;
 * without, it waits for `run`. A cancel is no error: nothing is thrown, nothing is printed. After success the context
 * lives on, without its timeout, so that what `fn` has returned can still be read.
 *
 * What runs by itself runs again when a hidden `Activity` is shown, whether it had finished or not, and under another
 * `parent`: one that is derived in render is another one each time, and starts it at each render. Deps that are
 * undefined for a while are as `enabled: false`.
 *
 * @throws TypeError if `fn` is not a function, `deps` not an array, or `options` or one of them is wrong
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
export function useTask<T, A extends readonly unknown[]>(
  fn: TaskWork<T, A>,
  deps?: undefined,
  options?: TaskOptions,
): Task<T, A>
export function useTask<T>(
  fn: (ctx: Context) => T | PromiseLike<T>,
  deps: DependencyList | undefined,
  options?: TaskOptions,
): Task<T>
export function useTask<T, A extends readonly unknown[]>(
  fn: TaskWork<T, A>,
  deps?: DependencyList,
  options: TaskOptions = {},
): Task<T, A> {
  const scope = useScope()
  const life = useLife(options?.parent ?? scope, options)
  const { debounce = 0, enabled = true, keepPrevious, label, mode = 'latest' } = options
  const { timeout = Infinity, transition = false } = options
  check(typeof fn === 'function', 'fn', 'a function', fn)
  check(deps === undefined || Array.isArray(deps), 'deps', 'an array', deps)
  check(MODES.includes(mode), 'mode', `one of ${MODES.join(', ')}`, mode)
  checkMilliseconds('timeout', timeout)
  checkMilliseconds('debounce', debounce, debounce >= 0 && debounce)
  const job = { parent: life.ctx, fn, timeout, debounce, mode, keepPrevious, label }
  const [runner] = useState(() => createRunner(job))
  const [answer, show] = useState(runner.read)
  const question: Question | undefined = enabled && deps ? [life.ctx, ...deps] : undefined
  const isAutomatic = question !== undefined

  // Before anybody can call `run`, layout effects included.
  useInsertionEffect(() => runner.configure(job))

  useEffect(
    () =>
      runner.subscribe((answer) => {
        // What runs by itself will run again soon: to show the cancel would be to flicker.
        if (answer.status === 'canceled' && returns(answer.question[0])) return
        if (transition && answer.status !== 'pending') startTransition(() => show(answer))
        else show(answer)
      }),
    [runner, transition],
  )

  useEffect(() => runner.limit(timeout), [runner, timeout])

  // At the change only: what is run by hand afterwards is nobody else's business.
  useEffect(() => {
    if (!isAutomatic) runner.stop()
  }, [isAutomatic, runner])

  // After every commit: what matters is whether this one asks for something else than the last run.
  useEffect(() => {
    if (question && !sameItems(runner.read().question, question)) runner.ask(question)
  })

  const willRun = question !== undefined && !sameItems(answer.question, question)
  return useMemo((): Task<T, A> => {
    const { question: _, ...state } = answer
    const shown = willRun ? pending(keepPrevious ? state.data : undefined) : state
    return { ...shown, ...runner.steering, context: state.context ?? life.ctx }
  }, [answer, life, runner, willRun, keepPrevious])
}
