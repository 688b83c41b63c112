/**
 * What the page and the worker of an SQLite database say to each other: one reply to every request, in order, and signs
 * of life from the worker until the database is open.
 */

import type { Row } from '../database.ts'

/**
 * How a worker in the middle of a statement learns that it is to stop. `flag`: it reads shared memory. `poll`: it asks
 * whether a blob URL still exists. `deadline`: it cannot ask anybody; it watches the clock, and hears of a cancel
 * between rows.
 */
export type Mechanism = 'flag' | 'poll' | 'deadline'

/** Where the database is kept. */
export type Storage = 'memory' | 'opfs' | 'opfs-sahpool'

export type Order =
  | { readonly kind: 'open'; readonly file: string; readonly storage: Storage; readonly flag?: SharedArrayBuffer }
  | { readonly kind: 'run' | 'cursor'; readonly sql: string; readonly params: readonly unknown[] }
  | { readonly kind: 'next' | 'discard'; readonly cursor: number }
  | { readonly kind: 'begin'; readonly readOnly: boolean | undefined }
  | { readonly kind: 'commit' | 'rollback' | 'close' }

/** The number of the last request before they begin at 1 again: more does not fit into the shared flag. */
export const LAST_ID = 0x7fff_ffff

/** How an order is to end before its time. */
export interface Limits {
  /** Counts up from 1 to {@link LAST_ID}. The shared flag holds the number of the request that is to stop. */
  readonly id: number
  /** The milliseconds left. */
  readonly left?: number | undefined
  /** A blob URL that is revoked when the request is to stop. */
  readonly alive?: string | undefined
}

export type Request = Order & Limits

/** Stops the request `id` where the worker listens between rows. */
export interface Stop {
  readonly kind: 'stop'
  readonly id: number
}

/** What an order came to. */
export interface Result {
  readonly rows: Row[]
  readonly changes: number
  /** The number of the cursor that was opened; undefined if all rows are in `rows`. */
  readonly cursor?: number | undefined
  /** In reply to `open`. */
  readonly mechanism?: Mechanism
}

export interface Failure {
  readonly message: string
  /** SQLite's name for the error, such as `SQLITE_CONSTRAINT_UNIQUE`; undefined if it is not from SQLite. */
  readonly code: string | undefined
  /** Whether it failed because it was told to stop. */
  readonly interrupted: boolean
}

export interface Reply {
  readonly id: number
  readonly result?: Result
  readonly failure?: Failure
  /** Whether the connection is inside of a transaction. */
  readonly isOpen: boolean
}

/** A sign of life: sent when the worker has started, and every second while it opens the database. */
export interface Alive {
  readonly rescind: 'sqlite'
}

export const ALIVE: Alive = { rescind: 'sqlite' }

/** Whether a message is one of ours. A program that runs our worker can send others. */
export function isOurs(message: unknown): message is Reply | Alive {
  if (typeof message !== 'object' || message === null) return false
  const { rescind, id, isOpen } = message as Partial<Reply & Alive>
  return rescind === ALIVE.rescind || (typeof id === 'number' && typeof isOpen === 'boolean')
}
