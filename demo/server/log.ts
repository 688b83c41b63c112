/**
 * The fate of every request: when it arrived, when its answer was no longer wanted, when and why the handler stopped,
 * and what was done for nothing in between. All of it is measured here; the pages only draw it.
 */

import { afterFunc } from 'rescind'
import type { Context } from 'rescind'

/** How a handler ended: with an answer, with a failure, or because its context ended. */
export type HandlerOutcome = 'finished' | 'failed' | 'stopped'

interface Line {
  /** In milliseconds since the request arrived. */
  readonly at: number
  readonly text: string
}

/** One request. Times are in milliseconds: `arrived` on the server's monotonic clock, the others since then. */
export interface Entry {
  readonly id: string
  readonly name: string
  /** The id that the page gave the request, at the start of each of its lines. */
  readonly tag?: string | undefined
  /** How long the handler works if nothing stops it. */
  readonly latency: number
  readonly arrived: number
  readonly lines: readonly Line[]
  /** When the answer was no longer wanted; undefined if it was wanted until the handler ended. */
  readonly unwanted?: number
  readonly ended?: number
  readonly outcome?: HandlerOutcome
  /** The reason for a failure or a stop. */
  readonly cause?: string
  /** How long the handler worked, and how much it sent, when the answer was no longer wanted. */
  readonly wasted: { readonly ms: number; readonly bytes: number }
}

const KEPT = 500

/** Limits for early reports, about requests that have not arrived yet: their number, and their age in milliseconds. */
const EARLY_KEPT = 5000
const EARLY_MS = 10_000

/** Whether `text` is a valid id of a request, or a valid start of one. */
export function isId(text: string): boolean {
  return /^[\w.-]{1,40}$/.test(text)
}

interface Early {
  readonly text: string
  /** When the answer became unwanted, and when the log was told, on the server's clock. */
  readonly time: number
  readonly told: number
}

interface Sent {
  /** On the server's clock. */
  readonly at: number
  readonly bytes: number
}

export class Log {
  /** The newest `KEPT` entries, oldest first. */
  readonly #entries = new Map<string, Entry>()
  /** The bytes that were sent for each of them. */
  readonly #sent = new Map<string, Sent[]>()
  /** The newest early reports, oldest first. */
  readonly #early = new Map<string, Early>()
  readonly #readers = new Set<(entry: Entry) => void>()

  /** The number of readers that follow the log. */
  get readers(): number {
    return this.#readers.size
  }

  /** The entries whose id starts with `prefix`. */
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

  open(request: Pick<Entry, 'id' | 'name' | 'latency' | 'tag'>, text: string): void {
    const arrived = performance.now()
    this.#sent.set(request.id, [])
    this.#put({ ...request, arrived, lines: [line(request, 0, text)], wasted: { ms: 0, bytes: 0 } })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= KEPT) break
      this.#entries.delete(oldest)
      this.#sent.delete(oldest)
    }
    const early = this.#early.get(request.id)
    this.#early.delete(request.id)
    if (early !== undefined && arrived - early.told < EARLY_MS) this.unwanted(request.id, early.text, early.time)
  }

  /** Records that bytes were sent. Readers are notified with the next line. */
  sent(id: string, bytes: number): void {
    this.#sent.get(id)?.push({ at: performance.now(), bytes })
  }

  /**
   * Records that the answer is no longer wanted, since `time` on the server's clock. Only the first report counts, and
   * only if its time is before the handler's end.
   */
  unwanted(id: string, text: string, time: number = performance.now()): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return this.#keep(id, { text, time, told: performance.now() })
    if (entry.unwanted !== undefined) return
    const at = Math.max(Math.min(time, performance.now()) - entry.arrived, 0)
    if (at >= (entry.ended ?? Infinity)) return
    const lines = [...entry.lines, line(entry, at, text)].toSorted((left, right) => left.at - right.at)
    this.#put(this.#assess({ ...entry, unwanted: at, lines }))
  }

  /** @param cause the reason for a failure or a stop */
  end(id: string, outcome: HandlerOutcome, text: string, cause?: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const at = performance.now() - entry.arrived
    const lines = [...entry.lines, line(entry, at, text)]
    this.#put(this.#assess({ ...entry, ended: at, outcome, ...(cause !== undefined && { cause }), lines }))
  }

  /** The first report counts, for a limited time: most of these requests were canceled in transit. */
  #keep(id: string, early: Early): void {
    for (const [oldest, { told }] of this.#early) {
      if (early.told - told < EARLY_MS && this.#early.size < EARLY_KEPT) break
      this.#early.delete(oldest)
    }
    if (!this.#early.has(id)) this.#early.set(id, early)
  }

  #assess(entry: Entry): Entry {
    const { id, arrived, ended, unwanted } = entry
    if (unwanted === undefined || ended === undefined) return entry
    const late = this.#sent.get(id)?.filter(({ at }) => at >= arrived + unwanted) ?? []
    const bytes = late.reduce((sum, { bytes }) => sum + bytes, 0)
    return { ...entry, wasted: { ms: ended - unwanted, bytes } }
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.id, entry)
    for (const read of this.#readers) read(entry)
  }
}

function line({ tag }: Pick<Entry, 'tag'>, at: number, text: string): Line {
  return { at, text: tag === undefined ? text : `[${tag}] ${text}` }
}
