/**
 * A transaction on one connection, whatever the engine. The invariant: it is over exactly once, by commit or by
 * rollback, and nothing runs in it afterwards. The end of its context, and of that of a statement which already ran,
 * takes it back; so does an engine that gave it up by itself, since the next statement would otherwise stand alone.
 */

import { afterFunc } from '../callbacks.ts'
import { background, withCancel } from '../context.ts'
import type { Cancel, Context } from '../context.ts'
import { withSignal } from '../signals.ts'
import type { Changes, Cursor, Params, Row, Transaction } from './database.ts'
import { engineError, stopped, TransactionDoneError } from './errors.ts'
import { Lane } from './lane.ts'

/** What a statement came to. */
export interface Answer extends Changes {
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
  run(ctx: Context, sql: string, params: Params): Promise<Answer>
  open(ctx: Context, sql: string, params: Params): Promise<PortCursor>
  /**
   * Sends the commit, in the turn of the call, and gives the connection back, rolled back where the commit failed. Only
   * called while `isOpen`: what is lost from then on may be committed.
   */
  commit(ctx: Context): Promise<void>
  /** Rolls back and gives the connection back. Never rejects: a connection that cannot be rolled back is given up. */
  rollback(): Promise<void>
}

export class OpenTransaction implements Transaction {
  /** The context that it was given. */
  readonly #given: Context
  /** What runs in the transaction ends with it. */
  readonly #ctx: Context
  readonly #cancel: Cancel
  readonly #port: TransactionPort
  readonly #lane = new Lane()
  /** Keeps the end of the context from rolling back. */
  readonly #stop: () => boolean
  /** Settles, never with an error, when the engine is through with the end. Set once. */
  #over: Promise<void> | undefined
  #why: unknown

  constructor(ctx: Context, port: TransactionPort) {
    this.#given = ctx
    ;[this.#ctx, this.#cancel] = withCancel(ctx, { label: 'transaction' })
    this.#port = port
    this.#stop = afterFunc(this.#ctx, () => void this.#rollBack(this.#ctx.err))
  }

  async query(ctx: Context, sql: string, params: Params = []): Promise<Row[]> {
    const { rows } = await this.#use(ctx, (inner) => this.#port.run(inner, sql, params))
    return rows
  }

  async exec(ctx: Context, sql: string, params: Params = []): Promise<Changes> {
    const { changes } = await this.#use(ctx, (inner) => this.#port.run(inner, sql, params))
    return { changes }
  }

  async open(ctx: Context, sql: string, params: Params = []): Promise<Cursor> {
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
    this.#assertOpen()
    ctx.throwIfDone()
    const [inner, cancel] = ctx === this.#ctx ? [ctx, undefined] : withSignal(ctx, this.#ctx.signal)
    try {
      const leave = await this.#lane.enter(inner)
      try {
        inner.throwIfDone()
        this.#assertOpen()
        return await this.#watch(ctx, inner, work)
      } finally {
        leave()
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
    await this.#port.rollback()
    leave()
  }
}
