/**
 * A context for each request: ends when the client goes, so that a handler stops work that nobody will receive. The
 * client is gone when the response closes before it was finished; that `req` closes means only that its body was read.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { withCancel } from 'rescind'
import type { Cancel, Context } from 'rescind'

export const clientGone: Error = new Error('client gone')

export function withRequest(
  parent: Context,
  { method, url }: IncomingMessage,
  res: ServerResponse,
): [ctx: Context, cancel: Cancel] {
  const [ctx, cancel] = withCancel(parent, { label: `${method} ${url}` })
  const close = () => cancel(res.writableEnded ? undefined : clientGone)
  if (res.closed) close()
  else res.once('close', close)
  return [ctx, cancel]
}
