/** The options of a transaction: Go's `sql.TxOptions`, with PostgreSQL's `DEFERRABLE`. */

import { assertOptions, invalid } from '../arguments.ts'

/** An isolation level of the SQL standard. */
export type Isolation = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable'

/**
 * Options of `withTransaction`. The default of each is the setting of the database.
 *
 * PostgreSQL supports all of them. SQLite and IndexedDB are always serializable, so they accept every isolation level;
 * they refuse `deferrable: true`. IndexedDB refuses `readOnly: false` for stores that were opened as `readonly`.
 *
 * @see Go's `sql.TxOptions`
 * @see https://www.postgresql.org/docs/current/sql-set-transaction.html
 */
export interface TransactionOptions {
  /** Which changes of concurrent transactions it sees; by default, the engine's default. */
  readonly isolation?: Isolation | undefined
  /** If true, statements that write fail. */
  readonly readOnly?: boolean | undefined
  /**
   * If true, a serializable, read-only transaction waits before its first statement until it cannot fail with a
   * serialization error.
   */
  readonly deferrable?: boolean | undefined
}

const LEVELS: readonly unknown[] = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']

/** @throws TypeError that names the invalid option and shows its value */
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

/** @throws TypeError if `options` has `deferrable`, which `engine` does not support */
export function refuseDeferrable({ deferrable }: TransactionOptions, engine: string): void {
  if (deferrable) throw new TypeError(`rescind: deferrable is refused: ${engine} has no deferrable transactions`)
}
