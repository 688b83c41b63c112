/**
 * PostgreSQL over node-postgres: a Pool, from which every statement and every transaction takes a connection, or a
 * single Client, for which they queue. When a context ends, the statement is canceled in the server, and its connection
 * is not used again before the cancel is through.
 *
 * @module rescind/sql/postgres
 */

import { assertOptions, invalid, isObject } from '../../arguments.ts'
import { afterFunc } from '../../callbacks.ts'
import type { Context } from '../../context.ts'
import type { Changes, Cursor, Database, Params, Row, Stops, Transaction } from '../database.ts'
import { assertGrace, GRACE, inRealTime } from '../grace.ts'
import { Lane } from '../lane.ts'
import { changesOf, isInTransaction } from './client.ts'
import type { PostgresClient, PostgresPool, PostgresResult } from './client.ts'
import { Connection } from './connection.ts'
import { refuse } from './statements.ts'
import type { Source } from './statements.ts'
import { PostgresTransactionPort } from './transaction.ts'
import { assertTransactionOptions } from '../transaction-options.ts'
import type { TransactionOptions } from '../transaction-options.ts'
import { OpenTransaction } from '../transaction.ts'

export type { PostgresClient, PostgresPool, PostgresPoolClient, PostgresResult } from './client.ts'

/** Options of {@link postgres}. */
export interface PostgresOptions {
  /**
   * The milliseconds that the server has, once the context has ended, to say that it stopped; 1,000 if left out. After
   * that the connection is destroyed. Infinity: never.
   */
  readonly grace?: number | undefined
}

/** How long a Client behind a pooler is left alone after a cancel: one that comes late hits nothing then. */
const SETTLE = 100

/**
 * PostgreSQL, over a Pool or a connected Client of the package `pg`. Queries of a Client wait for each other; they must
 * all go through the one database made of it. A deadline is also given to the server, as a `statement_timeout` for the
 * statement or the transaction, so that it holds even if this process is gone; a shorter one of the user holds instead.
 * Nothing is ever set for the session: poolers such as PgBouncer may be in between. What cannot be in a transaction,
 * such as VACUUM, and CALL and DO outside of one, have the deadline on this side only.
 *
 * A statement that would leave something behind is refused with a TypeError that says what to do instead: BEGIN,
 * COMMIT, ROLLBACK and savepoints outside of a transaction, COPY from STDIN or to STDOUT; on a Pool also LISTEN, SET
 * and RESET for the session, PREPARE, DISCARD, LOAD and temporary tables. A pinned connection takes the latter.
 *
 * A stream is a cursor in a transaction of its own: what its statement writes, by a function, is committed once the
 * last row was read or the reader leaves, and an error of that commit is thrown there. A cursor reads SELECT and VALUES
 * only: the server refuses INSERT … RETURNING, SHOW, and WITH (DELETE …); for those there is `queryContext`.
 *
 * @throws TypeError if `source` is neither a Pool nor a Client, or `grace` no number of milliseconds
 * @see https://node-postgres.com
 */
export function postgres(source: PostgresPool | PostgresClient, options: PostgresOptions = {}): Database {
  if (!isObject(source)) throw invalid('source', 'a Pool or a Client of node-postgres', source)
  assertOptions(options)
  const { grace = GRACE } = options
  assertGrace(grace)
  if ('totalCount' in source)
    return new Server(
      'pool',
      (ctx) => borrow(ctx, source, grace),
      () => source.end(),
    )
  if (typeof source.query !== 'function') throw invalid('source', 'a Pool or a Client of node-postgres', source)
  const lane = new Lane()
  return new Server(
    'client',
    (ctx) => enter(ctx, source, lane, grace),
    () => source.end(),
  )
}

/**
 * A connection of the pool. A caller whose context ends while it waits returns its connection as soon as that arrives.
 * One that was given back inside of a transaction by others is thrown away: what runs there would be lost with that.
 */
function borrow(ctx: Context, pool: PostgresPool, grace: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    ctx.throwIfDone()
    const stop = afterFunc(ctx, () => reject(ctx.err))
    pool.connect().then(
      (client) => {
        if (!stop()) return client.release()
        if (!isInTransaction(client)) {
          return resolve(new Connection(client, grace, (state) => client.release(state !== 'usable')))
        }
        client.release(true)
        resolve(borrow(ctx, pool, grace))
      },
      (error: unknown) => {
        if (stop()) reject(error)
      },
    )
  })
}

async function enter(ctx: Context, client: PostgresClient, lane: Lane, grace: number): Promise<Connection> {
  const leave = await lane.enter(ctx)
  return new Connection(client, grace, (state) => void (state === 'doubtful' ? inRealTime(SETTLE, leave) : leave()))
}

/**
 * A cursor that commits its transaction: rows that were read must not be taken back silently. A reader that reads the
 * last row, or leaves before, gets the error if the commit fails.
 */
function committed(ctx: Context, transaction: Transaction, cursor: Cursor): Cursor {
  let over: Promise<void> | undefined
  return {
    next: async (ctx) => {
      ctx.throwIfDone()
      if (over) return []
      try {
        const rows = await cursor.next(ctx)
        if (rows.length === 0) await (over ??= transaction.commit())
        return rows
      } catch (error) {
        over ??= transaction.rollback()
        throw error
      }
    },
    close: async () => {
      // Whose context has ended knows that nothing lasts: it is rolled back already.
      await (over ??= ctx.err ? transaction.rollback() : transaction.commit())
    },
  }
}

class Server implements Database {
  readonly #source: Source
  readonly #acquire: (ctx: Context) => Promise<Connection>
  readonly #end: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor(source: Source, acquire: (ctx: Context) => Promise<Connection>, end: () => Promise<void>) {
    this.#source = source
    this.#acquire = acquire
    this.#end = end
  }

  get stops(): Stops {
    return 'engine'
  }

  async query(ctx: Context, sql: string, params?: Params): Promise<Row[]> {
    const { rows } = await this.#run(ctx, sql, params)
    return rows
  }

  async exec(ctx: Context, sql: string, params?: Params): Promise<Changes> {
    return { changes: changesOf(await this.#run(ctx, sql, params)) }
  }

  /** A cursor lives in a transaction. */
  async open(ctx: Context, sql: string, params?: Params): Promise<Cursor> {
    refuse(sql, 'database', this.#source)
    const transaction = await this.begin(ctx)
    try {
      ctx.throwIfDone()
      return committed(ctx, transaction, await transaction.open(ctx, sql, params))
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  async begin(ctx: Context, options: TransactionOptions = {}): Promise<Transaction> {
    assertTransactionOptions(options)
    const connection = await this.#acquire(ctx)
    const port = new PostgresTransactionPort(connection, this.#source)
    try {
      await connection.begin(ctx, options)
    } catch (error) {
      // The server may have begun before it was stopped.
      if (connection.hasBegun) await port.rollback()
      else void connection.free()
      throw error
    }
    return new OpenTransaction(ctx, port)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end())
  }

  async #run(ctx: Context, sql: string, params: Params | undefined): Promise<PostgresResult> {
    refuse(sql, 'database', this.#source)
    const connection = await this.#acquire(ctx)
    try {
      return await connection.run(ctx, sql, params)
    } finally {
      // The caller has the answer; what is left to do is for the next one.
      void connection.free()
    }
  }
}
