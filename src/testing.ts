/**
 * A fake clock for tests of code that takes a context: time passes only when the test advances it. Contexts inherit the
 * clock from their root, so no global is patched, and concurrent tests can have separate clocks.
 *
 * @module rescind/testing
 */

import { invalid, isDate } from './arguments.ts'
import { createRoot } from './context.ts'
import type { Context } from './context.ts'
import { Clock } from './timers.ts'
import { turn } from './turn.ts'

/** A clock that a test controls; see {@link fakeClock}. */
export interface FakeClock {
  /** A root like `background()`. The deadlines and sleeps of all contexts derived from it follow this clock. */
  readonly root: Context
  /** The current time of this clock, in milliseconds since the epoch. */
  readonly at: number
  /**
   * Advances time by `ms` milliseconds. Timers expire in order, each at its own time, and code that waits for them runs
   * before time advances further. Concurrent calls run one after the other.
   *
   * @returns resolves when time has advanced; rejects with a TypeError if `ms` is not a finite number of at least 0,
   * and with an Error if time cannot advance, because a loop such as one of `sleep(ctx, 0)` always has a timer due now
   */
  advance(ms: number): Promise<void>
}

/** The limit of consecutive turns in which the clock does not advance. They take less time than a test may last. */
const MAX_TURNS = 1_000

class ManualClock extends Clock {
  readonly #epoch: number
  #elapsed = 0
  /** Settles when the last requested move is done. */
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
      if (turns > MAX_TURNS)
        throw new Error(`rescind: time cannot advance: timers are due now after ${MAX_TURNS} turns`)
      this.#elapsed = due
      this.wake()
      await turn()
    }
    this.#elapsed = target
  }
}

/**
 * Makes a clock that advances only when `advance` is called.
 *
 * @param at the start time, as a Date or in milliseconds since the epoch; by default the real time, so that
 * `Date.now() + ms` is `ms` milliseconds away
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
