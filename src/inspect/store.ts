/**
 * The store of an inspector: its entries, as many as there is room for. Where there is no more, those make room that
 * ended first; where nothing has ended, the oldest that has a parent.
 */

import type { Entry } from './entry.ts'

export class Store {
  readonly #size: number
  readonly #entries = new Map<number, Entry>()
  /** Those that have ended, in that order, from `#first` on. */
  #over: (Entry | undefined)[] = []
  #first = 0

  constructor(size: number) {
    this.#size = size
  }

  /** In the order in which they came. */
  get entries(): Iterable<Entry> {
    return this.#entries.values()
  }

  add(entry: Entry): void {
    if (entry.isKept) return
    entry.isKept = true
    this.#entries.set(entry.id, entry)
    if (this.#entries.size > this.#size) this.#drop(this.#takeOver() ?? this.#oldest(entry))
  }

  /** `entry` has ended: it makes room before those that live. */
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
    // A queue in an array: the part that was taken is cut off now and then.
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
