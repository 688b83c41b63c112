/**
 * Time: one clock and one platform timer for all deadlines of that clock. A timer expires when the clock says so, never
 * because a platform timer fired: those fire early, late, or after the page was frozen. Elapsed time is monotonic, so a
 * step of the wall clock changes nothing. Order of expiry: by time, then by when the timer was started. The platform
 * timer keeps no process alive, unless an operation waits under a deadline.
 *
 * Most timers are stopped long before they are due, many of them in the turn in which they were started. So a new timer
 * goes into an unsorted list. Only when the first of that list may be due, the list moves into a binary heap.
 */

import { tellAll } from './listeners.ts'
import type { Listener } from './listeners.ts'

/** The longest delay that platform timers take; a longer one fires at once. */
export const MAX_DELAY = 0x7fff_ffff

/** Less than this, in milliseconds, is no sleep but the difference in how two clocks are read. */
const MIN_SLEEP = 1_000

/** Something that falls due. */
export abstract class Timer {
  /** When, in the clock's monotonic milliseconds. */
  due: number
  /** The place in the heap; below zero the place in the unsorted list, from -1 on; 0 while not pending. */
  index: number
  /** Tells timers of the same time apart. */
  order: number

  constructor(due: number) {
    this.due = due
    this.index = 0
    this.order = 0
  }

  /**
   * Called once, and stopped then. Runs no code of users. Listeners are added to `audience`, which is notified after
   * everything that was due with it has expired too, or to `sleepers`, which is notified in a turn of the event loop:
   * a read of the time may have found that it is due.
   */
  abstract expire(audience: Listener[], sleepers: Listener[]): void
}

/**
 * The platform's time. The globals are looked up at every use, so that replaced ones (fake timers) are followed, even
 * those that leave `performance` alone. A clock with a time of its own overrides `now`, `wall` and `arm`.
 */
export class Clock {
  /** The `setTimeout` of the platform, unless fake timers were there before this module. */
  readonly #platform: typeof setTimeout | undefined = unlessFake(globalThis.setTimeout)
  /** Begins at 1. */
  readonly #heap: (Timer | undefined)[] = [undefined]
  /** Timers that are not yet in the heap, in no order. */
  readonly #unsorted: Timer[] = []
  /** None of the unsorted timers is due before that time; Infinity if there are none. */
  #soonest = Infinity
  #started = 0
  /** The time for which there is a platform timer; Infinity when there is none. */
  #armed = Infinity
  /**
   * The `setTimeout` that armed it. Once that is replaced, its timer may never fire, or fire after it came back: it
   * stays.
   */
  #armedBy: typeof setTimeout | undefined
  #clear: (() => void) | undefined
  #handle: unknown
  /** True from when the platform timer may have to change until the microtask that sees to it. */
  #isPlanned = false
  /** Listeners of expired timers, not yet notified. */
  readonly #audience: Listener[] = []
  /** The same, for those that wait for a turn. */
  readonly #sleepers: Listener[] = []
  /** How many operations wait under a deadline of this clock. */
  #holds = 0
  /** How much `performance.now()` is behind: the computer's sleep, and time that only mocked timers count. */
  #behind = 0
  /** What the wall clock was ahead of `now()` when the page was hidden; Infinity while it is visible. */
  #ahead = Infinity

  /**
   * Monotonic milliseconds. Browsers disagree on whether `performance.now()` counts the computer's sleep, so what the
   * wall clock gains on it while the page is hidden counts here. While the page is visible the wall clock does not
   * matter.
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

  /** When a turn is needed next; Infinity if nothing is pending. */
  next(): number {
    this.#sort()
    return this.#bound()
  }

  start(timer: Timer): void {
    timer.order = this.#started++
    timer.index = -this.#unsorted.push(timer)
    this.#soonest = Math.min(this.#soonest, timer.due)
    if (this.#armed <= timer.due && this.#armedBy === setTimeout) return
    // To set and clear one costs more than a whole derive and cancel. Fake timers may be moved on in this turn.
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

  /** Keeps the process alive until everything pending has expired, or until {@link release}. */
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
    // Grows while it is notified: an inner call leaves that to this one, or each would go one call deeper.
    tellAll(audience)
    audience.length = 0
  }

  /** To be called in a turn of its own: {@link check}, and the sleepers wake up. */
  protected wake(): void {
    this.check()
    tellAll(this.#sleepers.splice(0))
  }

  /**
   * Asks the platform to call `ring` after `ms`, and `fire` whenever the page goes away or comes back: a frozen page
   * gets no timer events.
   */
  protected arm(ring: () => void, ms: number): () => void {
    const clear = clearTimeout
    const handle = setTimeout(ring, ms)
    this.#handle = handle
    if (!this.#holds) this.#keepAlive(false)
    // Looked up once for all: a missing global costs a good part of a timeout.
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

  /** Says whether the platform timer keeps a process alive. Does nothing in browsers. */
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

  /** Nothing is due before that time. */
  #bound(): number {
    return this.#sleepers.length > 0 ? this.now() : Math.min(this.#soonest, this.#heap[1]?.due ?? Infinity)
  }

  /** Sets or clears the platform timer in a microtask, for all that happens in this turn. */
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

  /** Puts `timer` where it belongs, starting from the hole at `index`. */
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

  /** Moves `timer` to the hole at `index`, and says where that leaves one. A closure would be garbage each time. */
  #fill(index: number, timer: Timer): number {
    const hole = timer.index
    this.#heap[index] = timer
    timer.index = index
    return hole
  }

  /** Sees to it that the platform timer fires no later than the next timer is due. */
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

  /** Mocked timers without a clock, such as Jest's legacy ones: that one fires is all there is to tell the time by. */
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

/** Looked up once: a missing global costs a good part of a timeout. */
let deno: Deno | undefined

/** `setTimeout`, by what fake timers add to it: Sinon's, which Vitest, Jest and Cypress use, and Jest's legacy ones. */
interface Replaced {
  readonly clock?: { readonly performance?: { now(): number } }
  readonly _isMockFunction?: boolean
}

/** Worklets have none at all. */
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
