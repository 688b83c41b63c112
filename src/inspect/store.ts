/**
 * The store of an inspector, with a limited number of entries. When it is full, it drops the entry that ended first; if
 * none has ended, the oldest that has a parent.
 */

import type { Entry } from './entry.ts'

export class Store {
  readonly #size: number
  readonly #entries = new Map<number, Entry>()
  /** A queue of entries that have ended, beginning at `#first`. */
  #over: (Entry | undefined)[] = []
  #first = 0

  constructor(size: number) {
    this.#size = size
  }

  /** The entries, in the order in which they were added. */
  get entries(): Iterable<Entry> {
    return this.#entries.values()
  }

  add(entry: Entry): void {
    if (entry.isKept) return
    entry.isKept = true
    this.#entries.set(entry.id, entry)
    if (this.#entries.size > this.#size) this.#drop(this.#takeOver() ?? this.#oldest(entry))
  }

  /** Call it when `entry` has ended: it is then dropped before live entries. */
  over(entry: Entry): void {
    this.#over.push(entry)
  }

  clear(): void {
    for (const entry of this.#entries.values()) entry.isKept = false
    this.#entries.clear()
    this.#over = []
    this.#first = 0
  }

  #drop(entry: Entry): void {
    entry.isKept = false
    this.#entries.delete(entry.id)
  }

  #takeOver(): Entry | undefined {
    let entry
    do {
      entry = this.#over[this.#first]
      if (entry) this.#over[this.#first++] = undefined
    } while (entry && !entry.isKept)
    // Remove the part of the queue that was taken, but rarely, since it copies the rest.
    if (this.#first > 1_000 && this.#first * 2 > this.#over.length) {
      this.#over = this.#over.slice(this.#first)
      this.#first = 0
    }
    return entry
  }

  #oldest(newest: Entry): Entry {
    for (const entry of this.#entries.values()) if (entry.parent !== undefined) return entry
    return newest
  }
}
