/**
 * A context for a request on a server of Node. It ends when the response closes. The request has a `close` event, too,
 * but that means only that its body was read. Requests and responses have structural types; nothing is imported from
 * Node.
 */

import { assertOptions, invalid, isObject } from '../arguments.ts'
import { whenDone } from '../callbacks.ts'
import { createCancel, derive } from '../context.ts'
import type { Cancel, Context, ContextLike } from '../context.ts'
import { HeaderError, receive } from '../wire/headers.ts'
import type { FromHeadersOptions } from '../wire/headers.ts'
import { onClose } from './leaving.ts'
import type { ServerRequest, ServerResponse } from './leaving.ts'
import { shown } from '../shown.ts'

/** A method, and a path without a query and without credentials: safe to show as it is. */
const PLAIN = /^[A-Z]{1,10} \/[\w\-.~%/]{0,180}$/

/**
 * Options of {@link withRequest}. The default `label` is the method and the path of the request: escaped, cut after 200
 * characters, and without query and credentials.
 */
export type RequestOptions = FromHeadersOptions

/**
 * Derives a context for a request on a server of `node:http`, `node:https` or `node:http2`, or of a framework built on
 * them. It ends when the client leaves before `res` has ended, with {@link ClientGone} as the cause: the tab was
 * closed, the fetch aborted, or the connection lost. If `res` is destroyed with an error, that error is the cause. Node
 * notices a client that leaves while it still sends a large body only if the body is read, or discarded by
 * `req.resume()`.
 *
 * The context has the deadline and the `values` that `fromHeaders` finds in the headers. If a header is refused, the
 * context has ended from the start with a {@link HeaderError} as the cause: no request makes `withRequest` throw.
 *
 * When the response has been sent, the context ends without a cause. Work that continues after the response needs
 * `withoutCancel(ctx)`.
 *
 * For an upgrade, pass the socket as `res`, also if a library such as `ws` uses it, before the first message is read.
 * The context ends when the socket closes: with {@link ClientGone} if the client was first to end or cut the
 * connection, or to close the WebSocket; without a cause if the server was first.
 *
 * @throws TypeError if `parent` is not a context, `req` or `res` is not one of Node's, or an option is invalid
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
  const arrival = arrived(parent, req, options)
  const [ctx, cancel] = arrival
  whenDone(ctx, onClose(req, res, cancel))
  return arrival
}

function arrived(
  parent: ContextLike,
  { method = '', url = '', headers }: ServerRequest,
  options: RequestOptions,
): [ctx: Context, cancel: Cancel] {
  const { label = labelOf(method, url) } = options
  try {
    return receive(parent, 'withRequest', { get: (name) => lineOf(headers[name]) }, options, label)
  } catch (error) {
    if (!(error instanceof HeaderError)) throw error
    const node = derive(parent, 'withRequest', { label })
    const cancel = createCancel(node)
    cancel(error)
    return [node, cancel]
  }
}

/** A header as the Fetch API returns it. Node has the names in lower case already, so no search is needed. */
function lineOf(header: string | readonly string[] | undefined): string | null {
  return typeof header === 'object' ? header.join(', ') : (header ?? null)
}

/** Omits query and credentials, which do not belong in logs, for every form of `url` (RFC 9112, 3.2). */
function labelOf(method: string, url: string): string {
  // The usual case, which the patterns below would make slower than all the rest.
  const label = `${method} ${url}`
  if (PLAIN.test(label)) return label
  const [target = ''] = url.split(/[?#]/, 1)
  const path = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '').replaceAll(/(^|\/\/)[^/]*@/g, '$1')
  return shown(`${method} ${path}`)
}
