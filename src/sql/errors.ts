/**
 * Errors of transactions, and the engine's own error for a stopped statement. A stopped statement rejects with
 * `ctx.err`, as everywhere in rescind. Other operations share that error, so the engine's error cannot be attached to
 * it; it is kept for each context instead.
 */

import { contextOf } from '../context.ts'
import type { Context, ContextLike } from '../context.ts'

/**
 * The error of a transaction that is over and can no longer be used. `cause` is the reason: the `ctx.err` that ended
 * the transaction, the error after which the engine ended it or could not roll back to a savepoint, or the error by
 * which the connection was lost before a commit was sent. There is none after a normal commit or rollback.
 *
 * @see Go's `sql.ErrTxDone`
 */
export class TransactionDoneError extends Error {
  override get name(): 'TransactionDoneError' {
    return 'TransactionDoneError'
  }

  constructor(cause?: unknown) {
    super('transaction has already been committed or rolled back', cause === undefined ? undefined : { cause })
  }
}

/**
 * The error of a commit that was sent, but not answered: the connection was lost, or the context ended and the grace
 * time passed. The transaction is either committed or rolled back; only the database knows. `cause` is `ctx.err`, or
 * the error by which the connection was lost. If it was lost before the commit was sent, the transaction is certainly
 * rolled back, and the error is a {@link TransactionDoneError}.
 */
export class CommitUnknownError extends Error {
  override get name(): 'CommitUnknownError' {
    return 'CommitUnknownError'
  }

  constructor(cause: unknown) {
    super('the commit was sent, but not answered', { cause })
  }
}

/** The engine's errors. The keys are signals, which contexts that differ only in values share. */
const lastWords = /* @__PURE__ */ new WeakMap<AbortSignal, unknown>()

/**
 * Returns the engine's own error for the last statement that the end of `ctx` stopped: PostgreSQL's `57014`, SQLite's
 * `SQLITE_INTERRUPT`, or the reason why the connection was closed without an answer. Undefined if the end stopped no
 * statement that was called with exactly this context.
 *
 * @throws TypeError if `ctx` is not a context
 * @example
 * const db = await openSqlite(background())
 * const [ctx, cancel] = withTimeout(background(), 10)
 * const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
 * const err = await queryContext(ctx, db, endless).catch((error) => error)
 * err === ctx.err // => true
 * String(engineError(ctx)).includes('SQLITE_INTERRUPT') // => true
 * cancel()
 * await db.close()
 */
export function engineError(ctx: ContextLike): unknown {
  const context = contextOf(ctx)
  return context.err && lastWords.get(context.signal)
}

/** Stores the engine's error for a statement that the end of `ctx` stopped. Returns the error to reject with. */
export function stopped(ctx: Context, words: unknown): unknown {
  lastWords.set(ctx.signal, words)
  return ctx.err
}
