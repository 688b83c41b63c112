/// <reference lib="esnext.disposable" preserve="true" />

/**
 * A limit on how much runs at the same time, for callers with separate contexts. The invariant: no caller waits while a
 * slot is free. A released slot goes to the caller that has waited longest and whose context lives; a caller whose
 * context ends leaves the queue at once, from any position. Semantics: golang.org/x/sync/semaphore.
 */

import { assertFunction, invalid } from './arguments.ts'
import { waitFor } from './callbacks.ts'
import { contextOf } from './context.ts'
import type { ContextLike } from './context.ts'
import { wait as waitUnder } from './tasks.ts'
import type { Work } from './tasks.ts'

/** A slot of a {@link Semaphore}. `using slot` releases it at the end of the block, unless `release` did already. */
export interface Slot extends Disposable {
  /**
   * Releases the slot. The caller that has waited longest gets it, if any caller waits.
   *
   * @throws TypeError if it was released before: a second release would raise the limit
   */
  release(): void
}

/** A limit that several callers share; see {@link semaphore}. */
export interface Semaphore {
  /**
   * Runs `work` when there is a slot, and releases the slot when the work has settled. Work that continues after the
   * end of `ctx` keeps its slot until it has settled, so that the limit holds.
   *
   * @returns settles as the work does; rejects with `ctx.err` when `ctx` ends first, also while it waits for the slot;
   * rejects with a TypeError if `ctx` is not a context, or if `work` is not a function
   */
  run<T>(ctx: ContextLike, work: Work<T>): Promise<T>
  /**
   * Waits for a slot. First come, first served.
   *
   * @returns resolves to the slot; rejects with `ctx.err` when `ctx` ends first, and with a TypeError if `ctx` is not a
   * context
   * @see Go's `semaphore.Weighted.Acquire`
   */
  acquire(ctx: ContextLike): Promise<Slot>
  /**
   * Takes a slot if one is free now.
   *
   * @returns undefined if there is none
   * @see Go's `semaphore.Weighted.TryAcquire`
   */
  tryAcquire(): Slot | undefined
}

/** A waiting caller, in a linked list from which it can be removed at any position. */
interface Waiter {
  readonly admit: (slot: Slot) => void
  /** Ends the wait; false if the context has ended. */
  stop: () => boolean
  previous: Waiter | undefined
  next: Waiter | undefined
}

/**
 * Makes a semaphore: at most `limit` pieces of work run under it at the same time. Use it for independent callers, such
 * as the requests of a server; for parts of one task, use the `limit` of `group`.
 *
 * @param limit the number of slots
 * @throws TypeError if `limit` is neither a positive integer nor Infinity
 * @example
 * const two = semaphore(2)
 * let running = 0
 * const most = await Promise.all(
 *   [1, 2, 3].map(() =>
 *     two.run(background(), async (ctx) => {
 *       const now = ++running
 *       await sleep(ctx, 1)
 *       running--
 *       return now
 *     }),
 *   ),
 * )
 * Math.max(...most) // => 2
 * @see Go's `semaphore.NewWeighted`
 */
export function semaphore(limit: number): Semaphore {
  if (limit !== Infinity && !(Number.isInteger(limit) && limit > 0)) {
    throw invalid('limit', 'a positive integer or Infinity', limit)
  }
  let free = limit
  let first: Waiter | undefined
  let last: Waiter | undefined

  function slot(): Slot {
    let isHeld = true
    function release(): void {
      if (!isHeld) throw new TypeError('rescind: the slot was released before')
      isHeld = false
      passOn()
    }
    return { release, [DISPOSE]: () => void (isHeld && release()) }
  }

  /** Gives a released slot to the next waiting caller, or makes it free. */
  function passOn(): void {
    while (first) {
      const { admit, stop } = first
      remove(first)
      // A caller whose context has just ended rejects in a microtask: it must not take the slot.
      if (stop()) return admit(slot())
    }
    free++
  }

  function wait(ctx: ContextLike): Promise<Slot> {
    return new Promise((admit, reject) => {
      const context = contextOf(ctx)
      const waiter: Waiter = { admit, stop: () => false, previous: last, next: undefined }
      if (last) last.next = waiter
      else first = waiter
      last = waiter
      waiter.stop = waitFor(context, 'semaphore', () => {
        remove(waiter)
        reject(context.err)
      })
    })
  }

  function remove(waiter: Waiter): void {
    const { previous, next } = waiter
    if (previous) previous.next = next
    else if (first === waiter) first = next
    if (next) next.previous = previous
    else if (last === waiter) last = previous
  }

  async function acquire(ctx: ContextLike): Promise<Slot> {
    contextOf(ctx).throwIfDone()
    return tryAcquire() ?? (await wait(ctx))
  }

  function tryAcquire(): Slot | undefined {
    if (free === 0) return undefined
    free--
    return slot()
  }

  return {
    async run(ctx, work) {
      assertFunction('work', work)
      const context = contextOf(ctx)
      const { release } = await acquire(context)
      const perform = async () => {
        try {
          // The context may have ended since the slot was granted.
          context.throwIfDone()
          return await work(context)
        } finally {
          release()
        }
      }
      return await waitUnder(context, 'semaphore', perform())
    },
    acquire,
    tryAcquire,
  }
}

const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')
