/**
 * Which side of a request ended first: the client or the server. Whether the server has ended its side is not enough: a
 * WebSocket library, a pipe or a handler's clean-up may do that in reaction to a client that has left. So the order of
 * the two ends decides. Requests, responses and sockets have structural types; nothing is imported from Node.
 */

import { sentinel } from '../errors.ts'
import { watchHandshake } from './handshake.ts'
import type { Handshake } from './handshake.ts'

/** The cause of contexts that ended because the client did not wait for the response. */
export const ClientGone: Error = /* @__PURE__ */ sentinel('ClientGone', 'the client has gone')

/** The part that requests, responses and sockets share. */
interface Closing {
  readonly destroyed?: boolean
  /** True if the other side has ended its side, and everything it sent was read. */
  readonly readableEnded?: boolean
  once(event: string, listener: () => void): unknown
  off(event: string, listener: (...args: unknown[]) => void): unknown
  prependListener?(event: string, listener: (...args: unknown[]) => void): unknown
}

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export interface ServerRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
  readonly socket?: Closing | null | undefined
}

/** The response to a request; for an upgrade, the socket. */
export interface ServerResponse extends Closing {
  readonly closed?: boolean
  /** True if the server has ended its side. */
  readonly writableEnded: boolean
  /** Only responses have it, sockets do not. */
  readonly headersSent?: boolean
  /** The error with which the server destroyed it. */
  readonly errored?: unknown
  /** In HTTP/1.1 null while the response waits for earlier ones on the connection. */
  readonly socket?: unknown
  /** The stream of HTTP/2. */
  readonly stream?: unknown
  /** Only sockets have it. */
  readonly bytesWritten?: number | undefined
}

/** A stream of HTTP/2. */
interface Stream {
  readonly destroyed?: boolean
  once(event: 'aborted', listener: () => void): unknown
  off(event: 'aborted', listener: () => void): unknown
  /** True if it was closed before the server had ended its side. */
  readonly aborted?: boolean
  readonly errored?: unknown
  readonly session?: { readonly destroyed?: boolean } | undefined
}

/**
 * Calls `over` once, when `res` is closed, or at once if it is closed already. The argument is {@link ClientGone} if
 * the client left before the server had ended `res`, the error if the server destroyed `res` with one, or else
 * undefined.
 *
 * @returns a function that prevents the call and removes every listener
 */
export function onClose(req: ServerRequest, res: ServerResponse, over: (cause: unknown) => void): () => void {
  const side = res.headersSent === undefined ? ofSocket(req, res) : ofResponse(req, res)
  const close = () => {
    stop()
    over(side.cause())
  }
  const stop = () => {
    res.off('close', close)
    side.stop()
  }
  if (isClosed(req, res)) close()
  else {
    res.once('close', close)
    side.start(close)
  }
  return stop
}

/** Finds out which side ended first. */
interface Side {
  /** @param close called when `res` is closed in a way that fires no `close` event on it */
  start(close: () => void): void
  stop(): void
  /** The argument for `over`, once `res` is closed. */
  cause(): unknown
}

/** For a response of any version of HTTP. */
function ofResponse({ socket }: ServerRequest, res: ServerResponse): Side {
  const stream = res.stream as Stream | null | undefined
  const session = stream?.session
  let hasLeft = Boolean(!stream && socket?.readableEnded && !res.writableEnded)
  let stop: (() => void) | undefined
  const finish = () => {
    hasLeft = false
  }
  const leave = () => {
    if (res.writableEnded || res.errored) return
    hasLeft = true
    // If the server allows half-open connections, the client may still read the response.
    res.once('finish', finish)
  }
  return {
    start(close) {
      if (stream) {
        // Node may never emit `close` if the client resets the stream without an error during a write.
        stream.once('aborted', close)
        stop = () => stream.off('aborted', close)
      } else if (socket) {
        // A response that waits for an earlier one on the connection gets no event, so watch the socket.
        stop = watch(socket, leave, res.socket === null ? close : undefined)
      }
    },
    stop() {
      stop?.()
      stop = undefined
      res.off('finish', finish)
    },
    cause() {
      if (hasLeft) return ClientGone
      const error = stream ? ownErrorOf(stream, session) : res.errored
      return error ?? (stream?.aborted || !res.writableEnded ? ClientGone : undefined)
    },
  }
}

/** The error with which the server destroyed `stream`; undefined after a reset of the stream or of the connection. */
function ownErrorOf({ errored }: Stream, session: Stream['session']): unknown {
  const { code } = Object(errored) as { code?: unknown }
  return session?.destroyed || String(code).startsWith('ERR_HTTP2_') ? undefined : errored
}

/** For the socket of an upgrade. */
function ofSocket({ headers }: ServerRequest, socket: ServerResponse): Side {
  let hasLeft = Boolean(socket.readableEnded && !socket.writableEnded)
  let handshake: Handshake | undefined
  const leave = () => {
    hasLeft ||= !socket.writableEnded
  }
  return {
    start() {
      // Before the listener of a library, which ends the socket.
      socket.prependListener?.('end', leave)
      if (/^websocket$/i.test(String(headers['upgrade']))) handshake = watchHandshake(socket)
    },
    stop() {
      socket.off('end', leave)
      handshake?.stop()
    },
    cause() {
      const first = handshake?.first()
      if (first) return first === 'client' ? ClientGone : undefined
      return hasLeft || !socket.writableEnded ? ClientGone : undefined
    },
  }
}

/** Whether the response is closed already, so that there will be no event. */
function isClosed({ socket }: ServerRequest, res: ServerResponse): boolean {
  const stream = res.stream as Stream | null | undefined
  const isReset = stream?.destroyed || stream?.aborted
  return Boolean(res.closed || res.destroyed || isReset || (res.socket === null && socket?.destroyed))
}

interface Watch {
  readonly leaves: Set<() => void>
  readonly closes: Set<() => void>
  stop(): void
}

/** The watched connections. Each has one listener for each event, however many requests a client sends at once. */
const watches = /* @__PURE__ */ new WeakMap<Closing, Watch>()

/**
 * Calls `leave` when the client ends its side of `socket` and when `socket` closes, and `close` only when it closes,
 * both before other listeners.
 *
 * @returns a function that ends the watch
 */
function watch(socket: Closing, leave: () => void, close?: () => void): () => void {
  const { leaves, closes, stop } = watches.get(socket) ?? startWatch(socket)
  leaves.add(leave)
  if (close) closes.add(close)
  return () => {
    leaves.delete(leave)
    if (close) closes.delete(close)
    if (leaves.size === 0) stop()
  }
}

function startWatch(socket: Closing): Watch {
  const [leaves, closes] = [new Set<() => void>(), new Set<() => void>()]
  const left = () => leaves.forEach((leave) => leave())
  const closed = () => {
    left()
    for (const close of closes) close()
  }
  const started = {
    leaves,
    closes,
    stop() {
      watches.delete(socket)
      socket.off('end', left)
      socket.off('close', closed)
    },
  }
  watches.set(socket, started)
  socket.prependListener?.('end', left)
  socket.prependListener?.('close', closed)
  return started
}
