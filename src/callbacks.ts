/**
 * Functions that run after the end of a context: never inside of `cancel`, in the order in which their contexts ended,
 * and in isolation. Semantics: Go's `context.AfterFunc`.
 */

import { assertFunction } from './arguments.ts'
import { attach, detach, resolve, settled } from './context.ts'
import type { Child, ContextLike, ContextNode, Ending } from './context.ts'
import { clockOf, withTimeout } from './deadlines.ts'
import { attempt } from './listeners.ts'
import { watch } from './observer.ts'
import type { Clock } from './timers.ts'

/**
 * Runs `fn` once, in a microtask, after `ctx` has ended; if it already has, after this turn. An error that `fn` throws
 * is reported as uncaught; the other functions still run. In Node, Deno and Bun `fn` runs in the `AsyncLocalStorage`
 * context in which it was given.
 *
 * @returns `stop`: keeps `fn` from running. True only if it did so: false once the context has ended or `stop` was
 * called.
 * @throws TypeError if `ctx` is not a context, or `fn` not a function
 * @see Go's `context.AfterFunc`
 */
export function afterFunc(ctx: ContextLike, fn: () => void): () => boolean {
  const parent = resolve(ctx)
  assertFunction('fn', fn)
  hasStores ??= (globalThis as ProcessGlobals).process?.versions?.node !== undefined
  return wait(new Callback(parent, fn, hasStores ? later(fn) : undefined))
}

/**
 * Like {@link afterFunc}, for an operation whose promise waits for the end of `ctx`: until then, or until it is
 * stopped, a deadline of `ctx` keeps the process alive.
 *
 * @param name what an inspector calls the operation
 */
export function waitFor(ctx: ContextLike, name: string, fn: () => void): () => boolean {
  const callback = new Callback(resolve(ctx), fn)
  const { node } = callback.parent
  if (node.deadlines && !callback.ended) callback.held = clockOf(node).hold()
  if (watch.observer && !callback.ended) watch.observer.waits(node, callback, name)
  return wait(callback)
}

/**
 * Calls `fn` after `ms` milliseconds by the clock of `ctx`, or when that ends. Zero and less call it in a microtask,
 * Infinity never does.
 *
 * @returns keeps `fn` from being called
 */
export function after(ctx: ContextLike, ms: number, fn: () => void): () => void {
  const [timer, cancel] = withTimeout(ctx, ms)
  const stop = waitFor(timer, 'after', fn)
  return () => {
    stop()
    cancel()
  }
}

function wait(callback: Callback): () => boolean {
  settled(callback.parent)
  callback.ended = callback.parent.node.ended
  if (callback.ended) callback.tell()
  else attach(callback)
  return stop.bind(callback)
}

/** A function that waits for its parent's end. */
class Callback implements Child {
  readonly parent: ContextNode
  /** Undefined once it was stopped. */
  fn: (() => void) | undefined
  /** Runs `fn` in the store in which it was given; undefined where there are none. */
  resume: (() => void) | undefined
  /** The clock that must keep the process alive meanwhile. */
  held: Clock | undefined
  ended: Ending | undefined
  first: undefined
  previous: Child | undefined
  next: Child | undefined

  constructor(parent: ContextNode, fn: () => void, resume?: () => void) {
    this.parent = parent
    this.fn = fn
    this.resume = resume
    this.held = undefined
    this.ended = parent.node.ended
    this.first = undefined
    this.previous = undefined
    this.next = undefined
  }

  get controller(): true {
    return true
  }

  get own(): undefined {
    return undefined
  }

  tell(): void {
    this.held?.release()
    if (this.resume) return this.resume()
    if (!called) {
      called = []
      void microtask.then(callBack)
    }
    called.push(this)
  }
}

function stop(this: Callback): boolean {
  settled(this.parent)
  if (this.ended || !this.fn) return false
  detach(this)
  if (watch.observer) watch.observer.left(this)
  this.held?.release()
  this.fn = this.resume = undefined
  return true
}

interface ProcessGlobals {
  readonly process?: { readonly versions?: { readonly node?: string } }
}

/** Whether there is `AsyncLocalStorage`: in Node, and in Deno and Bun, which say that they are. Looked up once. */
let hasStores: boolean | undefined

/**
 * A function that has `fn` called in a microtask. The reaction of a promise runs in the store in which it was added,
 * for a hundredth of what `AsyncLocalStorage.snapshot` costs.
 */
function later(fn: () => void): () => void {
  let resume!: () => void
  void new Promise<void>((resolve) => {
    resume = resolve
  }).then(() => attempt(fn))
  return resume
}

const microtask: Promise<void> = /* @__PURE__ */ Promise.resolve()

/** The callbacks whose context has ended in this turn, in that order; undefined while there are none. */
let called: Callback[] | undefined

function callBack(): void {
  const callbacks = called as Callback[]
  called = undefined
  for (const { fn } of callbacks) if (fn) attempt(fn)
}
