/**
 * Databases under a context: statements, streams of rows and transactions, which the engine itself stops when their
 * context ends. Engines are separate entries that implement `Database`. Semantics: Go's `database/sql`.
 *
 * @module rescind/sql
 */

import { assertFunction, invalid, isObject } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import { contextOf } from '../context.ts'
import type { Context, ContextLike } from '../context.ts'
import { waiting } from '../observer.ts'
import { wait } from '../tasks.ts'
import type { Changes, Committable, Cursor, Params, Queryable, Row } from './database.ts'
import { TransactionDoneError } from './errors.ts'
import { assertTransactionOptions } from './transaction-options.ts'
import type { TransactionOptions } from './transaction-options.ts'

export type { Changes, Committable, Cursor, Database, Params, Queryable, Row, Stops, Transaction } from './database.ts'
export { CommitUnknownError, engineError, TransactionDoneError } from './errors.ts'
export type { Isolation, TransactionOptions } from './transaction-options.ts'

/**
 * Runs a statement and waits for its rows. When `ctx` ends, the engine stops the statement, and the promise rejects as
 * soon as the engine has confirmed that. Nothing is sent if `ctx` ends before, also while the statement is queued.
 * Statements such as BEGIN, COMMIT, ROLLBACK and SAVEPOINT are refused: use {@link withTransaction}.
 *
 * @returns the rows, with the names of columns as keys; if two columns have the same name, the last one's value.
 * Rejects with `ctx.err` if the end of `ctx` stopped the statement, with the engine's own error if the SQL is wrong,
 * with a TransactionDoneError if `db` is a transaction that is over, and with a TypeError if an argument is wrong or
 * the statement is refused
 * @example
 * const db = await openSqlite(background())
 * const [ctx, cancel] = withTimeout(background(), 5_000)
 * const rows = await queryContext(ctx, db, 'SELECT ? AS title', ['Blue Train']) // => [{ title: 'Blue Train' }]
 * cancel()
 * await db.close()
 * @see Go's `DB.QueryContext`
 */
export async function queryContext<R = Row>(
  ctx: ContextLike,
  db: Queryable,
  sql: string,
  params?: Params,
): Promise<R[]> {
  const context = checked(ctx, db, sql, params)
  const leave = waiting(context, 'queryContext')
  try {
    return (await db.query(context, sql, params)) as R[]
  } finally {
    leave?.()
  }
}

/**
 * Runs a statement that changes data, and waits for the number of changed rows. Stops like {@link queryContext}: if it
 * rejects with `ctx.err`, the statement has changed nothing. Only if the engine did not answer within its grace time,
 * the outcome is unknown; `engineError(ctx)` tells. Several statements in one text also change everything or nothing.
 * The exception is a statement that cannot run in a transaction (SQLite: PRAGMA, VACUUM, ATTACH, DETACH): it commits
 * those before it.
 *
 * @returns the number of rows inserted, updated or deleted; rejects as {@link queryContext} does
 * @see Go's `DB.ExecContext`
 */
export async function execContext(ctx: ContextLike, db: Queryable, sql: string, params?: Params): Promise<Changes> {
  const context = checked(ctx, db, sql, params)
  const leave = waiting(context, 'execContext')
  try {
    return await db.exec(context, sql, params)
  } finally {
    leave?.()
  }
}

/**
 * Runs a statement and iterates over its rows as they arrive. The first `next` starts the statement. It is closed when
 * the loop is left, or when `ctx` ends, also between two calls of `next`; rows not read by then are dropped. Use it for
 * statements that only read: PostgreSQL refuses others here, such as INSERT … RETURNING, SHOW and WITH (DELETE …).
 *
 * @returns an iterator whose `next` rejects as {@link queryContext} does. On PostgreSQL, a statement can write by a
 * function; if its commit fails, `next` rejects after the last row, or leaving the loop throws.
 * @see Go's `Rows.Next`
 */
