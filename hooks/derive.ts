/**
 * `withCancel` and its kin for a component: the same words, bound to the component's life. What they return keeps its
 * identity until the context has to be another one: another parent, another route, or a component that was hidden and
 * is shown again.
 */

import type { Cancel, Context, DeriveOptions, RouteOptions } from '../src/index.ts'
import { useLife } from './life.ts'

/**
 * A context that ends when `cancel` is called, when `parent` ends, when the page is left, or when the component goes:
 * with `Unmounted` as its cause, or `Hidden` in an Activity that is hidden. It is made by the first effect: until
 * then it has the parent's values, but neither its end nor its deadline.
 *
 * @throws TypeError if `parent` is not a context
 * @see `withCancel`
 */
export function useCancellable(parent: Context, options: DeriveOptions = {}): [ctx: Context, cancel: Cancel] {
  const { ctx, cancel } = useLife(parent, options).life
  return [ctx, cancel]
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
  const { ctx, cancel } = useLife(parent, { ...options, timeout: ms ?? undefined }).life
  return [ctx, cancel]
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
  const deadline = at instanceof Date ? at.getTime() : (at ?? undefined)
  const { ctx, cancel } = useLife(parent, { ...options, deadline }).life
  return [ctx, cancel]
}

/**
 * {@link useCancellable} that also ends when the route changes, with `Navigated` as its cause; the component then
 * gets a new context for the new route. `source` and `ignore` are as for `withRoute`: make them once, outside of the
 * component.
 *
 * @throws TypeError if `parent` is not a context, `source` not a source, or `ignore` not a function
 * @see `withRoute`
 */
export function useRoute(parent: Context, options: RouteOptions = {}): [ctx: Context, cancel: Cancel] {
  const { ctx, cancel } = useLife(parent, { label: options.label, route: options }).life
  return [ctx, cancel]
}
