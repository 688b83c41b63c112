/**
 * SQLite in a worker: a browser's, or a thread of Node, so that a long statement blocks nobody and can be stopped from
 * outside. One connection: statements run one after the other, a transaction has the connection for itself.
 *
 * @module rescind/sql/sqlite
 */

import { assertFunction, assertOptions, invalid } from '../../arguments.ts'
import { contextOf } from '../../context.ts'
import type { Context, ContextLike } from '../../context.ts'
import { until } from '../../tasks.ts'
import type { Changes, Cursor, Database, Params, Row, Stops, Transaction } from '../database.ts'
import { CommitUnknownError, TransactionDoneError } from '../errors.ts'
import { assertGrace, GRACE, settlesWithin } from '../grace.ts'
import { Lane } from '../lane.ts'
import type { Leave } from '../lane.ts'
import { Channel, SqliteError } from './channel.ts'
import { lineTo, startWorker } from './line.ts'
import type { NodeWorker } from './line.ts'
import type { Mechanism, Order, Result, Storage } from './protocol.ts'
import { leftOpen, refuseControl, statementsOf } from '../statements.ts'
import { assertTransactionOptions, refuseDeferrable } from '../transaction-options.ts'
import type { TransactionOptions } from '../transaction-options.ts'
import { OpenTransaction } from '../transaction.ts'
import type { OuterPort } from '../transaction.ts'

export { SqliteError } from './channel.ts'
export type { NodeWorker } from './line.ts'
export type { Mechanism, Storage } from './protocol.ts'

/** Options of {@link openSqlite}. */
export interface SqliteOptions {
  /**
   * Where the database is kept; `memory` if left out. `opfs` (needs cross-origin isolation) and `opfs-sahpool` (one tab
   * at a time) keep it in the browser's private file system.
   */
  readonly storage?: Storage | undefined
  /** The name of the file; `rescind.sqlite3` if left out. Of no use in memory. */
  readonly file?: string | undefined
  /**
   * The milliseconds that the worker has, once the context has ended, to say that it stopped; 1,000 if left out. After
   * that the caller is told, while the connection still waits for the worker. Infinity: the caller waits, too.
   */
  readonly grace?: number | undefined
  /**
   * The milliseconds for which the worker may be silent while it opens the database; 10,000 if left out. After that it
   * is taken for lost. A worker of rescind says every second that it is alive, however long SQLite takes to load: less
   * than 2,000 is too short for that. Infinity: only the context ends the opening.
   */
  readonly silence?: number | undefined
  /**
   * Starts the worker, which must run `rescind/sql/sqlite-worker`: that entry itself, or a file of yours that imports
   * it. If left out, it is the file `sqlite-worker.js` beside the module that starts it. Vite and webpack see to that
   * by themselves; for esbuild and Rollup make it an entry of that name, and put `sqlite3.wasm` of the package
   * `@sqlite.org/sqlite-wasm` beside it.
   */
  readonly worker?: (() => Worker | NodeWorker) | undefined
}

/** How long the worker may be silent, by default. */
const SILENCE = 10_000

/** An SQLite database; see {@link openSqlite}. */
export interface SqliteDatabase extends Database {
  /**
   * How it stops a statement. `flag`: at once, through shared memory (Node, and pages that are cross-origin isolated).
   * `poll`: within some 25 ms, by a blob URL (all other pages). `deadline`: at the deadline; a plain cancel between two
   * rows only (a page whose policy forbids to ask for blobs).
   */
  readonly mechanism: Mechanism
}

/**
 * Opens an SQLite database in a worker of its own. Needs the package `@sqlite.org/sqlite-wasm`. The database outlives
 * `ctx`, which is for the opening only.
 *
 * @returns rejects with `ctx.err` if that ends before the database is open, with what SQLite says if it cannot be
 * opened, with a {@link SqliteError} if the worker cannot be started or does not answer, with a TypeError on a wrong
 * argument
 * @example
 * const db = await openSqlite(background())
 * db.mechanism // => 'flag'
 * await execContext(background(), db, 'CREATE TABLE album (title TEXT)')
 * await db.close()
 * @see https://sqlite.org/wasm
 */
export async function openSqlite(ctx: ContextLike, options: SqliteOptions = {}): Promise<SqliteDatabase> {
  const context = contextOf(ctx)
  assertOptions(options)
  const { storage = 'memory', file = 'rescind.sqlite3', grace = GRACE, silence = SILENCE } = options
  const { worker = startWorker } = options
  if (!['memory', 'opfs', 'opfs-sahpool'].includes(storage)) {
    throw invalid('storage', "'memory', 'opfs' or 'opfs-sahpool'", storage)
  }
  assertGrace(grace)
  if (typeof silence !== 'number' || !(silence > 0)) {
    throw invalid('silence', 'a number of milliseconds above 0, or Infinity', silence)
  }
  assertFunction('worker', worker)
  context.throwIfDone()
  const flag = canShare() ? new SharedArrayBuffer(4) : undefined
  const channel = new Channel(lineTo(worker()), grace, flag)
  try {
    await until(context, channel.open({ kind: 'open', storage, file, ...(flag && { flag }) }, silence))
  } catch (error) {
    channel.end()
    throw error
  }
  return new SqliteConnection(channel, grace)
}

/** Node always can; a page only if it is isolated from others. */
function canShare(): boolean {
  const { crossOriginIsolated = true } = globalThis as { crossOriginIsolated?: boolean }
  return crossOriginIsolated && typeof SharedArrayBuffer === 'function'
}

class SqliteConnection implements SqliteDatabase {
  readonly #channel: Channel
  readonly #grace: number
  readonly #lane = new Lane()
  #closing: Promise<void> | undefined

