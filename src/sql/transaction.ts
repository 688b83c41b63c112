/**
 * A transaction on one connection, whatever the engine. The invariant: it is over exactly once, by commit or by
 * rollback, and nothing runs in it afterwards. The end of its context, and of that of a statement which already ran,
 * takes it back; so does an engine that gave it up by itself, since the next statement would otherwise stand alone.
 *
 * A transaction inside of another one is a savepoint. It has the connection to itself until it is over, and the outer
 * one goes on after it, unless the engine could not return to the savepoint.
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

/** What a statement came to. */
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
  /** Whether the engine still has the transaction. */
  readonly isOpen: boolean
  /** What the connection was lost to; undefined while it can be used. */
  readonly loss: unknown
  /** Throws a TypeError if `sql` must not run in a transaction. */
  refuse(sql: string): void
  run(ctx: Context, sql: string, params: Params): Promise<StatementResult>
  open(ctx: Context, sql: string, params: Params): Promise<PortCursor>
  /**
   * Sends the commit, in the turn of the call, and gives the connection back, rolled back where the commit failed. Only
   * called while `isOpen`: what is lost from then on may be committed.
   */
  commit(ctx: Context): Promise<void>
  /**
   * Rolls back and gives the connection back. Never rejects: a connection that cannot be rolled back is given up.
   *
   * @param ctx the transaction's, which has ended
   * @param why it is rolled back
   */
  rollback(ctx: Context, why: unknown): Promise<void>
}

/** The connection of a transaction that can have others inside. Sends what nothing stops. */
export interface OuterPort extends TransactionPort {
  readonly grace: number
  /** Gives the savepoint up. Rejects if that is not certain; waits for the grace time after the end of `ctx`. */
  release(ctx: Context, name: string): Promise<void>
  /** Takes back what came after the savepoint, and gives it up. Rejects if the connection cannot go on. */
  rollbackTo(name: string): Promise<void>
}

/** The transaction around another one. */
interface Outer {
  readonly ctx: Context
  readonly depth: number
}

export class OpenTransaction implements Transaction {
  /** The context that it was given. */
  readonly #given: Context
  /** What runs in the transaction ends with it. */
  readonly #ctx: Context
  readonly #cancel: Cancel
  readonly #port: TransactionPort
  /** How to set savepoints; the same for all transactions on the connection. */
  readonly #root: OuterPort
  readonly #depth: number
  readonly #lane = new Lane()
  /** Keeps the end of the context from rolling back. */
  readonly #stop: () => boolean
  /** Settles, never with an error, when the engine is through with the end. Set once. */
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
      // The engine may have given up more than was asked.
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
      close: async () => {
        // The end of the transaction has closed it too.
        if (!this.#over) await this.#use(this.#ctx, (inner) => cursor.close(inner)).catch(() => {})
      },
    }
  }

  async commit(): Promise<void> {
    this.#assertOpen()
    const leave = await this.#lane.enter(this.#ctx).catch((error: unknown) => {
      throw this.#translate(this.#given, error)
    })
    try {
      this.#assertOpen()
      // From here on the engine's answer counts, no longer the context.
      if (!this.#stop()) throw this.#ctx.err
      // Lost before the commit is sent: it is certainly rolled back.
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

  /** Runs `work` when nothing else runs in the transaction, under a context that ends with the transaction's too. */
  async #use<T>(ctx: Context, work: (inner: Context) => Promise<T>): Promise<T> {
    const [result, leave] = await this.#enter(ctx, work)
    leave()
    return result
  }

  /** Does what `#use` does, and keeps others out until `leave` is called. */
  async #enter<T>(ctx: Context, work: (inner: Context) => Promise<T>): Promise<[result: T, leave: Leave]> {
    this.#assertOpen()
    ctx.throwIfDone()
    const [inner, cancel] = ctx === this.#ctx ? [ctx, undefined] : withSignal(ctx, this.#ctx.signal)
    try {
      const leave = await this.#lane.enter(inner)
      try {
        inner.throwIfDone()
        this.#assertOpen()
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

  /** What to reject with where the transaction itself came to its end, and no context of the user. */
  #translate(ctx: Context, error: unknown): unknown {
    return ctx.err || this.#given.err ? error : new TransactionDoneError(this.#why)
  }

  /** Takes the transaction back if `work` was stopped, or if the engine gave it up. */
  async #watch<T>(ctx: Context, inner: Context, work: (inner: Context) => Promise<T>): Promise<T> {
    try {
      const result = await work(inner)
      if (!this.#port.isOpen) void this.#rollBack(this.#port.loss)
      return result
    } catch (error) {
      const wasStopped = error === inner.err
      if (wasStopped && inner !== ctx) stopped(ctx, engineError(inner))
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
    this.#stop()
    // What still runs or waits in it has to stop first.
    this.#cancel(new TransactionDoneError(why))
    const leave = await this.#lane.enter(background())
    await this.#port.rollback(this.#ctx, why)
    leave()
  }
}

/** What a savepoint left: the outer transaction as it was before, or one that cannot go on. */
type Remains = 'whole' | 'broken'

/** The connection of a transaction inside of another one. Its commit decides nothing yet: the outermost's does. */
class Savepoint implements TransactionPort {
  readonly #root: OuterPort
  /** The context of the transaction around it. */
  readonly #outer: Context
  readonly #name: string
  /** Gives the connection back to the transaction around it. */
  readonly #leave: (state: Remains, why?: unknown) => void
  /** Those that are open. A release would leave them open. */
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
    // Where all of it is over, or about to be taken back, there is nothing to return to.
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
