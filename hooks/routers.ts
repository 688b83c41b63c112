/**
 * Routers as sources of routes for `withRoute`, `useRoute` and `<Scope route>`. Routers are recognized by their shape:
 * this file imports nothing from them.
 */

import { invalid } from '../src/arguments.ts'
import type { RouteSource } from '../src/index.ts'

/** The part of a router of React Router, 6.4 or newer, that its source uses. */
export interface ReactRouter {
  readonly state: { readonly location: { readonly pathname: string; readonly search: string } }
  subscribe(listener: () => void): () => void
}

interface TanStackLocation {
  readonly href: string
}

/** The part of a router of TanStack Router that its source uses. */
export interface TanStackRouter {
  readonly state: { readonly location: TanStackLocation; readonly resolvedLocation?: TanStackLocation | undefined }
  subscribe(
    event: 'onBeforeRouteMount',
    listener: (event: { readonly toLocation: TanStackLocation }) => void,
  ): () => void
}

/** One source for each router, so that a call in render returns the same source every time. */
const sources = /* @__PURE__ */ new WeakMap<object, RouteSource>()

function sourceOf<R extends ReactRouter | TanStackRouter>(router: R, make: (router: R) => RouteSource): RouteSource {
  if (typeof router?.subscribe !== 'function') throw invalid('router', 'a router', router)
  let source = sources.get(router)
  if (!source) sources.set(router, (source = make(router)))
  return source
}

/**
 * Returns the source of a router made by React Router's `createBrowserRouter`, `createHashRouter` or
 * `createMemoryRouter`. The route changes when the router shows it, after its loaders. The same router always has the
 * same source, so this may be called during render.
 *
 * @throws TypeError if `router` has no `subscribe` method
 */
export function reactRouterSource(router: ReactRouter): RouteSource {
  return sourceOf(router, () => ({
    href: () => router.state.location.pathname + router.state.location.search,
    subscribe: (listener) => router.subscribe(() => listener()),
  }))
}

/**
 * Returns the source of a router made by TanStack Router's `createRouter`. The route changes when the router shows it,
 * after its loaders. The same router always has the same source, so this may be called during render. The source
 * listens to the router permanently.
 *
 * @throws TypeError if `router` has no `subscribe` method
 */
export function tanStackRouterSource(router: TanStackRouter): RouteSource {
  return sourceOf(router, () => {
    const { location, resolvedLocation } = router.state
    // `location` changes before the loaders run, `resolvedLocation` after the page has changed. The event is right.
    let shown = resolvedLocation ?? location
    const listeners = new Set<() => void>()
    router.subscribe('onBeforeRouteMount', ({ toLocation }) => {
      shown = toLocation
      for (const listener of listeners) listener()
    })
    return {
      href: () => shown.href,
      subscribe(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }
  })
}
