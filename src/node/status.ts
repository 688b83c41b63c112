/**
 * The HTTP status for a failed handler. After the end of a request, its cause decides, not the error: a library's error
 * tells only that the work was aborted.
 */

import { cause, resolve } from '../context.ts'
import type { ContextLike } from '../context.ts'
import { isCanceled, isDeadlineExceeded, property } from '../errors.ts'

/** The statuses of causes of this package, by the name of the cause: there can be several copies of the package. */
const STATUSES: ReadonlyMap<unknown, number> = /* @__PURE__ */ new Map([
  ['ClientGone', 499],
  ['Shutdown', 503],
])

/**
 * Returns the HTTP status for a handler that failed with `error` under `ctx`:
 *
 * - 400 or 431 if a header was refused: the `status` of the {@link HeaderError}.
 * - 499 if the client has left. The client does not receive it; it is for logs, as in nginx.
 * - 503 if the server is shutting down. {@link withShutdown} tells the client that the connection will be closed.
 * - 504 if a deadline was exceeded: that of `ctx`, or a shorter one in the work.
 * - 500 for every other error, such as a bug, even if `ctx` has ended meanwhile. Report only these.
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
