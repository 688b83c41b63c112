/**
 * The seam between the functions of `rescind/sql` and an engine: what a database must offer, and nothing more. The rule
 * of the seam: every call checks its context before anything is sent, settles when the engine confirms that the
 * statement is over, and then rejects with exactly `ctx.err` if the end of the context stopped it. A statement that
 * the engine completed is reported as completed, even where the context ended in the same moment. The model is Go's
 * `database/sql/driver`.
 */

import type { Context } from '../context.ts'
import type { TransactionOptions } from './transaction-options.ts'

/** A row: its values by the names of the columns, the last one's where several columns have the same name. */
export type Row = Record<string, unknown>

/** The values of a statement's parameters, in their order. */
export type Params = readonly unknown[]

/** What a statement without rows has done. */
export interface Changes {
  /** How many rows were inserted, updated or deleted. */
  readonly changes: number
}

/**
 * How an engine stops what it runs. `engine`: the statement itself stops, wherever it is. `between-rows`: before its
 * next row. `restart`: only with the connection, which is then opened again.
 */
export type Stops = 'engine' | 'between-rows' | 'restart'

/** What runs statements: a {@link Database} or a {@link Transaction}. */
export interface Queryable {
  /** Runs a statement and resolves to its rows. */
  query(ctx: Context, sql: string, params?: Params): Promise<Row[]>
  /** Runs a statement and resolves to what it changed. */
  exec(ctx: Context, sql: string, params?: Params): Promise<Changes>
  /** Starts a statement whose rows are read bit by bit. */
  open(ctx: Context, sql: string, params?: Params): Promise<Cursor>
}

/** The rows of a statement that is being read. */
export interface Cursor {
  /** The next rows, at least one; none once all were read. */
  next(ctx: Context): Promise<readonly Row[]>
  /**
   * Gives back what the cursor holds. Waits for a `next` that still runs. May be called any number of times. Rejects
   * only where the statement is a transaction of its own, and what it has written cannot be committed.
   */
  close(): Promise<void>
}

/** A database, as an engine offers it. */
export interface Database extends Queryable {
  /** How the engine stops a statement. */
  readonly stops: Stops
  /**
   * Begins a transaction that is rolled back when `ctx` ends. Rejects with a TypeError that names an option which the
   * engine cannot carry.
   */
  begin(ctx: Context, options?: TransactionOptions): Promise<Transaction>
  /** Gives the connection up, once what runs is through. */
  close(): Promise<void>
}

/** A transaction. Once it is over, every use of it rejects with a TransactionDoneError. */
export interface Transaction extends Queryable {
  /**
   * Begins a transaction inside of this one: a savepoint, which is released by its commit, and returned to by its
   * rollback and the end of `ctx`. Until it is over, this one waits. Takes no options: those are of the outermost.
   */
  begin(ctx: Context, options?: TransactionOptions): Promise<Transaction>
  /**
   * Makes the changes last. No longer stopped by the end of the context once it was sent: the engine's answer
   * counts. Rejects with a CommitUnknownError if none came, and with a TransactionDoneError if the connection was lost
   * before.
   */
  commit(): Promise<void>
  /** Takes the changes back, and resolves when the engine has done so. Does nothing if the transaction is over. */
  rollback(): Promise<void>
}

/** What `withTransaction` needs of a transaction. */
export interface Committable {
  /** Makes the changes last. */
  commit(): Promise<void>
  /** Takes the changes back, if there is something to take back. */
  rollback(): Promise<void>
}
