/**
 * How a statement in the worker is stopped. Every few thousand steps, SQLite calls a function that decides whether to
 * continue. No message arrives while a statement runs, so the function checks the clock and, if the platform has one, a
 * source that it can read synchronously. A stop is for the ID of one request, so it never hits the next statement.
 */

import type { Limits, Mechanism } from './protocol.ts'

/** The number of steps between two checks, which takes about 50 µs. The checks take much less. */
export const STEPS = 4_000

/** The milliseconds between two requests of a blob. A request takes about 0.3 ms: too long for every check. */
const POLL = 25

export class Stopper {
  readonly mechanism: Mechanism
  readonly #flag: Int32Array | undefined
  /** The ID of the current or latest request. */
  #id = -1
  #due = Infinity
  #alive: string | undefined
  #nextPoll = 0
  #told = false

  constructor(flag: SharedArrayBuffer | undefined) {
    this.mechanism = flag ? 'flag' : canPoll() ? 'poll' : 'deadline'
    this.#flag = flag && new Int32Array(flag)
  }

  /** Call it when a request begins. */
  begin({ id, left = Infinity, alive }: Limits): void {
    const now = performance.now()
    this.#id = id
    this.#due = now + left
    this.#alive = alive
    this.#nextPoll = now + POLL
    this.#told = false
  }

  /** Stops the request `id`, by a message between two rows. */
  tell(id: number): void {
    if (id === this.#id) this.#told = true
  }

  /** Whether the current request must stop. */
  get stops(): boolean {
    if (this.#told || (this.#flag && Atomics.load(this.#flag, 0) === this.#id)) return true
    const now = performance.now()
    if (now >= this.#due) return true
    if (this.#alive === undefined || now < this.#nextPoll) return false
    this.#nextPoll = now + POLL
    this.#told = !exists(this.#alive)
    return this.#told
  }
}

/**
 * Whether requests of blob URLs work; not in Node. If a policy (`connect-src`) forbade them, each statement would seem
 * canceled.
 */
function canPoll(): boolean {
  const url = URL.createObjectURL(new Blob())
  const before = exists(url)
  URL.revokeObjectURL(url)
  return before && !exists(url)
}

/** Whether a blob URL exists, by a synchronous request. */
function exists(url: string): boolean {
  try {
    const request = new XMLHttpRequest()
    request.open('GET', url, false)
    request.send()
    return true
  } catch {
    return false
  }
}
