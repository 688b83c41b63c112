/**
 * For tests of code that takes a context: time that stands still until the test moves it. The clock is inherited from
 * the root, so no global is patched, and several tests can each have a time of their own.
 */

import { createRoot } from './context.ts'
import type { Context } from './context.ts'
import { invalid } from './errors.ts'
import { Clock } from './timers.ts'

/** Time under control of a test; see {@link fakeClock}. */
export interface FakeClock {
  /** A root like `background()`; deadlines and sleeps of all that is derived from it follow this clock. */
  readonly root: Context
  /** The time now, in milliseconds since the epoch. */
  readonly at: number
  /**
   * Moves time on by `ms` milliseconds. What falls due on the way happens in order, each at its own time, and what
   * waits for it gets its turn before time moves on.
   *
   * @returns rejects with a TypeError if `ms` is not a finite number of at least 0
   */
  advance(ms: number): Promise<void>
}

class ManualClock extends Clock {
  readonly #epoch: number
  elapsed = 0

  constructor(epoch: number) {
    super()
    this.#epoch = epoch
  }

  override now(): number {
    return this.elapsed
  }

  override wall(): number {
    return this.#epoch + this.elapsed
  }

  protected override arm(): () => void {
    return () => {}
  }
}

/**
 * Makes a clock that only moves when it is told to.
 *
 * @param at the time at which it starts, as a Date or in milliseconds since the epoch; 0 if left out
 * @throws TypeError if `at` is neither a number nor a valid Date
 * @example
 * const clock = fakeClock()
 * const [ctx] = withTimeout(clock.root, 5_000)
 * await clock.advance(4_999)
 * ctx.err // => undefined
 * await clock.advance(1)
 * isDeadlineExceeded(ctx.err) // => true
 */
export function fakeClock(at: number | Date = 0): FakeClock {
  const epoch: unknown = at instanceof Date ? at.getTime() : at
  if (!Number.isFinite(epoch)) throw invalid('at', 'a valid Date or a number of milliseconds since the epoch', at)
  const clock = new ManualClock(epoch as number)
  return {
    root: createRoot('background', clock),
    get at() {
      return clock.wall()
    },
    async advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) throw invalid('ms', 'a number of milliseconds, at least 0', ms)
      const target = clock.elapsed + ms
      await turn()
      while (clock.next() <= target) {
        clock.elapsed = clock.next()
        clock.check()
        await turn()
      }
      clock.elapsed = Math.max(target, clock.elapsed)
    },
  }
}

/** One turn of the event loop, by a task that fake timers leave alone; all microtasks are through after it. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
