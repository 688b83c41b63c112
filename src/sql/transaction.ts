/**
 * A transaction on one connection of any engine. The invariant: it is over exactly once, by commit or by rollback, and
 * nothing runs in it afterwards. It is rolled back when its context ends, and when the end of a statement's context
 * stops that statement. It also counts as rolled back when the engine itself has ended it: a further statement would
 * run outside of it.
 *
 * A transaction inside another one is a savepoint. It has exclusive use of the connection until it is over; then the
 * outer one continues, unless the engine could not roll back to the savepoint.
 */

import { afterFunc } from '../callbacks.ts'
import { background, withCancel } from '../context.ts'
import type { Cancel, Context } from '../context.ts'
import { withSignal } from '../signals.ts'
import type { Changes, Cursor, Params, Row, Transaction } from './database.ts'
import { engineError, stopped, TransactionDoneError } from './errors.ts'
import { settlesWithin } from './grace.ts'
import { Lane } from './lane.ts'
import type { Leave } from './lane.ts'
import { OWN } from './statements.ts'
import { assertTransactionOptions } from './transaction-options.ts'
import type { TransactionOptions } from './transaction-options.ts'

/** The result of a statement. */
export interface StatementResult extends Changes {
  readonly rows: Row[]
}

/** A cursor of a transaction; see `Cursor`. */
export interface PortCursor {
  next(ctx: Context): Promise<readonly Row[]>
  close(ctx: Context): Promise<void>
}

/** The connection of one transaction. Calls come one at a time, and none after `commit` or `rollback`. */
export interface TransactionPort {
  /** Whether the transaction is still open in the engine. */
  readonly isOpen: boolean
  /** The error by which the connection was lost; undefined while it can be used. */
  readonly loss: unknown
  /** Throws a TypeError if `sql` must not run in a transaction. */
  refuse(sql: string): void
  run(ctx: Context, sql: string, params: Params): Promise<StatementResult>
  open(ctx: Context, sql: string, params: Params): Promise<PortCursor>
  /**
   * Sends the commit synchronously, and then releases the connection, rolled back if the commit failed. Called only
   * while `isOpen`: if the connection is lost after that, the changes may be committed.
   */
  commit(ctx: Context): Promise<void>
  /**
   * Rolls back and releases the connection. Never rejects: a connection that cannot be rolled back is destroyed.
   *
   * @param ctx the context of the transaction, which has ended
   * @param why the reason for the rollback
   */
  rollback(ctx: Context, why: unknown): Promise<void>
}

/** The connection of a transaction that can have savepoints. No context stops the statements of these methods. */
export interface OuterPort extends TransactionPort {
  readonly grace: number
  /** Releases a savepoint. After the end of `ctx`, waits no longer than the grace time. Rejects if it is uncertain. */
  release(ctx: Context, name: string): Promise<void>
  /** Rolls back to a savepoint and releases it. Rejects if the transaction cannot continue. */
  rollbackTo(name: string): Promise<void>
}

/** The transaction that contains a savepoint. */
interface Outer {
  readonly ctx: Context
  readonly depth: number
}

export class OpenTransaction implements Transaction {
  /** The context that `begin` was called with. */
  readonly #given: Context
  /** Derived from it. Every statement in the transaction ends when it ends. */
  readonly #ctx: Context
  readonly #cancel: Cancel
  readonly #port: TransactionPort
  /** The port of the outermost transaction, which sets savepoints. */
  readonly #root: OuterPort
  readonly #depth: number
  readonly #lane = new Lane()
  /** Prevents the rollback at the end of the context. */
  readonly #stop: () => boolean
  /** Set once, by commit or rollback. Resolves when the engine has answered; never rejects. */
  #over: Promise<void> | undefined
  #why: unknown

