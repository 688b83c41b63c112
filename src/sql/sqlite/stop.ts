/**
 * How a statement in the worker is stopped: SQLite asks every few thousand steps of its machine whether to go on, and
 * this is who answers. No message can arrive in the middle of a statement, so the answer comes from the clock and,
 * where the platform has a way to look out of a busy worker, from there. Nothing is left over for the next statement:
 * what says stop, says so for one number only.
 */

import type { Limits, Mechanism } from './protocol.ts'

/** So many steps take some 50 µs; asking costs next to nothing beside them. */
export const STEPS = 4_000

/** Asking for a blob takes some 0.3 ms: by time, not by steps, or it costs a quarter of the speed. */
const POLL = 25

export class Stopper {
  readonly mechanism: Mechanism
  readonly #flag: Int32Array | undefined
  #id = 0
  #due = Infinity
  #alive: string | undefined
  #nextPoll = 0
  #told = false

  constructor(flag: SharedArrayBuffer | undefined) {
    this.mechanism = flag ? 'flag' : canPoll() ? 'poll' : 'deadline'
    this.#flag = flag && new Int32Array(flag)
  }

  /** From here on the answers are for this request. */
  begin({ id, left = Infinity, alive }: Limits): void {
    const now = performance.now()
    this.#id = id
    this.#due = now + left
    this.#alive = this.mechanism === 'poll' ? alive : undefined
    this.#nextPoll = now + POLL
    this.#told = false
  }

  /** From here on nothing stops, as clean-up must not. */
  end(): void {
    this.begin({ id: 0 })
  }

  /** A message said so, between two rows. */
  tell(id: number): void {
    if (id === this.#id) this.#told = true
  }

  /** Whether the request is to stop. */
  get stops(): boolean {
    if (this.#told || (this.#flag && Atomics.load(this.#flag, 0) === this.#id && this.#id > 0)) return true
    const now = performance.now()
    if (now >= this.#due) return true
    if (this.#alive === undefined || now < this.#nextPoll) return false
    this.#nextPoll = now + POLL
    this.#told = !exists(this.#alive)
    return this.#told
  }
}

/** A policy of the page (`connect-src`) can forbid to ask; every statement would seem to be canceled then. */
function canPoll(): boolean {
  if (typeof XMLHttpRequest !== 'function') return false
  const url = URL.createObjectURL(new Blob())
  const before = exists(url)
  URL.revokeObjectURL(url)
  return before && !exists(url)
}

/** Whether a blob URL has not been revoked. Waits for the answer: that is the point. */
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
