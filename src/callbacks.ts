/**
 * Functions that run after the end of a context. They run in microtasks, never inside `cancel`, in the order in which
 * their contexts ended, and an error in one does not affect the others. Semantics: Go's `context.AfterFunc`.
 */

import { assertFunction } from './arguments.ts'
import { attach, detach, resolve, settled } from './context.ts'
import type { Child, ContextLike, ContextNode, Ending } from './context.ts'
import { clockOf, withTimeout } from './deadlines.ts'
import { attempt } from './listeners.ts'
import { watch } from './observer.ts'
import type { Clock } from './timers.ts'

/**
 * Runs `fn` once, in a microtask, after `ctx` has ended, also if it ended before the call. An error that `fn` throws is
 * reported as uncaught; other functions still run. In Node, Deno and Bun, `fn` runs in the `AsyncLocalStorage` context
 * of the caller of `afterFunc`.
 *
 * @returns `stop`, which prevents the run of `fn`. It returns true if it did, and false if `ctx` has ended or `stop`
 * was called before.
 * @throws TypeError if `ctx` is not a context, or `fn` not a function
 * @see Go's `context.AfterFunc`
 */
export function afterFunc(ctx: ContextLike, fn: () => void): () => boolean {
  const parent = resolve(ctx)
  assertFunction('fn', fn)
  hasStores ??= (globalThis as ProcessGlobals).process?.versions?.node !== undefined
  return wait(new Callback(parent, fn, hasStores ? later(fn) : undefined))
}

/** Does what {@link afterFunc} does, without an `AsyncLocalStorage` context, which costs more than all the rest. */
export function whenDone(ctx: ContextLike, fn: () => void): () => boolean {
  return wait(new Callback(resolve(ctx), fn))
}

/**
 * Does what {@link afterFunc} does, for an operation whose promise waits for the end of `ctx`: if `ctx` has a deadline,
 * it keeps the process alive until `ctx` ends or the wait is stopped.
 *
 * @param name the name of the operation in an inspector
 */
export function waitFor(ctx: ContextLike, name: string, fn: () => void): () => boolean {
  const callback = new Callback(resolve(ctx), fn)
  const { node } = callback.parent
  if (node.deadlines) callback.held = clockOf(node).hold()
  if (watch.observer && !callback.ended) watch.observer.waits(node, callback, name)
  return wait(callback)
}

/**
 * Calls `fn` when `ms` milliseconds have passed on the clock of `ctx`, or when `ctx` ends, whichever is first. With
 * zero or less, calls it in a microtask; with Infinity, only when `ctx` ends.
 *
 * @returns a function that prevents the call
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
  /** Undefined once stopped. */
  fn: (() => void) | undefined
  /** Runs `fn` in the caller's `AsyncLocalStorage` context; undefined if there is none. */
  resume: (() => void) | undefined
  /** The clock that keeps the process alive during the wait. */
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

/** Whether `AsyncLocalStorage` exists: in Node, and in Deno and Bun, which also set `process.versions.node`. */
let hasStores: boolean | undefined

/**
 * Returns a function that queues `fn` as a microtask. A promise reaction runs in the `AsyncLocalStorage` context in
 * which it was added, at a hundredth of the cost of `AsyncLocalStorage.snapshot`.
 */
function later(fn: () => void): () => void {
  let resume!: () => void
  void new Promise<void>((resolve) => {
    resume = resolve
  }).then(() => attempt(fn))
  return resume
}

const microtask: Promise<void> = /* @__PURE__ */ Promise.resolve()

/** The callbacks for the next microtask, in the order in which their contexts ended; undefined if none is queued. */
let called: Callback[] | undefined

function callBack(): void {
  const callbacks = called as Callback[]
  called = undefined
  // None has been stopped: `stop` has no effect after the end.
  for (const { fn } of callbacks) attempt(fn as () => void)
}
