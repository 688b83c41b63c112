/**
 * Why a handler failed, as a status of HTTP. The cause of the request's end decides, not the error: what a library
 * rejects with under a context that has ended says only that it was aborted.
 */

import { cause, resolve } from '../context.ts'
import type { ContextLike } from '../context.ts'
import { isCanceled, isDeadlineExceeded, property } from '../errors.ts'

/** The causes of this package that have a status, by name, since there can be several copies of it. */
const STATUSES: ReadonlyMap<unknown, number> = /* @__PURE__ */ new Map([
  ['ClientGone', 499],
  ['Shutdown', 503],
])

/**
 * The status with which a handler answers that failed with `error` under `ctx`:
 *
 * - 400 or 431 if a header was refused: the `status` of a {@link HeaderError}.
 * - 499 if the client has left. No client reads that answer; the number is that of nginx, for logs.
 * - 503 if the server is shutting down. {@link withShutdown} tells the client that the connection will be closed.
 * - 504 if the time ran out: that of `ctx`, or a shorter one of the work.
 * - 500 for everything else, such as a bug, also if `ctx` happens to have ended meanwhile. Only this is worth a report.
 *
 * @throws TypeError if `ctx` is not a context
 * @example
 * const [ctx, cancel] = withCancel(background())
 * statusOf(ctx, new Error('no such table')) // => 500
 * cancel(Shutdown)
 * statusOf(ctx, ctx.err) // => 503
 */
export function statusOf(ctx: ContextLike, error: unknown): number {
  const { err } = resolve(ctx)
  const isEnd = Boolean(err) && (isCanceled(error) || isDeadlineExceeded(error))
  if (!isEnd) return isDeadlineExceeded(error) ? 504 : 500
  const why = cause(ctx)
  const name = property(why, 'name')
  if (name === 'HeaderError') return property(why, 'status') === 431 ? 431 : 400
  return STATUSES.get(name) ?? (isDeadlineExceeded(err) ? 504 : 500)
}
