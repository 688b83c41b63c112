/**
 * A component's work: runs by itself when its dependencies change, or when it is told to, and stops when the component
 * goes. What runs and what is shown is the runner's matter; here it is bound to React.
 */

import { startTransition, useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react'
import type { DependencyList } from 'react'
import { afterFunc } from '../src/index.ts'
import type { Context } from '../src/index.ts'
import { sameDeps, sameItems } from './deps.ts'
import { renewal, useLife } from './life.ts'
import { check, checkMilliseconds } from './misuse.ts'
import { createRunner, kept, pending } from './runner.ts'
import type { Question, Steering, TaskMode, TaskState, TaskWork } from './runner.ts'
import { useScope } from './scope.tsx'
import { useSteady } from './steady.ts'

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
   * the same deps is shown, of others only with `keepPrevious`. True again, it asks again unless it had an answer.
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
 * @throws TypeError if `fn` is not a function, `deps` not an array, or `options` or one of them is wrong; if `deps` or
 * `parent` are others at each render, as what is made there: work that runs by itself would run for ever
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
  const job = { parent, fn, deps, timeout, debounce, mode, keepPrevious, label }
  const [runner] = useState(() => createRunner(job))
  const [answer, show] = useState(runner.read)
  /** Whether the work that was canceled will run again. */
  const [isReturning, setReturning] = useState(false)
  const question: Question | undefined = enabled && deps ? [parent, ...deps] : undefined
  const isAutomatic = question !== undefined

  const rendered = useRef(answer)
  // Before anybody can call `run`, layout effects included.
  useInsertionEffect(() => {
    runner.configure(job)
    rendered.current = answer
  })

  useEffect(() => {
    let isOn = true
    const stop = runner.subscribe((answer) => {
      const tell = () => {
        if (!isOn || runner.read() !== answer) return
        const next = answer.status === 'canceled' ? renewal(answer.question[0]) : undefined
        if (next) afterFunc(next, tell)
        show(answer)
        setReturning(next !== undefined)
      }
      if (transition && answer.status !== 'pending') return startTransition(tell)
      tell()
      // Once more outside of the action that may have started it: React shows what is of that when it is over.
      if (answer.status === 'pending') queueMicrotask(() => rendered.current === answer || tell())
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

  // Of the parents, those that were given: what comes from a scope was derived above.
  useSteady(question && [options.parent, ...(deps as DependencyList)], 'deps and parent', deps)

  // After every commit: what matters is whether this one asks for something else than the last run.
  useEffect(() => {
    if (question && !sameItems(runner.read().question, question)) runner.ask(question)
  })

  // What was canceled with a life that another one follows runs again: to show the cancel would be to flicker.
  const willRun = question !== undefined && (isReturning || !sameItems(answer.question, question))
  // While nothing is asked, what is known of other deps is no answer.
  const isOther = answer.status !== 'pending' && !sameDeps(answer.deps, deps)
  return useMemo((): Task<T, A> => {
    const { question: _, deps: __, ...state } = answer
    const data = keepPrevious ? state.data : undefined
    const shown = willRun ? pending(data) : isOther ? kept(data, true) : state
    return { ...shown, ...runner.steering, context: state.context ?? parent }
  }, [answer, parent, runner, willRun, isOther, keepPrevious])
}
