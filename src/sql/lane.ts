/**
 * A lane with one user at a time: a connection, a transaction. Waiters are admitted in the order of their calls; one
 * whose context ends leaves the queue and is never admitted.
 */

import { afterFunc } from '../callbacks.ts'
import type { Context } from '../context.ts'

/** Leaves the lane to the next. Only the first call counts. */
export type Leave = () => void

export class Lane {
  #taken = false
  /** The waiters, oldest first; each returns whether it was admitted. */
  readonly #waiting = new Set<() => boolean>()

  /** Resolves when the lane is free; rejects with `ctx.err` if `ctx` ends first. */
  enter(ctx: Context): Promise<Leave> {
    return new Promise((resolve, reject) => {
      ctx.throwIfDone()
      if (!this.#taken) {
        this.#taken = true
        return resolve(this.#key())
      }
      const admit = (): boolean => {
        const admitted = stop()
        if (admitted) resolve(this.#key())
        return admitted
      }
      const stop = afterFunc(ctx, () => {
        this.#waiting.delete(admit)
        reject(ctx.err)
      })
      this.#waiting.add(admit)
    })
  }

  #key(): Leave {
    let left = false
    return () => {
      if (left) return
      left = true
      this.#next()
    }
  }

  #next(): void {
    for (const admit of this.#waiting) {
      this.#waiting.delete(admit)
      if (admit()) return
    }
    this.#taken = false
  }
}
