/**
 * How many runs wait or are in flight below a context. A run counts for the context under which it was started, and for
 * every scope above. A scope is identified by its component, not by its context: runs from before its context was
 * replaced still count.
 */

import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { ownerOf } from './life.ts'

/** The number of runs that wait or are in flight below one component or context. */
class Counter {
  count = 0
  readonly listeners: Set<() => void> = new Set()

  add(change: number): void {
    this.count += change
    for (const listener of this.listeners) listener()
  }
}

const counters = /* @__PURE__ */ new WeakMap<object, Counter>()

export function counterOf(ctx: Context): Counter {
  const key = ownerOf(ctx)?.lives ?? lifetimeOf(ctx)
  let counter = counters.get(key)
  if (!counter) counters.set(key, (counter = new Counter()))
  return counter
}

/** Counts a run under `ctx` until the returned function is called. */
export function countRun(ctx: Context): () => void {
  const counting: Counter[] = []
  for (let one: Context | undefined = ctx; one; one = ownerOf(one)?.parent) counting.push(counterOf(one))
  const add = (change: number) => counting.forEach((counter) => counter.add(change))
  add(1)
  return () => add(-1)
}
