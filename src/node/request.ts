/**
 * The life of a request on a server of Node, as a context. It ends when the response closes, by either side; that
 * the request closes means only that its body was read. Nothing here is imported from Node: what has the shape of its
 * requests and responses will do, and no types of it are needed.
 */

import { assertOptions, invalid, isObject } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import { createCancel, derive } from '../context.ts'
import type { Cancel, Context, ContextLike } from '../context.ts'
import { HeaderError, receive } from '../wire/headers.ts'
import type { FromHeadersOptions } from '../wire/headers.ts'
import { onClose } from './leaving.ts'
import type { ServerRequest, ServerResponse } from './leaving.ts'
import { shown } from '../shown.ts'

/**
 * Options of {@link withRequest}. If `label` is left out, it is the method and the path of the request, escaped, cut
 * after 200 characters, and without query and credentials.
 */
export type RequestOptions = FromHeadersOptions

/**
 * Derives a context for a request on a server of `node:http`, `node:https` or `node:http2`, or of what is built on
 * them. It ends when the client leaves before `res` was ended, with {@link ClientGone} as the cause: the tab was
 * closed, the fetch aborted, the connection cut. A response that was destroyed with an error ends it with that as the
 * cause. It has the deadline and the `values` that `fromHeaders` finds in the headers; a header that is refused
 * ends it at once, with a {@link HeaderError} as the cause: nothing a client sends may make a handler throw.
 *
 * When the response has been sent, it ends like any work that is over: canceled, without a cause. What is to go on
 * after the response works under `withoutCancel(ctx)`.
 *
 * For an upgrade, `res` is the socket, also if a library such as `ws` takes it; call this before the first message is
 * read. It ends when the socket closes: with {@link ClientGone} if the client was the first to end or to cut the
 * connection, or to close the WebSocket; without a cause if the server was.
 *
 * @throws TypeError if `parent` is not a context, `req` and `res` are none of Node's, or an option is wrong
 * @see statusOf
 * @example
 * import { createServer } from 'node:http'
 * const server = createServer(async (req, res) => {
 *   const [ctx, cancel] = withRequest(background(), req, res, { limit: 30_000 })
 *   try {
 *     await sleep(ctx, 100)
 *     res.end('done')
 *   } catch (error) {
 *     if (res.headersSent) res.destroy()
 *     else res.writeHead(statusOf(ctx, error)).end()
 *   } finally {
 *     cancel()
 *   }
 * })
 */
export function withRequest(
  parent: ContextLike,
  req: ServerRequest,
  res: ServerResponse,
  options: RequestOptions = {},
): [ctx: Context, cancel: Cancel] {
  if (!isObject(req?.headers)) throw invalid('req', 'a request of node:http or node:http2', req)
  if (typeof res?.once !== 'function') throw invalid('res', 'a response of node:http or node:http2', res)
  assertOptions(options)
  const [ctx, cancel] = arrived(parent, req, options)
  if (ctx.err) return [ctx, cancel]
  afterFunc(ctx, onClose(req, res, cancel))
  return [ctx, cancel]
}

function arrived(
  parent: ContextLike,
  { method = '', url = '', headers }: ServerRequest,
  options: RequestOptions,
): [ctx: Context, cancel: Cancel] {
  const { label = labelOf(method, url) } = options
  try {
    return receive(parent, 'withRequest', headers, { ...options, label })
  } catch (error) {
    if (!(error instanceof HeaderError)) throw error
    const node = derive(parent, 'withRequest', { label })
    const cancel = createCancel(node)
    cancel(error)
    return [node, cancel]
  }
}

/** Without query and credentials, which no log should have, in whichever form `url` is (RFC 9112, 3.2). */
function labelOf(method: string, url: string): string {
  const [target = ''] = url.split(/[?#]/, 1)
  const path = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '').replaceAll(/(^|\/\/)[^/]*@/g, '$1')
  return shown(`${method} ${path}`)
}
