/**
 * `withCancel` and its kin for a component: the same words, bound to the component's life. What they return keeps its
 * identity until the context has to be another one: another parent, another route, or a component that was hidden and
 * is shown again.
 */

import type { Cancel, Context, DeriveOptions, RouteOptions } from '../src/index.ts'
import { useLife } from './life.ts'
import { checkMilliseconds, date } from './misuse.ts'

/**
 * A context that ends when `cancel` is called, when `parent` ends, when the page is left, or when the component goes:
 * with `Unmounted` as its cause, or `Hidden` in an Activity that is hidden. The first effect links it to its parent:
 * until then it has the parent's values, but neither its end nor its deadline.
 *
 * Another `parent` is another context: one that is derived in render gives another one at each render, so keep it
 * with `useMemo` or take it from a hook. `cancel` may be a handler as it is, `onClick={cancel}`: an event is no cause.
 *
 * @throws TypeError if `parent` is not a context, or `options` not an object
 * @see `withCancel`
 */
export function useCancellable(parent: Context, options: DeriveOptions = {}): [ctx: Context, cancel: Cancel] {
  return useLife(parent, options).pair
}

/**
 * {@link useCancellable} that also ends by itself `ms` milliseconds after the component appeared; null or Infinity
 * means never. Another `ms` counts from the same start, and does not disturb what is running.
 *
 * @throws TypeError if `parent` is not a context, or `ms` neither a number nor null
 * @see `withTimeout`
 */
export function useTimeout(
  parent: Context,
  ms: number | null,
  options: DeriveOptions = {},
): [ctx: Context, cancel: Cancel] {
  const timeout = ms === null ? Infinity : ms
  checkMilliseconds('ms', timeout)
  return useLife(parent, options, { times: [timeout] }).pair
}

/**
 * {@link useCancellable} that also ends by itself at the time `at`: a Date, or milliseconds since the epoch; null means
 * never. Another `at` does not disturb what is running.
 *
 * @throws TypeError if `parent` is not a context, or `at` neither a number, a valid Date nor null
 * @see `withDeadline`
 */
export function useDeadline(
  parent: Context,
  at: number | Date | null,
  options: DeriveOptions = {},
): [ctx: Context, cancel: Cancel] {
  return useLife(parent, options, { times: [date('at', at === null ? Infinity : at)] }).pair
}

/**
 * {@link useCancellable} that also ends when the route changes, with `Navigated` as its cause. A component that stays
 * gets a new context for the new route, and so does one that React still shows while it loads the next page:
 * let the router load that, before the route changes. Make the `source` once, outside of the component: another one is
 * another context. Of `ignore` the latest counts, so it may be inline.
 *
 * @throws TypeError if `parent` is not a context, `source` not a source, or `ignore` not a function
 * @see `withRoute`
 */
export function useRoute(parent: Context, options: RouteOptions = {}): [ctx: Context, cancel: Cancel] {
  return useLife(parent, options, { route: options }).pair
}
