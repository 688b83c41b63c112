/**
 * How many runs are under way below a context. A run counts for the context that it was started under, and for every
 * scope above it. Scopes count as components: what was started before a scope began another life still counts.
 */

import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { ownerOf } from './life.ts'

/** How many runs are under way below a component or a context. */
class Tally {
  count = 0
  readonly listeners: Set<() => void> = new Set()

  add(change: number): void {
    this.count += change
    for (const listener of this.listeners) listener()
  }
}

const tallies = /* @__PURE__ */ new WeakMap<object, Tally>()

export function tallyOf(ctx: Context): Tally {
  const key = ownerOf(ctx)?.home ?? lifetimeOf(ctx)
  let tally = tallies.get(key)
  if (!tally) tallies.set(key, (tally = new Tally()))
  return tally
}

/** Counts a run under `ctx`, until the returned function is called. */
export function countIn(ctx: Context): () => void {
  const counting: Tally[] = []
  for (let one: Context | undefined = ctx; one; one = ownerOf(one)?.parent) counting.push(tallyOf(one))
  const add = (change: number) => counting.forEach((tally) => tally.add(change))
  add(1)
  return () => add(-1)
}
