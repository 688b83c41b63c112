/**
 * The life of a request on a server of Node. The client is gone when the response closes before the handler has ended
 * it; that the request closes means only that its body was read. Nothing here is imported from Node: what has the
 * shape of its requests and responses will do, and no types of it are needed.
 */

import { assertOptions, invalid, isObject } from './arguments.ts'
import { afterFunc } from './callbacks.ts'
import { createCancel, derive } from './context.ts'
import type { Cancel, Context, ContextLike } from './context.ts'
import { sentinel } from './errors.ts'
import { HeaderError, receive } from './headers.ts'
import type { FromHeadersOptions } from './headers.ts'

/** The cause of what ended because the client did not wait for the response. */
export const ClientGone: Error = /* @__PURE__ */ sentinel('ClientGone', 'the client has gone')

/** What tells when it is closed. */
interface Closing {
  readonly destroyed?: boolean
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** A request as `node:http` and the compatible part of `node:http2` have it. */
export interface ServerRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
  readonly socket?: Closing | null | undefined
}

/** The response to it; for an upgrade, the socket. */
export interface ServerResponse extends Closing {
  readonly closed?: boolean
  /** Whether the handler has said everything. */
  readonly writableEnded: boolean
  /** In HTTP/1.1 null while the responses to earlier requests on the connection are not sent. */
  readonly socket?: unknown
  /** In HTTP/2 what is closed. */
  readonly stream?: unknown
}

/** Options of {@link withRequest}. `label` is the method and the path of the request, if left out. */
export type RequestOptions = FromHeadersOptions

/**
 * Derives a context for a request on a server of `node:http`, `node:https` or `node:http2`. It ends when the client
 * goes before `res` was ended, with {@link ClientGone} as the cause: the tab was closed, the fetch aborted, the
 * connection cut. It has the deadline and the `values` that {@link fromHeaders} finds in the headers; a header that is
 * refused ends it at once, with a {@link HeaderError} as the cause: nothing a client sends may make a handler throw.
 *
 * When the response has been sent, it ends like any work that is over: canceled, without a cause. What is to go on
 * after the response works under `withoutCancel(ctx)`. For an upgrade, `res` is the socket, and the client is gone when
 * that closes before the server has ended it.
 *
 * @throws TypeError if `parent` is not a context, `req` and `res` are none of Node's, or an option is wrong
 * @example
 * import { createServer } from 'node:http'
 * const server = createServer(async (req, res) => {
 *   const [ctx, cancel] = withRequest(background(), req, res, { limit: 30_000 })
 *   try {
 *     await sleep(ctx, 100)
 *     res.end('done')
 *   } catch (error) {
 *     const why = cause(ctx)
 *     if (res.headersSent) res.destroy()
 *     else res.writeHead(why instanceof HeaderError ? why.status : isDeadlineExceeded(error) ? 504 : 500).end()
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
  const close = () => cancel(res.writableEnded ? undefined : ClientGone)
  if (isClosed(req, res)) close()
  else {
    res.once('close', close)
    const leave = res.socket === null ? watch(req.socket, close) : undefined
    afterFunc(ctx, () => {
      res.off('close', close)
      leave?.()
    })
  }
  return [ctx, cancel]
}

function arrived(
  parent: ContextLike,
  { method = '', url = '', headers }: ServerRequest,
  options: RequestOptions,
): [ctx: Context, cancel: Cancel] {
  // Without the query, which may hold what no log should.
  const { label = `${method} ${url.split('?', 1)[0]}` } = options
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

/** Whether the response is over, or never had a chance: nothing would tell any more. */
function isClosed({ socket }: ServerRequest, res: ServerResponse): boolean {
  const stream = res.stream as Closing | null | undefined
  return Boolean(res.closed || res.destroyed || stream?.destroyed || (res.socket === null && socket?.destroyed))
}

interface Watch {
  readonly fns: Set<() => void>
  readonly tell: () => void
}

/** The connections that somebody watches. One listener each: a client can send any number of requests at once. */
const watches = /* @__PURE__ */ new WeakMap<Closing, Watch>()

/**
 * Calls `fn` when `socket` closes. A response that waits for its turn on the connection does not hear of it.
 *
 * @returns what to call when that is of no interest any more
 */
function watch(socket: Closing | null | undefined, fn: () => void): (() => void) | undefined {
  if (!socket) return undefined
  const { fns, tell } = watches.get(socket) ?? startWatch(socket)
  fns.add(fn)
  return () => {
    fns.delete(fn)
    if (fns.size > 0) return
    watches.delete(socket)
    socket.off('close', tell)
  }
}

function startWatch(socket: Closing): Watch {
  const fns = new Set<() => void>()
  const started = { fns, tell: () => fns.forEach((fn) => fn()) }
  watches.set(socket, started)
  socket.once('close', started.tell)
  return started
}
