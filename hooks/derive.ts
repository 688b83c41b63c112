/**
 * `withCancel` and its kin for a component: the same words, bound to the component's life. What they return keeps its
 * identity until the context has to be another one: another parent, another route, a reset, or a component that was
 * hidden and is shown again.
 */

import { useMemo } from 'react'
import { assertFunction, assertNumber, assertOptions, isDate } from '../src/arguments.ts'
import { withValuesOf } from '../src/bindings.ts'
import { withRoute } from '../src/index.ts'
import type { Cancel, Context, DeriveOptions, RouteOptions } from '../src/index.ts'
import type { Lives, Life, LifeSettings } from './life.ts'
import { useRouteRenewal, useLife } from './use-life.ts'

/**
 * A context of the component, how to cancel it, and how to begin another one. `cancel` and `reset` mean the context
 * that the component has when they are called, and keep their identity. Both may be handlers as they are: an event is
 * no cause.
 */
export type Derived = [ctx: Context, cancel: Cancel, reset: () => void]

/**
 * A context that ends when `cancel` is called, when `parent` ends, when the page is left, or when the component is
 * unmounted or hidden, with `Unmounted` or `Hidden` as its cause. The first effect links it to its parent: until then
 * it has the parent's values, but neither its end nor its deadline.
 *
 * A canceled context stays canceled until `reset`. A `parent` with another lifetime is another context: one that is
 * derived in render, such as `withCancel(ctx)[0]`, is another one at each render, so keep it with `useMemo` or take it
 * from a hook. A parent that differs in values only changes the values.
 *
 * @throws TypeError if `parent` is not a context, or `options` not an object
 * @see `withCancel`
 */
export function useCancellable(parent: Context, options: DeriveOptions = {}): Derived {
  return useDerived('useCancellable', parent, options, [])
}

/**
 * {@link useCancellable} that also ends by itself `ms` milliseconds after the component appeared; null or Infinity
 * means never. Another `ms` counts from the same start, and does not disturb what is running. When a component that was
 * hidden is shown again, the whole time is given again.
 *
 * @throws TypeError if `parent` is not a context, or `ms` neither a number nor null
 * @see `withTimeout`
 */
export function useTimeout(parent: Context, ms: number | null, options: DeriveOptions = {}): Derived {
  const timeout = ms === null ? Infinity : ms
  assertNumber('ms', timeout)
  return useDerived('useTimeout', parent, options, [timeout])
}

/**
 * {@link useCancellable} that also ends by itself at the time `at`: a Date, or milliseconds since the epoch; null means
 * never. Another `at` does not disturb what is running.
 *
 * @throws TypeError if `parent` is not a context, or `at` neither a number, a valid Date nor null
 * @see `withDeadline`
 */
export function useDeadline(parent: Context, at: number | Date | null, options: DeriveOptions = {}): Derived {
  return useDerived('useDeadline', parent, options, [dateOf('at', at === null ? Infinity : at)])
}

/**
 * {@link useCancellable} that also ends when the route changes, with `Navigated` as its cause. A component that stays
 * gets a new context for the new route, however the last one ended, and so does one that React still shows while it
 * loads the next page: let the router load that before the route changes. Make the `source` once, outside of the
 * component: another one is another context. Of `ignore` the latest counts, so it may be inline.
 *
 * @throws TypeError if `parent` is not a context, `source` not a source, or `ignore` not a function
 * @see `withRoute`
 */
export function useRoute(parent: Context, options: RouteOptions = {}): Derived {
  assertRoute(options)
  const { label, source } = options
  const settings = { kind: 'useRoute', label, times: [], follow: followRoute, route: options }
  const life = useLife(parent, settings, source)
  useRouteRenewal(life.lives)
  return useView(life, parent)
}

function useDerived(kind: string, parent: Context, options: DeriveOptions, times: LifeSettings['times']): Derived {
  assertOptions(options)
  return useView(useLife(parent, { kind, label: options.label, times }), parent)
}

/** The life's context, with the values of the latest `parent`. */
function useView(life: Life, parent: Context): Derived {
  const { ctx, lives } = life
  return useMemo(
    () => [life.parent === parent ? ctx : withValuesOf(ctx, parent), lives.cancel, lives.reset],
    [life, ctx, parent, lives],
  )
}

/** Ends with the route, of which the latest `ignore` counts. */
export function followRoute(parent: Context, lives: Lives): [ctx: Context, cancel: Cancel] {
  return withRoute(parent, {
    ...lives.settings.route,
    ignore: (to, from) => lives.settings.route?.ignore?.(to, from) ?? false,
  })
}

export function assertRoute(route: RouteOptions): void {
  assertOptions(route)
  if (route.ignore !== undefined) assertFunction('ignore', route.ignore)
}

/** The latest time that a Date can say. */
const MAX_DATE = 8.64e15

/** A time as a Date; what is later than any Date is never. */
export function dateOf(parameter: string, at: number | Date): Date | number {
  const ms = isDate(at) ? at.getTime() : at
  assertNumber(parameter, ms, at)
  return ms > MAX_DATE ? Infinity : new Date(Math.max(ms, 0))
}