  constructor(ctx: Context, root: OuterPort, port: TransactionPort = root, outer?: Outer) {
    this.#given = ctx
    ;[this.#ctx, this.#cancel] = outer ? withSignal(ctx, outer.ctx.signal) : withCancel(ctx, { label: 'transaction' })
    this.#root = root
    this.#port = port
    this.#depth = outer ? outer.depth + 1 : 0
    this.#stop = afterFunc(this.#ctx, () => void this.#rollBack(this.#ctx.err))
  }

  async begin(ctx: Context, options: TransactionOptions = {}): Promise<Transaction> {
    refuseOptions(options)
    const name = `${OWN}${this.#depth + 1}`
    const [, leave] = await this.#enter(ctx, (inner) => this.#port.run(inner, `SAVEPOINT ${name}`, []))
    const savepoint = new Savepoint(this.#root, this.#ctx, name, (state, why) => {
      // The engine may have rolled back the whole transaction.
      if (state === 'broken' || !this.#port.isOpen) void this.#rollBack(why)
      leave()
    })
    return new OpenTransaction(ctx, this.#root, savepoint, { ctx: this.#ctx, depth: this.#depth })
  }

  async query(ctx: Context, sql: string, params: Params = []): Promise<Row[]> {
    this.#port.refuse(sql)
    const { rows } = await this.#use(ctx, (inner) => this.#port.run(inner, sql, params))
    return rows
  }

  async exec(ctx: Context, sql: string, params: Params = []): Promise<Changes> {
    this.#port.refuse(sql)
    const { changes } = await this.#use(ctx, (inner) => this.#port.run(inner, sql, params))
    return { changes }
  }

  async open(ctx: Context, sql: string, params: Params = []): Promise<Cursor> {
    this.#port.refuse(sql)
    const cursor = await this.#use(ctx, (inner) => this.#port.open(inner, sql, params))
    return {
      next: (ctx) => this.#use(ctx, (inner) => cursor.next(inner)),
      // Rejects if the transaction is over, which has closed its cursors.
      close: () => this.#use(this.#ctx, (inner) => cursor.close(inner)).catch(() => {}),
    }
  }

  async commit(): Promise<void> {
    this.#assertOpen()
    const leave = await this.#lane.enter(this.#ctx).catch((error: unknown) => {
      throw this.#translate(this.#given, error)
    })
    try {
      this.#assertOpen()
      // From here on the engine's answer decides, not the context.
      if (!this.#stop()) throw this.#ctx.err
      // If the connection was lost before the commit was sent, the transaction is certainly rolled back.
      if (!this.#port.isOpen) void this.#rollBack(this.#port.loss)
      this.#assertOpen()
      const committing = this.#port.commit(this.#ctx)
      this.#over = committing.catch((error: unknown) => {
        this.#why = error
      })
      await committing
    } finally {
      this.#cancel()
      leave()
    }
  }

  rollback(): Promise<void> {
    return this.#rollBack(this.#ctx.err)
  }

