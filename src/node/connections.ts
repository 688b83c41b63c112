/**
 * The connections of a server, to close it without cutting a response short. `server.close` is not enough: it destroys
 * a connection whose response has ended but is not sent yet, keeps connections that never had a request, and does not
 * know those that were upgraded. Like all files for Node, this one uses structural types and imports nothing from Node.
 */

/** A server of `node:http`, `node:https`, `node:http2` or `node:net`. */
export interface Server {
  readonly listening: boolean
  close(callback?: (error?: Error) => void): unknown
  on(event: string, listener: (...args: unknown[]) => void): unknown
  off(event: string, listener: (...args: unknown[]) => void): unknown
  prependListener(event: string, listener: (...args: unknown[]) => void): unknown
  listenerCount(event: string): number
  closeIdleConnections?(): void
  closeAllConnections?(): void
  /** Only servers of TLS have it. */
  setSecureContext?: unknown
  /** The longest time for the headers of a request, and for the whole request, in milliseconds; 0 for no limit. */
  readonly headersTimeout?: number
  readonly requestTimeout?: number
}

interface Socket {
  readonly alpnProtocol?: unknown
  readonly bytesRead: number
  destroy(): unknown
  once(event: 'close', listener: () => void): unknown
}

interface Session {
  close(): unknown
  once(event: 'close', listener: () => void): unknown
}

interface Request {
  readonly httpVersionMajor: number
  readonly socket: Socket
}

interface Response {
  /** `complete` is true when the whole request has arrived. */
  readonly req: { readonly complete: boolean }
  readonly headersSent: boolean
  readonly writableEnded: boolean
  getHeader(name: string): string | undefined
  setHeader(name: string, value: string): unknown
  once(event: 'close', listener: () => void): unknown
}

interface HttpConnection {
  readonly socket: Socket
  /** False for HTTP/2, for the socket below TLS, and after an upgrade. */
  isHttp1: boolean
  /** The HTTP/1 responses in progress, in the order of their requests. */
  readonly responses: Set<Response>
  /** Undoes {@link announce} for the latest response. */
  takeBack?: () => void
  /** Stops the timeout for the rest of a request. */
  stopTimer?: () => void
}

/** Calls `fn` after `ms` milliseconds. Returns a function that prevents the call. */
type After = (ms: number, fn: () => void) => () => void

