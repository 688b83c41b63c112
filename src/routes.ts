/**
 * Routes: contexts that end when the address has changed. A navigation that is blocked ends nothing, and neither does a
 * change of only the hash or the state. There is one watch for each source of routes. It listens to the source only
 * while a context follows it.
 */

import { assertFunction, assertOptions, invalid } from './arguments.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from './context.ts'
import { sentinel } from './errors.ts'
import { attempt } from './listeners.ts'
import { following } from './signals.ts'

/** The cause of contexts that ended because the route changed. */
export const Navigated: Error = /* @__PURE__ */ sentinel('Navigated', 'the route changed')

/** Reports the current route: an adapter of a router, or of the browser. */
export interface RouteSource {
  /** The current address, absolute or relative. */
  href(): string
  /** Calls `listener` after every change of the address, until the returned function is called. */
  subscribe(listener: () => void): () => void
}

/** Options of {@link withRoute}. */
export interface RouteOptions extends DeriveOptions {
  /** Reports the route; by default the browser's address bar. Make it once: each object has a watch. */
  readonly source?: RouteSource | undefined
  /** Returns true if a change of the address is not a change of the route, such as a new sort order in the query. */
  readonly ignore?: ((to: URL, from: URL) => boolean) | undefined
}

/**
 * Derives a context that also ends when the route changes, with {@link Navigated} as the cause. Without an address bar,
 * as on a server, and without a `source`, it works like `withCancel`.
 *
 * @throws TypeError if `parent` is not a context, `source` is not a source of routes, or `ignore` is not a function
 */
export function withRoute(parent: ContextLike, options: RouteOptions = {}): [ctx: Context, cancel: Cancel] {
  assertOptions(options)
  const { ignore, source = addressBar } = options
  if (typeof source?.subscribe !== 'function') throw invalid('source', 'an object with href and subscribe', source)
  if (ignore !== undefined) assertFunction('ignore', ignore)
  const watch = watches.get(source) ?? createWatch(source)
  // The route may have changed without a notification yet: the new context belongs to the new route.
  watch.check()
  const controller = ignore ? new AbortController() : watch.controller
  let leave: (() => void) | undefined
  const [ctx, cancel] = following(parent, 'withRoute', [controller.signal], options, () => leave?.())
  try {
    if (!ctx.err) leave = watch.join(controller, ignore)
  } catch (error) {
    cancel()
    throw error
  }
  return [ctx, cancel]
}

type Ignore = (to: URL, from: URL) => boolean

/** The watches by source. */
const watches = /* @__PURE__ */ new WeakMap<RouteSource, Watch>()

interface Watch {
  /** Aborts at the next change; shared by all followers without `ignore`. */
  controller: AbortController
  /** Adds a follower. With `ignore`, it has its own `controller`. Returns a function that removes the follower. */
  join(controller: AbortController, ignore: Ignore | undefined): () => void
  /** Ends the contexts of an earlier route, if the address has changed. */
  check(): void
}

function createWatch(source: RouteSource): Watch {
  /** The followers with `ignore`. */
  const selective = new Map<AbortController, Ignore>()
  let users = 0
  let at: URL
  let unsubscribe: () => void

  const watch: Watch = {
    controller: new AbortController(),
    join(controller, ignore) {
      if (!users) {
        at = addressOf(source)
        unsubscribe = source.subscribe(() => watch.check())
      }
      users++
      if (ignore) selective.set(controller, ignore)
      return () => {
        selective.delete(controller)
        if (!--users) unsubscribe()
      }
    },
    check() {
      if (!users) return
      const from = at
      const to = addressOf(source)
      if (to.href === from.href) return
      at = to
      const leaving = [watch.controller]
      watch.controller = new AbortController()
      // A copy: followers added by a call of `ignore` belong to the new route.
      for (const [controller, ignore] of new Map(selective)) {
        if (!attempt(() => ignore(to, from))) leaving.push(controller)
      }
      for (const controller of leaving) controller.abort(Navigated)
    },
  }
  watches.set(source, watch)
  return watch
}

function addressOf(source: RouteSource): URL {
  const { origin = 'null' } = globalThis.location ?? {}
  const base = origin === 'null' ? 'http://localhost' : origin
  const href = source.href()
  // Routers read two leading slashes as part of the path. `new URL` would read them as the start of a host.
  const url = href.startsWith('/') ? new URL(base + href) : new URL(href, base)
  url.hash = ''
  return url
}

/** The globals that report changes of the address bar; `navigation` exists only with the Navigation API. */
interface NavigationGlobals {
  readonly navigation?: EventTarget
  readonly history?: History
}

const addressBar: RouteSource = {
  href: () => globalThis.location?.href ?? '/',
  subscribe(listener) {
    const { navigation, history } = globalThis as NavigationGlobals
    if (navigation) return listen(navigation, 'currententrychange', listener)
    if (!history) return () => {}
    const stops = [
      patch(history, 'pushState', listener),
      patch(history, 'replaceState', listener),
      listen(globalThis as unknown as EventTarget, 'popstate', listener),
    ]
    return () => stops.forEach((stop) => stop())
  },
}

/** Listens in the capture phase, before routers: these would start work of the new route under the old context. */
function listen(target: EventTarget, type: string, listener: () => void): () => void {
  target.addEventListener(type, listener, true)
  return () => target.removeEventListener(type, listener, true)
}

/**
 * Calls `listener` after each call of `history[name]`. Returns a function that removes the patch. If other code has
 * patched over it, the patch becomes inactive, and is removed at the first call after that code has restored it.
 */
function patch(history: History, name: 'pushState' | 'replaceState', listener: () => void): () => void {
  const isOwn = Object.hasOwn(history, name)
  const original = history[name]
  let isOn = true
  const restore = () => {
    if (history[name] !== patched) return
    if (isOwn) history[name] = original
    else Reflect.deleteProperty(history, name)
  }
  const patched: History['pushState'] = function (this: History, ...args) {
    original.apply(this, args)
    if (isOn) listener()
    else restore()
  }
  history[name] = patched
  return () => {
    isOn = false
    restore()
  }
}
