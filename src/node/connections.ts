/**
 * The connections of a server, so that it can be closed without breaking a response off: Node's own way destroys a
 * connection whose response is ended but not sent yet, keeps those on which no request ever came, and knows nothing
 * of those that were upgraded. Like the other files for Node, it goes by the shapes of things and imports nothing.
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
  /** How many milliseconds the headers of a request may take, and all of it; 0: any number. */
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
  destroy(): unknown
  once(event: 'close', listener: () => void): unknown
}

interface Request {
  readonly httpVersionMajor: number
  readonly socket: Socket
}

interface Response {
  /** Whether all of the request has come. */
  readonly req: { readonly complete: boolean }
  readonly headersSent: boolean
  readonly writableEnded: boolean
  getHeader(name: string): string | undefined
  setHeader(name: string, value: string): unknown
  once(event: 'close', listener: () => void): unknown
}

interface HttpConnection {
  readonly socket: Socket
  /** Whether it speaks HTTP/1, as far as is known: not HTTP/2, not TLS, and not what it was upgraded to. */
  isHttp1: boolean
  /** The HTTP/1 responses that are under way, in the order of their requests. */
  readonly responses: Set<Response>
  /** Lets the youngest of them no longer say that it is the last. */
  takeBack?: () => void
  /** Stops the time that the rest of a request has. */
  stopTimer?: (() => void) | undefined
}

/** Calls `fn` after `ms` milliseconds, unless what it returns is called before. */
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
  /** What is listened to only with other listeners: alone, it would change the ways of the server. */
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

  /** Calls `fn` when the last connection is closed, whoever closed the server, and lets go of the server. */
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

  /** Takes no new connections, and closes each of those there are when nothing is under way on it. */
  close(): void {
    if (this.isClosing || !this.isOpen) return
    this.isClosing = true
    this.#stopListening()
    for (const session of this.#sessions) session.close()
    for (const [socket, connection] of this.#sockets) {
      const youngest = [...connection.responses].at(-1)
      if (youngest) connection.takeBack = announce(youngest)
      this.#limit(connection)
      // A browser opens connections ahead. Node waits for their first request.
      if (this.#server.closeIdleConnections && socket.bytesRead === 0 && socket.alpnProtocol !== 'h2') socket.destroy()
    }
    this.#closeIdle()
  }

  /** Cuts every connection, whatever is under way. */
  cut(): void {
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#sockets.keys()) socket.destroy()
    this.#server.closeAllConnections?.()
  }

  /** Before the handler, which may send the headers at once; but not without one, or the server changes its ways. */
  #watch(event: unknown): void {
    const listener = this.#handled.get(event)
    if (!listener || this.#watched.has(event)) return
    this.#watched.add(event)
    this.#server.prependListener(event as string, listener)
  }

  #unwatch(event: unknown): void {
    const listener = this.#handled.get(event)
    if (!listener || this.#server.listenerCount(event as string) > 1 || !this.#watched.delete(event)) return
    this.#server.off(event as string, listener)
  }

  #connected(socket: Socket, isHttp1: boolean): HttpConnection {
    const connection: HttpConnection = { socket, isHttp1, responses: new Set() }
    const { responses } = connection
    this.#sockets.set(socket, connection)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      connection.stopTimer?.()
      // Those that still waited for their turn do not hear of it.
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

  /** Gives what is missing of a request the time that Node gave it: after `server.close`, Node no longer checks. */
  #limit(connection: HttpConnection): void {
    const { isHttp1, responses, socket } = connection
    const { closeIdleConnections, headersTimeout = 0, requestTimeout = 0 } = this.#server
    connection.stopTimer?.()
    connection.stopTimer = undefined
    if (!isHttp1 || !closeIdleConnections) return
    const youngest = [...responses].at(-1)
    if (youngest?.req.complete) return
    const ms = youngest ? requestTimeout : headersTimeout
    if (ms > 0) connection.stopTimer = this.#after(ms, () => youngest?.req.complete || socket.destroy())
  }

  /** `server.close`, without its closing of connections. */
  #stopListening(): void {
    const server = this.#server
    if (!server.listening) this.#closeWhenListening()
    const own = Object.getOwnPropertyDescriptor(server, 'closeIdleConnections')
    if (server.closeIdleConnections) server.closeIdleConnections = () => {}
    try {
      server.close()
    } finally {
      if (own) Object.defineProperty(server, 'closeIdleConnections', own)
      else Reflect.deleteProperty(server, 'closeIdleConnections')
    }
  }

  /** A server that was told to close before it listens would listen all the same. */
  #closeWhenListening(): void {
    const server = this.#server
    const { process } = globalThis as { process?: { nextTick(fn: () => void): void } }
    const listening = () => {
      server.off('listening', listening)
      // Who waits to listen asks for the address then: after them, and before the first connection.
      queueMicrotask(() => process?.nextTick(() => server.close()))
    }
    server.on('listening', listening)
  }

  /** Not while a response is still being sent: for Node, its connection is idle as soon as the handler is done. */
  #closeIdle(): void {
    for (const { responses } of this.#sockets.values()) {
      for (const { writableEnded } of responses) if (writableEnded) return
    }
    this.#server.closeIdleConnections?.()
  }
}

/**
 * Tells the client that the connection will be closed after this response: it gets no other then, whoever asked.
 *
 * @returns takes that back, as long as the headers are not out
 */
function announce(response: Response): () => void {
  if (response.headersSent) return () => {}
  const before = response.getHeader('connection') ?? 'keep-alive'
  response.setHeader('connection', 'close')
  return () => {
    if (!response.headersSent) response.setHeader('connection', before)
  }
}
