/**
 * The shutdown of a server: it refuses new connections, cancels its work, waits for a grace period, and then cuts the
 * remaining connections. Until the cut, a connection is closed only when nothing is in progress on it. When the
 * shutdown is over, no listener is left on the process or on the server.
 */

import { assertNumber, assertOptions, invalid } from '../arguments.ts'
import { Connections } from './connections.ts'
import type { Server } from './connections.ts'
import { after, afterFunc } from '../callbacks.ts'
import { withCancel, withoutCancel } from '../context.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from '../context.ts'
import { sentinel } from '../errors.ts'

/** The cause of contexts that ended because the process was asked to stop. */
export const Shutdown: Error = /* @__PURE__ */ sentinel('Shutdown', 'the server is shutting down')

/** Options of {@link withShutdown}. */
export interface ShutdownOptions extends DeriveOptions {
  /** The time between the end of the context and the cut of all connections, in milliseconds; Infinity for no cut. */
  readonly grace: number
  /**
   * The time between the signal, when the server refuses new connections, and the end of the context, in milliseconds;
   * 0 by default.
   */
  readonly drain?: number | undefined
  /** The signals that ask the process to stop; by default `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly string[] | undefined
}

/** The process of Node. */
interface Process {
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/**
 * Derives the context for everything a server does, and shuts the server down when the process is asked to stop. At the
 * signal, the server refuses new connections, and closes connections as soon as nothing is in progress on them. After
 * `drain`, the context ends, with {@link Shutdown} as the cause. After `grace`, or at a second signal, the remaining
 * connections are cut. An end for another reason (`cancel`, the parent) shuts the server down in the same way. Call it
 * before the server listens.
 *
 * A handler whose work is canceled by the shutdown answers with 503, if it uses {@link statusOf}. Responses tell the
 * client that the connection will be closed, so that its next request uses a new one.
 *
 * An incomplete request cannot hold up the shutdown: its headers must arrive within `server.headersTimeout`, and its
 * body within `server.requestTimeout`, from the signal or from the end of the previous response. Node itself no longer
 * applies these timeouts once a server closes. If they are 0, such a connection stays until `grace` is over.
 *
 * @returns `closed` resolves when the last connection is closed: to `'finished'`, or to `'forced'` if some were cut. It
 * never rejects. Then the process exits, unless other code keeps it alive.
 * @throws TypeError if `parent` is not a context, `server` is not a server, or a time is not a number
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
