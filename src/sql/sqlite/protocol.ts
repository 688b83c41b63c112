/**
 * The messages between a page and the worker of an SQLite database. The worker replies once to every request, in order,
 * and sends signs of life until the database is open.
 */

import type { Row } from '../database.ts'

/**
 * How a worker that runs a statement learns that it must stop. `flag`: it reads shared memory. `poll`: it checks
 * whether a blob URL still exists. `deadline`: it watches only the clock, and receives a cancel between two rows.
 */
export type Mechanism = 'flag' | 'poll' | 'deadline'

/** Where the database is stored. */
export type Storage = 'memory' | 'opfs' | 'opfs-sahpool'

export type Order =
  | { readonly kind: 'open'; readonly file: string; readonly storage: Storage; readonly flag?: SharedArrayBuffer }
  | { readonly kind: 'run' | 'cursor'; readonly sql: string; readonly params: readonly unknown[] }
  | { readonly kind: 'next' | 'discard'; readonly cursor: number }
  | { readonly kind: 'begin'; readonly readOnly: boolean | undefined }
  | { readonly kind: 'commit' | 'rollback' | 'close' }

/** The largest ID of a request, after which IDs begin at 1 again: the shared flag is a 32-bit integer. */
export const LAST_ID = 0x7fff_ffff

/** How a request can be stopped. */
export interface Limits {
  /** From 1 to {@link LAST_ID}. The shared flag contains the ID of the request that must stop. */
  readonly id: number
  /** The remaining milliseconds; undefined if there is no deadline. */
  readonly left?: number | undefined
  /** A blob URL that is revoked when the request must stop. */
  readonly alive?: string | undefined
}

export type Request = Order & Limits

/** Stops the request `id`, if the worker receives messages between rows. */
export interface Stop {
  readonly kind: 'stop'
  readonly id: number
}

/** The result of an order. */
export interface Result {
  readonly rows: Row[]
  readonly changes: number
  /** The ID of the cursor that was opened; undefined if all rows are in `rows`. */
  readonly cursor?: number | undefined
  /** Only in the reply to `open`. */
  readonly mechanism?: Mechanism
}

export interface Failure {
  readonly message: string
  /** SQLite's name for the error, such as `SQLITE_CONSTRAINT_UNIQUE`; undefined if it is not from SQLite. */
  readonly code: string | undefined
  /** True if it failed because it was stopped. */
  readonly interrupted: boolean
}

export interface Reply {
  readonly id: number
  readonly result?: Result
  readonly failure?: Failure
  /** True if the connection is in a transaction. */
  readonly isOpen: boolean
}

/** A sign of life: sent when the worker has started, and every second while it opens the database. */
export interface Alive {
  readonly rescind: 'sqlite'
}

export const ALIVE: Alive = { rescind: 'sqlite' }

/** Whether a message is from our worker: a program that imports it can send others. */
export function isOurs(message: unknown): message is Reply | Alive {
  if (typeof message !== 'object' || message === null) return false
  const { rescind, id, isOpen } = message as Partial<Reply & Alive>
  return rescind === ALIVE.rescind || (typeof id === 'number' && typeof isOpen === 'boolean')
}
