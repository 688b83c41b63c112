/**
 * The interface that an engine implements for `rescind/sql`. The contract: every call checks its context before it
 * sends anything, settles when the engine confirms that the statement is over, and rejects with exactly `ctx.err` if
 * the end of the context stopped it. A statement that the engine completed resolves, even if the context ended at the
 * same moment. The model is Go's `database/sql/driver`.
 */

import type { Context } from '../context.ts'
import type { TransactionOptions } from './transaction-options.ts'

/** A row, with the names of columns as keys. If several columns have the same name, the last one counts. */
export type Row = Record<string, unknown>

/** The values of a statement's parameters, in their order. */
export type Params = readonly unknown[]

/** The result of a statement without rows. */
export interface Changes {
  /** The number of rows inserted, updated or deleted. */
  readonly changes: number
}

/**
 * How an engine stops a statement. `engine`: at any point. `between-rows`: before the next row. `restart`: only by
 * closing the connection, which is then opened again.
 */
export type Stops = 'engine' | 'between-rows' | 'restart'

/** Runs statements: a {@link Database} or a {@link Transaction}. */
export interface Queryable {
  /** Runs a statement and resolves to its rows. */
  query(ctx: Context, sql: string, params?: Params): Promise<Row[]>
  /** Runs a statement and resolves to the number of changed rows. */
  exec(ctx: Context, sql: string, params?: Params): Promise<Changes>
  /** Starts a statement whose rows are read in batches. */
  open(ctx: Context, sql: string, params?: Params): Promise<Cursor>
}

/** An open statement whose rows are read in batches. */
export interface Cursor {
  /** Resolves to the next rows, at least one; to an empty list once all were read. */
  next(ctx: Context): Promise<readonly Row[]>
  /**
   * Releases the cursor, after a `next` in progress. Idempotent. Rejects only if the statement has its own transaction,
   * has written in it, and the commit fails.
   */
  close(): Promise<void>
}

/** A database of an engine. */
export interface Database extends Queryable {
  /** How the engine stops a statement. */
  readonly stops: Stops
  /**
   * Begins a transaction that is rolled back when `ctx` ends. If the engine does not support an option, rejects with a
   * TypeError that names it.
   */
  begin(ctx: Context, options?: TransactionOptions): Promise<Transaction>
  /**
   * Closes the connection, after the statements in progress. Those that still wait for the connection reject: at once,
   * or with a Pool of pg when it has ended. Idempotent.
   */
  close(): Promise<void>
}

/** A transaction. Once it is over, every use of it rejects with a TransactionDoneError. */
export interface Transaction extends Queryable {
  /**
   * Begins a transaction inside this one: a savepoint. Its commit releases the savepoint; its rollback, or the end of
   * `ctx`, rolls back to it. Until it is over, this transaction waits. Takes no options: they belong to the outermost.
   */
  begin(ctx: Context, options?: TransactionOptions): Promise<Transaction>
  /**
   * Commits the changes. Once the commit was sent, the engine's answer decides, even if the context ends. Rejects with
   * a CommitUnknownError if there is no answer, and with a TransactionDoneError if the connection was lost before.
   */
  commit(): Promise<void>
  /** Rolls back the changes, and resolves when the engine has done so. Does nothing if the transaction is over. */
  rollback(): Promise<void>
}

/** The part of a transaction that `withTransaction` uses. */
export interface Committable {
  /** Commits the changes. */
  commit(): Promise<void>
  /** Rolls back the changes. Does nothing if the transaction is over. */
  rollback(): Promise<void>
}
