/**
 * SQLite in a worker of the browser or a thread of Node, so that a long statement does not block the event loop and can
 * be stopped from outside. There is one connection: statements run one after the other, and a transaction has exclusive
 * use of it.
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
import { Channel, CLOSED, SqliteError } from './channel.ts'
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
   * Where the database is stored; by default `memory`. `opfs` (needs cross-origin isolation) and `opfs-sahpool` (for
   * one open database of the whole origin at a time) store it in the browser's origin private file system.
   */
  readonly storage?: Storage | undefined
  /** The name of the file; by default `rescind.sqlite3`. Ignored in memory. */
  readonly file?: string | undefined
  /**
   * How long to wait, after the end of a context, until the worker confirms that it has stopped, in milliseconds; 1,000
   * by default. Then the call rejects, while the connection continues to wait for the worker. Infinity means no limit.
   */
  readonly grace?: number | undefined
  /**
   * How long to wait for a message of the worker while it opens the database, in milliseconds; 10,000 by default. Then
   * opening fails. The worker sends a message every second even while SQLite loads, so use at least 2,000. Infinity
   * means no limit.
   */
  readonly silence?: number | undefined
  /**
   * Starts a new worker, which must run `rescind/sql/sqlite-worker`: that entry itself, or a file that imports it. The
   * default is the file `sqlite-worker.js` beside the module that starts it. Vite and webpack bundle it automatically;
   * for esbuild and Rollup, add an entry of that name, and copy `sqlite3.wasm` of the package `@sqlite.org/sqlite-wasm`
   * beside it.
   */
  readonly worker?: (() => Worker | NodeWorker) | undefined
}

/** The default of the option `silence`. */
const SILENCE = 10_000

/** An SQLite database; see {@link openSqlite}. */
export interface SqliteDatabase extends Database {
  /**
   * How it stops a statement. `flag`: at once, through shared memory (in Node, and in pages that are cross-origin
   * isolated). `poll`: within about 25 ms, by a blob URL (in other pages). `deadline`: at the deadline, and for a
   * cancel only between two rows (in pages whose content security policy forbids requests of blob URLs).
   */
  readonly mechanism: Mechanism
}

/**
 * Opens an SQLite database in a new worker. Needs the package `@sqlite.org/sqlite-wasm`. `ctx` applies only to the
 * opening; the database outlives it.
 *
 * @returns resolves to the database; rejects with `ctx.err` if `ctx` ends first, with a {@link SqliteError} if the
 * database cannot be opened, or the worker does not start or does not answer, and with a TypeError for a wrong argument
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
  // SQLite would delete a file without a name when it is closed.
  if (typeof file !== 'string' || file === '') throw invalid('file', 'a string that is not empty', file)
  assertGrace(grace)
  if (typeof silence !== 'number' || !(silence > 0)) {
    throw invalid('silence', 'a number of milliseconds above 0, or Infinity', silence)
  }
  assertFunction('worker', worker)
  context.throwIfDone()
  const started = worker()
  // Two databases would take each other's replies for their own.
  if (typeof started?.postMessage !== 'function' || used.has(started)) {
    throw invalid('worker()', 'a new Worker for each database', started)
  }
  used.add(started)
  const flag = canShare() ? new SharedArrayBuffer(4) : undefined
  const channel = new Channel(lineTo(started), grace, flag)
  try {
    await until(context, channel.open({ kind: 'open', storage, file, ...(flag && { flag }) }, silence))
  } catch (error) {
    channel.end()
    throw error
  }
  return new SqliteConnection(channel, grace)
}

/** The workers of all databases, open and closed. */
const used = /* @__PURE__ */ new WeakSet<object>()

/** Whether threads can share memory: always in Node, and in a page if it is cross-origin isolated. */
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

  /** Uses the connection only while rows are fetched: other statements may run between two batches. */
  async open(ctx: Context, sql: string, params: Params = []): Promise<Cursor> {
    refuseControl(statementsOf(sql, 'sqlite'), 'database')
    return cursorOver((ctx, order) => this.#run(ctx, order), this.#channel, ctx, sql, params)
  }

  async begin(ctx: Context, options: TransactionOptions = {}): Promise<Transaction> {
    assertTransactionOptions(options)
    refuseDeferrable(options, 'SQLite')
    const leave = await this.#lane.enter(ctx)
    leaveIfDone(ctx, leave)
    const begun = this.#channel.send({ kind: 'begin', readOnly: options.readOnly })
    if (!(await this.#channel.isAnswered(ctx, begun))) {
      // Rolled back before the next caller enters.
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
    // Or they would wait for an open transaction, which may never end.
    this.#lane.close(new SqliteError(CLOSED))
    return (this.#closing ??= this.#channel.close())
  }

  async #run(ctx: Context, order: Order): Promise<Result> {
    const leave = await this.#lane.enter(ctx)
    leaveIfDone(ctx, leave)
    const { over, result } = this.#channel.call(ctx, order)
    // Waits for `over`, not for the result: after the grace time, the worker may still be busy.
    const isLeftOpen = over.then(() => {
      if (this.#channel.isOpen) return this.#leaveTransaction(leave)
      leave()
      return false
    })
    const answer = await result
    if (await isLeftOpen) throw leftOpen()
    return answer
  }

  async #leaveTransaction(leave: Leave): Promise<true> {
    await this.#channel.send({ kind: 'rollback' }).catch(() => {})
    leave()
    return true
  }
}

/** Throws if `ctx` has ended in the turn in which its call could enter. */
function leaveIfDone(ctx: Context, leave: Leave): void {
  if (!ctx.err) return
  leave()
  throw ctx.err
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
    // The worker handles it before any later request; we wait only so that the caller knows that it is done.
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
