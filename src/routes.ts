/**
 * Routes: contexts that end when the address changes. What counts is that it has changed, not that somebody wants to
 * change it: a blocked navigation ends nothing. Hash, state and the same address again are not another route. There
 * is one watch for each source, and it touches the page only while somebody follows it.
 */

import { assertFunction, assertOptions, invalid } from './arguments.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from './context.ts'
import { sentinel } from './errors.ts'
import { attempt } from './listeners.ts'
import { following } from './signals.ts'

/** The cause of what ended because the route changed. */
export const Navigated: Error = /* @__PURE__ */ sentinel('Navigated', 'the route changed')

/** Who knows the route: the browser, or a router. */
export interface RouteSource {
  /** The address now, absolute or relative. */
  href(): string
  /** Calls `listener` after every change of the address, until the returned function is called. */
  subscribe(listener: () => void): () => void
}

/** Options of {@link withRoute}. */
export interface RouteOptions extends DeriveOptions {
  /** Who knows the route; the browser's address bar if left out. One object is one watch: make it once. */
  readonly source?: RouteSource | undefined
  /**
   * Says that going from one address to the other is no change of the route, such as another sort order in the query.
   */
  readonly ignore?: ((to: URL, from: URL) => boolean) | undefined
}

/**
 * Derives a context that also ends when the route changes, with {@link Navigated} as the cause. Where there is no
 * address bar, as on a server, and no `source`, it is a plain `withCancel`.
 *
 * @throws TypeError if `parent` is not a context, `source` not a source, or `ignore` not a function
 */
export function withRoute(parent: ContextLike, options: RouteOptions = {}): [ctx: Context, cancel: Cancel] {
  assertOptions(options)
  const { ignore, source = addressBar } = options
  if (typeof source?.subscribe !== 'function') throw invalid('source', 'a source of routes', source)
  if (ignore !== undefined) assertFunction('ignore', ignore)
  const watch = watches.get(source) ?? createWatch(source)
  // Who comes late belongs to the new route, whether its source has told already or not.
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

/** The watches that somebody follows. */
const watches = /* @__PURE__ */ new WeakMap<RouteSource, Watch>()

interface Watch {
  /** Aborts at the next change; for all who have no `ignore`. */
  controller: AbortController
  /** One more follower of `controller`: of its own where it has an `ignore`. Returns what to call when it has gone. */
  join(controller: AbortController, ignore: Ignore | undefined): () => void
  /** Ends whoever follows another route than the one that is there. */
  check(): void
}

function createWatch(source: RouteSource): Watch {
  const choosy = new Map<AbortController, Ignore>()
  let users = 0
  let at: URL
  let unsubscribe: (() => void) | undefined

  const watch: Watch = {
    controller: new AbortController(),
    join(controller, ignore) {
      if (!users) {
        at = addressOf(source)
        unsubscribe = source.subscribe(() => watch.check())
        watches.set(source, watch)
      }
      users++
      if (ignore) choosy.set(controller, ignore)
      return () => {
        choosy.delete(controller)
        if (--users) return
        watches.delete(source)
        unsubscribe?.()
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
      // Of a copy: who comes while they are asked belongs to the new route.
      for (const [controller, ignore] of new Map(choosy)) {
        if (!attempt(() => ignore(to, from))) leaving.push(controller)
      }
      for (const controller of leaving) controller.abort(Navigated)
    },
  }
  return watch
}

function addressOf(source: RouteSource): URL {
  const { origin = 'null' } = globalThis.location ?? {}
  const base = origin === 'null' ? 'http://localhost' : origin
  const href = source.href()
  // Two slashes at the start are a path here, as routers have it, and no host.
  const url = href.startsWith('/') ? new URL(base + href) : new URL(href, base)
  url.hash = ''
  return url
}

/** The part of the Navigation API that is used here. */
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

/** Before a router hears of it: that would start work for the new address under the context of the old one. */
function listen(target: EventTarget, type: string, listener: () => void): () => void {
  target.addEventListener(type, listener, true)
  return () => target.removeEventListener(type, listener, true)
}

/**
 * Calls `listener` after `history[name]`. Taken off again, it leaves what others have put over it in the meantime, and
 * goes itself as soon as they have gone.
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
