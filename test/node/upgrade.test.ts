/**
 * Requests that become raw connections: WebSockets of the `ws` package and of a proxy, tunnels, and sockets with other
 * protocols. Libraries end such a socket themselves after the client has left.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import * as https from 'node:https'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { background } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, withRequest } from 'rescind/node'
import { describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { certificate, privateKey } from '../../scripts/certificate.ts'
import { cleanUp, ended, listen, open, Queue, readUntil } from './sockets.ts'

interface Chat {
  readonly ctx: Context
  /** The server's end of the connection. */
  readonly ws: WebSocket
  readonly client: WebSocket
  /** The client's end of the connection. */
  readonly clientSocket: Socket
}

interface ServeOptions {
  readonly create?: typeof createServer
  readonly perMessageDeflate?: boolean
  readonly isProxied?: boolean
}

/** A whole frame with a mask of zeros, as a client sends it, in pieces that split its header. */
function writeFrame(socket: Socket, opcode: number, payload: Buffer): void {
  const { length } = payload
  const head = [0x80 + opcode, ...(length < 126 ? [0x80 + length] : length < 65_536 ? [0xfe] : [0xff, 0, 0, 0, 0])]
  if (length >= 65_536) head.push(length >> 24, (length >> 16) & 255)
  if (length >= 126) head.push((length >> 8) & 255, length & 255)
  const frame = Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload])
  socket.setNoDelay(true)
  for (const [from, to] of [
    [0, 1],
    [1, 3],
    [3, frame.length],
  ])
    socket.write(frame.subarray(from, to))
}

function countListeners(socket: Duplex): number[] {
  return ['data', 'end', 'close', 'error'].map((name) => socket.listenerCount(name))
}

/** A WebSocket over which the server has sent "hello" and the client "hi". */
async function chat({ create = createServer, ...options }: ServeOptions = {}): Promise<Chat> {
  const server = create()
  const { isProxied = false, perMessageDeflate = false } = options
  const wss = new WebSocketServer({ server, perMessageDeflate })
  const connections = new Queue<{ ctx: Context; ws: WebSocket }>()
  wss.on('connection', (ws, req) => {
    ws.on('error', () => {})
    const [ctx] = withRequest(background(), req, req.socket)
    connections.put({ ctx, ws })
    ws.send('hello')
  })
  let port = await listen(server)
  const proxied = new Queue<Context>()
  if (isProxied) port = await proxy(port, proxied)
  const scheme = create === createServer ? 'ws' : 'wss'
  let clientSocket: Socket | undefined
  const client = new WebSocket(`${scheme}://localhost:${port}/chat`, { ca: certificate, perMessageDeflate })
  client.on('error', () => {}).on('upgrade', ({ socket }: IncomingMessage) => (clientSocket = socket))
  cleanUp(() => client.terminate())
  const { ctx, ws } = await connections.next()
  const said = once(ws, 'message')
  await once(client, 'message')
  client.send('hi')
  await said
  return { ctx: isProxied ? await proxied.next() : ctx, ws, client, clientSocket: clientSocket as Socket }
}

