/**
 * Contexts that end when the user leaves the page. The browser may keep the page in the back/forward cache, where its
 * requests and streams would continue on the server, so these contexts end at `pagehide`. All page contexts follow one
 * signal; there is one `pagehide` listener while there are such contexts.
 */

import type { Cancel, Context, ContextLike, DeriveOptions } from './context.ts'
import { sentinel } from './errors.ts'
import { following } from './signals.ts'

/** The cause of contexts that ended because the page was left. */
export const PageHidden: Error = /* @__PURE__ */ sentinel('PageHidden', 'the page was left')

/** The time until the next `pagehide`, while there are page contexts. */
interface Visit {
  readonly controller: AbortController
  /** The number of page contexts. */
  users: number
}

let visit: Visit | undefined

/**
 * Derives a context that also ends when the user leaves the page: navigates away or closes it, also if the browser
 * keeps it in the back/forward cache. The cause is {@link PageHidden}. The context stays ended when the page is
 * restored; derive a new one on `pageshow`. Without a page, as on a server, it works like `withCancel`.
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
