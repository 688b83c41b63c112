/**
 * Exclusive use of a connection or of a transaction. Callers enter one at a time, in the order of their calls; one
 * whose context ends while it waits leaves the queue and never enters.
 */

import { afterFunc } from '../callbacks.ts'
import type { Context } from '../context.ts'

/** Lets the next caller enter. Idempotent. */
export type Leave = () => void

export class Lane {
  #taken = false
  #closed: Error | undefined
  /** The waiting callers, oldest first. A key lets one enter, or returns false if it has left. The value rejects it. */
  readonly #waiting = new Map<() => boolean, (error: unknown) => void>()

  /** Resolves when the lane is free; rejects with `ctx.err` if `ctx` ends first. */
  enter(ctx: Context): Promise<Leave> {
    return new Promise((resolve, reject) => {
      ctx.throwIfDone()
      if (this.#closed) throw this.#closed
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
      this.#waiting.set(admit, (error) => {
        if (stop()) reject(error)
      })
    })
  }

  /** Rejects all waiting and all later callers with `error`. The first call decides. */
  close(error: Error): void {
    this.#closed ??= error
    for (const refuse of this.#waiting.values()) refuse(this.#closed)
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
    for (const admit of this.#waiting.keys()) {
      this.#waiting.delete(admit)
      if (admit()) return
    }
    this.#taken = false
  }
}