export async function* queryStream<R = Row>(
  ctx: ContextLike,
  db: Queryable,
  sql: string,
  params?: Params,
): AsyncGenerator<R, void, undefined> {
  const context = checked(ctx, db, sql, params)
  const leave = waiting(context, 'queryStream')
  let cursor: Cursor | undefined
  let stop: (() => boolean) | undefined
  try {
    const opened = (cursor = await db.open(context, sql, params))
    // Ignored here: the reader gets the error from `next`.
    stop = afterFunc(context, () => void opened.close().catch(() => {}))
    for (;;) {
      // Or the error would be a TransactionDoneError, if a transaction has ended with the context.
      context.throwIfDone()
      const rows = await cursor.next(context)
      if (rows.length === 0) return
      for (const row of rows) {
        context.throwIfDone()
        yield row as R
      }
    }
  } finally {
    leave?.()
    stop?.()
    await cursor?.close()
  }
}

/**
 * Runs `fn` in a transaction: commits when `fn` returns, rolls back when it throws or when `ctx` ends, and settles when
 * the engine has confirmed that. In `fn`, pass `tx` as the database, with `ctx` or a context derived from it. If the
 * end of a context stops a statement, the whole transaction is rolled back.
 *
 * If `db` is a transaction, the inner one is a savepoint: if `fn` throws or `ctx` ends, only the changes of `fn` are
 * rolled back, and the outer transaction can continue. Statements of the outer transaction wait until the inner one is
 * over, so awaiting one inside `fn` is a deadlock. A stopped write rolls back the whole transaction in SQLite, and also
 * in PostgreSQL behind a pooler, where a late cancel could hit a statement of the outer transaction.
 *
 * @param options the isolation and mode, for the outermost transaction only
 * @returns resolves to the result of `fn`. Rejects with `ctx.err` if `ctx` ended before the commit was sent, with the
 * error of `fn`, with the engine's error if the commit failed, with a {@link TransactionDoneError} if the engine had
 * rolled back or its connection was lost before the commit was sent, and with a {@link CommitUnknownError} if the
 * commit was sent but not answered
 * @example
 * const db = await openSqlite(background())
 * const ctx = background()
 * const title = await withTransaction(ctx, db, async (tx) => {
 *   await execContext(ctx, tx, 'CREATE TABLE album (title TEXT)')
 *   await execContext(ctx, tx, 'INSERT INTO album VALUES (?)', ['Giant Steps'])
 *   const [album] = await queryContext(ctx, tx, 'SELECT title FROM album')
 *   return album?.title
 * })
 * title // => 'Giant Steps'
 * await db.close()
 * @see Go's `DB.BeginTx`
 */
export async function withTransaction<T, Tx extends Committable>(
  ctx: ContextLike,
  db: { begin(ctx: Context, options?: TransactionOptions): Promise<Tx> },
  fn: (tx: Tx) => T | PromiseLike<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const context = contextOf(ctx)
  if (!isObject(db) || typeof db.begin !== 'function') throw invalid('db', 'a database or a transaction', db)
  assertFunction('fn', fn)
  assertTransactionOptions(options)
  const tx = await db.begin(context, options)
  try {
    const result = await wait(context, 'withTransaction', () => fn(tx))
    await tx.commit()
    return result
  } catch (error) {
    await tx.rollback()
    const { err } = context
    // After `fn` has returned, the end of its context can still roll it back before the commit is sent.
    throw err && error instanceof TransactionDoneError && error.cause === err ? err : error
  }
}

function checked(ctx: ContextLike, db: Queryable, sql: string, params: Params | undefined): Context {
  const context = contextOf(ctx)
  if (!isObject(db) || typeof db.query !== 'function') throw invalid('db', 'a database or a transaction', db)
  if (typeof sql !== 'string') throw invalid('sql', 'a string', sql)
  if (params !== undefined && !Array.isArray(params)) throw invalid('params', 'an array', params)
  return context
}
