/**
 * Where runs are derived that no scope is above. They follow the page: all of one parent share a context for that, and
 * all tasks a listener for pages that come back. Both are there only while they are used. A component that would have
 * its own paid for two contexts and two listeners, of which the browser searches the list at each unmount.
 */

import { withPage } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'

interface Place {
  readonly ctx: Context
  readonly cancel: Cancel
  users: number
}

const places = /* @__PURE__ */ new WeakMap<Context, Place>()

/** A context below `parent` that ends with the page, and what to call, once, when nothing works under it any longer. */
export function enter(parent: Context): [ctx: Context, leave: () => void] {
  const known = places.get(parent)
  const place = known && known.ctx.err === undefined ? known : open(parent)
  place.users++
  const leave = () => {
    if (--place.users > 0) return
    if (places.get(parent) === place) places.delete(parent)
    place.cancel()
  }
  return [place.ctx, leave]
}

function open(parent: Context): Place {
  const [ctx, cancel] = withPage(parent)
  const place = { ctx, cancel, users: 0 }
  places.set(parent, place)
  return place
}

/** Something that goes on when the page comes back from the back/forward cache. */
export interface Restorable {
  restored(): void
}

const waiting = /* @__PURE__ */ new Set<Restorable>()

export function watchRestore(one: Restorable): void {
  if (waiting.size === 0) globalThis.addEventListener?.('pageshow', notifyRestored)
  waiting.add(one)
}

/** Does nothing for what does not wait. */
export function unwatchRestore(one: Restorable): void {
  if (waiting.delete(one) && waiting.size === 0) globalThis.removeEventListener?.('pageshow', notifyRestored)
}

function notifyRestored(): void {
  for (const one of Array.from(waiting)) one.restored()
}