  /** Runs `work` when nothing else runs in the transaction, with a context that also ends when the transaction does. */
  async #use<T>(ctx: Context, work: (inner: Context) => Promise<T>): Promise<T> {
    const [result, leave] = await this.#enter(ctx, work)
    leave()
    return result
  }

  /** Does what `#use` does, and blocks other statements until `leave` is called. */
  async #enter<T>(ctx: Context, work: (inner: Context) => Promise<T>): Promise<[result: T, leave: Leave]> {
    this.#assertOpen()
    const [inner, cancel] = ctx === this.#ctx ? [ctx, undefined] : withSignal(ctx, this.#ctx.signal)
    try {
      const leave = await this.#lane.enter(inner)
      try {
        inner.throwIfDone()
        return [await this.#watch(ctx, inner, work), leave]
      } catch (error) {
        leave()
        throw error
      }
    } catch (error) {
      throw error === inner.err ? this.#translate(ctx, error) : error
    } finally {
      cancel?.()
    }
  }

  /** Replaces `error` by a TransactionDoneError if the transaction has ended, but no context of the user. */
  #translate(ctx: Context, error: unknown): unknown {
    return ctx.err || this.#given.err ? error : new TransactionDoneError(this.#why)
  }

  /** Rolls back if `work` was stopped, or if the engine has ended the transaction. */
  async #watch<T>(ctx: Context, inner: Context, work: (inner: Context) => Promise<T>): Promise<T> {
    try {
      const result = await work(inner)
      if (!this.#port.isOpen) void this.#rollBack(this.#port.loss)
      return result
    } catch (error) {
      const wasStopped = error === inner.err
      if (wasStopped) stopped(ctx, engineError(inner))
      if (wasStopped || !this.#port.isOpen) void this.#rollBack(error)
      throw error
    }
  }

  #assertOpen(): void {
    if (this.#over) throw new TransactionDoneError(this.#why)
  }

  #rollBack(why?: unknown): Promise<void> {
    return (this.#over ??= this.#takeBack(why))
  }

  async #takeBack(why: unknown): Promise<void> {
    this.#why = why
    // First stop the statements that run or wait in the transaction.
    this.#cancel(new TransactionDoneError(why))
    await this.#lane.enter(background())
    await this.#port.rollback(this.#ctx, why)
  }
}

/** The state of the outer transaction after a savepoint: as before it, or unable to continue. */
type Remains = 'whole' | 'broken'

/** The connection of a transaction inside another one. Its changes are permanent only when the outermost commits. */
class Savepoint implements TransactionPort {
  readonly #root: OuterPort
  /** The context of the outer transaction. */
  readonly #outer: Context
  readonly #name: string
  /** Returns the connection to the outer transaction. */
  readonly #leave: (state: Remains, why?: unknown) => void
  /** The open cursors: releasing the savepoint does not close them. */
  readonly #cursors = new Set<PortCursor>()

  constructor(root: OuterPort, outer: Context, name: string, leave: (state: Remains, why?: unknown) => void) {
    this.#root = root
    this.#outer = outer
    this.#name = name
    this.#leave = leave
  }

  get isOpen(): boolean {
    return this.#root.isOpen
  }

  get loss(): unknown {
    return this.#root.loss
  }

  refuse(sql: string): void {
    this.#root.refuse(sql)
  }

  run(ctx: Context, sql: string, params: Params): Promise<StatementResult> {
    return this.#root.run(ctx, sql, params)
  }

  async open(ctx: Context, sql: string, params: Params): Promise<PortCursor> {
    const cursor = await this.#root.open(ctx, sql, params)
    this.#cursors.add(cursor)
    return {
      next: (ctx) => cursor.next(ctx),
      close: (ctx) => {
        this.#cursors.delete(cursor)
        return cursor.close(ctx)
      },
    }
  }

  async commit(ctx: Context): Promise<void> {
    await this.#closeCursors(ctx)
    try {
      await this.#root.release(ctx, this.#name)
    } catch (error) {
      await this.rollback(ctx, error)
      throw error
    }
    this.#leave('whole')
  }

  async rollback(ctx: Context, why: unknown): Promise<void> {
    await this.#closeCursors(ctx)
    // If the whole transaction is over or about to be rolled back, there is nothing to do.
    if (this.#outer.err || !this.isOpen) return this.#leave('whole', why)
    const rollingBack = this.#root.rollbackTo(this.#name)
    void rollingBack.then(
      () => this.#leave('whole', why),
      (error: unknown) => this.#leave('broken', error),
    )
    await settlesWithin(rollingBack, this.#root.grace)
  }

  async #closeCursors(ctx: Context): Promise<void> {
    for (const cursor of this.#cursors) await cursor.close(ctx).catch(() => {})
    this.#cursors.clear()
  }
}

function refuseOptions(options: TransactionOptions): void {
  assertTransactionOptions(options)
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) throw new TypeError(`rescind: ${name} is refused: it belongs to the outermost transaction`)
  }
}
