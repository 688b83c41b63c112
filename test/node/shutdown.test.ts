/** Servers that stop: responses in flight may finish, late ones are cut, and nothing is left behind. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener, ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, Shutdown, withRequest, withShutdown } from 'rescind/node'
import type { ShutdownOptions } from 'rescind/node'
import { fakeClock } from 'rescind/testing'
import { build } from 'vite'
import { describe, expect, it, vi } from 'vitest'
import { outcome, task } from '../support.ts'
import { cleanUp, ended, listen, open, Queue, readUntil } from './sockets.ts'

/** A signal that does not end the test runner. */
const SIGNAL = 'SIGUSR2'
const GET = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'
const UPGRADE = GET.replace('\r\n\r\n', '\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n')

/** Other code's replacement of a method. */
const patched = () => {}

/** A server on a fake clock that passes its responses to the test. */
async function start(options: Partial<ShutdownOptions> = {}, handle: RequestListener = () => {}) {
  const clock = fakeClock(0)
  const [parent, endParent] = withCancel(clock.root)
  const responses = new Queue<ServerResponse>()
  const server = createServer((req, res) => {
    handle(req, res)
    responses.put(res)
  })
  const before = listenersOf(server)
  const [ctx, cancel, closed] = withShutdown(parent, server, { grace: 10_000, signals: [SIGNAL], ...options })
  const port = await listen(server)
  return { clock, endParent, responses, server, before, ctx, cancel, closed, port }
}

type Started = Awaited<ReturnType<typeof start>>

/** The listeners of a server, and those of the process for the signal. */
function listenersOf(server: EventEmitter): Record<string, number> {
  const counts: Record<string, number> = { [SIGNAL]: process.listenerCount(SIGNAL) }
  for (const name of server.eventNames()) counts[String(name)] = server.listenerCount(name)
  return counts
}

/** Sends the signal to this process, and waits until it has arrived. */
async function ask(): Promise<void> {
  const come = once(process, SIGNAL)
  process.kill(process.pid, SIGNAL)
  await come
}

/** The connection headers of the responses in `text`, in order. */
function announced(text: string): string[] {
  return [...text.matchAll(/^connection: ([\w-]+)/gim)].map(([, word = '']) => word)
}

function closes(socket: net.Socket): Promise<unknown> {
  socket.resume()
  return once(socket, 'end').then(() => socket.end())
}

/** A connection that has sent `text`, which the server has read. */
async function send(server: net.Server, port: number, text: string): Promise<net.Socket> {
  const connection = once(server, 'connection') as Promise<[net.Socket]>
  const client = await open(port, text)
  const [socket] = await connection
  await vi.waitFor(() => expect(socket.bytesRead).toBe(text.length), { interval: 1 })
  return client
}

function connect2(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://localhost:${port}`)
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  return session
}

