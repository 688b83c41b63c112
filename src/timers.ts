/**
 * Time: one clock, one binary heap, one platform timer for all deadlines of that clock. A timer expires when the clock
 * says so, never because a platform timer fired: those fire early, late, or after the page was frozen. Elapsed time is
 * monotonic, so a step of the wall clock changes nothing. Order of expiry: by time, then by when the timer was started.
 */

import { tellAll } from './listeners.ts'
import type { Listener } from './listeners.ts'

/** The longest delay that platform timers take; a longer one fires at once. */
const MAX_DELAY = 0x7fff_ffff

/** Less than this, in milliseconds, is no sleep but the difference in how two clocks are read. */
const MIN_SLEEP = 1_000

/** Something that falls due. */
export abstract class Timer {
  /** When, in the clock's monotonic milliseconds. */
  due: number
  /** The place in the heap; 0 while not pending. */
  index: number
  /** Tells timers of the same time apart. */
  order: number

  constructor(due: number) {
    this.due = due
    this.index = 0
    this.order = 0
  }

  /**
   * Called once, and stopped then. Runs no code of users: whoever does is added to `audience`, to be told after
   * everything that was due with it has expired too, or to `sleepers`, to be told in a turn of the event loop: that it
   * is due may have come out when somebody just asked for the time.
   */
  abstract expire(audience: Listener[], sleepers: Listener[]): void
}

/**
 * The platform's time. The globals are looked up at every use, so that replaced ones (fake timers) are followed. A
 * clock with a time of its own overrides `now`, `wall` and `arm`.
 */
export class Clock {
  /** Begins at 1. */
  readonly #heap: (Timer | undefined)[] = [undefined]
  #started = 0
  /** The time for which there is a platform timer; Infinity when there is none. */
  #armed = Infinity
  /**
   * The `setTimeout` that armed it. Once that is replaced, its timer may never fire, or fire after it came back: it
   * stays.
   */
  #armedBy: typeof setTimeout | undefined
  #clear: (() => void) | undefined
  /** True after the heap ran empty in this turn. */
  #emptied = false
  /** Those of expired timers who are yet to be told. */
  readonly #audience: Listener[] = []
  /** The same of those who wait for a turn. */
  readonly #sleepers: Listener[] = []
  /** How long the computer slept unnoticed by `performance.now()`. */
  #slept = 0
  /** What the wall clock was ahead of `now()` when the page was hidden; Infinity while it is visible. */
  #ahead = Infinity

  /**
   * Monotonic milliseconds. Browsers disagree on whether `performance.now()` counts the computer's sleep, so what the
   * wall clock gains on it while the page is hidden counts here. While the page is visible the wall clock does not
   * matter.
   */
  now(): number {
    const now = performance.now() + this.#slept
    const gained = this.#ahead < Infinity ? Date.now() - now - this.#ahead : 0
    if (gained < MIN_SLEEP) return now
    this.#slept += gained
    return now + gained
  }

  /** Milliseconds since the epoch. */
  wall(): number {
    return Date.now()
  }

  /** When a turn is needed next; Infinity if nothing is pending. */
  next(): number {
    return this.#sleepers.length > 0 ? this.now() : (this.#heap[1]?.due ?? Infinity)
  }

  start(timer: Timer): void {
    timer.order = this.#started++
    this.#place(timer, this.#heap.length)
    this.#schedule()
  }

  /** Does nothing for a timer that is not pending. */
  stop(timer: Timer): void {
    const { index } = timer
    if (!index) return
    timer.index = 0
    const last = this.#heap.pop() as Timer
    if (last !== timer) this.#place(last, index)
    else if (!this.#emptied && this.next() === Infinity) {
      // Clearing the platform timer costs more than a whole derive and cancel: only the first time in a turn does it.
      this.#emptied = true
      this.#disarm()
      void Promise.resolve().then(() => {
        this.#emptied = false
        if (this.next() === Infinity) this.#disarm()
      })
    }
  }

  /**
   * Expires everything that is due, in order, and then tells everybody but those who sleep. Who is told may call this
   * again.
   */
  check(): void {
    if (!this.#heap[1]) return
    const now = this.now()
    const audience = this.#audience
    const isInner = audience.length > 0
    for (let first; (first = this.#heap[1]) && first.due <= now; this.stop(first)) {
      first.expire(audience, this.#sleepers)
    }
    if (isInner || !audience.length) return
    // Grows while it is told: an inner call leaves that to this one, or each would go one call deeper.
    tellAll(audience)
    audience.length = 0
  }

  /** To be called in a turn of its own: {@link check}, and those who sleep wake up. */
  protected wake(): void {
    this.check()
    tellAll(this.#sleepers.splice(0))
  }

  /**
   * Asks the platform to call `fire` after `ms`, and whenever the page goes away or comes back: what is frozen hears of
   * no time.
   */
  protected arm(fire: () => void, ms: number): () => void {
    const clear = clearTimeout
    const handle = setTimeout(fire, ms)
    this.#ahead = globalThis.document?.hidden ? Date.now() - this.now() : Infinity
    listen('addEventListener', fire)
    return () => {
      clear(handle)
      listen('removeEventListener', fire)
      this.now()
      this.#ahead = Infinity
    }
  }

  /** Puts `timer` where it belongs, starting from the hole at `index`. */
  #place(timer: Timer, index: number): void {
    const heap = this.#heap
    for (let above; (above = heap[index >> 1]) && isBefore(timer, above); ) index = this.#fill(index, above)
    for (let below; (below = heap[2 * index]); index = this.#fill(index, below)) {
      const right = heap[2 * index + 1]
      if (right && isBefore(right, below)) below = right
      if (isBefore(timer, below)) break
    }
    this.#fill(index, timer)
  }

  /** Moves `timer` to the hole at `index`, and says where that leaves one. A closure would be garbage each time. */
  #fill(index: number, timer: Timer): number {
    const hole = timer.index
    this.#heap[index] = timer
    timer.index = index
    return hole
  }

  /** Sees to it that the platform timer fires no later than the next timer is due. */
  #schedule(): void {
    const next = this.next()
    if (this.#armedBy === setTimeout) {
      if (this.#armed <= next) return
      this.#disarm()
    }
    this.#armed = next
    this.#armedBy = setTimeout
    this.#clear = this.arm(this.#fire, Math.min(Math.max(Math.ceil(next - this.now()), 0), MAX_DELAY))
  }

  #disarm(): void {
    this.#clear?.()
    this.#clear = undefined
    this.#armed = Infinity
  }

  #fire = (): void => {
    this.#disarm()
    this.wake()
    if (this.next() < Infinity) this.#schedule()
  }
}

/** The clock of `background()` and `todo()`. */
export const systemClock: Clock = /* @__PURE__ */ new Clock()

function isBefore(one: Timer, other: Timer): boolean {
  return (one.due - other.due || one.order - other.order) < 0
}

function listen(change: 'addEventListener' | 'removeEventListener', fire: () => void): void {
  for (const type of ['visibilitychange', 'resume', 'pageshow']) globalThis[change]?.(type, fire, true)
}
