/**
 * The contenders: five ways to make work end with its parent, behind one interface, so that every workload runs the
 * same code for each of them. Each is written as its best users would write it, and does the whole work: a child ends
 * with its parent, ends by its own cancel, and leaves nothing in its parent when it ends, as far as its mechanism
 * allows.
 */

import { afterFunc, background, withCancel, withTimeout } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { Subscription } from 'rxjs'

/**
 * `Ctx` is passed on, and `Child` belongs to the caller that derives: for some contenders they are the same, for others
 * a context and a pair with its cancel.
 */
export interface Contender<Ctx, Child> {
  readonly name: string
  /** A root that lives until it is canceled. */
  root(): Child
  /** A child that ends with `parent` or by its own cancel. */
  derive(parent: Ctx): Child
  /** A child that also ends after `ms`. */
  limit(parent: Ctx, ms: number): Child
  cancel(child: Child): void
  context(child: Child): Ctx
  /** Calls `fn` when `ctx` ends. */
  listen(ctx: Ctx, fn: () => void): void
  ended(ctx: Ctx): boolean
}

type Cancelable = readonly [signal: AbortSignal, cancel: () => void]

/**
 * An existing reason is the cheapest way to abort: a bare `abort()`, as in most code, builds a DOMException with its
 * stack each time, and takes several times as long.
 */
const CANCELED = new DOMException('canceled', 'AbortError')
const EXPIRED = new DOMException('expired', 'TimeoutError')
const ONCE = { once: true }

const rescind: Contender<Context, readonly [ctx: Context, cancel: Cancel]> = {
  name: 'rescind',
  root: () => withCancel(background()),
  derive: (parent) => withCancel(parent),
  limit: (parent, ms) => withTimeout(parent, ms),
  cancel: (child) => child[1](),
  context: (child) => child[0],
  listen: (ctx, fn) => void afterFunc(ctx, fn),
  ended: (ctx) => ctx.err !== undefined,
}

/** The part that all contenders with signals share. */
const signals: Omit<Contender<AbortSignal, Cancelable>, 'name' | 'derive' | 'limit'> = {
  root: () => {
    const controller = new AbortController()
    return [controller.signal, () => controller.abort(CANCELED)]
  },
  cancel: (child) => child[1](),
  context: (child) => child[0],
  listen: (signal, fn) => signal.addEventListener('abort', fn, ONCE),
  ended: (signal) => signal.aborted,
}

/** A controller that listens to its parent's signal, and removes its listener and its timer when it ends. */
export const controller: Contender<AbortSignal, Cancelable> = {
  ...signals,
  name: 'AbortController + listener',
  derive: (parent) => {
    const own = new AbortController()
    const follow = () => own.abort(parent.reason)
    if (parent.aborted) follow()
    else parent.addEventListener('abort', follow, ONCE)
    const cancel = () => {
      parent.removeEventListener('abort', follow)
      own.abort(CANCELED)
    }
    return [own.signal, cancel]
  },
  limit: (parent, ms) => {
    const own = new AbortController()
    const end = (reason: unknown) => {
      clearTimeout(timer)
      parent.removeEventListener('abort', follow)
      own.abort(reason)
    }
    const follow = () => end(parent.reason)
    const timer = setTimeout(end, ms, EXPIRED)
    if (parent.aborted) follow()
    else parent.addEventListener('abort', follow, ONCE)
    return [own.signal, () => end(CANCELED)]
  },
}

/** The platform's own composition. Its timers cannot be cleared: they stay until they fire or are collected. */
export const any: Contender<AbortSignal, Cancelable> = {
  ...signals,
  name: 'AbortSignal.any',
  derive: (parent) => {
    const own = new AbortController()
    return [AbortSignal.any([parent, own.signal]), () => own.abort(CANCELED)]
  },
  limit: (parent, ms) => {
    const own = new AbortController()
    return [AbortSignal.any([parent, own.signal, AbortSignal.timeout(ms)]), () => own.abort(CANCELED)]
  },
}

/** Subscriptions form a tree without reasons and deadlines: the timer is ours, as lean as possible. */
export const subscription: Contender<Subscription, Subscription> = {
  name: 'rxjs Subscription',
  root: () => new Subscription(),
  derive: (parent) => {
    const child = new Subscription()
    parent.add(child)
    return child
  },
  limit: (parent, ms) => {
    const child = new Subscription()
    const timer = setTimeout(() => child.unsubscribe(), ms)
    child.add(() => clearTimeout(timer))
    parent.add(child)
    return child
  },
  cancel: (child) => child.unsubscribe(),
  context: (child) => child,
  listen: (child, fn) => child.add(fn),
  ended: (child) => child.closed,
}

/**
 * A cancellation token source like that of Visual Studio Code: a flag, listeners made on demand, and a link that only
 * `dispose` removes. It is written for this comparison, and does not measure that product. It has a Set where the
 * editor's emitter has an array, so that removing a listener needs no search.
 */
class TokenSource {
  canceled = false
  #listeners: Set<() => void> | undefined
  #unlink: (() => void) | undefined

  constructor(parent?: TokenSource) {
    this.#unlink = parent?.listen(() => this.cancel())
  }

  /** Returns a function that removes `fn`. */
  listen(fn: () => void): (() => void) | undefined {
    if (this.canceled) return void fn()
    const listeners = (this.#listeners ??= new Set())
    listeners.add(fn)
    return () => listeners.delete(fn)
  }

  cancel(): void {
    if (this.canceled) return
    this.canceled = true
    const listeners = this.#listeners
    this.#listeners = undefined
    if (listeners) for (const fn of listeners) fn()
  }

  dispose(): void {
    this.cancel()
    this.#unlink?.()
    this.#unlink = undefined
  }
}

const tokens: Contender<TokenSource, TokenSource> = {
  name: 'token source, ours',
  root: () => new TokenSource(),
  derive: (parent) => new TokenSource(parent),
  limit: (parent, ms) => {
    const child = new TokenSource(parent)
    const timer = setTimeout(() => child.dispose(), ms)
    child.listen(() => clearTimeout(timer))
    return child
  },
  cancel: (child) => child.dispose(),
  context: (child) => child,
  listen: (child, fn) => void child.listen(fn),
  ended: (child) => child.canceled,
}

export const subject: Contender<unknown, unknown> = rescind
export const peers: readonly Contender<unknown, unknown>[] = [subscription, tokens]
export const others: readonly Contender<unknown, unknown>[] = [controller, any, ...peers]
