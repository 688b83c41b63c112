/**
 * The debounce: a gate that stays closed until no run was started for a while. The gate only reports when it opens; its
 * owner holds the runs that wait. Its time is measured by the clock of the context under which it was closed.
 */

import { withTimer } from '../src/bindings.ts'
import { afterFunc, isCanceled, remaining } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'

/** The long form of the option `debounce`: how long a run waits before its work starts. */
export interface Debounce {
  /** The last run starts after this many milliseconds without another run. */
  readonly ms: number
  /** True starts the first run at once; runs that follow within `ms` wait. */
  readonly leading?: boolean | undefined
  /** The waiting run starts after this many milliseconds at the latest, even if other runs keep coming. */
  readonly maxWait?: number | undefined
}

export class Gate {
  readonly #onOpen: () => void
  /** While closed: a context that ends after `maxWait`, or with the context under which the gate was last closed. */
  #limit: [ctx: Context, cancel: Cancel] | undefined

  constructor(onOpen: () => void) {
    this.#onOpen = onOpen
  }

  /** Closes the gate, or keeps it closed. Returns whether the run that is started now has to wait. */
  close(base: Context, { ms, leading = false, maxWait = Infinity }: Debounce): boolean {
    const before = this.#limit?.[0]
    // Runs that waited under a canceled context were canceled with it, so the next one counts as the first.
    const isFirst = !before || isCanceled(before.err)
    const left = isFirst ? maxWait : remaining(before)
    this.stop()
    const limit = (this.#limit = withTimer(base, left ?? Infinity))
    const [quiet] = withTimer(limit[0], ms)
    afterFunc(quiet, () => {
      if (this.#limit === limit) this.open()
    })
    return !(isFirst && leading)
  }

  /** Opens the gate, which starts the waiting runs. */
  open(): void {
    this.stop()
    this.#onOpen()
  }

  /** Opens the gate without starting runs. */
  stop(): void {
    this.#limit?.[1]()
    this.#limit = undefined
  }
}
