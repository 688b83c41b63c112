/** Requests over TLS: another socket than the connection's closes, and ALPN decides the protocol. */

import { once } from 'node:events'
import type * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, withRequest, withShutdown } from 'rescind/node'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it, vi } from 'vitest'
import { certificate, privateKey } from '../../scripts/certificate.ts'
import { task } from '../support.ts'
import { cleanUp, ended, listen, open, Queue, readUntil } from './sockets.ts'

const tls = { cert: certificate, key: privateKey }
const trust = { ca: certificate, servername: 'localhost' }

/** How a client asks, and how it leaves. */
interface Request {
  /** Resolves at the first part of the body. */
  readonly body: Promise<unknown>
  /** Resolves when the whole response is there. */
  readonly over: Promise<unknown>
  leave(): void
}

/** Uses a connection of its own, which closes when the client leaves. */
function askHttp1(port: number): Request {
  const request = https.get({ port, agent: false, ...trust })
  request.on('error', () => {})
  const response = once(request, 'response') as Promise<[http.IncomingMessage]>
  const over = response.then(([message]) => (message.on('error', () => {}), once(message, 'end')))
  const body = response.then(([message]) => once(message, 'data'))
  for (const promise of [body, over]) promise.catch(() => {})
  return { body, over, leave: () => request.destroy() }
}

function askHttp2(port: number): Request & { readonly session: http2.ClientHttp2Session } {
  const session = http2.connect(`https://localhost:${port}`, trust)
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  const stream = session.request({ ':path': '/albums' })
  stream.on('error', () => {})
  const [body, over] = [once(stream, 'data'), once(stream, 'end')]
  for (const promise of [body, over]) promise.catch(() => {})
  return { session, body, over, leave: () => stream.close(http2.constants.NGHTTP2_CANCEL) }
}

const createHttps = (listener: http.RequestListener) => https.createServer(tls, listener)

/** A server for both protocols; the client decides. */
const createBoth = (listener: http.RequestListener) =>
  http2.createSecureServer({ ...tls, allowHTTP1: true }, listener as never)

type CreateServer = typeof createHttps | typeof createBoth

/** A server that passes the context of each request to the test, in order. */
async function serve(create: CreateServer, handle: (res: http.ServerResponse) => unknown) {
  const requests = new Queue<{ ctx: Context; res: http.ServerResponse; version: string }>()
  const server = create((req, res) => {
    const [ctx] = withRequest(root, req, res)
    handle(res)
    requests.put({ ctx, res, version: req.httpVersion })
  })
  const [root, shutDown, closed] = withShutdown(background(), server, { grace: Infinity })
  return { port: await listen(server), requests, closed, shutDown }
}

