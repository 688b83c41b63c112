/**
 * Databases under a context: statements, streams of rows and transactions that really stop in the engine when their
 * context ends. Engines are entries of their own and plug in at the `Database` seam. Semantics: Go's `database/sql`.
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
import { assertTransactionOptions } from './transaction-options.ts'
import type { TransactionOptions } from './transaction-options.ts'

export type { Changes, Committable, Cursor, Database, Params, Queryable, Row, Stops, Transaction } from './database.ts'
export { CommitUnknownError, engineError, TransactionDoneError } from './errors.ts'
export type { Isolation, TransactionOptions } from './transaction-options.ts'

/**
 * Runs a statement and waits for its rows. When `ctx` ends, the engine stops the statement, and the promise rejects as
 * soon as the engine says that it has; nothing is sent if `ctx` has ended already, or ends while the statement waits
 * for its turn. BEGIN, COMMIT, ROLLBACK and savepoints by themselves are refused: {@link withTransaction} is for those.
 *
 * @returns the rows, by the names of their columns: of two columns of one name, the last; rejects with `ctx.err` if its
 * end stopped the statement, with the engine's own error if the SQL is wrong, with a TransactionDoneError if `db` is a
 * transaction that is over, with a TypeError on a wrong argument or a statement that is refused
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
 * Runs a statement for what it changes. Stops like {@link queryContext}: a rejection with `ctx.err` means that the
 * statement has changed nothing. Only where the engine did not answer within its grace time is that unknown, and then
 * `engineError(ctx)` says so. Several statements in one text change all or nothing, too, but for those of them that
 * come before one that cannot be in a transaction (SQLite: PRAGMA, VACUUM, ATTACH, DETACH).
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
 * Runs a statement and reads its rows as they come. The statement starts with the first `next`. It is closed when the
 * loop is left, and when `ctx` ends, even while the reader is busy elsewhere: rows that were not read by then are
 * dropped. It is for statements that read; PostgreSQL refuses others here, such as INSERT … RETURNING, SHOW and WITH
 * (DELETE …).
 *
 * @returns throws from `next` as {@link queryContext} rejects; where the statement writes by a function, on PostgreSQL,
 * also what its commit rejects with, from `next` after the last row, or from leaving the loop before
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
    // The reader gets the error from `next`.
    stop = afterFunc(context, () => void opened.close().catch(() => {}))
    for (;;) {
      // A transaction that ended with it would say so in its own words.
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
 * Runs `fn` in a transaction: commits when it returns, rolls back when it throws or when `ctx` ends, and settles when
 * the engine has done so; never half. Pass `tx` where a database is expected, and the same `ctx` or one derived from
 * it. A statement that its context stops takes the transaction along.
 *
 * Given a transaction as `db`, it makes a savepoint: where the inner function throws or the inner context ends, what it
 * did is taken back, and the outer transaction can go on. Until then statements of the outer one wait; awaited inside
 * of the inner function, they wait for its end. SQLite gives up the whole transaction when a write is stopped, and so
 * does rescind behind a pooler, where a late cancel could hit the outer one.
 *
 * @param options the isolation and mode of the transaction; of the outermost one only
 * @returns what `fn` returns; rejects with `ctx.err` if that ended before the commit was sent, with what `fn` threw,
 * with the engine's error if the commit failed, with a {@link TransactionDoneError} if the engine had given the
 * transaction up or its connection was lost before the commit was sent, with a {@link CommitUnknownError} if the commit
 * was sent and not answered
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
    throw error
  }
}

function checked(ctx: ContextLike, db: Queryable, sql: string, params: Params | undefined): Context {
  const context = contextOf(ctx)
  if (!isObject(db) || typeof db.query !== 'function') throw invalid('db', 'a database or a transaction', db)
  if (typeof sql !== 'string') throw invalid('sql', 'a string', sql)
  if (params !== undefined && !Array.isArray(params)) throw invalid('params', 'an array', params)
  return context
}
