/**
 * A component's writes: work that ends when it is done, whatever becomes of what started it. What runs and what is
 * shown is the writer's matter; here it is bound to React.
 */

import { useMemo, useState } from 'react'
import { invalid } from '../src/arguments.ts'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { assertMode, checked } from './options.ts'
import type { WorkOptions } from './options.ts'
import { usePresence } from './presence.ts'
import type { TaskWork } from './run.ts'
import type { Controls } from './runner.ts'
import { useScope } from './scope.tsx'
import { Writer } from './writer.ts'
import type { ActionMode, ActionState, ActionSettings } from './writer.ts'

/**
 * Options of {@link useAction}. With a `parent` its runs end with that; left out, only by `cancel` or their timeout.
 */
export interface ActionOptions extends WorkOptions {
  /**
   * What a new run does while others are under way:
   * - `queue`, the default: waits for its turn; the order is kept, and a failure does not stop those that wait.
   * - `keepLatest`: waits for the one under way, and ends the one that waited, with `Superseded`. For autosave.
   * - `drop`: joins the one under way if it has the same arguments, by `Object.is`; else it is refused, with `Busy`.
   *   For buttons that submit.
   * - `all`: runs beside the others, at most `limit` at once. For uploads.
   */
  readonly mode?: ActionMode | undefined
  /** How many may run at once in mode `all`; Infinity if left out. */
  readonly limit?: number | undefined
  /**
   * What becomes of a run that waits for its debounce when the component is unmounted or hidden, or the page is left:
   * starts at once (`flush`, the default), or is canceled (`cancel`). `flush` also starts it when the tab is hidden: a
   * browser may discard a hidden tab without notice. Give `keepalive: true` to a `fetch` that has to survive the page.
   */
  readonly onLeave?: 'flush' | 'cancel' | undefined
}

/** Where a component's writes are, and how to steer them. The functions keep their identity. */
export type Action<T, A extends readonly unknown[] = []> = ActionState<T, A> &
  Controls<T, A> & {
    /** The context of the latest run; before any, what it will be derived from. */
    readonly context: Context
  }

const MODES: readonly ActionMode[] = ['queue', 'keepLatest', 'drop', 'all']

/**
 * A write: `run(...args)` calls `fn` under a context with the values of the nearest scope, which `cancel`, the timeout
 * and an explicit `parent` end, and nothing else. A run that was started goes on when the component is unmounted or
 * hidden, when the route changes and when a scope ends; the promise of `run` settles with the real outcome. The state
 * is that of the latest run, and `runs` has all that wait or are pending.
 *
 * `action` never rejects: `<form action={save.action}>`.
 *
 * @throws TypeError if `fn` is not a function, or `options` or one of them is wrong
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
  usePresence(writer, () => {
    writer.configure(settings)
    writer.commit(snapshot, render)
  })
  return useMemo((): Action<T, A> => {
    const { writer, ...state } = snapshot
    return { ...state, ...writer.controls, context: state.context ?? parent ?? scope } as Action<T, A>
  }, [snapshot, parent, scope])
}