describe.each<[name: string, version: string, create: CreateServer, ask: (port: number) => Request]>([
  ['HTTP/1.1 over TLS', '1.1', createHttps, askHttp1],
  ['HTTP/1.1 over TLS, of a server that speaks HTTP/2 as well', '1.1', createBoth, askHttp1],
  ['HTTP/2 over TLS', '2.0', createBoth, askHttp2],
])('withRequest over %s', (_, version, create, ask) => {
  it('ends with ClientGone when the client leaves before the response', async () => {
    const { port, requests } = await serve(create, () => {})
    const request = ask(port)
    const { ctx, version: spoken } = await requests.next()
    expect(spoken).toBe(version)
    const [child] = withCancel(ctx)
    expect(child.err).toBeUndefined()
    request.leave()
    expect(await ended(child)).toBe(ClientGone)
  })

  it('ends with ClientGone when the client leaves during the response', async () => {
    const { port, requests } = await serve(create, (res) => res.write('one'))
    const request = ask(port)
    await request.body
    const { ctx } = await requests.next()
    expect(ctx.err).toBeUndefined()
    request.leave()
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it('ends without a cause when the response is sent', async () => {
    const { port, requests } = await serve(create, (res) => res.end('done'))
    const request = ask(port)
    await Promise.all([request.body, request.over])
    const { ctx } = await requests.next()
    await ended(ctx)
    expect(ctx.err).toMatchObject({ name: 'AbortError' })
    expect(ctx.err?.cause).toBeUndefined()
  })
})

it.each<[name: string, create: CreateServer, ask: (port: number) => Request]>([
  ['HTTP/1.1', createHttps, askHttp1],
  ['HTTP/1.1 or HTTP/2, spoken to in HTTP/1.1', createBoth, askHttp1],
  ['HTTP/1.1 or HTTP/2, spoken to in HTTP/2', createBoth, askHttp2],
])('withShutdown closes a server for %s after its last response', async (_, create, ask) => {
  const { port, requests, closed, shutDown } = await serve(create, () => {})
  const request = ask(port)
  const { ctx, res } = await requests.next()
  const unused = await open(port)
  shutDown('enough')
  expect(cause(ctx)).toBe('enough')
  res.end('done')
  await Promise.all([request.body, request.over])
  expect(await closed).toBe('finished')
  await readUntil(unused, 'nothing')
})

it.each<[name: string, create: CreateServer]>([
  ['HTTP/1.1', createHttps],
  ['HTTP/1.1 or HTTP/2', createBoth],
])('withShutdown on a server for %s cuts a partial request after its time, and nothing else', async (_, create) => {
  const clock = fakeClock(0)
  const responses = new Queue<http.ServerResponse>()
  const server = Object.assign(
    create((__, res) => responses.put(res)),
    { headersTimeout: 5_000 },
  )
  const [, shutDown, closed] = withShutdown(clock.root, server, { grace: Infinity })
  const port = await listen(server)
  const asks = create === createBoth ? [askHttp1(port), askHttp2(port)] : [askHttp1(port)]
  const busy = await responses.take(asks.length)
  const secured = once(server, 'secureConnection')
  const client = connect({ port, ...trust }).on('error', () => {})
  client.write('GET /albums HTTP/1.1\r\nhost: local')
  await secured
  const closes = once(client.resume(), 'close')
  await task()
  shutDown()
  await clock.advance(5_000)
  await closes
  await clock.advance(1_000_000)
  for (const res of busy) res.end('done')
  await Promise.all(asks.map(({ body, over }) => Promise.all([body, over])))
  expect(await closed).toBe('finished')
})

it('withShutdown tells a client of HTTP/2 to go away that has not asked yet', async () => {
  const server = createBoth(() => {})
  const [, shutDown, closed] = withShutdown(background(), server, { grace: Infinity, signals: [] })
  server.on('secureConnection', () => shutDown())
  const session = http2.connect(`https://localhost:${await listen(server)}`, trust)
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  const told = once(session, 'goaway')
  expect(await closed).toBe('finished')
  await told
})

it('withShutdown closes a session of HTTP/2 whose handshake ends only after the shutdown', async () => {
  const server = createBoth(() => {})
  const [, shutDown, closed] = withShutdown(background(), server, { grace: Infinity, signals: [] })
  const port = await listen(server)
  const connection = await open(port)
  // Holds the client's last message of the handshake back.
  let isHeld = true
  const held: (() => void)[] = []
  let count = 0
  const socket = new Duplex({
    read() {},
    write(chunk, _, done) {
      const pass = () => connection.write(chunk as Buffer, done)
      if (count++ > 0 && isHeld) held.push(pass)
      else pass()
    },
    final: (done) => void connection.end(done),
  })
  connection.on('data', (chunk) => socket.push(chunk)).on('end', () => socket.push(null))
  const session = http2.connect('https://localhost', { ...trust, socket } as never)
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  await vi.waitFor(() => expect(held).not.toHaveLength(0), { interval: 1 })
  shutDown()
  isHeld = false
  for (const pass of held) pass()
  await once(session, 'close')
  expect(await closed).toBe('finished')
})

it('withRequest over TLS ends with ClientGone when the connection breaks silently', async () => {
  const { port, requests } = await serve(createBoth, () => {})
  const connection = await open(port)
  const client = connect({ socket: connection, ALPNProtocols: ['http/1.1'], ...trust })
  client.on('error', () => {})
  await once(client, 'secureConnect')
  expect(client.alpnProtocol).toBe('http/1.1')
  client.write('GET /albums HTTP/1.1\r\nhost: localhost\r\n\r\n')
  const { ctx } = await requests.next()
  connection.resetAndDestroy()
  expect(await ended(ctx)).toBe(ClientGone)
})

it('withRequest over TLS ends with ClientGone for each stream when the session breaks', async () => {
  const { port, requests } = await serve(createBoth, () => {})
  const { session } = askHttp2(port)
  session.request({ ':path': '/other' }).on('error', () => {})
  const [one, other] = await requests.take(2)
  session.destroy()
  expect([one && (await ended(one.ctx)), other && (await ended(other.ctx))]).toEqual([ClientGone, ClientGone])
})
