/**
 * Writes of a component: work that continues after its component is unmounted. The writer decides what runs and what is
 * shown; this file binds it to React.
 */

import { useMemo, useState } from 'react'
import { invalid } from '../src/arguments.ts'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { assertMode, checked } from './options.ts'
import type { WorkOptions } from './options.ts'
import { usePresence } from './presence.ts'
import type { Controls, TaskWork } from './run.ts'
import { useScope } from './scope.tsx'
import { Writer } from './writer.ts'
import type { ActionMode, ActionState, ActionSettings } from './writer.ts'

/**
 * Options of {@link useAction}. With a `parent`, runs also end when it ends. Without one, only `cancel`, `reset` and
 * the timeout end them.
 */
export interface ActionOptions extends WorkOptions {
  /**
   * What a new run does while others wait or are in flight:
   * - `queue`, the default: waits for its turn. The order is kept, and a failure does not stop later runs.
   * - `keepLatest`: waits for the run in flight, and ends a run that was waiting, with `Superseded`. For autosave.
   * - `drop`: joins the run in flight if it has the same arguments, by `Object.is`. Otherwise it is canceled with
   *   `Busy`, without calling `fn`. For submit buttons.
   * - `all`: runs concurrently with the others, at most `limit` at a time. For uploads.
   */
  readonly mode?: ActionMode | undefined
  /** The maximum number of concurrent runs in mode `all`; Infinity if left out. */
  readonly limit?: number | undefined
  /**
   * What happens to a run that waits for its debounce when the component is unmounted or hidden, or the page is left:
   * - `flush`, the default: starts at once, or after the run in flight, if it has to wait for its turn. The same
   *   happens when the tab is hidden, since a browser may discard a hidden tab without notice. When the page is left,
   *   the waiting run of `keepLatest` starts beside the run in flight. Pass `keepalive: true` to a `fetch` that must
   *   survive the page.
   * - `cancel`: is canceled without calling `fn`.
   */
  readonly onLeave?: 'flush' | 'cancel' | undefined
}

/** The state of an action, and the functions that control it. The functions keep their identity. */
export type Action<T, A extends readonly unknown[] = []> = ActionState<T, A> &
  Controls<T, A> & {
    /** The context of the latest run; before the first run, `parent` or else the nearest scope. */
    readonly context: Context
  }

const MODES: readonly ActionMode[] = ['queue', 'keepLatest', 'drop', 'all']

/**
 * A write: `run(...args)` calls `fn` with a context that has the values of the nearest scope. Only `cancel`, `reset`,
 * the timeout and the end of an explicit `parent` end a run. A run continues when the component is unmounted or hidden,
 * when the route changes and when a scope ends, and its promise settles with the real outcome. The state shows the
 * latest run; `runs` lists all that wait or are pending.
 *
 * `action` never rejects: `<form action={save.action}>`.
 *
 * @throws TypeError if `fn` is not a function, `options` is not an object, or an option has a wrong value
 * @example
 * function useRename(id: string): (name: string) => Promise<void> {
 *   const rename = useAction(
 *     async ({ signal }, name: string): Promise<void> => {
 *       const response = await fetch(`/albums/${id}`, { method: 'PATCH', body: name, signal, keepalive: true })
 *       if (!response.ok) throw new Error(`The server answered ${response.status}.`)
 *     },
 *     { mode: 'keepLatest', debounce: 500 },
 *   )
 *   return rename.action
 * }
 */
export function useAction<T, A extends readonly unknown[]>(
  fn: TaskWork<T, A>,
  options: ActionOptions = {},
): Action<T, A> {
  const given = checked(fn, options)
  const { limit = Infinity, mode = 'queue', onLeave = 'flush', parent } = options
  assertMode(mode, MODES)
  if (!(limit >= 1)) throw invalid('limit', 'a number of at least 1', limit)
  if (onLeave !== 'flush' && onLeave !== 'cancel') throw invalid('onLeave', 'flush or cancel', onLeave)
  if (parent !== undefined) lifetimeOf(parent, 'parent')
  const scope = useScope()
  const settings: ActionSettings<T, A> = { ...given, fn, scope, parent, mode, limit, onLeave }
  const [snapshot, render] = useState(() => new Writer<T, A>(settings).state)
  const { writer } = snapshot
  usePresence(writer, snapshot, settings, render)
  return useMemo((): Action<T, A> => {
    const { writer, ...state } = snapshot
    return { ...state, ...writer.controls, context: state.context ?? parent ?? scope } as Action<T, A>
  }, [snapshot, parent, scope])
}
