/**
 * The page, for runs outside of scopes: their contexts end when the page is left. All runs with the same parent share
 * one context that follows the page. All tasks share one listener for a page that is restored from the back/forward
 * cache. Both exist only while they are in use. One of each per component would cost two contexts and two listeners,
 * and a browser searches its list of listeners at each unmount.
 */

import { withPage } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'

/** A context that ends with the page, shared by all runs with the same parent. */
export class PageContext {
  readonly ctx: Context
  readonly #parent: Context
  readonly #cancel: Cancel
  #users = 0

  constructor(parent: Context) {
    ;[this.ctx, this.#cancel] = withPage(parent)
    this.#parent = parent
  }

  retain(): this {
    this.#users++
    return this
  }

  /** Call it once for each `retain`. */
  release(): void {
    if (--this.#users > 0) return
    if (pageContexts.get(this.#parent) === this) pageContexts.delete(this.#parent)
    this.#cancel()
  }
}

const pageContexts = /* @__PURE__ */ new WeakMap<Context, PageContext>()

/** Returns a context below `parent` that ends with the page, until it is released. */
export function retainPage(parent: Context): PageContext {
  const known = pageContexts.get(parent)
  if (known && known.ctx.err === undefined) return known.retain()
  const page = new PageContext(parent)
  pageContexts.set(parent, page)
  return page.retain()
}

/** An object that is notified when the page is restored from the back/forward cache. */
export interface Restorable {
  restored(): void
}

const watchers = /* @__PURE__ */ new Set<Restorable>()

export function watchRestore(one: Restorable): void {
  if (watchers.size === 0) globalThis.addEventListener?.('pageshow', notifyRestored)
  watchers.add(one)
}

/** Does nothing for one that is not watched. */
export function unwatchRestore(one: Restorable): void {
  if (watchers.delete(one) && watchers.size === 0) globalThis.removeEventListener?.('pageshow', notifyRestored)
}

function notifyRestored(): void {
  for (const one of Array.from(watchers)) one.restored()
}
