/**
 * Time: a clock, with one platform timer for all its deadlines. A timer expires when the clock has reached its time,
 * never because a platform timer fired: those fire early, late, or after the page was frozen. Elapsed time is
 * monotonic: setting the wall clock changes nothing. Timers expire in order of time, then of start. The platform timer
 * does not keep a process alive, unless an operation waits under a deadline.
 *
 * Most timers are stopped long before they are due, many in the turn in which they were started. So a new timer goes
 * into an unsorted list, which moves into a binary heap only when its earliest timer may be due.
 */

import { tellAll } from './listeners.ts'
import type { Listener } from './listeners.ts'

/** The longest delay of a platform timer; with a longer one it fires at once. */
export const MAX_DELAY = 0x7fff_ffff

/** A gain of the wall clock below this, in milliseconds, is measurement noise rather than sleep of the computer. */
const MIN_SLEEP = 1_000

/** Something that happens at a time; subclasses define it in `expire`. */
export abstract class Timer {
  /** In monotonic milliseconds of the clock. */
  due: number
  /** Positive: the index in the heap. Negative: the index in the unsorted list is `-1 - index`. Zero: not pending. */
  index: number
  /** Orders timers with the same time. */
  order: number

  constructor(due: number) {
    this.due = due
    this.index = 0
    this.order = 0
  }

  /**
   * Called once; the clock then stops the timer. Must not run user code. Adds listeners to `audience`, notified as soon
   * as all timers that are due have expired, or to `sleepers`, notified in a turn of the event loop: `check` also runs
   * inside reads such as `err`.
   */
  abstract expire(audience: Listener[], sleepers: Listener[]): void
}

/**
 * The platform's time. The globals are looked up at every use, so that fake timers take effect, even those that leave
 * `performance` alone. A clock with another source of time overrides `now`, `wall` and `arm`.
 */
export class Clock {
  /** The `setTimeout` of the platform; undefined if fake timers were installed before this module was loaded. */
  readonly #platform: typeof setTimeout | undefined = unlessFake(globalThis.setTimeout)
  /** The first element is at index 1. */
  readonly #heap: (Timer | undefined)[] = [undefined]
  /** Timers that are not yet in the heap, in no order. */
  readonly #unsorted: Timer[] = []
  /** A lower bound of the times of unsorted timers; Infinity if there are none. */
  #soonest = Infinity
  #started = 0
  /** The time for which the platform timer is set; Infinity if it is not set. */
  #armed = Infinity
  /**
   * The `setTimeout` that set it. If that is replaced by another, we set a second timer and leave the first: it may
   * fire when the original comes back, or never.
   */
  #armedBy: typeof setTimeout | undefined
  #clear: (() => void) | undefined
  #handle: unknown
  /** True while a microtask is queued that sets or clears the platform timer. */
  #isPlanned = false
  /** Listeners of expired timers, not yet notified. */
  readonly #audience: Listener[] = []
  /** Listeners of expired timers that must be notified in a turn of the event loop. */
  readonly #sleepers: Listener[] = []
  /** How many operations wait under a deadline of this clock. */
  #holds = 0
  /** Milliseconds that `performance.now()` has missed: sleep of the computer, and time that only mocked timers know. */
  #behind = 0
  /** The difference of the wall clock and `now()` when the page was hidden; Infinity while the page is visible. */
  #ahead = Infinity

  /**
   * Monotonic milliseconds. Browsers disagree on whether `performance.now()` counts sleep of the computer, so we add
   * what the wall clock gains on it while the page is hidden. While the page is visible, the wall clock is ignored.
   */
  now(): number {
    const now = ((setTimeout as Replaced).clock?.performance ?? performance).now() + this.#behind
    const gained = this.#ahead < Infinity ? Date.now() - now - this.#ahead : 0
    if (gained < MIN_SLEEP) return now
    this.#behind += gained
    return now + gained
  }

  /** Milliseconds since the epoch. */
  wall(): number {
    return Date.now()
  }