  constructor(channel: Channel, grace: number) {
    this.#channel = channel
    this.#grace = grace
  }

  get mechanism(): Mechanism {
    return this.#channel.mechanism
  }

  get stops(): Stops {
    return this.mechanism === 'deadline' ? 'between-rows' : 'engine'
  }

  async query(ctx: Context, sql: string, params: Params = []): Promise<Row[]> {
    refuseControl(statementsOf(sql, 'sqlite'), 'database')
    const { rows } = await this.#run(ctx, { kind: 'run', sql, params })
    return rows
  }

  async exec(ctx: Context, sql: string, params: Params = []): Promise<Changes> {
    refuseControl(statementsOf(sql, 'sqlite'), 'database')
    const { changes } = await this.#run(ctx, { kind: 'run', sql, params })
    return { changes }
  }

  /** Holds the connection only while rows are fetched: others may run between two batches. */
  async open(ctx: Context, sql: string, params: Params = []): Promise<Cursor> {
    refuseControl(statementsOf(sql, 'sqlite'), 'database')
    return cursorOver((ctx, order) => this.#run(ctx, order), this.#channel, ctx, sql, params)
  }

  async begin(ctx: Context, options: TransactionOptions = {}): Promise<Transaction> {
    assertTransactionOptions(options)
    refuseDeferrable(options, 'SQLite')
    const leave = await this.#enter(ctx)
    const begun = this.#channel.send({ kind: 'begin', readOnly: options.readOnly })
    if (!(await this.#channel.isAnswered(ctx, begun))) {
      // It is taken back before the next one has its turn.
      void this.#channel.giveBack({ kind: 'rollback' })
      begun.then(leave, leave)
      throw ctx.err
    }
    try {
      await begun
    } catch (error) {
      leave()
      throw error
    }
    return new OpenTransaction(ctx, new SqliteTransactionPort(ctx, this.#channel, this.#grace, leave))
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#channel.close())
  }

  async #enter(ctx: Context): Promise<Leave> {
    if (this.#closing) throw new SqliteError('the database is closed')
    return this.#lane.enter(ctx)
  }

  async #run(ctx: Context, order: Order): Promise<Result> {
    const leave = await this.#enter(ctx)
    if (ctx.err) {
      leave()
      throw ctx.err
    }
    const { over, result } = this.#channel.call(ctx, order)
    // Not with the result: a caller that gave up waiting leaves the worker busy.
    const isLeftOpen = over.then(async () => {
      const { isOpen } = this.#channel
      if (isOpen) await this.#channel.send({ kind: 'rollback' }).catch(() => {})
      leave()
      return isOpen
    })
    const answer = await result
    if (await isLeftOpen) throw leftOpen()
    return answer
  }
}

class SqliteTransactionPort implements OuterPort {
  readonly #ctx: Context
  readonly #channel: Channel
  readonly #grace: number
  readonly #leave: Leave

  constructor(ctx: Context, channel: Channel, grace: number, leave: Leave) {
    this.#ctx = ctx
    this.#channel = channel
    this.#grace = grace
    this.#leave = leave
  }

  get isOpen(): boolean {
    return this.#channel.isOpen
  }

  get loss(): unknown {
    return this.#channel.loss
  }

  get grace(): number {
    return this.#grace
  }

  refuse(sql: string): void {
    refuseControl(statementsOf(sql, 'sqlite'), 'transaction')
  }

  run(ctx: Context, sql: string, params: Params): Promise<Result> {
    return this.#call(ctx, { kind: 'run', sql, params })
  }

  open(ctx: Context, sql: string, params: Params): Promise<Cursor> {
    return cursorOver((ctx, order) => this.#call(ctx, order), this.#channel, ctx, sql, params)
  }

  async commit(ctx: Context): Promise<void> {
    const committing = this.#channel.send({ kind: 'commit' })
    void committing.then(this.#leave, this.#leave)
    if (!(await this.#channel.isAnswered(ctx, committing))) throw new CommitUnknownError(ctx.err)
    try {
      await committing
    } catch (error) {
      throw this.#channel.isLost ? new CommitUnknownError(error) : error
    }
  }

  async release(ctx: Context, name: string): Promise<void> {
    const releasing = this.#channel.send({ kind: 'run', sql: `RELEASE ${name}`, params: [] })
    if (!(await this.#channel.isAnswered(ctx, releasing))) throw new TransactionDoneError(ctx.err)
    await releasing
  }

  async rollbackTo(name: string): Promise<void> {
    await this.#channel.send({ kind: 'run', sql: `ROLLBACK TO ${name}; RELEASE ${name}`, params: [] })
  }

  async rollback(): Promise<void> {
    const back = this.#channel.send({ kind: 'rollback' }).catch(() => {})
    // In the worker it has its turn before whatever comes next: waiting for it is for the caller's sake only.
    void back.then(this.#leave)
    await settlesWithin(back, this.#grace)
  }

  #call(ctx: Context, order: Order): Promise<Result> {
    return this.#channel.call(ctx, order, this.#ctx).result
  }
}

async function cursorOver(
  call: (ctx: Context, order: Order) => Promise<Result>,
  channel: Channel,
  ctx: Context,
  sql: string,
  params: Params,
): Promise<Cursor> {
  const { cursor, rows } = await call(ctx, { kind: 'cursor', sql, params })
  let read = false
  return {
    next: async (ctx) => {
      if (cursor !== undefined) return (await call(ctx, { kind: 'next', cursor })).rows
      ctx.throwIfDone()
      const all = read ? [] : rows
      read = true
      return all
    },
    close: async () => {
      if (cursor !== undefined) await channel.giveBack({ kind: 'discard', cursor })
    },
  }
}
