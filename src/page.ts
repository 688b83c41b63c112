/**
 * The life of the page. A page that is left may be kept whole, in the back/forward cache, with its requests and
 * streams still running on the server; so what belongs to the page ends when it is hidden for navigation. All page
 * contexts follow one signal, and there is one listener while there is one of them.
 */

import type { Cancel, Context, ContextLike, DeriveOptions } from './context.ts'
import { sentinel } from './errors.ts'
import { following } from './signals.ts'

/** The cause of what ended because the page was left. */
export const PageHidden: Error = /* @__PURE__ */ sentinel('PageHidden', 'the page was left')

/** From one `pagehide` to the next, as long as somebody wants to know. */
interface Visit {
  readonly controller: AbortController
  users: number
}

let visit: Visit | undefined

/**
 * Derives a context that also ends when the page is left: navigated away from, closed, or put into the back/forward
 * cache. The cause is {@link PageHidden}. A page that comes back does not revive it; derive a new one on `pageshow`.
 * Where there is no page, as on a server, it is a plain `withCancel`.
 *
 * @throws TypeError if `parent` is not a context
 * @see https://developer.mozilla.org/docs/Web/API/Window/pagehide_event
 */
export function withPage(parent: ContextLike, options?: DeriveOptions): [ctx: Context, cancel: Cancel] {
  const current = (visit ??= { controller: new AbortController(), users: 0 })
  const derived = following(parent, 'withPage', [current.controller.signal], options, () => {
    if (!--current.users && current === visit) close()
  })
  if (!derived[0].err && !current.users++) globalThis.addEventListener?.('pagehide', leave, true)
  return derived
}

function leave(): void {
  close()?.controller.abort(PageHidden)
}

function close(): Visit | undefined {
  const closed = visit
  visit = undefined
  globalThis.removeEventListener?.('pagehide', leave, true)
  return closed
}
