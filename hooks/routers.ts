/**
 * Routers as sources of routes for `withRoute`, `useRoute` and `<Scope route>`. A router is known by its shape: nothing
 * is imported from it.
 */

import { invalid } from '../src/arguments.ts'
import type { RouteSource } from '../src/index.ts'

/** What a router of React Router 6.4 and newer has. */
export interface ReactRouter {
  readonly state: { readonly location: { readonly pathname: string; readonly search: string } }
  subscribe(listener: () => void): () => void
}

interface TanStackLocation {
  readonly href: string
}

/** What a router of TanStack Router has. */
export interface TanStackRouter {
  readonly state: { readonly location: TanStackLocation; readonly resolvedLocation?: TanStackLocation | undefined }
  subscribe(
    event: 'onBeforeRouteMount',
    listener: (event: { readonly toLocation: TanStackLocation }) => void,
  ): () => void
}

/** One for each router, so that one that is asked for in render is the same every time. */
const sources = /* @__PURE__ */ new WeakMap<object, RouteSource>()

function sourceOf<R extends ReactRouter | TanStackRouter>(router: R, make: (router: R) => RouteSource): RouteSource {
  if (typeof router?.subscribe !== 'function') throw invalid('router', 'a router', router)
  let source = sources.get(router)
  if (!source) sources.set(router, (source = make(router)))
  return source
}

/**
 * The source of a router made by React Router's `createBrowserRouter`, `createHashRouter` or `createMemoryRouter`.
 * The route changes when the router shows it, after its loaders. One router has one source, however often it is asked
 * for.
 *
 * @throws TypeError if `router` is no router
 */
export function reactRouterSource(router: ReactRouter): RouteSource {
  return sourceOf(router, () => ({
    href: () => router.state.location.pathname + router.state.location.search,
    subscribe: (listener) => router.subscribe(() => listener()),
  }))
}

/**
 * The source of a router made by TanStack Router's `createRouter`. The route changes when the router shows it,
 * after its loaders. One router has one source, however often it is asked for; it listens for as long as the router
 * lives.
 *
 * @throws TypeError if `router` is no router
 */
export function tanStackRouterSource(router: TanStackRouter): RouteSource {
  return sourceOf(router, () => {
    const { location, resolvedLocation } = router.state
    // Of the two, one changes before the loaders run, the other after the page has changed: only the event is right.
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
