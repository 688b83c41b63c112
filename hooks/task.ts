/**
 * A component's work: runs by itself when its dependencies change, or when it is told to, and stops when the component
 * goes. What runs and what is shown is the runner's matter; here it is bound to React.
 */

import { startTransition, useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react'
import type { DependencyList } from 'react'
import { afterFunc } from '../src/index.ts'
import type { Context } from '../src/index.ts'
import { renewal, sameItems, useLife } from './life.ts'
import { check, checkMilliseconds } from './misuse.ts'
import { createRunner, kept, pending } from './runner.ts'
import type { Job, Question, Steering, TaskMode, TaskState, TaskWork } from './runner.ts'
import { useScope } from './scope.tsx'

/** Options of {@link useTask}. */
export interface TaskOptions {
  /** What its runs are derived from; the nearest scope if left out. Another one starts an automatic task again. */
  readonly parent?: Context | undefined
  /** Milliseconds for each run, from the start of its work; null is never. Another one holds for what runs, too. */
  readonly timeout?: number | null | undefined
  /** Milliseconds to wait before the work of a run starts; not less than 0. Another one holds for the runs to come. */
  readonly debounce?: number | undefined
  /**
   * What a new run does to the others: ends them (`latest`), joins them (`first`), waits for its turn (`queue`), or
   * runs beside them (`all`). A run for other deps joins nothing: in mode `first` it ends the others. What runs have
   * handed out stays in use until newer work takes their place, in `queue` and `all` until the component goes.
   */
  readonly mode?: TaskMode | undefined
  /** Keeps `data` while newer work is under way. */
  readonly keepPrevious?: boolean | undefined
  /**
   * False keeps an automatic task from running, and stops it. What is run by hand after that does run. What is known of
   * the same deps is shown, and not asked for again when this is true again; errors and cancels are no answers.
   */
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

/** After so many commits in a row, each with another parent, the parent is derived in render: that would never end. */
const MAX_PARENTS = 25

const MODES: readonly TaskMode[] = ['latest', 'first', 'queue', 'all']

/**
 * Runs `fn` under a context that ends when newer work takes its place, when its time is over, when the scope ends,
 * when the page is left, and when the component goes. With `deps` it runs by itself, once for each change of them;
 * without, it waits for `run`. A cancel is no error: nothing is thrown, nothing is printed. After success the context
 * lives on, without its timeout, so that what `fn` has returned can still be read.
 *
 * What runs by itself runs again when a hidden `Activity` is shown, whether it had finished or not, and under another
 * `parent`. Deps that are undefined for a while are as `enabled: false`.
 *
 * @throws TypeError if `fn` is not a function, `deps` not an array, or `options` or one of them is wrong; if `parent`
 * is another one at each render, as one that is derived there: work that runs by itself would run for ever
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
  const { transition = false } = options
  const timeout = options.timeout ?? Infinity
  check(typeof fn === 'function', 'fn', 'a function', fn)
  check(deps === undefined || Array.isArray(deps), 'deps', 'an array', deps)
  check(MODES.includes(mode), 'mode', `one of ${MODES.join(', ')}`, mode)
  checkMilliseconds('timeout', timeout)
  checkMilliseconds('debounce', debounce, debounce >= 0 && debounce)
  const parent = life.ctx
  const job: Job<T, A> = {
    parent,
    renewal: () => renewal(parent),
    fn,
    deps,
    timeout,
    debounce,
    mode,
    keepPrevious,
    label,
  }
  const [runner] = useState(() => createRunner(job))
  const [answer, show] = useState(runner.read)
  /** What ends when the work that was canceled runs again, or never will. */
  const [returning, wait] = useState<Context>()
  const question: Question | undefined = enabled && deps ? [parent, ...deps] : undefined
  const isAutomatic = question !== undefined

  // Before anybody can call `run`, layout effects included.
  useInsertionEffect(() => runner.configure(job))

  useEffect(() => {
    let isOn = true
    const stop = runner.subscribe((answer) => {
      const returning = answer.status === 'canceled' ? renewal(answer.question[0]) : undefined
      const tell = (returning?: Context) => {
        if (!isOn || runner.read() !== answer) return
        show(answer)
        wait(returning)
      }
      if (returning) afterFunc(returning, tell)
      // Outside of the action that may have started it: React would show nothing before that is over.
      if (answer.status === 'pending') queueMicrotask(tell)
      else if (transition) startTransition(() => tell(returning))
      else tell(returning)
    })
    return () => {
      isOn = false
      stop()
    }
  }, [runner, transition])

  useEffect(() => runner.limit(timeout), [runner, timeout])

  // At the change only: what is run by hand afterwards is nobody else's business.
  useEffect(() => {
    if (!isAutomatic) runner.stop()
  }, [isAutomatic, runner])

  const latest = useRef({ parent: life.parent, changes: 0 })
  useEffect(() => {
    const { current } = latest
    current.changes = question && life.parent !== current.parent ? current.changes + 1 : 0
    current.parent = life.parent
    check(current.changes < MAX_PARENTS, 'parent', 'the same at each render (see useMemo)', life.parent)
  })

  // After every commit: what matters is whether this one asks for something else than the last run.
  useEffect(() => {
    if (question && !sameItems(runner.read().question, question)) runner.ask(question)
  })

  // What was canceled with a life that another one follows runs again: to show the cancel would be to flicker.
  const willRun = question !== undefined && (returning !== undefined || !sameItems(answer.question, question))
  // While nothing is asked, what is known of other deps is no answer.
  const isOther = answer.status !== 'pending' && !sameDeps(answer.deps, deps)
  return useMemo((): Task<T, A> => {
    const { question: _, deps: __, ...state } = answer
    const data = keepPrevious ? state.data : undefined
    const shown = willRun ? pending(data) : isOther ? kept(data, true) : state
    return { ...shown, ...runner.steering, context: state.context ?? parent }
  }, [answer, parent, runner, willRun, isOther, keepPrevious])
}

function sameDeps(one: DependencyList | undefined, other: DependencyList | undefined): boolean {
  return one && other ? sameItems(one, other) : one === other
}
