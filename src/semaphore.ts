/// <reference lib="esnext.disposable" preserve="true" />

/**
 * A limit on how much runs at once, for callers with contexts of their own. The invariant: no caller waits while a slot
 * is free. A released slot goes to the caller that has waited longest and whose context still lives; a caller whose
 * context ends leaves the line at once, from any place in it. Semantics: golang.org/x/sync/semaphore.
 */

import { assertFunction, invalid } from './arguments.ts'
import { waitFor } from './callbacks.ts'
import { contextOf } from './context.ts'
import type { ContextLike } from './context.ts'
import { wait as waitUnder } from './tasks.ts'
import type { Work } from './tasks.ts'

/** A slot of a {@link Semaphore}, to be given back. `using slot` does so at the end of the block, unless it was. */
export interface Slot extends Disposable {
  /**
   * Gives the slot back: to the caller that has waited longest, if there is one.
   *
   * @throws TypeError if it was given back before: a slot more than there are would be a limit that does not hold
   */
  release(): void
}

/** A limit shared by its callers; see {@link semaphore}. */
export interface Semaphore {
  /**
   * Runs `work` when there is a slot, and gives the slot back when the work has settled. Work that goes on although
   * `ctx` has ended keeps its slot until then, so that the limit holds.
   *
   * @returns settles as the work does; rejects with `ctx.err` when `ctx` ends first, whether it waits or works, with a
   * TypeError if `ctx` is not a context, or `work` not a function
   */
  run<T>(ctx: ContextLike, work: Work<T>): Promise<T>
  /**
   * Waits for a slot. First come, first served.
   *
   * @returns resolves to the slot; rejects with `ctx.err` when `ctx` ends first, with a TypeError if `ctx` is not a
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

/** A caller that waits, in a list that it can leave from any place. */
interface Waiter {
  readonly admit: (slot: Slot) => void
  /** False if its context has ended. */
  stop: () => boolean
  previous: Waiter | undefined
  next: Waiter | undefined
}

/**
 * Makes a limit: of what runs under it, at most `limit` runs at once. For work of one task, `group` has a limit, too;
 * a semaphore is for callers that do not know each other, such as the requests of a server.
 *
 * @param limit how many slots there are
 * @throws TypeError if `limit` is not a positive whole number or Infinity
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
    throw invalid('limit', 'a positive whole number or Infinity', limit)
  }
  let free = limit
  let first: Waiter | undefined
  let last: Waiter | undefined

  function slot(): Slot {
    let isHeld = true
    function release(): void {
      if (!isHeld) throw new TypeError('rescind: the slot was released before')
      isHeld = false
      handOn()
    }
    return { release, [DISPOSE]: () => void (isHeld && release()) }
  }

  function handOn(): void {
    while (first) {
      const { admit, stop } = first
      remove(first)
      // One whose context has just ended is on its way out: it takes no slot along.
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
    waiter.previous = waiter.next = undefined
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
          // It may have ended since it got the slot.
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
