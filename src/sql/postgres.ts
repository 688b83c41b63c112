/**
 * PostgreSQL over node-postgres: a Pool, from which every statement and every transaction takes a connection, or a
 * single Client, for which they queue. When a context ends, the statement is canceled in the server, and its connection
 * is not used again before the cancel is through.
 */

import { assertOptions, invalid, isObject } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import type { Context } from '../context.ts'
import type { Changes, Cursor, Database, Params, Row, Stops, Transaction } from './database.ts'
import { assertGrace, GRACE } from './grace.ts'
import { Lane } from './lane.ts'
import { changesOf } from './postgres-client.ts'
import type { PostgresClient, PostgresPool } from './postgres-client.ts'
import { Connection } from './postgres-connection.ts'
import { Port } from './postgres-transaction.ts'
import { OpenTransaction } from './transaction.ts'

export type { PostgresClient, PostgresPool, PostgresPoolClient, PostgresResult } from './postgres-client.ts'

/** Options of {@link postgres}. */
export interface PostgresOptions {
  /**
   * The milliseconds that the server has, once the context has ended, to say that it stopped; 1,000 if left out. After
   * that the connection is destroyed. Infinity: never.
   */
  readonly grace?: number | undefined
}

/**
 * PostgreSQL, over a Pool or a connected Client of the package `pg`. Queries of a Client wait for each other; they must
 * all go through the one database made of it. A deadline is also given to the server, as `statement_timeout`, so that
 * it holds even if this process is gone; a shorter one of the user holds instead.
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
  if ('totalCount' in source) return new Server((ctx) => borrow(ctx, source, grace), () => source.end())
  if (typeof source.query !== 'function') throw invalid('source', 'a Pool or a Client of node-postgres', source)
  const lane = new Lane()
  return new Server((ctx) => enter(ctx, source, lane, grace), () => source.end())
}

/** A connection of the pool. Whoever's context ends while waiting gives the slot back the moment it comes. */
function borrow(ctx: Context, pool: PostgresPool, grace: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    ctx.throwIfDone()
    const stop = afterFunc(ctx, () => reject(ctx.err))
    pool.connect().then(
      (client) => {
        if (stop()) resolve(new Connection(client, grace, (state) => client.release(state === 'lost')))
        else client.release()
      },
      (error: unknown) => {
        if (stop()) reject(error)
      },
    )
  })
}

async function enter(ctx: Context, client: PostgresClient, lane: Lane, grace: number): Promise<Connection> {
  const leave = await lane.enter(ctx)
  return new Connection(client, grace, leave)
}

/**
 * A cursor that commits its transaction: rows that somebody has read must not be taken back silently. Whoever reads the
 * last row, or leaves before, is told if the commit fails.
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
  readonly #acquire: (ctx: Context) => Promise<Connection>
  readonly #end: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor(acquire: (ctx: Context) => Promise<Connection>, end: () => Promise<void>) {
    this.#acquire = acquire
    this.#end = end
  }

  get stops(): Stops {
    return 'engine'
  }

  async query(ctx: Context, sql: string, params?: Params): Promise<Row[]> {
    const { rows } = await this.#run(ctx, (connection) => connection.run(ctx, sql, params))
    return rows
  }

  async exec(ctx: Context, sql: string, params?: Params): Promise<Changes> {
    const result = await this.#run(ctx, (connection) => connection.run(ctx, sql, params))
    return { changes: changesOf(result) }
  }

  /** A cursor lives in a transaction. */
  async open(ctx: Context, sql: string, params?: Params): Promise<Cursor> {
    const transaction = await this.begin(ctx)
    try {
      ctx.throwIfDone()
      return committed(ctx, transaction, await transaction.open(ctx, sql, params))
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  async begin(ctx: Context): Promise<Transaction> {
    const connection = await this.#acquire(ctx)
    try {
      await connection.begin(ctx)
    } catch (error) {
      // The server may have begun before it was stopped.
      await new Port(connection).rollback()
      throw error
    }
    return new OpenTransaction(ctx, new Port(connection))
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end())
  }

  async #run<T>(ctx: Context, work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire(ctx)
    try {
      return await work(connection)
    } finally {
      // The caller has the answer; what is left to do is for the next one.
      void connection.free()
    }
  }
}
