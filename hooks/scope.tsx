/**
 * A boundary: the reads below it work under its context and end with it. The context is inert until the boundary is
 * mounted, as that of every hook is. Its values end nothing: other values are another view of the same life.
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

/** What a ref to a {@link Scope} gives. Its functions mean the scope, whichever context it has by then. */
export interface ScopeHandle {
  /** What everything below works under. */
  readonly context: Context
  /** Ends it. It stays ended until `reset`. An event is no cause. */
  cancel(cause?: unknown): void
  /**
   * Ends it, if it has not ended, and begins another: tasks below that run by themselves run again. The new context
   * comes with the next commit; a task that is run by hand before that is canceled.
   */
  reset(): void
}

declare const provided: unique symbol

/** A value for what is below a scope; made by {@link provide}. */
export interface ScopeValue {
  /** The key of the value. */
  readonly key: Key<unknown>
  /** The value itself. */
  readonly value: unknown
  readonly [provided]: true
}

/**
 * A value for `<Scope values>`. Cheap, so it may be made inline.
 *
 * @see `withValue`
 */
export function provide<T>(key: Key<T>, value: NoInfer<T>): ScopeValue {
  return { key, value } as unknown as ScopeValue
}

/** Properties of {@link Scope}. */
export interface ScopeProps {
  readonly children?: ReactNode
  /** What it is derived from; the nearest scope above if left out. One of another lifetime begins the scope again. */
  readonly parent?: Context | undefined
  /** Milliseconds from when it appears until it ends by itself; null is never. Others count from the same start. */
  readonly timeout?: number | null | undefined
  /** When it ends by itself: a Date, or milliseconds since the epoch; null is never. */
  readonly deadline?: number | Date | null | undefined
  /**
   * Values for everything below, made by `provide`. Other values end nothing: they are seen by `useValue` and later
   * runs.
   */
  readonly values?: readonly ScopeValue[] | undefined
  /** A name for people; the first one stays. */
  readonly label?: string | undefined
  /**
   * Ends it when the route changes, and begins it again, however it had ended. To switch this on or off, or to give
   * another `source`, begins it again as well; of `ignore` the latest counts.
   */
  readonly route?: boolean | RouteOptions | undefined
  /** Ends it with `Hidden` while the tab is hidden, and begins it again when the tab is shown. */
  readonly visible?: boolean | undefined
  /** Others (by `Object.is`) begin the scope again. */
  readonly resetKeys?: readonly unknown[] | undefined
}

const Nearest = /* @__PURE__ */ createContext<Context | undefined>(undefined)

/**
 * The context of the nearest {@link Scope} above, values included; without one, `background()`. Keeps its identity
 * until the scope begins again or its values change.
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
  lifetimeOf(from)
  return from.value(key)
}

/**
 * A boundary for reads: ends with what is above it, by its own time, with its route, by `cancel` of its ref, and when
 * it is unmounted or hidden. When it is shown again it begins again, unless it was canceled by hand.
 *
 * @throws TypeError if `parent` is not a context, a time not a number, or a key not from `createKey`
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
 * Components, so that scopes without them do not pay for their hooks. Their effects run before those of the children.
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

/** The first of all lists with the same items. */
function useKept(items: readonly unknown[]): readonly unknown[] {
  const [kept, keep] = useState(items)
  if (sameItems(kept, items)) return kept
  keep(items)
  return items
}
