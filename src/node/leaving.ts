/**
 * Which side of a request ended first: the client, or the server that answers it. That the server has ended its side
 * proves nothing where something else ends it in answer to a client that has left: a WebSocket library, a pipe, a
 * handler that cleans up. So the order of the two ends decides. Nothing here is imported from Node: it goes by the
 * shapes of requests, responses and sockets.
 */

import { sentinel } from '../errors.ts'
import { watchHandshake } from './handshake.ts'
import type { Handshake } from './handshake.ts'

/** The cause of what ended because the client did not wait for the response. */
export const ClientGone: Error = /* @__PURE__ */ sentinel('ClientGone', 'the client has gone')

/** Something that tells when it ends and closes. */
interface Closing {
  readonly destroyed?: boolean
  /** Whether the other side has ended its own, and all of it was read. */
  readonly readableEnded?: boolean
  once(event: string, listener: () => void): unknown
  off(event: string, listener: (...args: unknown[]) => void): unknown
  prependListener?(event: string, listener: (...args: unknown[]) => void): unknown
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
  /** Whether the server has ended its side. */
  readonly writableEnded: boolean
  /** Only responses have headers. */
  readonly headersSent?: boolean
  /** What the server destroyed it with. */
  readonly errored?: unknown
  /** In HTTP/1.1 null while the responses to earlier requests on the connection are not sent. */
  readonly socket?: unknown
  /** In HTTP/2 what is closed. */
  readonly stream?: unknown
  /** Only sockets have it. */
  readonly bytesWritten?: number | undefined
}

/** A stream of HTTP/2. */
interface Stream {
  readonly destroyed?: boolean
  once(event: 'aborted', listener: () => void): unknown
  off(event: 'aborted', listener: () => void): unknown
  /** Whether it was closed while the server had not ended its side. */
  readonly aborted?: boolean
  readonly errored?: unknown
  readonly session?: { readonly destroyed?: boolean } | undefined
}

/**
 * Calls `over` once, when `res` is closed: with {@link ClientGone} if the client left before the server had ended
 * `res`, with the error that the server destroyed `res` with, else with undefined. Calls it at once if `res` is closed.
 *
 * @returns stops that, and removes every listener
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

/** How it is seen which side ended first. */
interface Side {
  /** @param close for what closes without a word of its own */
  start(close: () => void): void
  stop(): void
  /** Why `res` is closed. */
  cause(): unknown
}

/** A response, of any version of HTTP. */
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
    // Where half-open connections are allowed, the client reads on.
    res.once('finish', finish)
  }
  return {
    start(close) {
      if (stream) {
        // Node may never say "close" after a reset that is no error, with a write under way.
        stream.once('aborted', close)
        stop = () => stream.off('aborted', close)
      } else if (socket) {
        // A response that waits for its turn on the connection is not told.
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

/** The error with which the server destroyed `stream`; a reset by the client, or of the connection, is none. */
function ownErrorOf({ errored }: Stream, session: Stream['session']): unknown {
  const { code } = Object(errored) as { code?: unknown }
  return session?.destroyed || String(code).startsWith('ERR_HTTP2_') ? undefined : errored
}

/** The socket of an upgrade. */
function ofSocket({ headers }: ServerRequest, socket: ServerResponse): Side {
  let hasLeft = Boolean(socket.readableEnded && !socket.writableEnded)
  let handshake: Handshake | undefined
  const leave = () => {
    hasLeft ||= !socket.writableEnded
  }
  return {
    start() {
      // Before a library that ends the socket then.
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

/** Whether the response is over, or never had a chance: there will be no event. */
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

/** The watched connections. Each has one listener per event: a client can send any number of requests at once. */
const watches = /* @__PURE__ */ new WeakMap<Closing, Watch>()

/**
 * Calls `leave` when the client ends its side of `socket`, and when `socket` closes, before any other listener; `close`
 * only when it closes.
 *
 * @returns stops that
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
