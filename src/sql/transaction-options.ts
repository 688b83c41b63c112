/** What a transaction may be asked for: Go's `sql.TxOptions`, with PostgreSQL's `DEFERRABLE`. */

import { assertOptions, invalid } from '../arguments.ts'

/** How far a transaction is kept from what others do at the same time, in the words of the SQL standard. */
export type Isolation = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable'

/**
 * Options of `withTransaction`. What is left out is as the database is set up.
 *
 * PostgreSQL takes all of them. SQLite and IndexedDB are always serializable, so that every level is met, and have
 * nothing to defer: they refuse `deferrable: true`. The stores of IndexedDB are opened for reading or for writing, and
 * `readOnly: false` does not fit the first.
 *
 * @see Go's `sql.TxOptions`
 * @see https://www.postgresql.org/docs/current/sql-set-transaction.html
 */
export interface TransactionOptions {
  /** Which changes of other transactions it sees. If left out, the engine's default. */
  readonly isolation?: Isolation | undefined
  /** Whether statements that write fail. */
  readonly readOnly?: boolean | undefined
  /**
   * Whether a transaction that is serializable and read-only waits, before its first statement, until it cannot fail
   * with a serialization error.
   */
  readonly deferrable?: boolean | undefined
}

const LEVELS: readonly unknown[] = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']

/** Throws a TypeError that shows the option which is wrong. */
export function assertTransactionOptions(options: unknown): asserts options is TransactionOptions {
  assertOptions(options)
  const { isolation, readOnly, deferrable } = options as Record<keyof TransactionOptions, unknown>
  if (isolation !== undefined && !LEVELS.includes(isolation)) {
    throw invalid('isolation', LEVELS.map((level) => `'${String(level)}'`).join(', '), isolation)
  }
  for (const [name, value] of Object.entries({ readOnly, deferrable })) {
    if (value !== undefined && typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  }
}

/** Throws if `options` ask `engine`, which has nothing to defer, for that. */
export function refuseDeferrable({ deferrable }: TransactionOptions, engine: string): void {
  if (deferrable) throw new TypeError(`rescind: deferrable is refused: ${engine} has no deferrable transactions`)
}