export class Connections {
  isClosing = false
  isOpen = true
  readonly #server: Server
  readonly #after: After
  readonly #sockets = new Map<Socket, HttpConnection>()
  readonly #sessions = new Set<Session>()
  readonly #listeners: readonly [event: string, listener: (subject: unknown) => void][] = [
    ['connection', (socket) => this.#connected(socket as Socket, this.#server.setSecureContext === undefined)],
    ['secureConnection', (socket) => this.#connected(socket as Socket, (socket as Socket).alpnProtocol !== 'h2')],
    ['session', (session) => this.#opened(session as Session)],
    ['newListener', (event) => this.#watch(event)],
    ['removeListener', (event) => this.#unwatch(event)],
  ]
  /** Listeners that we add only beside one of the user: without one, the server has a default behavior. */
  readonly #handled: ReadonlyMap<unknown, (...args: unknown[]) => void>
  readonly #watched = new Set<unknown>()

  constructor(server: Server, after: After) {
    this.#server = server
    this.#after = after
    const upgraded = (req: unknown) => this.#upgraded(req as Request)
    this.#handled = new Map([
      ['request', (req: unknown, res: unknown) => this.#requested(req as Request, res as Response)],
      ['upgrade', upgraded],
      ['connect', upgraded],
    ])
    for (const [event, listener] of this.#listeners) server.on(event, listener)
    for (const event of this.#handled.keys()) if (server.listenerCount(event as string) > 0) this.#watch(event)
  }

  /** Calls `fn` when the server and its last connection are closed, and removes all listeners from the server. */
  onClose(fn: () => void): void {
    const server = this.#server
    const closed = () => {
      this.isOpen = false
      server.off('close', closed)
      for (const [event, listener] of this.#handled) server.off(event as string, listener)
      for (const [event, listener] of this.#listeners) server.off(event, listener)
      fn()
    }
    server.on('close', closed)
  }

  /** Refuses new connections, and closes each existing one as soon as nothing is in progress on it. */
  close(): void {
    if (this.isClosing || !this.isOpen) return
    this.isClosing = true
    this.#stopListening()
    for (const session of this.#sessions) session.close()
    for (const [socket, connection] of this.#sockets) {
      const youngest = [...connection.responses].at(-1)
      if (youngest) connection.takeBack = announce(youngest)
      this.#limit(connection)
      // Browsers open connections in advance, and Node would wait for their first request.
      if (this.#server.closeIdleConnections && socket.bytesRead === 0 && socket.alpnProtocol !== 'h2') socket.destroy()
    }
    this.#closeIdle()
  }

  /** Destroys every connection, even one in use. */
  cut(): void {
    for (const socket of this.#sockets.keys()) socket.destroy()
    this.#server.closeAllConnections?.()
  }

  /** Adds our listener for `event`, before those of the user: a handler may send the headers at once. */
  #watch(event: unknown): void {
    const listener = this.#handled.get(event)
    if (!listener || this.#watched.has(event)) return
    this.#watched.add(event)
    this.#server.prependListener(event as string, listener)
  }

  #unwatch(event: unknown): void {
    const listener = this.#handled.get(event)
    if (!listener || this.#server.listenerCount(event as string) > 1) return
    this.#watched.delete(event)
    this.#server.off(event as string, listener)
  }

  #connected(socket: Socket, isHttp1: boolean): HttpConnection {
    const connection: HttpConnection = { socket, isHttp1, responses: new Set() }
    const { responses } = connection
    this.#sockets.set(socket, connection)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      connection.stopTimer?.()
      // Responses that waited for an earlier one on this connection get no event.
      if (this.isClosing && responses.size > 0) this.#closeIdle()
    })
    return connection
  }

  #opened(session: Session): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    if (this.isClosing) session.close()
  }

  #requested({ httpVersionMajor, socket }: Request, response: Response): void {
    if (httpVersionMajor > 1) return
    const connection = this.#sockets.get(socket) ?? this.#connected(socket, true)
    const { responses } = connection
    connection.takeBack?.()
    responses.add(response)
    response.once('close', () => {
      responses.delete(response)
      if (!this.isClosing) return
      this.#limit(connection)
      this.#closeIdle()
    })
    if (!this.isClosing) return
    connection.takeBack = announce(response)
    this.#limit(connection)
  }

  #upgraded({ socket }: Request): void {
    const connection = this.#sockets.get(socket)
    if (!connection) return
    connection.isHttp1 = false
    connection.stopTimer?.()
  }

  /** Applies the server's timeouts to an incomplete request: after `server.close`, Node no longer does. */
  #limit(connection: HttpConnection): void {
    const { isHttp1, responses, socket } = connection
    const { headersTimeout = 0, requestTimeout = 0 } = this.#server
    connection.stopTimer?.()
    if (!isHttp1) return
    const youngest = [...responses].at(-1)
    const ms = youngest ? requestTimeout : headersTimeout
    if (ms > 0) connection.stopTimer = this.#after(ms, () => youngest?.req.complete || socket.destroy())
  }

  /** Calls `server.close`, but prevents it from closing connections. */
  #stopListening(): void {
    const server = this.#server
    if (!server.listening) this.#closeWhenListening()
    const own = Object.getOwnPropertyDescriptor(server, 'closeIdleConnections')
    server.closeIdleConnections = () => {}
    try {
      server.close()
    } finally {
      if (own) Object.defineProperty(server, 'closeIdleConnections', own)
      else Reflect.deleteProperty(server, 'closeIdleConnections')
    }
  }

  /** Closes a server that does not listen yet, as soon as it does: `server.close` alone would not stop it. */
  #closeWhenListening(): void {
    const server = this.#server
    const { process } = globalThis as { process?: { nextTick(fn: () => void): void } }
    const listening = () => {
      server.off('listening', listening)
      // Listeners of `listening` read the address, so close after them, but before the first connection.
      queueMicrotask(() => process?.nextTick(() => server.close()))
    }
    server.on('listening', listening)
  }

  /** Waits until no response is being sent: Node takes a connection as idle as soon as its response has ended. */
  #closeIdle(): void {
    for (const { responses } of this.#sockets.values()) {
      for (const { writableEnded } of responses) if (writableEnded) return
    }
    this.#server.closeIdleConnections?.()
  }
}

/**
 * Tells the client that the connection will be closed after this response, which Node then does.
 *
 * @returns a function that undoes this, if the headers have not been sent
 */
function announce(response: Response): () => void {
  if (response.headersSent) return () => {}
  const before = response.getHeader('connection') ?? 'keep-alive'
  response.setHeader('connection', 'close')
  return () => {
    if (!response.headersSent) response.setHeader('connection', before)
  }
}