/** Proxies upgrades like `http-proxy`: two sockets, each piped into the other. */
async function proxy(target: number, contexts: Queue<Context>): Promise<number> {
  const server = createServer().on('upgrade', (req, socket) => {
    contexts.put(withRequest(background(), req, socket)[0])
    const upstream = connect(target)
    for (const end of [upstream, socket]) end.on('error', () => {})
    const lines = Array.from({ length: req.rawHeaders.length / 2 }, (_, index) => {
      return `${req.rawHeaders[2 * index]}: ${req.rawHeaders[2 * index + 1]}`
    })
    upstream.write(`GET ${req.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    upstream.pipe(socket).pipe(upstream)
  })
  return listen(server)
}

const createHttps = (() => https.createServer({ cert: certificate, key: privateKey })) as unknown as typeof createServer

describe.each<[how: string, options: ServeOptions]>([
  ['a WebSocket', {}],
  ['a WebSocket over TLS', { create: createHttps }],
  ['a WebSocket that compresses', { perMessageDeflate: true }],
  ['a WebSocket that a proxy passes on', { isProxied: true }],
])('withRequest for %s', (_, options) => {
  it.each<[how: string, leave: (chat: Chat) => unknown]>([
    ['closes it', ({ client }) => client.close()],
    ['closes it with a code', ({ client }) => client.close(4_000, 'enough')],
    ['closes it after a message', ({ client }) => (client.send('bye'), client.close())],
    ['ends the connection without a word', ({ clientSocket }) => clientSocket.end()],
    ['is destroyed', ({ clientSocket }) => clientSocket.destroy()],
    // A socket over TLS cannot be reset.
    ['is reset', ({ clientSocket: socket }) => ('encrypted' in socket ? socket.destroy() : socket.resetAndDestroy())],
  ])('ends with ClientGone when the client %s', async (_, leave) => {
    const seen = await chat(options)
    expect(seen.ctx.err).toBeUndefined()
    leave(seen)
    expect(await ended(seen.ctx)).toBe(ClientGone)
  })

  it.each<[how: string, leave: (chat: Chat) => unknown]>([
    ['closes it', ({ ws }) => ws.close()],
    ['closes it with a code', ({ ws }) => ws.close(1_001, 'going away')],
    ['closes it after a message', ({ ws }) => (ws.send('bye'), ws.close())],
  ])('ends without a cause when the server %s', async (_, leave) => {
    const seen = await chat(options)
    leave(seen)
    await ended(seen.ctx)
    expect(seen.ctx.err?.cause).toBeUndefined()
  })
})

describe('withRequest for an upgrade', () => {
  it('ends with ClientGone when the server cuts a client that does not answer a ping', async () => {
    const { ctx, ws, clientSocket } = await chat()
    clientSocket.pause()
    let isAlive = false
    ws.on('pong', () => (isAlive = true))
    ws.ping()
    setTimeout(() => isAlive || ws.terminate(), 20)
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it('stays alive after a message of the server, and ends with ClientGone when the client closes', async () => {
    const { ctx, ws, client } = await chat()
    const replied = once(client, 'message')
    client.send('question')
    await once(ws, 'message')
    ws.send('answer')
    await replied
    expect(ctx.err).toBeUndefined()
    client.close()
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it('follows the socket though the library takes it later', async () => {
    const requests = new Queue<{ ctx: Context; ws: WebSocket }>()
    const wss = new WebSocketServer({ noServer: true })
    const server = createServer().on('upgrade', (req, socket, head) => {
      const [ctx] = withRequest(background(), req, socket)
      setTimeout(() => wss.handleUpgrade(req, socket, head, (ws) => requests.put({ ctx, ws })), 5)
    })
    const port = await listen(server)
    const [one, other] = [0, 1].map(() => new WebSocket(`ws://localhost:${port}`)) as [WebSocket, WebSocket]
    const seen = (await requests.take(2)) as [{ ctx: Context; ws: WebSocket }, { ctx: Context; ws: WebSocket }]
    await Promise.all([one, other].map((ws) => ws.readyState === WebSocket.OPEN || once(ws, 'open')))
    seen[0].ws.close()
    one.close()
    other.close()
    await ended(seen[0].ctx)
    expect(await ended(seen[1].ctx)).toBe(ClientGone)
  })

  it('ends without a cause when the server closes after long messages that look like close frames', async () => {
    const seen = await chat()
    for (const size of [125, 126, 200, 70_000]) {
      const said = once(seen.ws, 'message')
      // The payload is all 0x88, which is the first byte of a close frame.
      writeFrame(seen.clientSocket, 2, Buffer.alloc(size, 0x88))
      await said
    }
    seen.ws.close()
    await ended(seen.ctx)
    expect(seen.ctx.err?.cause).toBeUndefined()
  })

  it('ends with ClientGone when the client sends more data after its close frame', async () => {
    const { ctx, ws, clientSocket } = await chat()
    writeFrame(clientSocket, 8, Buffer.from([3, 232]))
    clientSocket.write(Buffer.alloc(100))
    await once(ws, 'close')
    expect(await ended(ctx)).toBe(ClientGone)
  })

  const ECHO = 'GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'

  /** A server that ends its side as soon as the client has ended its own, as most socket handlers do. */
  async function echo(options: { connect?: boolean } = {}) {
    const sockets = new Queue<{ ctx: Context; socket: Duplex }>()
    const server = createServer().on(options.connect ? 'connect' : 'upgrade', (req, socket) => {
      const [ctx] = withRequest(background(), req, socket)
      socket.on('error', () => {})
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
      socket.pipe(socket)
      sockets.put({ ctx, socket })
    })
    const port = await listen(server)
    const client = await open(port, options.connect ? 'CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n' : ECHO)
    await readUntil(client, '101')
    return { client, ...(await sockets.next()) }
  }

  it.each([
    ['an upgrade', {}],
    ['a tunnel', { connect: true }],
  ])('ends with ClientGone when the client of %s ends its side first and the server follows', async (_, options) => {
    const { client, ctx } = await echo(options)
    client.end('bye')
    await readUntil(client, 'bye')
    client.resume()
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it('ends without a cause when the server ends its side first and the client follows', async () => {
    const { client, ctx, socket } = await echo()
    // It begins like a close frame of a WebSocket.
    client.write('\bquestion')
    await readUntil(client, 'question')
    socket.end('bye')
    await readUntil(client, 'bye')
    client.end()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it.each<[first: string, why: unknown]>([
    ['client', ClientGone],
    ['server', undefined],
  ])('tells that the %s was first to end its side if withRequest is called only when both have', async (first, why) => {
    const contexts = new Queue<Context>()
    const server = createServer().on('upgrade', (req, socket) => {
      if (first === 'server') socket.end()
      socket.resume().on('end', () => {
        contexts.put(withRequest(background(), req, socket)[0])
        socket.end()
      })
    })
    const client = await open(await listen(server), ECHO)
    client.resume().end()
    const ctx = await contexts.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBe(why)
  })

  it('leaves no listener on the socket', async () => {
    const counts: number[][] = []
    const server = createServer().on('upgrade', async (req, socket) => {
      counts.push(countListeners(socket))
      const [ctx, cancel] = withRequest(background(), req, socket)
      counts.push(countListeners(socket))
      cancel()
      await ended(ctx)
      counts.push(countListeners(socket))
      socket.end()
    })
    const client = await open(await listen(server), ECHO.replaceAll('echo', 'websocket'))
    await once(client.resume(), 'end')
    expect(counts[1]).not.toEqual(counts[0])
    expect(counts[2]).toEqual(counts[0])
  })
})
