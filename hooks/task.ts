/**
 * Reads of a component: work that runs automatically when its dependencies change, or manually, and ends with the
 * component. The runner decides what runs and what is shown; this file binds it to React.
 */

import { useMemo, useState } from 'react'
import type { DependencyList } from 'react'
import { invalid } from '../src/arguments.ts'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { assertMode, checked } from './options.ts'
import type { WorkOptions } from './options.ts'
import { usePresence } from './presence.ts'
import type { Controls, TaskWork } from './run.ts'
import { Runner } from './runner.ts'
import type { TaskSettings, TaskMode, TaskState } from './runner.ts'
import { useScope } from './scope.tsx'
import { useStableCheck } from './stable.ts'
import { View } from './view.ts'

/**
 * Options of {@link useTask}. `parent` defaults to the nearest scope. An automatic task runs again for another parent.
 */
export interface TaskOptions extends WorkOptions {
  /**
   * What a new run does to the run in flight:
   * - `latest`, the default: ends it, with `Superseded`.
   * - `first`: joins it if it has the same arguments and deps, by `Object.is`; ends it otherwise.
   */
  readonly mode?: TaskMode | undefined
  /**
   * `false` stops automatic runs; `run()` still works. A result is shown until the deps change, and as stale after that
   * with `keepPrevious`. When `enabled` becomes true again, the task runs unless it has succeeded for the same deps.
   */
  readonly enabled?: boolean | undefined
}

/** The state of a task, and the functions that control it. The functions keep their identity. */
export type Task<T, A extends readonly unknown[] = []> = TaskState<T> &
  Controls<T, A> & {
    /** The context of the latest run, or of the one that is about to start; before the first run, its parent. */
    readonly context: Context
  }

/** In place of an overload: for a wrong option, the compiler would report the overload instead of the option. */
type DepsOf<A extends readonly unknown[]> = [] extends A ? DependencyList : never

const MODES: readonly TaskMode[] = ['latest', 'first']

/**
 * A read: runs `fn` with a context that ends when newer work supersedes it, at its timeout, when the scope ends, when
 * the page is left, and when the component is unmounted or hidden. With `deps` the task is automatic: it runs once for
 * each change of them. Without `deps` it runs only when `run` is called. A cancel is not an error: it is the status
 * `canceled`, and nothing is thrown or printed. After success the context stays live, without its timeout, so that the
 * component can still read from a result such as a stream.
 *
 * If `fn` is an async generator, each value that it yields becomes `data` while the run continues. The last value stays
 * if the run is canceled or fails. The return value of the generator is ignored.
 *
 * An automatic task runs again when a hidden `Activity` is shown, even if it had finished, and for another `parent`.
 * While `deps` are undefined, the task acts as with `enabled: false`.
 *
 * A manual run may depend on props: pass them as `deps`, with `enabled: false`. When the deps change, the run in flight
 * ends, and a result for earlier deps is no longer shown.
 *
 * @throws TypeError if `fn` is not a function, `deps` is not an array, `options` is not an object, or an option has a
 * wrong value; in development also if `deps` or `parent` are created during render: they change on every render, so the
 * work would restart forever
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
    // Fast Refresh drops memos, so edited code gets another key and runs again.
    edition = useMemo(() => ({}), [])
    useStableCheck(enabled && deps ? [lifetime, ...deps] : undefined, 'deps and parent', deps)
    // oxlint-enable react/rules-of-hooks
  }
  // `concat` in place of a spread, whose array reserves memory for growth: React retains those of two renders.
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
  const [state, render] = useState(() => new Runner<T, A>(settings).state)
  usePresence(Runner.of(state), state, settings, render)
  return View.shown(state, settings) as unknown as Task<T, A>
}