describe('withShutdown', () => {
  it('ends its context with Shutdown at a signal, and is closed when the last handler is done', async () => {
    const { before, closed, ctx, port, responses, server } = await start()
    const client = await open(port, GET)
    const res = await responses.next()
    const finished = outcome(closed)
    expect(ctx.err).toBeUndefined()
    await ask()
    expect(cause(ctx)).toBe(Shutdown)
    expect(ctx.err?.name).toBe('AbortError')
    expect(server.listening).toBe(false)
    await expect(fetch(`http://localhost:${port}`)).rejects.toThrow('fetch failed')
    await task()
    expect(finished.settled).toBe(false)
    res.end('done')
    expect(await readUntil(client, 'done')).toMatch(/connection: close/i)
    expect(await closed).toBe('finished')
    expect(listenersOf(server)).toEqual(before)
  })

  it('listens to SIGTERM and SIGINT by default, and to neither after the end', async () => {
    const before = ['SIGTERM', 'SIGINT'].map((signal) => process.listenerCount(signal))
    const [, cancel, closed] = withShutdown(background(), createServer(), { grace: 10_000 })
    const during = ['SIGTERM', 'SIGINT'].map((signal) => process.listenerCount(signal))
    expect(during).toEqual(before.map((listeners) => listeners + 1))
    cancel()
    await closed
    expect(['SIGTERM', 'SIGINT'].map((signal) => process.listenerCount(signal))).toEqual(before)
  })

  it('needs no process', async () => {
    const server = createServer()
    vi.stubGlobal('process', undefined)
    const [, cancel, closed] = withShutdown(background(), server, { grace: 10_000 })
    vi.unstubAllGlobals()
    cancel()
    expect(await closed).toBe('finished')
  })

  it('ends the contexts of all requests, which can still answer their clients', async () => {
    const contexts = new Queue<Context>()
    const server = createServer(async (req, res) => {
      const [request] = withRequest(ctx, req, res)
      contexts.put(request)
      await ended(request)
      res.writeHead(503).end()
    })
    const [ctx, , closed] = withShutdown(background(), server, { grace: 10_000, signals: [SIGNAL] })
    const port = await listen(server)
    const response = fetch(`http://localhost:${port}`)
    const request = await contexts.next()
    await ask()
    expect(cause(request)).toBe(Shutdown)
    expect((await response).status).toBe(503)
    expect(await closed).toBe('finished')
  })

  it('cuts responses that have not finished when the grace time is over', async () => {
    const contexts: Context[] = []
    const { before, clock, closed, port, responses, server } = await start({}, (req, res) => {
      contexts.push(withRequest(background(), req, res)[0])
    })
    const client = await open(port, GET)
    await responses.next()
    await ask()
    await clock.advance(9_999)
    expect(contexts[0]?.err).toBeUndefined()
    await clock.advance(1)
    expect(await closed).toBe('forced')
    await closes(client)
    expect(cause(contexts[0] as Context)).toBe(ClientGone)
    expect(listenersOf(server)).toEqual(before)
  })

  it('cuts at once at a second signal, however long the grace time is', async () => {
    const { before, closed, ctx, port, responses, server } = await start({ grace: Infinity })
    const client = await open(port, GET)
    await responses.next()
    await ask()
    const finished = outcome(closed)
    await task()
    expect(finished.settled).toBe(false)
    await ask()
    expect(await closed).toBe('forced')
    await closes(client)
    expect(cause(ctx)).toBe(Shutdown)
    expect(listenersOf(server)).toEqual(before)
  })

  it('cuts at once without a grace time', async () => {
    const { closed, port, responses } = await start({ grace: 0 })
    await open(port, GET)
    await responses.next()
    await ask()
    expect(await closed).toBe('forced')
  })

  it('ends the grace time when all is closed', async () => {
    const { cancel, clock, closed, server } = await start()
    cancel()
    expect(await closed).toBe('finished')
    const cut = vi.spyOn(server, 'closeAllConnections')
    await clock.advance(20_000)
    expect(cut).not.toHaveBeenCalled()
  })

  it('starts no grace time if the server has been closed before its end', async () => {
    const { clock, closed, ctx, server } = await start()
    const cut = vi.spyOn(server, 'closeAllConnections')
    server.close()
    expect(await closed).toBe('finished')
    await task()
    await clock.advance(20_000)
    expect([cause(ctx), cut.mock.calls]).toEqual([Shutdown, []])
  })

  describe('drain', () => {
    it('lets work go on for that time, and only then ends its context', async () => {
      const { clock, closed, ctx, port, responses, server } = await start({ drain: 5_000 })
      await open(port, GET)
      const res = await responses.next()
      await ask()
      expect(server.listening).toBe(false)
      await clock.advance(4_999)
      expect(ctx.err).toBeUndefined()
      await clock.advance(1)
      expect(cause(ctx)).toBe(Shutdown)
      // The grace time starts now.
      await clock.advance(9_999)
      const finished = outcome(closed)
      await task()
      expect(finished.settled).toBe(false)
      res.end()
      expect(await closed).toBe('finished')
    })

    it('is over as soon as all responses are sent', async () => {
      const { closed, ctx, port, responses } = await start({ drain: Infinity })
      const client = await open(port, GET)
      const res = await responses.next()
      await ask()
      res.end('done')
      await readUntil(client, 'done')
      expect(await closed).toBe('finished')
      expect(cause(ctx)).toBe(Shutdown)
    })

    it('cuts at once at a second signal, and ends the contexts of requests with Shutdown before', async () => {
      const contexts: Context[] = []
      const started: Started = await start({ drain: Infinity }, (req, res) => {
        contexts.push(withRequest(started.ctx, req, res)[0])
      })
      await open(started.port, GET)
      await started.responses.next()
      await ask()
      let why: unknown
      process.once(SIGNAL, () => (why = cause(started.ctx)))
      await ask()
      expect(why).toBe(Shutdown)
      expect(await started.closed).toBe('forced')
      expect(contexts.map((ctx) => cause(ctx))).toEqual([Shutdown])
    })

    it('serves requests on existing connections, and closes those after the response', async () => {
      const { closed, port, responses } = await start({ drain: Infinity })
      const client = await open(port, `${GET}${GET}`)
      const [first, second] = (await responses.take(2)) as [ServerResponse, ServerResponse]
      // Its headers are sent: they promise to keep the connection.
      first.write('one')
      await ask()
      first.end()
      second.end('two')
      const text = await readUntil(client, 'two')
      expect(text.match(/connection: [\w-]+/gi)).toEqual(['Connection: keep-alive', 'connection: close'])
      expect(await closed).toBe('finished')
    })
  })

  describe('the shutdown of a pipeline', () => {
    it('answers all requests that have arrived, and announces the close in the last answer', async () => {
      const { closed, port, responses } = await start({ drain: Infinity })
      const client = await open(port, GET.repeat(3))
      const all = await responses.take(3)
      await ask()
      for (const [index, res] of all.entries()) res.end(`answer ${index}`)
      const text = await readUntil(client, 'answer 2')
      expect(text).toMatch(/answer 0[^]*answer 1[^]*answer 2/)
      expect(announced(text)).toEqual(['keep-alive', 'keep-alive', 'close'])
      expect(await closed).toBe('finished')
    })

    it('answers requests of a pipeline that arrive while the server closes', async () => {
      const { closed, port, responses } = await start({ drain: Infinity })
      const client = await open(port, GET)
      const first = await responses.next()
      await ask()
      client.write(GET.repeat(2))
      for (const [index, res] of [first, ...(await responses.take(2))].entries()) res.end(`answer ${index}`)
      const text = await readUntil(client, 'answer 2')
      expect(text).toMatch(/answer 0[^]*answer 1[^]*answer 2/)
      expect(announced(text)).toEqual(['keep-alive', 'keep-alive', 'close'])
      expect(await closed).toBe('finished')
    })

    it('keeps a response whose handler has set connection: close as the last one', async () => {
      const { closed, port, responses } = await start({ drain: Infinity })
      const client = await open(port, GET)
      const first = await responses.next()
      first.setHeader('connection', 'close')
      await ask()
      client.write(GET)
      const second = await responses.next()
      first.end('one')
      second.end('two')
      const text = await readUntil(client, 'two')
      expect(text).toMatch(/one$/)
      expect(announced(text)).toEqual(['close'])
      expect(await closed).toBe('finished')
    })

    it('keeps a response whose headers announced the close as the last one', async () => {
      const { closed, port, responses } = await start({ drain: Infinity })
      const client = await open(port, GET)
      const first = await responses.next()
      await ask()
      first.write('one')
      client.write(GET)
      const second = await responses.next()
      first.end('end')
      second.end('two')
      const text = await readUntil(client, 'two')
      expect(text).toMatch(/one[^]*end/)
      expect(announced(text)).toEqual(['close'])
      expect(await closed).toBe('finished')
    })

    it('closes the other connections even if a pipeline ends before its last response', async () => {
      const { closed, port, responses, server } = await start({ drain: Infinity })
      // Without this Node would close the other one itself.
      server.keepAliveTimeout = 0
      const other = await open(port, GET)
      const idle = await responses.next()
      idle.write('one')
      const client = await open(port, GET)
      const first = await responses.next()
      await ask()
      client.write(GET)
      const second = await responses.next()
      first.setHeader('connection', 'close')
      second.end('two')
      idle.end()
      await once(idle, 'close')
      first.end()
      await Promise.all([closes(client), closes(other)])
      expect(await closed).toBe('finished')
    })
  })

  it('announces the close to a client that sends a request while the server closes', async () => {
    const { closed, port, responses } = await start({ drain: Infinity }, ({ url }, res) => {
      if (url === '/two') res.end('two')
    })
    const client = await open(port, GET)
    const first = await responses.next()
    first.write('one')
    await ask()
    client.write('GET /two HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await responses.next()
    first.end()
    const text = await readUntil(client, 'two')
    expect(text.match(/connection: [\w-]+/gi)).toEqual(['Connection: keep-alive', 'connection: close'])
    expect(await closed).toBe('finished')
  })

  it('follows responses as long as one of several listeners for requests is left', async () => {
    const { closed, port, responses, server } = await start()
    server.on('request', server.ref).off('request', server.ref)
    const client = await open(port, GET)
    const res = await responses.next()
    await ask()
    res.end('done')
    expect(announced(await readUntil(client, 'done'))).toEqual(['close'])
    expect(await closed).toBe('finished')
  })

  it('follows connections from before its call from their next request', async () => {
    const responses = new Queue<ServerResponse>()
    const sockets = new Queue<Duplex>()
    const server = createServer((_, res) => responses.put(res))
    server.on('upgrade', (_, socket) => sockets.put(socket.on('error', () => {})))
    const port = await listen(server)
    const [client, other] = [await open(port, GET), await open(port, GET)]
    for (const res of await responses.take(2)) res.end('one')
    await Promise.all([client, other].map((socket) => readUntil(socket, 'one')))
    const [, cancel, closed] = withShutdown(background(), server, { grace: Infinity, signals: [] })
    client.write(GET)
    other.write(UPGRADE)
    const [res, socket] = await Promise.all([responses.next(), sockets.next()])
    cancel()
    await task()
    res.end('two')
    expect(announced(await readUntil(client, 'two'))).toEqual(['close'])
    expect(socket.destroyed).toBe(false)
    socket.destroy()
    expect(await closed).toBe('finished')
  })

  it('keeps idle connections of a running server when another client leaves', async () => {
    const { cancel, closed, port, responses } = await start()
    const idle = await open(port, GET)
    ;(await responses.next()).end('one')
    await readUntil(idle, 'one')
    const client = await open(port, GET.repeat(2))
    const [, last] = await responses.take(2)
    client.destroy()
    await once((last as ServerResponse).req.socket, 'close')
    await task()
    idle.write(GET)
    ;(await responses.next()).end('two')
    expect(await readUntil(idle, 'two')).toContain('two')
    cancel()
    expect(await closed).toBe('finished')
  })

  describe('the shutdown of a connection', () => {
    it('closes it at once if it is idle, though another is in use', async () => {
      const { closed, port, responses } = await start({ grace: Infinity })
      const [client, other] = [await open(port, GET), await open(port, GET)]
      const [first, second] = await responses.take(2)
      first?.end('done')
      await Promise.race([client, other].map((socket) => readUntil(socket, 'done')))
      await ask()
      await Promise.race([client, other].map((socket) => closes(socket)))
      second?.end()
      expect(await closed).toBe('finished')
    })

    it('closes it at once if no request has ever arrived', async () => {
      const { closed, port, server } = await start({ grace: Infinity })
      const connected = once(server, 'connection')
      const client = await open(port)
      await connected
      await ask()
      await closes(client)
      expect(await closed).toBe('finished')
    })

    it('closes it after the response, though its headers promised to keep it alive', async () => {
      const { closed, port, responses } = await start({ grace: Infinity })
      const client = await open(port, GET)
      const res = await responses.next()
      res.write('one')
      await readUntil(client, 'one')
      await ask()
      res.end('two')
      expect(await readUntil(client, 'two')).toContain('two')
      expect(await closed).toBe('finished')
    })

    it('never closes it in the middle of a response, even if the handler is done', async () => {
      const body = Buffer.alloc(50_000_000)
      const { closed, port, responses } = await start({ grace: Infinity }, (_, res) => res.end(body))
      const idle = await open(port, GET)
      await readUntil(idle, '\0')
      const client = await open(port, GET)
      await responses.take(2)
      await ask()
      let received = 0
      client.on('data', (chunk: Buffer) => (received += chunk.length))
      idle.resume()
      await Promise.all([once(client, 'end'), once(idle, 'end')])
      expect(received).toBeGreaterThan(body.length)
      expect(await closed).toBe('finished')
    })

    it('closes it at the end of the grace time if it was upgraded', async () => {
      const { clock, closed, port, server } = await start()
      const sockets = new Queue<Duplex>()
      server.on('upgrade', (_, socket) => {
        socket.on('error', () => {})
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n')
        sockets.put(socket)
      })
      const client = await open(port, UPGRADE)
      await readUntil(client, '101')
      const socket = await sockets.next()
      await ask()
      await clock.advance(9_999)
      expect(socket.destroyed).toBe(false)
      await clock.advance(1)
      await closes(client)
      expect(await closed).toBe('forced')
    })
  })

  it.each<[name: string, end: (started: Started) => void]>([
    ['its cancel', ({ cancel }) => cancel('why')],
    ['the end of its parent', ({ endParent }) => endParent('why')],
  ])('shuts down by %s like at a signal', async (_, end) => {
    const started = await start()
    const { closed, ctx, port, responses, server } = started
    const client = await open(port, GET)
    const res = await responses.next()
    end(started)
    expect(cause(ctx)).toBe('why')
    await task()
    expect(server.listening).toBe(false)
    res.end('done')
    await readUntil(client, 'done')
    expect(await closed).toBe('finished')
  })

  it.each([undefined, 'localhost'])(
    'closes a server that only starts to listen after the shutdown, at host %s',
    async (host) => {
      const server = createServer((_, res) => res.end())
      const before = listenersOf(server)
      const [, , closed] = withShutdown(background(), server, { grace: 10_000, signals: [SIGNAL] })
      await ask()
      expect(await closed).toBe('finished')
      server.listen({ port: 0, host })
      await once(server, 'listening')
      // Listeners of that event still find the address.
      const { port } = server.address() as net.AddressInfo
      await once(server, 'close')
      expect(server.listening).toBe(false)
      await expect(fetch(`http://localhost:${port}`)).rejects.toThrow('fetch failed')
      expect(listenersOf(server)).toEqual(before)
    },
  )

  it.each<[name: string, end: (started: Started) => void]>([
    ['its cancel', ({ cancel }) => cancel()],
    ['the end of its parent', ({ endParent }) => endParent()],
  ])('cuts nothing at the first signal after %s, but at the second', async (_, end) => {
    const started = await start({ grace: Infinity })
    const { closed, port, responses } = started
    const client = await open(port, GET)
    const res = await responses.next()
    end(started)
    await task()
    await ask()
    expect(res.destroyed).toBe(false)
    res.write('one')
    expect(await readUntil(client, 'one')).toContain('one')
    await ask()
    expect(await closed).toBe('forced')
    await closes(client)
  })

  it('is over when other code closes the server', async () => {
    const { before, closed, ctx, server } = await start()
    server.close()
    expect(await closed).toBe('finished')
    expect(cause(ctx)).toBe(Shutdown)
    expect(listenersOf(server)).toEqual(before)
  })

  it('accepts a server that does not listen', async () => {
    const [parent, cancel] = withCancel(background())
    cancel('over')
    const server = createServer()
    const [ctx, , closed] = withShutdown(parent, server, { grace: 10_000, signals: [SIGNAL] })
    expect(cause(ctx)).toBe('over')
    expect(await closed).toBe('finished')
    expect(process.listenerCount(SIGNAL)).toBe(0)
  })

  it('retains no response of a running server', async () => {
    const { cancel, closed, port, responses } = await start()
    const refs: WeakRef<ServerResponse>[] = []
    for (let count = 0; count < 3; count++) {
      const client = await open(port, GET.repeat(3))
      for (const res of await responses.take(3)) refs.push(new WeakRef(res))
      client.destroy()
    }
    for (let round = 0; round < 10; round++) {
      await task()
      globalThis.gc?.()
    }
    // The last ones may still be on a stack.
    expect(refs.filter((ref) => ref.deref()).length).toBeLessThanOrEqual(3)
    cancel()
    await closed
  })

  it("restores the server's own closeIdleConnections", async () => {
    const { cancel, closed, server } = await start()
    cancel()
    await closed
    expect(Object.hasOwn(server, 'closeIdleConnections')).toBe(false)
    expect(typeof server.closeIdleConnections).toBe('function')
  })

  it('keeps a closeIdleConnections that other code has put on the server', async () => {
    const { cancel, closed, server } = await start()
    server.closeIdleConnections = patched
    cancel()
    await closed
    expect(server.closeIdleConnections).toBe(patched)
  })

  it('shows its label', () => {
    const [ctx, cancel] = withShutdown(background(), createServer(), { grace: 1, signals: [] })
    expect(String(ctx)).toBe('background.withCancel(server)')
    cancel()
  })

  it.each<[what: string, args: unknown[], message: string]>([
    ['parent', [undefined, createServer(), { grace: 1 }], 'parent must be a context, got undefined'],
    ['server', [background(), {}, { grace: 1 }], 'server must be a server of node:http, node:http2 or node:net'],
    ['server', [background(), { close() {} }, { grace: 1 }], 'server must be a server of node:http'],
    ['server', [background(), { listenerCount() {} }, { grace: 1 }], 'server must be a server of node:http'],
    ['options', [background(), createServer()], 'options must be an object, got undefined'],
    ['grace', [background(), createServer(), {}], 'grace must be a number of milliseconds, got undefined'],
    ['drain', [background(), createServer(), { grace: 1, drain: '5' }], 'drain must be a number of milliseconds'],
  ])('throws for an invalid %s, and adds no listener', (_, args, message) => {
    const before = process.listenerCount('SIGTERM')
    const call = withShutdown as (...args: unknown[]) => unknown
    expect(() => call(...args)).toThrow(message)
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })
})

describe('withShutdown and a partial request', () => {
  const HALF = 'GET / HTTP/1.1\r\nhost: local'
  const POST = 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf'

  it("cuts it after the server's time for headers, however long the grace time is", async () => {
    const { clock, closed, port, server } = await start({ grace: Infinity })
    server.headersTimeout = 5_000
    const client = await send(server, port, HALF)
    await ask()
    await clock.advance(4_999)
    expect(client.destroyed).toBe(false)
    const finished = outcome(closed)
    await task()
    expect(finished.settled).toBe(false)
    await clock.advance(1)
    await closes(client)
    expect(await closed).toBe('finished')
  })

  it('answers it if the rest arrives in time, however long the answer takes', async () => {
    const { clock, closed, port, responses, server } = await start({ grace: Infinity })
    server.headersTimeout = 5_000
    const client = await send(server, port, HALF)
    await ask()
    await clock.advance(4_999)
    client.write('host\r\n\r\n')
    const res = await responses.next()
    await clock.advance(500_000)
    res.end('done')
    expect(announced(await readUntil(client, 'done'))).toEqual(['close'])
    expect(await closed).toBe('finished')
  })

  it('cuts it behind another response too, counted from the end of that', async () => {
    const { clock, closed, port, responses, server } = await start({ grace: Infinity })
    server.headersTimeout = 5_000
    const client = await send(server, port, `${GET}${HALF}`)
    const res = await responses.next()
    res.write('one')
    await ask()
    await clock.advance(10_000)
    res.end('two')
    await readUntil(client, 'two')
    await clock.advance(4_999)
    const finished = outcome(closed)
    await task()
    expect(finished.settled).toBe(false)
    await clock.advance(1)
    expect(await closed).toBe('finished')
  })

  it("cuts one whose body does not arrive within the server's time for requests", async () => {
    const contexts: Context[] = []
    const { clock, closed, port, responses, server } = await start({ grace: Infinity }, (req, res) => {
      contexts.push(
        withRequest(
          background(),
          req.on('error', () => {}),
          res,
        )[0],
      )
    })
    server.requestTimeout = 7_000
    await send(server, port, POST)
    await responses.next()
    await ask()
    await clock.advance(6_999)
    expect(contexts[0]?.err).toBeUndefined()
    await clock.advance(1)
    expect(await ended(contexts[0] as Context)).toBe(ClientGone)
    expect(await closed).toBe('finished')
  })

  it('waits for the whole grace time if the server has no time limit for headers', async () => {
    const { clock, closed, port, server } = await start({ grace: 1_000_000 })
    server.headersTimeout = 0
    await send(server, port, HALF)
    await ask()
    await clock.advance(999_999)
    const finished = outcome(closed)
    await task()
    expect(finished.settled).toBe(false)
    await clock.advance(1)
    expect(await closed).toBe('forced')
  })

  it('leaves no time limit behind if its client leaves first', async () => {
    const { clock, closed, port, server } = await start({ grace: Infinity })
    const connection = once(server, 'connection') as Promise<[net.Socket]>
    const client = await send(server, port, HALF)
    const [socket] = await connection
    await ask()
    client.destroy()
    expect(await closed).toBe('finished')
    const destroy = vi.spyOn(socket, 'destroy')
    await clock.advance(1_000_000)
    expect(destroy).not.toHaveBeenCalled()
  })

  const CONNECT = 'CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\n\r\n'

  it.each([
    ['upgrade', 'before', UPGRADE, UPGRADE.length],
    ['upgrade', 'after', UPGRADE, 5],
    ['connect', 'before', CONNECT, CONNECT.length],
    ['connect', 'after', CONNECT, 5],
  ])('does not apply to the socket of an %s that is complete %s the signal', async (event, _, text, length) => {
    const { clock, closed, port, server } = await start({ grace: Infinity })
    const sockets = new Queue<Duplex>()
    server.on(event, server.ref).off(event, server.ref)
    server.on(event, (_, socket: Duplex) => {
      socket.resume().on('error', () => {})
      sockets.put(socket)
    })
    const client = await send(server, port, text.slice(0, length))
    await ask()
    client.write(text.slice(length))
    const socket = await sockets.next()
    await clock.advance(1_000_000)
    expect(socket.destroyed).toBe(false)
    socket.destroy()
    expect(await closed).toBe('finished')
  })

  it('leaves a request for an upgrade to the request handler once no listener takes upgrades', async () => {
    const { cancel, closed, port, server } = await start({}, (_, res) => res.end('no upgrade'))
    server.on('upgrade', server.ref).off('upgrade', server.ref)
    expect(server.listenerCount('upgrade')).toBe(0)
    const client = await open(port, UPGRADE)
    expect(await readUntil(client, 'no upgrade')).toContain('no upgrade')
    client.destroy()
    cancel()
    await closed
  })
})

describe('withShutdown for other servers', () => {
  it('lets HTTP/2 streams finish, and closes the sessions', async () => {
    const responses = new Queue<http2.Http2ServerResponse>()
    const server = http2.createServer((_, res) => responses.put(res))
    const [ctx, , closed] = withShutdown(background(), server, { grace: Infinity, signals: [SIGNAL] })
    const port = await listen(server)
    const [idle, busy] = [connect2(port), connect2(port)]
    await once(idle, 'remoteSettings')
    const stream = busy.request()
    const res = await responses.next()
    await ask()
    expect(cause(ctx)).toBe(Shutdown)
    await once(idle, 'close')
    expect(stream.closed).toBe(false)
    res.end('done')
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    expect(String(chunk)).toBe('done')
    expect(await closed).toBe('finished')
  })

  it('cuts HTTP/2 sessions when the grace time is over', async () => {
    const clock = fakeClock(0)
    const streams = new Queue<http2.ServerHttp2Stream>()
    const server = http2.createServer().on('stream', (stream) => streams.put(stream.on('error', () => {})))
    const before = listenersOf(server)
    const [, , closed] = withShutdown(clock.root, server, { grace: 10_000, signals: [SIGNAL] })
    // The server handles streams, and gets no listener for requests.
    expect(server.listenerCount('stream')).toBe(1)
    expect(server.listenerCount('request')).toBe(0)
    const stream = connect2(await listen(server)).request()
    stream.on('error', () => {})
    await streams.next()
    await ask()
    await clock.advance(10_000)
    expect(await closed).toBe('forced')
    expect(listenersOf(server)).toEqual(before)
  })

  it('retains no HTTP/2 session that is closed while the server runs', async () => {
    const server = http2.createServer()
    const [, cancel, closed] = withShutdown(background(), server, { grace: Infinity, signals: [] })
    const port = await listen(server)
    const visit = async () => {
      const opened = once(server, 'session') as Promise<[http2.ServerHttp2Session]>
      const client = connect2(port)
      const [session] = await opened
      const over = once(session, 'close')
      client.destroy()
      await over
      return new WeakRef(session)
    }
    const refs = [await visit(), await visit(), await visit()]
    for (let round = 0; round < 10; round++) {
      await task()
      globalThis.gc?.()
    }
    // The last one may still be on a stack.
    expect(refs.filter((ref) => ref.deref()).length).toBeLessThanOrEqual(1)
    cancel()
    expect(await closed).toBe('finished')
  })

  it('waits for the connections of a net.Server, also for silent ones', async () => {
    const clock = fakeClock(0)
    const sockets = new Queue<net.Socket>()
    const server = net.createServer((socket) => sockets.put(socket.on('error', () => {})))
    const [, , closed] = withShutdown(clock.root, server, { grace: 10_000, signals: [SIGNAL] })
    const port = await listen(server)
    const clients = [await open(port), await open(port)]
    const [one, other] = (await sockets.take(2)) as [net.Socket, net.Socket]
    await ask()
    await task()
    expect([one.destroyed, other.destroyed]).toEqual([false, false])
    one.end('bye')
    clients[0]?.end()
    await clock.advance(10_000)
    expect(other.destroyed).toBe(true)
    expect(await closed).toBe('forced')
  })
})

describe('a process', () => {
  it('exits by itself with status 0 after SIGTERM, when the last response is sent', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescind-'))
    cleanUp(() => rmSync(folder, { recursive: true }))
    const result = await build({
      configFile: false,
      logLevel: 'silent',
      build: { ssr: 'test/node/shutdown.program.ts', write: false, target: 'es2022' },
    })
    if (!('output' in result)) throw new Error('one bundle was expected')
    writeFileSync(join(folder, 'program.mjs'), result.output[0].code)
    const child = spawn(process.execPath, [join(folder, 'program.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
    cleanUp(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const line = async () => (await lines.next()).value as string
    const response = fetch(`http://localhost:${await line()}`)
    expect(await line()).toBe('request')
    child.kill('SIGTERM')
    expect(await line()).toBe('Shutdown')
    expect(await (await response).text()).toBe('the end')
    expect(await line()).toBe('finished')
    expect(await exit).toEqual([0, null])
  })
})
