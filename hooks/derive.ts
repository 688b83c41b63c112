/**
 * Hooks that derive a context for a component, with the parameters of `withCancel`, `withDeadline`, `withTimeout` and
 * `withRoute`. The context keeps its identity until a new one is needed: for another parent or route, after a reset, or
 * when a hidden component is shown again.
 */

import { useMemo } from 'react'
import { assertFunction, assertNumber, assertOptions, isDate } from '../src/arguments.ts'
import { withValuesOf } from '../src/bindings.ts'
import { withRoute } from '../src/index.ts'
import type { Cancel, Context, DeriveOptions, RouteOptions } from '../src/index.ts'
import type { Lives, Life, LifeSettings } from './life.ts'
import { useRouteRenewal, useLife } from './use-life.ts'

/**
 * A context of a component, and two functions that keep their identity and act on the context that the component has at
 * the time of the call. `cancel` ends it. `reset` ends it, if it is live, and replaces it with a new one at the next
 * commit. Both can be event handlers: `cancel` does not use an event as the cause.
 */
export type Derived = [ctx: Context, cancel: Cancel, reset: () => void]

/**
 * Returns a context that ends when `cancel` is called, when `parent` ends, when the page is left, or when the component
 * is unmounted or hidden, with `Unmounted` or `Hidden` as its cause. The first effect links it to its parent. Until
 * then it has the parent's values, but does not end with the parent and has no deadline.
 *
 * A canceled context stays canceled until `reset`. A `parent` with another lifetime starts a new context. A parent that
 * is derived during render, such as `withCancel(ctx)[0]`, changes on every render: keep it with `useMemo`, or take it
 * from a hook. A parent that differs only in its values does not start a new context: only the values change.
 *
 * @throws TypeError if `parent` is not a context, or `options` is not an object
 * @see `withCancel`
 */
export function useCancellable(parent: Context, options: DeriveOptions = {}): Derived {
  return useDerived('useCancellable', parent, options, [])
}

/**
 * Does what {@link useCancellable} does; the context also ends `ms` milliseconds after the component was first shown.
 * Null or Infinity means never. If `ms` changes, the new time counts from the same start, and running work continues.
 * When a hidden component is shown again, its new context gets the whole time.
 *
 * @throws TypeError if `parent` is not a context, or `ms` is neither a number nor null
 * @see `withTimeout`
 */
export function useTimeout(parent: Context, ms: number | null, options: DeriveOptions = {}): Derived {
  const timeout = ms === null ? Infinity : ms
  assertNumber('ms', timeout)
  return useDerived('useTimeout', parent, options, [timeout])
}

/**
 * Does what {@link useCancellable} does; the context also ends at the time `at`: a Date, or milliseconds since the
 * epoch. Null or Infinity means never. If `at` changes, running work continues.
 *
 * @throws TypeError if `parent` is not a context, or `at` is neither a number, a valid Date nor null
 * @see `withDeadline`
 */
export function useDeadline(parent: Context, at: number | Date | null, options: DeriveOptions = {}): Derived {
  return useDerived('useDeadline', parent, options, [dateOf('at', at === null ? Infinity : at)])
}

/**
 * Does what {@link useCancellable} does; the context also ends when the route changes, with `Navigated` as its cause. A
 * component that stays mounted then gets a new context, even if the last one was canceled. So does a component that
 * React still shows while the next page loads: let the router load that page before it changes the route.
 *
 * Make the `source` once, outside the component: another source starts a new context. `ignore` may be inline: the
 * function of the latest render is called.
 *
 * @throws TypeError if `parent` is not a context, `source` is not a source, or `ignore` is not a function
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

/** Returns the context of `life` with the values of the latest `parent`, and the functions of the component. */
function useView(life: Life, parent: Context): Derived {
  const { ctx, lives } = life
  return useMemo(
    () => [life.parent === parent ? ctx : withValuesOf(ctx, parent), lives.cancel, lives.reset],
    [life, ctx, parent, lives],
  )
}

/** Derives a context that ends with the route. It calls the `ignore` of the latest render. */
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

/** The latest time that a Date can represent. */
const MAX_DATE = 8.64e15

/** Returns a time as a Date. Infinity, which means never, stands for a time that is too late for a Date. */
export function dateOf(parameter: string, at: number | Date): Date | number {
  const ms = isDate(at) ? at.getTime() : at
  assertNumber(parameter, ms, at)
  return ms > MAX_DATE ? Infinity : new Date(Math.max(ms, 0))
}
