/**
 * A boundary: reads below it are derived from its context and end with it. The context is inert until the boundary is
 * mounted, like the context of every hook. Changed values do not end it: they make another view of the same life.
 */

import { createContext, forwardRef, useContext, useEffect, useImperativeHandle, useMemo, useState } from 'react'
import type { ForwardRefExoticComponent, ReactNode, RefAttributes } from 'react'
import { assertNumber } from '../src/arguments.ts'
import { lifetimeOf, withValuesOf } from '../src/bindings.ts'
import { background, withValue } from '../src/index.ts'
import type { Context, Key, RouteOptions } from '../src/index.ts'
import { sameItems } from './deps.ts'
import { assertRoute, dateOf, followRoute } from './derive.ts'
import type { Lives } from './life.ts'
import { useRouteRenewal, useLife } from './use-life.ts'

/** The value of a ref to a {@link Scope}. The functions act on the context that the scope has when they are called. */
export interface ScopeHandle {
  /** The context of the scope, from which reads below are derived. */
  readonly context: Context
  /** Ends the scope, which stays ended until `reset`. An event is not used as the cause. */
  cancel(cause?: unknown): void
  /**
   * Ends the context of the scope, if it is live, and starts a new one at the next commit. Automatic tasks below run
   * again. A manual run before that commit is canceled.
   */
  reset(): void
}

declare const provided: unique symbol

/** A value for the contexts below a scope; made by {@link provide}. */
export interface ScopeValue {
  /** The key of the value. */
  readonly key: Key<unknown>
  /** The value itself. */
  readonly value: unknown
  readonly [provided]: true
}

/**
 * Makes a value for `<Scope values>`. It may be called inline: equal keys and values change nothing.
 *
 * @see `withValue`
 */
export function provide<T>(key: Key<T>, value: NoInfer<T>): ScopeValue {
  return { key, value } as unknown as ScopeValue
}

/** Properties of {@link Scope}. */
export interface ScopeProps {
  readonly children?: ReactNode
  /** The context from which it is derived; by default the nearest scope. Another lifetime restarts the scope. */
  readonly parent?: Context | undefined
  /**
   * Milliseconds from when the scope is first shown until it ends; null or Infinity means never. If it changes, the new
   * time counts from the same start.
   */
  readonly timeout?: number | null | undefined
  /** The time at which it ends: a Date, or milliseconds since the epoch; null or Infinity means never. */
  readonly deadline?: number | Date | null | undefined
  /**
   * Values for the contexts below, made by `provide`. A change does not restart the scope: `useValue` and later runs
   * get the new values.
   */
  readonly values?: readonly ScopeValue[] | undefined
  /** A name for people, in `toString()` of the context. Later changes have no effect. */
  readonly label?: string | undefined
  /**
   * True or options restart the scope when the route changes, even if it was canceled. The scope also restarts when
   * this is turned on or off, and for another `source`. The `ignore` of the latest render is called.
   */
  readonly route?: boolean | RouteOptions | undefined
  /** True ends the scope with `Hidden` when the tab is hidden, and restarts it when the tab is shown. */
  readonly visible?: boolean | undefined
  /** The scope restarts when an item changes, by `Object.is`. */
  readonly resetKeys?: readonly unknown[] | undefined
}

const Nearest = /* @__PURE__ */ createContext<Context | undefined>(undefined)

/**
 * Returns the context of the nearest {@link Scope} above, with its values, or `background()` if there is none. It keeps
 * its identity until the scope restarts or its values change.
 */
export function useScope(): Context {
  return useContext(Nearest) ?? background()
}

/**
 * Returns the value of `key` in `ctx`, by default in the nearest scope; the key's fallback if there is none.
 *
 * @throws TypeError if `key` is not from `createKey`, or `ctx` is not a context
 * @see `Context.value`
 */
export function useValue<T>(key: Key<T>, ctx?: Context): T | undefined {
  const scope = useScope()
  const from = ctx ?? scope
  // Only checks that it is a context.
  lifetimeOf(from)
  return from.value(key)
}

/**
 * A boundary for reads. Its context ends with its parent, at its timeout or deadline, with its route, by `cancel` of
 * its ref, when the page is left, and when it is unmounted or hidden. A hidden scope restarts when it is shown again,
 * unless it was canceled by `cancel`. Actions below get only its values, and continue after its end.
 *
 * @throws TypeError if `parent` is not a context, `timeout` is not a number, `deadline` is neither a number nor a valid
 * Date, or a key is not from `createKey`
 */
export const Scope: ForwardRefExoticComponent<ScopeProps & RefAttributes<ScopeHandle>> = /* @__PURE__ */ forwardRef<
  ScopeHandle,
  ScopeProps
>(function Scope(props, ref) {
  const { children, label, resetKeys = [], values = [], visible = false } = props
  const timeout = props.timeout ?? Infinity
  const deadline = props.deadline ?? Infinity
  assertNumber('timeout', timeout)
  const route = props.route === true ? {} : props.route || undefined
  if (route) assertRoute(route)
  const scope = useScope()
  const parent = props.parent ?? scope
  const key = useKept([!route, route?.source, ...resetKeys])
  const times = [timeout, dateOf('deadline', deadline)]
  const life = useLife(parent, { kind: 'Scope', label, times, follow: route && followRoute, route }, key)
  const { ctx: own, lives } = life
  const pairs = useKept(values.flatMap(({ key, value }) => [key, value]))
  const ctx = useMemo(() => {
    let view = life.parent === parent ? own : withValuesOf(own, parent)
    for (let index = 0; index < pairs.length; index += 2) {
      view = withValue(view, pairs[index] as Key<unknown>, pairs[index + 1])
    }
    return view
  }, [life, own, pairs, parent])
  useImperativeHandle(ref, () => ({ context: ctx, cancel: lives.cancel, reset: lives.reset }), [ctx, lives])
  return (
    <Nearest.Provider value={ctx}>
      {route && <RouteRenewal lives={lives} />}
      {visible && <Visibility lives={lives} />}
      {children}
    </Nearest.Provider>
  )
})

/**
 * A component, like {@link Visibility}, so that a scope without `route` or `visible` does not pay for their hooks.
 * Their effects run before those of `children`.
 */
function RouteRenewal({ lives }: { readonly lives: Lives }): null {
  useRouteRenewal(lives)
  return null
}

function Visibility({ lives }: { readonly lives: Lives }): null {
  useEffect(() => {
    const turn = () => lives.setTabHidden(document.hidden)
    turn()
    document.addEventListener('visibilitychange', turn)
    return () => {
      document.removeEventListener('visibilitychange', turn)
      lives.setTabHidden(false)
    }
  }, [lives])
  return null
}

/** Returns the same array as long as the items are the same. */
function useKept(items: readonly unknown[]): readonly unknown[] {
  const [kept, keep] = useState(items)
  if (sameItems(kept, items)) return kept
  keep(items)
  return items
}
