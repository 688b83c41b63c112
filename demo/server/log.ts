/**
 * What became of every request: when it came, when nobody wanted its answer any more, when and why the handler
 * stopped, and what was done for nothing in between. All of it is measured here; the pages only draw it.
 */

import { performance } from 'node:perf_hooks'
import { afterFunc } from 'rescind'
import type { Context } from 'rescind'

/** How a handler came to its end: with an answer, with a failure, or because its context ended. */
export type HandlerOutcome = 'finished' | 'failed' | 'stopped'

interface Line {
  /** In milliseconds since the request came. */
  readonly at: number
  readonly text: string
}

/** One request. Times are in milliseconds: `arrived` on the server's monotonic clock, all others since then. */
export interface Entry {
  readonly id: string
  readonly name: string
  readonly arrived: number
  readonly lines: readonly Line[]
  /** When nobody wanted the answer any more; undefined if that was not so before the handler ended. */
  readonly unwanted?: number
  readonly ended?: number
  readonly outcome?: HandlerOutcome
  /** Why it failed or was stopped. */
  readonly cause?: string
  /** How long the handler worked, and how much it sent, when nobody wanted it any more. */
  readonly wasted: { readonly ms: number; readonly bytes: number }
}

export interface Ending {
  readonly text: string
  readonly cause?: string
  /** The size of the answer. */
  readonly bytes?: number
}

const KEPT = 500

export class Log {
  /** The newest `KEPT` entries, oldest first. */
  readonly #entries = new Map<string, Entry>()
  readonly #readers = new Set<(entry: Entry) => void>()

  /** Those whose id starts with `prefix`. */
  entries(prefix: string): Entry[] {
    return [...this.#entries.values()].filter(({ id }) => id.startsWith(prefix))
  }

  /** Calls `read` with every entry that is new or has changed, until `ctx` ends. */
  follow(ctx: Context, prefix: string, read: (entry: Entry) => void): void {
    const reader = (entry: Entry) => {
      if (entry.id.startsWith(prefix)) read(entry)
    }
    this.#readers.add(reader)
    afterFunc(ctx, () => this.#readers.delete(reader))
  }

  open(id: string, name: string, text: string): void {
    const arrived = performance.now()
    this.#put({ id, name, arrived, lines: [{ at: 0, text }], wasted: { ms: 0, bytes: 0 } })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= KEPT) break
      this.#entries.delete(oldest)
    }
  }

  /** Notes that nobody wants the answer any more. The first word counts, and none does after the handler's end. */
  unwanted(id: string, text: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.ended !== undefined || entry.unwanted !== undefined) return
    const at = performance.now() - entry.arrived
    this.#put({ ...entry, unwanted: at, lines: [...entry.lines, { at, text }] })
  }

  end(id: string, outcome: HandlerOutcome, { text, cause, bytes = 0 }: Ending): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const at = performance.now() - entry.arrived
    this.#put({
      ...entry,
      ended: at,
      outcome,
      ...(cause !== undefined && { cause }),
      lines: [...entry.lines, { at, text }],
      wasted: entry.unwanted === undefined ? entry.wasted : { ms: at - entry.unwanted, bytes },
    })
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.id, entry)
    for (const read of this.#readers) read(entry)
  }
}
