/**
 * A component's reads: work that runs by itself when its dependencies change, or when it is told to, and ends with what
 * shows it. What runs and what is shown is the runner's matter; here it is bound to React.
 */

import { useMemo, useState } from 'react'
import type { DependencyList } from 'react'
import { invalid } from '../src/arguments.ts'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { sameDeps, sameItems } from './deps.ts'
import { assertMode, checked } from './options.ts'
import type { WorkOptions } from './options.ts'
import { usePresence } from './presence.ts'
import { kept, pending } from './run.ts'
import type { Outcome, TaskWork } from './run.ts'
import { Runner } from './runner.ts'
import type { TaskSnapshot, TaskSettings, RunKey, Controls, TaskMode, TaskState } from './runner.ts'
import { useScope } from './scope.tsx'
import { useStableCheck } from './stable.ts'

/**
 * Options of {@link useTask}. `parent` is the nearest scope if left out; another one starts an automatic task again.
 */
export interface TaskOptions extends WorkOptions {
  /**
   * What a new run does to the one under way: ends it (`latest`), or joins it if it has the same arguments and deps, by
   * `Object.is`, and ends it otherwise (`first`).
   */
  readonly mode?: TaskMode | undefined
  /**
   * False stops automatic runs; `run()` still works. A result is shown as long as the deps are those that it was run
   * for, with `keepPrevious` also after that. True again, the task runs unless it had an snapshot.
   */
  readonly enabled?: boolean | undefined
}

/** Where a component's work is, and how to steer it. The functions keep their identity. */
export type Task<T, A extends readonly unknown[] = []> = TaskState<T> &
  Controls<T, A> & {
    /**
     * The context of the latest run, or of the one that is about to start; before any, what it will be derived from.
     */
    readonly context: Context
  }

/** Not an overload: then an error in the options would name the overload, and not the option. */
type DepsOf<A extends readonly unknown[]> = [] extends A ? DependencyList : never

const MODES: readonly TaskMode[] = ['latest', 'first']

/**
 * A read: runs `fn` under a context that ends when newer work takes its place, when its time is over, when the scope
 * ends, when the page is left, and when the component is unmounted or hidden. With `deps` it runs by itself, once for
 * each change of them; without, it waits for `run`. A cancel is not an error: nothing is thrown, nothing is printed.
 * After success the context lives on, without its timeout, so that what `fn` has returned can still be read.
 *
 * If `fn` is an async generator, each value that it yields is `data` while it goes on, and the last one stays when it
 * is stopped or fails. What it returns is ignored.
 *
 * A task that runs by itself runs again when a hidden `Activity` is shown, whether it had finished or not, and under
 * another `parent`. Deps that are undefined for a while are as `enabled: false`. What a component runs by hand for its
 * props has them as `deps`, with `enabled: false`: a result for other deps is not shown, and a run for other deps ends.
 *
 * @throws TypeError if `fn` is not a function, `deps` not an array, or `options` or one of them is wrong; in
 * development also if `deps` or `parent` are created during render: they change on every render, so the work would
 * restart forever
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
  second?: TaskOptions | DepsOf<A>,
  third?: TaskOptions,
): Task<T, A> {
  const isList = Array.isArray(second)
  const deps = isList ? (second as DependencyList) : undefined
  const isFirst = second !== undefined && !isList
  if (isFirst && third !== undefined) throw invalid('deps', 'an array', second)
  const options = isFirst ? (second as TaskOptions) : third === undefined ? {} : third
  const { timeout, slowAfter, debounce, keepPrevious, transition, label } = checked(fn, options)
  const { enabled = true, mode = 'latest' } = options
  assertMode(mode, MODES)
  const scope = useScope()
  const parent = options.parent ?? scope
  const lifetime = lifetimeOf(parent, 'parent')
  let edition: unknown
  if (process.env.NODE_ENV !== 'production') {
    // oxlint-disable react/rules-of-hooks -- the same in every render
    // Fast Refresh drops memos: the edited code is another runKey.
    edition = useMemo(() => ({}), [])
    // Of the parents, those that were given: what comes from a scope is the scope's matter.
    useStableCheck(enabled && deps ? [options.parent && lifetime, ...deps] : undefined, 'deps and parent', deps)
    // oxlint-enable react/rules-of-hooks
  }
  // Not by spreads, which leave room to grow: React keeps what two renders have made.
  const runKey = enabled && deps ? [lifetime, edition].concat(deps) : undefined
  const settings: TaskSettings<T, A> = {
    timeout,
    slowAfter,
    debounce,
    keepPrevious,
    transition,
    label,
    parent,
    fn,
    deps,
    key: runKey,
    mode,
  }
  const [snapshot, render] = useState(() => new Runner<T, A>(settings).state)
  const { runner } = snapshot
  usePresence(runner, () => {
    runner.configure(settings)
    runner.commit(snapshot, render)
  })

  const willRun = runKey !== undefined && !sameItems(snapshot.key, runKey)
  // What is known of other deps is no snapshot.
  const isForOtherDeps = !sameDeps(snapshot.deps, deps)
  return useMemo(
    () => {
      const data = keepPrevious ? snapshot.data : undefined
      const shown = willRun ? pending(data) : isForOtherDeps ? kept(data, true) : snapshot
      const view = new View<T, A>(shown as Outcome<T>, snapshot, parent, willRun ? runKey : undefined)
      return view as unknown as Task<T, A>
    },
    // oxlint-disable-next-line react/exhaustive-deps -- of the runKey only whether it is asked already counts
    [snapshot, parent, willRun, isForOtherDeps, keepPrevious],
  )
}

/** What a component gets. A class: an object with a getter of its own takes four times the memory. */
class View<T, A extends readonly unknown[]> {
  readonly status: string
  readonly data: unknown
  readonly error: unknown
  readonly cause: unknown
  readonly stale: boolean
  readonly slow: boolean
  readonly run: Controls<T, A>['run']
  readonly action: Controls<T, A>['action']
  readonly flush: Controls<T, A>['flush']
  readonly cancel: Controls<T, A>['cancel']
  readonly reset: Controls<T, A>['reset']
  readonly #snapshot: TaskSnapshot<T, A>
  readonly #parent: Context
  readonly #key: RunKey | undefined
  #context: Context | undefined

  constructor(shown: Outcome<T>, snapshot: TaskSnapshot<T, A>, parent: Context, runKey: RunKey | undefined) {
    const { action, cancel, flush, reset, run } = snapshot.runner.controls
    this.status = shown.status
    this.data = shown.data
    this.error = shown.error
    this.cause = shown.cause
    this.stale = shown.stale
    this.slow = shown.slow
    this.run = run
    this.action = action
    this.flush = flush
    this.cancel = cancel
    this.reset = reset
    this.#snapshot = snapshot
    this.#parent = parent
    this.#key = runKey
    // Of the object itself, so that a spread has it, too.
    Object.defineProperty(this, 'context', CONTEXT)
  }

  /** Made when it is read: most components never do. */
  static contextOf(view: View<unknown, readonly unknown[]>): Context {
    return (view.#context ??= view.#snapshot.runner.contextOf(view.#snapshot, view.#parent, view.#key))
  }
}

/** One for all: with a getter of its own each view would be of another shape. */
const CONTEXT: PropertyDescriptor = {
  enumerable: true,
  get(this: View<unknown, readonly unknown[]>) {
    return View.contextOf(this)
  },
}
