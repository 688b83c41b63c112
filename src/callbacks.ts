/**
 * Functions that run after the end of a context: never inside of `cancel`, in the order in which their contexts ended,
 * and each alone. Semantics: Go's `context.AfterFunc`.
 */

import { assertFunction } from './arguments.ts'
import { attach, detach, resolve, settled } from './context.ts'
import type { Child, ContextLike, ContextNode, Ending } from './context.ts'
import { attempt } from './listeners.ts'

/**
 * Runs `fn` once, in a microtask, after `ctx` has ended; if it already has, after this turn. What `fn`
 * throws is reported like any uncaught error and keeps nobody else from running.
 *
 * @returns `stop`: keeps `fn` from running. True only if it did so: false once the context has ended or `stop` was
 * called.
 * @throws TypeError if `ctx` is not a context, or `fn` not a function
 * @see Go's `context.AfterFunc`
 */
export function afterFunc(ctx: ContextLike, fn: () => void): () => boolean {
  const parent = resolve(ctx)
  assertFunction('fn', fn)
  settled(parent)
  const callback = new Callback(parent, fn)
  if (callback.ended) callback.tell()
  else attach(callback)
  return stop.bind(callback)
}

/** A function that waits for its parent's end. */
class Callback implements Child {
  readonly parent: ContextNode
  /** Undefined once it was stopped. */
  fn: (() => void) | undefined
  ended: Ending | undefined
  first: undefined
  previous: Child | undefined
  next: Child | undefined

  constructor(parent: ContextNode, fn: () => void) {
    this.parent = parent
    this.fn = fn
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
  this.fn = undefined
  return true
}

const microtask: Promise<void> = /* @__PURE__ */ Promise.resolve()

/** The callbacks whose context has ended in this turn, in that order; undefined while there are none. */
let called: Callback[] | undefined

function callBack(): void {
  const callbacks = called as Callback[]
  called = undefined
  for (const { fn } of callbacks) if (fn) attempt(fn)
}
