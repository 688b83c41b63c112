/**
 * What can be wrong with a statement beside its SQL, and what the engine said when it was stopped. The rejection of a
 * stopped statement is `ctx.err` itself, as everywhere in rescind; since all cancels may share that error, nothing can
 * be attached to it, and the engine's own words are kept beside the context.
 */

import { contextOf } from '../context.ts'
import type { Context, ContextLike } from '../context.ts'

/**
 * The transaction is over and can no longer be used. Its `cause` says why: the `ctx.err` that ended it, the error for
 * which the engine gave it up or could not return to a savepoint, or what the connection was lost to before a commit
 * was sent; it has none after an ordinary commit or rollback.
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
 * The commit was sent, and no answer came: the connection was lost then, or the context ended and the grace time
 * passed. The transaction is committed as a whole or not at all, and only the database knows which. Its `cause` is
 * `ctx.err` or what the connection was lost to. Lost before the commit was sent, it is certainly rolled back, which is
 * a {@link TransactionDoneError}.
 */
export class CommitUnknownError extends Error {
  override get name(): 'CommitUnknownError' {
    return 'CommitUnknownError'
  }

  constructor(cause: unknown) {
    super('the commit was sent, but not answered', { cause })
  }
}

/** By signal: views that differ in values share it, and so do the contexts made for one foreign signal. */
const lastWords = /* @__PURE__ */ new WeakMap<AbortSignal, unknown>()

/**
 * The engine's own error for the last statement that the end of `ctx` stopped: PostgreSQL's `57014`, SQLite's
 * `SQLITE_INTERRUPT`, or why the connection had to be given up without an answer. Undefined if nothing that was given
 * exactly this context has been stopped.
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

/** Keeps what the engine said when the end of `ctx` stopped it; returns what to reject with. */
export function stopped(ctx: Context, words: unknown): unknown {
  lastWords.set(ctx.signal, words)
  return ctx.err
}
