/**
 * PostgreSQL over node-postgres. With a Pool, every statement and every transaction takes a connection; with a single
 * Client, they queue for it. When a context ends, the statement is canceled in the server, and its connection is used
 * again only after the cancel has been handled.
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
   * How long to wait, after the end of a context, until the server confirms that it has stopped, in milliseconds; 1,000
   * by default. Then the connection is destroyed. Infinity means no limit.
   */
  readonly grace?: number | undefined
}

/** How long a Client behind a pooler stays unused after a cancel, in milliseconds, so that a late one hits nothing. */
const SETTLE = 100

/**
 * Makes a database of PostgreSQL from a Pool or a connected Client of the package `pg`. Make only one database of each
 * Client: its statements run one after the other.
 *
 * The server also gets the deadline, as a `statement_timeout` for the statement or the transaction, so that it applies
 * even if this process dies; a shorter timeout of yours has precedence. Nothing is set for the session, so poolers such
 * as PgBouncer work. For statements that cannot run in a transaction, such as VACUUM, and for CALL and DO outside a
 * transaction, only this process watches the deadline.
 *
 * A statement that would affect later users of the connection is refused, with a TypeError that names an alternative:
 * BEGIN, COMMIT, ROLLBACK and savepoints outside a transaction, COPY from STDIN or to STDOUT; on a Pool also LISTEN,
 * SET and RESET for the session, PREPARE, DISCARD, LOAD and temporary tables. A pinned connection accepts the latter.
 *
 * A stream is a cursor in a separate transaction. If its statement writes by a function, that is committed after the
 * last row, or when the loop is left; an error of the commit is thrown there. A cursor accepts only SELECT and VALUES:
 * the server refuses INSERT … RETURNING, SHOW, and WITH (DELETE …). Use `queryContext` for those.
 *
 * @throws TypeError if `source` is neither a Pool nor a Client, or if `grace` is not a number of at least 0
 * @see https://node-postgres.com
 */
export function postgres(source: PostgresPool | PostgresClient, options: PostgresOptions = {}): Database {
  if (!isObject(source)) throw invalid('source', 'a Pool or a Client of node-postgres', source)
  assertOptions(options)
  const { grace = GRACE } = options
  assertGrace(grace)
  if ('totalCount' in source) {
    const waiting: Waiting = new Set()
    return new Server(
      'pool',
      (ctx) => borrow(ctx, source, grace, waiting),
      async () => {
        try {
          await source.end()
        } finally {
          // The pool has forgotten them.
          for (const refuse of waiting) refuse(closed())
        }
      },
    )
  }
  if (typeof source.query !== 'function') throw invalid('source', 'a Pool or a Client of node-postgres', source)
  const lane = new Lane()
  return new Server(
    'client',
    (ctx) => enter(ctx, source, lane, grace),
    () => {
      // Or they would wait for an open transaction, which may never end.
      lane.close(closed())
      return source.end()
    },
  )
}

function closed(): Error {
  return new Error('the database is closed')
}

/** The callers that wait for a connection of a pool. Each function rejects one. */
type Waiting = Set<(error: Error) => void>

/**
 * Takes a connection from the pool. A caller whose context has ended returns its connection as soon as it arrives. If
 * other code has released a connection inside a transaction, it is destroyed: our changes would depend on that one.
 */
function borrow(ctx: Context, pool: PostgresPool, grace: number, waiting: Waiting): Promise<Connection> {
  return new Promise((resolve, reject) => {
    ctx.throwIfDone()
    const refuse = (error: unknown) => {
      waiting.delete(refuse)
      if (stop()) reject(error)
    }
    const stop = afterFunc(ctx, () => reject(ctx.err))
    waiting.add(refuse)
    pool.connect().then((client) => {
      waiting.delete(refuse)
      if (!stop()) return client.release()
      if (!isInTransaction(client)) {
        return resolve(new Connection(client, grace, (state) => client.release(state !== 'usable')))
      }
      client.release(true)
      resolve(borrow(ctx, pool, grace, waiting))
    }, refuse)
  })
}

async function enter(ctx: Context, client: PostgresClient, lane: Lane, grace: number): Promise<Connection> {
  const leave = await lane.enter(ctx)
  return new Connection(client, grace, (state) => void (state === 'doubtful' ? inRealTime(SETTLE, leave) : leave()))
}

/**
 * A cursor that commits its transaction after the last row, or when the reader leaves before. If the commit fails, the
 * reader gets the error.
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
      // After the end of the context, the transaction is rolled back already.
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

  /** In a transaction, since a cursor needs one. */
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
      // The server may have begun the transaction before it was stopped.
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
      // Not awaited: the caller has its answer.
      void connection.free()
    }
  }
}