  /** The time of the next timer, or now if sleepers wait; Infinity if nothing is pending. */
  next(): number {
    this.#sort()
    return this.#bound()
  }

  start(timer: Timer): void {
    timer.order = this.#started++
    timer.index = -this.#unsorted.push(timer)
    this.#soonest = Math.min(this.#soonest, timer.due)
    if (this.#armed <= timer.due && this.#armedBy === setTimeout) return
    // Setting and clearing it costs more than derive and cancel, so a microtask does it once for the turn. Fake timers
    // are set at once: a test may advance them in this turn.
    if (setTimeout === this.#platform) this.#plan()
    else this.#schedule()
  }

  /** Does nothing for a timer that is not pending. */
  stop(timer: Timer): void {
    const { index } = timer
    if (!index) return
    timer.index = 0
    const last = (index > 0 ? this.#heap : this.#unsorted).pop() as Timer
    if (last !== timer) {
      if (index > 0) this.#place(last, index)
      else this.#unsorted[-1 - (last.index = index)] = last
    } else if (this.#unsorted.length === 0) {
      this.#soonest = Infinity
      if (this.#armed === Infinity || this.#bound() < Infinity) return
      if (this.#armedBy === this.#platform) this.#plan()
      else this.#disarm()
    }
  }

  /** Keeps the process alive while timers are pending, until the matching {@link release}. */
  hold(): this {
    if (!this.#holds++) this.#keepAlive(true)
    return this
  }

  release(): void {
    if (!--this.#holds) this.#keepAlive(false)
  }

  /**
   * Expires everything that is due, in order, and then notifies all listeners but the sleepers. Listeners may call
   * `check` re-entrantly.
   */
  check(): void {
    if (this.#soonest === Infinity && !this.#heap[1]) return
    const now = this.now()
    if (this.#soonest <= now) this.#sort()
    const audience = this.#audience
    const isInner = audience.length > 0
    for (let first; (first = this.#heap[1]) && first.due <= now; this.stop(first)) {
      first.expire(audience, this.#sleepers)
    }
    if (isInner || !audience.length) return
    // Grows while it is notified: inner calls leave their listeners to this one, so the stack does not grow.
    tellAll(audience)
    audience.length = 0
  }

  /** Does what {@link check} does, and notifies the sleepers. Call it in a turn of the event loop only. */
  protected wake(): void {
    this.check()
    tellAll(this.#sleepers.splice(0))
  }

  /**
   * Sets the platform timer: calls `ring` after `ms`, and `fire` whenever the page is hidden or shown, since timers of
   * a frozen page do not fire. Returns a function that clears both.
   */
  protected arm(ring: () => void, ms: number): () => void {
    const clear = clearTimeout
    const handle = setTimeout(ring, ms)
    this.#handle = handle
    if (!this.#holds) this.#keepAlive(false)
    // Looked up once: looking up a missing global takes a good part of the cost of a timeout.
    const { document } = globalThis
    if (document) listen('addEventListener', this.#fire)
    if (document?.hidden) this.#ahead = Date.now() - this.now()
    return () => {
      clear(handle)
      this.#handle = undefined
      if (document) listen('removeEventListener', this.#fire)
      if (this.#ahead < Infinity) this.now()
      this.#ahead = Infinity
    }
  }

  /** Makes the platform timer keep the process alive, or not. Does nothing in browsers. */
  #keepAlive(isOn: boolean): void {
    const handle = this.#handle
    if (typeof handle === 'object') (handle as Partial<Handle>)[isOn ? 'ref' : 'unref']?.()
    else if (handle !== undefined) {
      deno ??= (globalThis as { Deno?: Deno }).Deno ?? {}
      deno[isOn ? 'refTimer' : 'unrefTimer']?.(handle)
    }
  }

  /** Moves the unsorted timers into the heap. */
  #sort(): void {
    for (const timer of this.#unsorted) this.#place(timer, this.#heap.length)
    this.#unsorted.length = 0
    this.#soonest = Infinity
  }

  /** A lower bound of `next`, which leaves the unsorted list as it is. */
  #bound(): number {
    return this.#sleepers.length > 0 ? this.now() : Math.min(this.#soonest, this.#heap[1]?.due ?? Infinity)
  }

  /** Sets or clears the platform timer in a microtask, once for all changes of this turn. */
  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    void resolved.then(this.#arrange)
  }

  readonly #arrange = (): void => {
    this.#isPlanned = false
    if (this.#bound() < Infinity) this.#schedule()
    else this.#disarm()
  }

  /** Inserts `timer` into the heap, moving the hole at `index` up or down until the order is right. */
  #place(timer: Timer, index: number): void {
    const heap = this.#heap
    for (let above; (above = heap[index >> 1]) && isBefore(timer, above);) index = this.#fill(index, above)
    for (let below; (below = heap[2 * index]); index = this.#fill(index, below)) {
      const right = heap[2 * index + 1]
      if (right && isBefore(right, below)) below = right
      if (isBefore(timer, below)) break
    }
    this.#fill(index, timer)
  }

  /** Moves `timer` to the hole at `index` and returns its old index. A method, since a closure would be garbage. */
  #fill(index: number, timer: Timer): number {
    const hole = timer.index
    this.#heap[index] = timer
    timer.index = index
    return hole
  }

  /** Makes the platform timer fire no later than the next timer is due. */
  #schedule(): void {
    const next = this.#bound()
    if (this.#armedBy === setTimeout) {
      if (this.#armed <= next) return
      this.#disarm()
    }
    this.#armed = next
    this.#armedBy = setTimeout
    const now = this.now()
    const left = Math.min(Math.max(next - now, 0), MAX_DELAY)
    const isMock = (setTimeout as Replaced)._isMockFunction
    const ring = isMock ? () => this.#ringMocked(now + left) : this.#fire
    this.#clear = this.arm(ring, isMock ? Math.floor(left) : Math.ceil(left))
  }

  /** For mocked timers without a clock, such as Jest's legacy ones: when one fires, its delay must have passed. */
  #ringMocked(due: number): void {
    this.#behind += Math.max(due - this.now(), 0)
    this.#fire()
  }

  #disarm(): void {
    this.#clear?.()
    this.#clear = undefined
    this.#armed = Infinity
  }

  readonly #fire = (): void => {
    this.#disarm()
    this.wake()
    if (this.next() < Infinity) this.#schedule()
  }
}

/** The clock of `background()` and `todo()`. */
export const systemClock: Clock = /* @__PURE__ */ new Clock()

/** A timer of Node or Bun. */
interface Handle {
  ref(): unknown
  unref(): unknown
}

/** Deno's timers are numbers, as in browsers. */
interface Deno {
  refTimer?(handle: unknown): void
  unrefTimer?(handle: unknown): void
}

/** Looked up once: looking up a missing global takes a good part of the cost of a timeout. */
let deno: Deno | undefined

/** The marks of a fake `setTimeout`: `clock` by Sinon (used by Vitest, Jest and Cypress), the other by legacy Jest. */
interface Replaced {
  readonly clock?: { readonly performance?: { now(): number } }
  readonly _isMockFunction?: boolean
}

/** Worklets have no `setTimeout` at all. */
function unlessFake(timer: (typeof setTimeout & Replaced) | undefined): typeof setTimeout | undefined {
  return timer?.clock || timer?._isMockFunction ? undefined : timer
}

const resolved: Promise<void> = /* @__PURE__ */ Promise.resolve()

function isBefore(one: Timer, other: Timer): boolean {
  return (one.due - other.due || one.order - other.order) < 0
}

function listen(change: 'addEventListener' | 'removeEventListener', fire: () => void): void {
  for (const type of ['visibilitychange', 'resume', 'pageshow']) globalThis[change]?.(type, fire, true)
}
