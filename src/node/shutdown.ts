/**
 * The end of a server: no new connections, the work told to end, a time for it to do so, and then the connections cut.
 * A connection is closed when it has nothing under way, never in the middle of a response. Nothing stays behind: no
 * signal listener, none on the server.
 */

import { assertNumber, assertOptions, invalid } from '../arguments.ts'
import { Connections } from './connections.ts'
import type { Server } from './connections.ts'
import { after, afterFunc } from '../callbacks.ts'
import { withCancel, withoutCancel } from '../context.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from '../context.ts'
import { sentinel } from '../errors.ts'

/** The cause of what ended because the process was asked to stop. */
export const Shutdown: Error = /* @__PURE__ */ sentinel('Shutdown', 'the server is shutting down')

/** Options of {@link withShutdown}. */
export interface ShutdownOptions extends DeriveOptions {
  /** How many milliseconds the work has, once told to end, before the connections are cut; Infinity: any number. */
  readonly grace: number
  /**
   * How many milliseconds the work may go on, before it is told to end, while new connections are refused already;
   * 0 if left out.
   */
  readonly drain?: number | undefined
  /** What asks the process to stop; `SIGTERM` and `SIGINT` if left out. */
  readonly signals?: readonly string[] | undefined
}

/** The process of Node. */
interface Process {
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/**
 * Derives the context for everything a server does. It ends, with {@link Shutdown} as the cause, when the process is
 * asked to stop. From then on the server takes no new connections, not even if it has yet to listen, and those that
 * have nothing under way are closed; when `grace` is over, or at a second signal, the others are cut. An end for
 * another reason (`cancel`, the parent) shuts the server down in the same way. Call it before the server listens.
 *
 * A handler that fails because of that answers with 503, as {@link statusOf} says. The response tells the client that
 * the connection will be closed, so its next request goes elsewhere.
 *
 * A request of which only a part has come keeps its connection no longer than `server.headersTimeout` after the
 * shutdown began, or after the response before it; a body that is missing, no longer than `server.requestTimeout`.
 * Node itself no longer applies these times once a server closes. With 0 in them, such a connection stays until `grace`
 * is over.
 *
 * @returns `closed` resolves when the last connection is closed: to `'finished'`, or, if some had to be cut, to
 * `'forced'`. It never rejects. The process ends by itself then, unless something else keeps it.
 * @throws TypeError if `parent` is not a context, `server` not a server, or a time not a number
 * @example
 * import { createServer } from 'node:http'
 * const server = createServer((req, res) => {
 *   const [ctx] = withRequest(root, req, res, { limit: 30_000 })
 *   res.end(String(ctx))
 * })
 * server.headersTimeout = 5_000
 * const [root, , closed] = withShutdown(background(), server, { grace: 10_000 })
 * server.listen(8080)
 * await closed
 */
export function withShutdown(
  parent: ContextLike,
  server: Server,
  options: ShutdownOptions,
): [ctx: Context, cancel: Cancel, closed: Promise<'finished' | 'forced'>] {
  if (typeof server?.close !== 'function' || typeof server.listenerCount !== 'function') {
    throw invalid('server', 'a server of node:http, node:http2 or node:net', server)
  }
  assertOptions(options)
  const { grace, drain = 0, signals = ['SIGTERM', 'SIGINT'], label = 'server' } = options
  assertNumber('grace', grace)
  assertNumber('drain', drain)
  const [ctx, cancel] = withCancel(parent, { label })
  const time = withoutCancel(parent)
  const end = () => cancel(Shutdown)
  const connections = new Connections(server, (ms, fn) => after(time, ms, fn))
  const { process } = globalThis as { process?: Process }
  const closed = new Promise<'finished' | 'forced'>((resolve) => {
    let how: 'finished' | 'forced' = 'finished'
    const stops: (() => void)[] = []
    const force = () => {
      how = 'forced'
      end()
      connections.cut()
    }
    let isAsked = false
    const ask = () => {
      if (isAsked) return force()
      isAsked = true
      connections.close()
      stops.push(after(time, drain, end))
    }
    for (const signal of signals) {
      process?.on(signal, ask)
      stops.push(() => process?.off(signal, ask))
    }
    afterFunc(ctx, () => {
      connections.close()
      if (connections.isOpen) stops.push(after(time, grace, force))
    })
    connections.onClose(() => {
      for (const stop of stops) stop()
      end()
      resolve(how)
    })
  })
  return [ctx, cancel, closed]
}
