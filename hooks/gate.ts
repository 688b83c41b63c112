/**
 * The debounce: a gate that stays closed until it has been quiet for a while. What it holds back is known to the owner:
 * the gate only says when it opens. Its time runs on the clock of the context that it is closed under.
 */

import { afterFunc, isCanceled, remaining, withTimeout } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'

/** How long to wait until work starts. */
export interface Debounce {
  /** Milliseconds without another run until the last one starts. */
  readonly ms: number
  /** Starts the first run at once; those that follow within `ms` wait. */
  readonly leading?: boolean | undefined
  /** Milliseconds after which what waits starts, however often it is run meanwhile. */
  readonly maxWait?: number | undefined
}

export class Gate {
  readonly #onOpen: () => void
  /** While closed: until when at the latest. It ends with the context that the gate was last closed under. */
  #limit: [ctx: Context, cancel: Cancel] | undefined

  constructor(onOpen: () => void) {
    this.#onOpen = onOpen
  }

  get isClosed(): boolean {
    return this.#limit !== undefined
  }

  /** Closes the gate, or keeps it closed. Returns whether what comes now has to wait. */
  close(base: Context, { ms, leading = false, maxWait = Infinity }: Debounce): boolean {
    const before = this.#limit?.[0]
    // What waited under a canceled context is canceled, and no longer counts.
    const isFirst = !before || isCanceled(before.err)
    const left = isFirst ? maxWait : remaining(before)
    this.stop()
    const limit = (this.#limit = withTimeout(base, left ?? Infinity))
    const [quiet] = withTimeout(limit[0], ms)
    afterFunc(quiet, () => {
      if (this.#limit === limit) this.open()
    })
    return !(isFirst && leading)
  }

  open(): void {
    this.stop()
    this.#onOpen()
  }

  /** Opens it and starts nothing. */
  stop(): void {
    this.#limit?.[1]()
    this.#limit = undefined
  }
}
