/**
 * Which side of a request ended first: the client or the server. It is not enough to know that the server has ended its
 * side: a WebSocket library, a pipe or a handler's clean-up may do that in reaction to a client that has left. So what
 * counts is which of the two ends came first. Requests, responses and sockets have structural types; nothing is
 * imported from Node.
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
 * @returns a function that prevents the call
 */
export function onClose(req: ServerRequest, res: ServerResponse, over: (cause: unknown) => void): () => void {
  const side = res.headersSent === undefined ? new OfSocket(req, res, over) : new OfResponse(req, res, over)
  if (isClosed(req, res)) side.close()
  else side.start()
  return side.stop
}

/** Finds out which side ended first. One object for each request, since there are many. */
abstract class Side {
  protected readonly res: ServerResponse
  readonly #over: (cause: unknown) => void

  constructor(res: ServerResponse, over: (cause: unknown) => void) {
    this.res = res
    this.#over = over
  }

  start(): void {
    this.res.once('close', this.close)
  }

  readonly stop = (): void => {
    this.res.off('close', this.close)
    this.unwatch()
  }

  /** For a `close` event, or if `res` closes in a way that fires none. */
  readonly close = (): void => {
    this.stop()
    this.#over(this.cause())
  }

  protected abstract unwatch(): void

  /** The argument for `over`, once `res` is closed. */
  protected abstract cause(): unknown
}

/** For a response of any version of HTTP. */
class OfResponse extends Side {
  readonly #socket: Closing | null | undefined
  readonly #stream: Stream | null | undefined
  readonly #session: Stream['session']
  #watch: Watch | undefined
  #hasLeft = false
  #finish: (() => void) | undefined

  constructor({ socket }: ServerRequest, res: ServerResponse, over: (cause: unknown) => void) {
    super(res, over)
    this.#socket = socket
    this.#stream = res.stream as Stream | null | undefined
    this.#session = this.#stream?.session
  }

  override start(): void {
    super.start()
    // Node may never emit `close` if the client resets the stream without an error during a write.
    if (this.#stream) this.#stream.once('aborted', this.close)
    else if (this.#socket) {
      this.#watch = watchOf(this.#socket)
      this.#watch.add(this)
      if (this.#socket.readableEnded) this.leave()
    }
  }

  /** The client has ended its side of the connection. */
  leave(): void {
    const { res } = this
    if (res.writableEnded || res.errored) return
    this.#hasLeft = true
    // If the server allows half-open connections, the client may still read the response.
    this.#finish = () => {
      this.#hasLeft = false
    }
    res.once('finish', this.#finish)
  }

  protected unwatch(): void {
    this.#watch?.delete(this)
    this.#stream?.off('aborted', this.close)
    if (this.#finish) this.res.off('finish', this.#finish)
  }

  protected cause(): unknown {
    const { res } = this
    if (this.#hasLeft) return ClientGone
    const error = this.#stream ? ownErrorOf(this.#stream, this.#session) : res.errored
    return error ?? (this.#stream?.aborted || !res.writableEnded ? ClientGone : undefined)
  }
}

/** The error with which the server destroyed `stream`; undefined after a reset of the stream or of the connection. */
function ownErrorOf({ errored }: Stream, session: Stream['session']): unknown {
  const { code } = Object(errored) as { code?: unknown }
  return session?.destroyed || String(code).startsWith('ERR_HTTP2_') ? undefined : errored
}

/** For the socket of an upgrade. */
class OfSocket extends Side {
  readonly #isWebSocket: boolean
  #hasLeft: boolean
  #handshake: Handshake | undefined

  constructor({ headers }: ServerRequest, socket: ServerResponse, over: (cause: unknown) => void) {
    super(socket, over)
    this.#isWebSocket = /^websocket$/i.test(String(headers['upgrade']))
    this.#hasLeft = Boolean(socket.readableEnded && !socket.writableEnded)
  }

  override start(): void {
    super.start()
    // Before the listener of a library, which ends the socket.
    this.res.prependListener?.('end', this.#leave)
    if (this.#isWebSocket) this.#handshake = watchHandshake(this.res)
  }

  readonly #leave = (): void => {
    this.#hasLeft = !this.res.writableEnded
  }

  protected unwatch(): void {
    this.res.off('end', this.#leave)
    this.#handshake?.stop()
  }

  protected cause(): unknown {
    const first = this.#handshake?.first()
    if (first) return first === 'client' ? ClientGone : undefined
    return this.#hasLeft || !this.res.writableEnded ? ClientGone : undefined
  }
}

/** Whether the response is closed already, so that there will be no event. */
function isClosed({ socket }: ServerRequest, res: ServerResponse): boolean {
  const stream = res.stream as Stream | null | undefined
  return Boolean(res.closed || res.destroyed || stream?.destroyed || stream?.aborted || socket?.destroyed)
}

/** The responses in progress on a connection. */
type Watch = Set<OfResponse>

const watches = /* @__PURE__ */ new WeakMap<Closing, Watch>()

/**
 * Watches a connection from its first request until it closes: two listeners, before those of others, however many
 * requests a client sends. Adding and removing them for each request would cost more than all the rest.
 */
function watchOf(socket: Closing): Watch {
  const before = watches.get(socket)
  if (before) return before
  const watch: Watch = new Set()
  watches.set(socket, watch)
  socket.prependListener?.('end', () => watch.forEach((side) => side.leave()))
  // A response that waits for an earlier one, or was sent, gets no event of its own.
  socket.prependListener?.('close', () => watch.forEach((side) => side.close()))
  return watch
}
