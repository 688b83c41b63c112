/**
 * For tests of code that takes a context: time that stands still until the test moves it. The clock is inherited from
 * the root, so no global is patched, and several tests can each have a time of their own.
 *
 * @module rescind/testing
 */

import { invalid, isDate } from './arguments.ts'
import { createRoot } from './context.ts'
import type { Context } from './context.ts'
import { Clock } from './timers.ts'
import { turn } from './turn.ts'

/** Time under control of a test; see {@link fakeClock}. */
export interface FakeClock {
  /** A root like `background()`; deadlines and sleeps of all that is derived from it follow this clock. */
  readonly root: Context
  /** The time now, in milliseconds since the epoch. */
  readonly at: number
  /**
   * Moves time on by `ms` milliseconds. What falls due on the way happens in order, each at its own time, and what
   * waits for it gets its turn before time moves on. A move that is asked for during another begins where that ends.
   *
   * @returns resolves when time has moved; rejects with a TypeError if `ms` is not a finite number of at least 0, with
   * an Error if time cannot move on, since a loop, such as one of `sleep(ctx, 0)`, always has something due at once
   */
  advance(ms: number): Promise<void>
}

/** How many turns are taken at one time: in every engine, fewer than a test has time for. */
const MAX_TURNS = 1_000

class ManualClock extends Clock {
  readonly #epoch: number
  #elapsed = 0
  /** Settles when the last move that was asked for is over. */
  #moved: Promise<unknown> = Promise.resolve()

  constructor(epoch: number) {
    super()
    this.#epoch = epoch
  }

  override now(): number {
    return this.#elapsed
  }

  override wall(): number {
    return this.#epoch + this.#elapsed
  }

  protected override arm(): () => void {
    return () => {}
  }

  async advance(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0) throw invalid('ms', 'a number of milliseconds, at least 0', ms)
    const move = this.#moved.then(() => this.#move(ms))
    this.#moved = move.catch(() => {})
    return move
  }

  async #move(ms: number): Promise<void> {
    const target = this.#elapsed + ms
    let turns = 0
    await turn()
    for (let due; (due = this.next()) <= target;) {
      turns = due > this.#elapsed ? 0 : turns + 1
      if (turns > MAX_TURNS) throw new Error(`rescind: time stands still: more is due after ${MAX_TURNS} turns`)
      this.#elapsed = due
      this.wake()
      await turn()
    }
    this.#elapsed = target
  }
}

/**
 * Makes a clock that only moves when `advance` is called.
 *
 * @param at the time at which it starts, as a Date or in milliseconds since the epoch; the real time if left out, so
 * that `Date.now() + ms` is `ms` milliseconds away
 * @throws TypeError if `at` is neither a number nor a valid Date
 * @example
 * const clock = fakeClock()
 * const [ctx] = withTimeout(clock.root, 5_000)
 * await clock.advance(4_999)
 * ctx.err // => undefined
 * await clock.advance(1)
 * isDeadlineExceeded(ctx.err) // => true
 */
export function fakeClock(at: number | Date = Date.now()): FakeClock {
  const epoch: unknown = isDate(at) ? at.getTime() : at
  if (!Number.isFinite(epoch)) throw invalid('at', 'a valid Date or a number of milliseconds since the epoch', at)
  const clock = new ManualClock(epoch as number)
  const root = createRoot('background')
  root.clock = clock
  return {
    root,
    get at() {
      return clock.wall()
    },
    advance: (ms) => clock.advance(ms),
  }
}
