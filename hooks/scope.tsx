/**
 * A boundary: everything below it works under its context and ends with it. The context is inert until the boundary
 * is on the page, as that of every hook is.
 */

import { createContext, forwardRef, useContext, useImperativeHandle, useMemo, useState } from 'react'
import type { ForwardRefExoticComponent, ReactNode, RefAttributes } from 'react'
import { background, remaining, withValue } from '../src/index.ts'
import type { Context, Key, RouteOptions } from '../src/index.ts'
import { sameItems } from './deps.ts'
import { share, useLife } from './life.ts'
import { checkMilliseconds, date } from './misuse.ts'

/** What a ref to a {@link Scope} gives. */
export interface ScopeHandle {
  /** What everything below works under. */
  readonly context: Context
  /** Ends it. It stays ended until `reset`. An event is no cause. */
  cancel(cause?: unknown): void
  /**
   * Ends it, if it has not, and begins anew: what is below and runs by itself runs again. The new context comes with
   * the next commit; what is run by hand before that is canceled.
   */
  reset(): void
}

/** What is set with `withValue`. */
export type ScopeValue = readonly [key: Key<unknown>, value: unknown]

/** Properties of {@link Scope}. */
export interface ScopeProps {
  readonly children?: ReactNode
  /** What it is derived from; the nearest scope above if left out. Another one begins the scope anew. */
  readonly parent?: Context | undefined
  /** Milliseconds from when it appears until it ends by itself; null is never. Others count from the same start. */
  readonly timeout?: number | null | undefined
  /** When it ends by itself: a Date, or milliseconds since the epoch; null is never. */
  readonly deadline?: number | Date | null | undefined
  /** Values for everything below. Others (by `Object.is`) begin the scope anew: they belong to another request. */
  readonly values?: readonly ScopeValue[] | undefined
  /** A name for people; the first one stays. */
  readonly label?: string | undefined
  /**
   * Ends it when the route changes, and begins anew. To switch this on or off, or to give another `source`, begins it
   * anew as well; of `ignore` the latest counts.
   */
  readonly route?: boolean | RouteOptions | undefined
  /** Others (by `Object.is`) begin the scope anew. */
  readonly resetKeys?: readonly unknown[] | undefined
}

const Nearest = /* @__PURE__ */ createContext<Context | undefined>(undefined)

/**
 * The context of the nearest {@link Scope} above; without one, `background()`. Keeps its identity until the scope
 * begins anew.
 */
export function useScope(): Context {
  return useContext(Nearest) ?? background()
}

/**
 * The value of `key` in `ctx`, by default in the nearest scope; the key's fallback if it was never set.
 *
 * @throws TypeError if `key` is not from `createKey`, or `ctx` not a context
 * @see `Context.value`
 */
export function useValue<T>(key: Key<T>, ctx?: Context): T | undefined {
  const scope = useScope()
  const from = ctx ?? scope
  // Asks nothing but whether it is a context.
  remaining(from)
  return from.value(key)
}

/**
 * A boundary for work: ends with what is above it, by its own time, by its route, by `cancel` of its ref, and when it
 * is removed or hidden.
 *
 * @throws TypeError if `parent` is not a context, a time not a number, or a key not from `createKey`
 */
export const Scope: ForwardRefExoticComponent<ScopeProps & RefAttributes<ScopeHandle>> = /* @__PURE__ */ forwardRef<
  ScopeHandle,
  ScopeProps
>(function Scope(props, ref) {
  const { children, label, resetKeys = [], route, values = [] } = props
  const timeout = props.timeout ?? Infinity
  const deadline = props.deadline ?? Infinity
  checkMilliseconds('timeout', timeout)
  const scope = useScope()
  const parent = props.parent ?? scope
  // The length tells the values from the keys.
  const key = useKept([parent, values.length, ...values.flat(), ...resetKeys])
  const base = useMemo(
    () => share(values.reduce((above, [key, value]) => withValue(above, key, value), parent), parent),
    // oxlint-disable-next-line react/exhaustive-deps -- is another one exactly when one of them is
    [key],
  )
  const life = useLife(
    base,
    { label },
    { times: [timeout, date('deadline', deadline)], route: route === true ? {} : route || undefined },
    key,
  )
  useImperativeHandle(ref, () => ({ context: life.ctx, cancel: life.cancel, reset: life.reset }), [life])
  return <Nearest.Provider value={life.ctx}>{children}</Nearest.Provider>
})

/** The first of all lists with the same items. */
function useKept(items: readonly unknown[]): readonly unknown[] {
  const [kept, keep] = useState(items)
  if (sameItems(kept, items)) return kept
  keep(items)
  return items
}
