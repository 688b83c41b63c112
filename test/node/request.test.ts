/** Requests on real sockets: over HTTP/1.1 and HTTP/2, by clients that stay, leave, break down and misbehave. */

import { EventEmitter, once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { background, cause, createKey, isDeadlineExceeded, withCancel, withoutCancel, withTimeout } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { ClientGone, withRequest } from 'rescind/node'
import type { RequestOptions } from 'rescind/node'
import { carry, grpcTimeout, HeaderError, headers } from 'rescind/wire'
import { describe, expect, it, vi } from 'vitest'
import { outcome } from '../support.ts'
import { cleanUp, ended, listen, open, Queue, readUntil } from './sockets.ts'

interface Seen {
  readonly ctx: Context
  readonly cancel: Cancel
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** A server that gives every request a context, and passes all to the test in order. */
async function serve(options?: RequestOptions, handle: (seen: Seen) => unknown = () => {}) {
  const requests = new Queue<Seen>()
  const server = createServer((req, res) => {
    const [ctx, cancel] = withRequest(background(), req, res, options)
    const seen = { ctx, cancel, req, res }
    handle(seen)
    requests.put(seen)
  })
  const port = await listen(server)
  return { port, url: `http://localhost:${port}`, requests }
}

/** The same over HTTP/2, in one session. */
async function serve2(handle: (ctx: Context, res: http2.Http2ServerResponse) => unknown) {
  const requests = new Queue<Context>()
  const server = http2.createServer((req, res) => {
    const [ctx] = withRequest(background(), req, res)
    handle(ctx, res)
    requests.put(ctx)
  })
  const session = http2.connect(`http://localhost:${await listen(server)}`)
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  const ask = (headers: http2.OutgoingHttpHeaders = {}) => {
    const stream = session.request({ ':path': '/albums?token=secret', ...headers })
    stream.on('error', () => {})
    return stream
  }
  return { session, requests, ask }
}

/** The number of all listeners of each emitter. */
function countListeners(...emitters: EventEmitter[]): number[] {
  return emitters.map((emitter) => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0))
}

const GET = 'GET /albums HTTP/1.1\r\nhost: localhost\r\n\r\n'

describe('withRequest', () => {
  it('ends with ClientGone when a fetch is aborted', async () => {
    const { url, requests } = await serve()
    const controller = new AbortController()
    const response = outcome(fetch(url, { signal: controller.signal }))
    const { ctx } = await requests.next()
    expect(ctx.err).toBeUndefined()
    controller.abort()
    expect(await ended(ctx)).toBe(ClientGone)
    expect(ctx.err?.name).toBe('AbortError')
    expect(response.error).toMatchObject({ name: 'AbortError' })
  })

  it('ends with ClientGone when a fetch is aborted in the middle of the body', async () => {
    const { url, requests } = await serve({}, ({ res }) => void res.write('one'))
    const controller = new AbortController()
    const response = await fetch(url, { signal: controller.signal })
    const { ctx } = await requests.next()
    expect(ctx.err).toBeUndefined()
    controller.abort()
    expect(await ended(ctx)).toBe(ClientGone)
    await expect(response.text()).rejects.toThrow('aborted')
  })

  it('ends together with its descendants, in one step', async () => {
    const { port, requests } = await serve()
    const client = await open(port, GET)
    const { ctx } = await requests.next()
    const [child] = withCancel(ctx)
    const seen: unknown[] = []
    ctx.signal.addEventListener('abort', () => seen.push(cause(child)))
    client.destroy()
    await ended(ctx)
    expect(seen).toEqual([ClientGone])
  })

  it.each<[how: string, leave: (client: Socket, seen: Seen) => unknown]>([
    ['is destroyed', (client) => client.destroy()],
    ['is reset', (client) => client.resetAndDestroy()],
    ['is closed in one direction', (client) => client.end()],
    ['is cut by the server, as one that went dead', (_, { req }) => req.socket.destroy()],
    ['is cut with all others', (_, { res }) => res.destroy()],
  ])('ends with ClientGone when the connection %s', async (_, leave) => {
    const { port, requests } = await serve()
    const client = await open(port, GET)
    const seen = await requests.next()
    leave(client, seen)
    expect(await ended(seen.ctx)).toBe(ClientGone)
  })

  it('does not end because the body of the request was read', async () => {
    const { url, requests } = await serve()
    const response = fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })
    const { ctx, req, res } = await requests.next()
    req.resume()
    await once(req, 'close')
    expect(ctx.err).toBeUndefined()
    res.end('done')
    expect(await (await response).text()).toBe('done')
  })

  it('ends with ClientGone when the client leaves during its upload', async () => {
    const { port, requests } = await serve({}, ({ req }) => req.resume().on('error', () => {}))
    const client = await open(port, 'POST /albums HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf')
    const { ctx } = await requests.next()
    client.destroy()
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it('ends with ClientGone when the client leaves after a large upload, if the body is discarded', async () => {
    const { url, requests } = await serve({}, ({ req }) => req.resume().on('error', () => {}))
    const controller = new AbortController()
    const body = 'x'.repeat(1_000_000)
    const response = outcome(fetch(url, { method: 'PUT', body, signal: controller.signal }))
    const { ctx, req } = await requests.next()
    if (!req.readableEnded) await once(req, 'end')
    controller.abort()
    expect(await ended(ctx)).toBe(ClientGone)
    expect(response.error).toMatchObject({ name: 'AbortError' })
  })

  it('ends without a cause when the response has been sent, like completed work', async () => {
    const { url, requests } = await serve({}, ({ res }) => res.end('done'))
    expect(await (await fetch(url)).text()).toBe('done')
    const { ctx } = await requests.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
    expect(cause(ctx)).toBe(ctx.err)
    expect(ctx.err?.name).toBe('AbortError')
  })

  it('stays alive while an ended response is being sent, and then does not blame the client', async () => {
    const { port, requests } = await serve({}, ({ res }) => res.end(Buffer.alloc(50_000_000)))
    const client = await open(port, GET)
    const { ctx } = await requests.next()
    await once(client, 'readable')
    expect(ctx.err).toBeUndefined()
    client.destroy()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it('does not end contexts of withoutCancel with the response', async () => {
    const { url, requests } = await serve({}, ({ res }) => res.end('done'))
    await (await fetch(url)).text()
    const { ctx } = await requests.next()
    const after = withoutCancel(ctx)
    await ended(ctx)
    expect(after.err).toBeUndefined()
  })

  it('can be canceled by its handler, and ignores the connection from then on', async () => {
    const { port, requests } = await serve()
    const client = await open(port, GET)
    const { ctx, cancel, res } = await requests.next()
    cancel('enough')
    client.destroy()
    await once(res, 'close')
    expect(cause(ctx)).toBe('enough')
  })

  it('ends with its parent', async () => {
    const [parent, cancel] = withCancel(background())
    let ctx: Context | undefined
    const port = await listen(createServer((req, res) => ([ctx] = withRequest(parent, req, res)) && cancel('stop')))
    const client = await open(port, GET)
    await ended(parent)
    expect(ctx && cause(ctx)).toBe('stop')
    client.destroy()
  })

  it('has a context for every request on a connection that is kept alive', async () => {
    const { port, requests } = await serve({}, ({ res }) => res.end('done'))
    const client = await open(port, GET)
    const seen: Seen[] = []
    for (let count = 0; count < 3; count++) {
      await readUntil(client, 'done')
      seen.push(await requests.next())
      client.write(GET)
    }
    const [first, second, third] = seen.map(({ ctx }) => ctx) as [Context, Context, Context]
    await ended(third)
    expect(new Set([first, second, third]).size).toBe(3)
    expect([first, second, third].map(({ err }) => err?.cause)).toEqual([undefined, undefined, undefined])
    const sockets = new Set(seen.map(({ req }) => req.socket))
    expect(sockets.size).toBe(1)
  })

  it('ends with ClientGone for all requests of a pipeline when the client leaves, also for waiting ones', async () => {
    const { port, requests } = await serve({}, ({ req }) => req.resume())
    const client = await open(port, GET.repeat(15))
    const seen = await requests.take(15)
    // Only the first response has the connection.
    expect(seen.filter(({ res }) => res.socket !== null)).toHaveLength(1)
    client.destroy()
    expect(await Promise.all(seen.map(({ ctx }) => ended(ctx)))).toEqual(seen.map(() => ClientGone))
  })

  it('ends without a cause for each answered request of a pipeline', async () => {
    const { port, requests } = await serve()
    const client = await open(port, GET.repeat(3))
    const seen = await requests.take(3)
    const socket = seen[0]?.req.socket as Socket
    const own = socket.listenerCount('close')
    // In reverse: the later answers wait for the earlier ones.
    for (const [index, { res }] of [...seen.entries()].toReversed()) res.end(`answer ${index}`)
    expect(await readUntil(client, 'answer 2')).toMatch(/answer 0[^]*answer 1[^]*answer 2/)
    await Promise.all(seen.map(({ ctx }) => ended(ctx)))
    expect(seen.map(({ ctx }) => ctx.err?.cause)).toEqual([undefined, undefined, undefined])
    expect(socket.listenerCount('close')).toBeLessThan(own)
  })

  it('causes no leak warning for a pipeline, and watches its connection only once', async () => {
    const warned = vi.fn<(warning: Error) => void>()
    process.on('warning', warned)
    cleanUp(() => process.off('warning', warned))
    const { port, requests } = await serve()
    await open(port, GET.repeat(30))
    const seen = await requests.take(30)
    const socket = seen[0]?.req.socket as Socket
    const before = countListeners(socket)
    for (const { cancel } of seen) cancel()
    await Promise.all(seen.map(({ ctx }) => ended(ctx)))
    expect(countListeners(socket)).toEqual(before)
    expect(warned).not.toHaveBeenCalled()
  })

  it.each(['HEAD', 'OPTIONS', 'DELETE'])('ends without a cause after a response to %s', async (method) => {
    const { url, requests } = await serve({}, ({ res }) => res.end())
    await fetch(url, { method })
    const { ctx } = await requests.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it('follows the socket of an upgrade', async () => {
    const upgraded: [Context, Duplex][] = []
    const server = createServer().on('upgrade', (req, socket) => {
      upgraded.push([withRequest(background(), req, socket)[0], socket])
      socket.on('error', () => {})
      socket.resume()
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n')
    })
    const port = await listen(server)
    const upgrade = 'GET /chat HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n'
    const [one, other] = [await open(port, upgrade), await open(port, upgrade)]
    await Promise.all([readUntil(one, '101'), readUntil(other, '101')])
    const [[ctx], [finished, socket]] = upgraded as [[Context, Duplex], [Context, Duplex]]
    expect([ctx.err, finished.err]).toEqual([undefined, undefined])
    one.resetAndDestroy()
    expect(await ended(ctx)).toBe(ClientGone)
    socket.end('bye')
    other.end()
    await ended(finished)
    expect(finished.err?.cause).toBeUndefined()
  })

  describe('withRequest for a response that is over', () => {
    it.each<[what: string, settle: (res: ServerResponse) => unknown, why: unknown]>([
      ['destroyed', (res) => res.destroy(), ClientGone],
      ['sent', (res) => res.end('done'), undefined],
    ])('has ended from the start if that was %s', async (_, settle, why) => {
      let late: Context | undefined
      const { port } = await serve({}, ({ res, req }) => {
        settle(res)
        res.on('close', () => ([late] = withRequest(background(), req, res)))
      })
      const client = await open(port, GET)
      client.resume()
      await vi.waitFor(() => expect(late).toBeDefined())
      expect(late?.err).toMatchObject({ name: 'AbortError' })
      expect(late?.err?.cause).toBe(why)
    })

    it('ends when the response is sent, if that was not yet', async () => {
      let late: Context | undefined
      const { url } = await serve({}, ({ res, req }) => {
        res.end('done')
        ;[late] = withRequest(background(), req, res)
        expect(late.err).toBeUndefined()
      })
      await (await fetch(url)).text()
      await ended(late as Context)
      expect(late?.err?.cause).toBeUndefined()
    })

    it('has ended from the start if the connection of a pipeline was cut', async () => {
      const { port, requests } = await serve({}, ({ req }) => req.resume())
      const client = await open(port, GET.repeat(2))
      const [first, second] = (await requests.take(2)) as [Seen, Seen]
      client.destroy()
      await ended(first.ctx)
      expect(cause(withRequest(background(), second.req, second.res)[0])).toBe(ClientGone)
    })
  })

  it('leaves no listener on request and response, and two on the connection, however often it is called and ends', async () => {
    const counts: number[][] = []
    const [parent, cancelParent] = withCancel(background())
    const handle: RequestListener = async (req, res) => {
      const [own = 0] = countListeners(req.socket)
      const [first, end] = withRequest(parent, req, res)
      end()
      await ended(first)
      const before = countListeners(req, res, req.socket)
      expect(before.at(-1)).toBe(own + 2)
      const [canceled, cancel] = withRequest(parent, req, res)
      const [expired] = withRequest(parent, req, res, { limit: 0 })
      const [orphan] = withRequest(parent, req, res)
      expect(countListeners(req, res, req.socket)).not.toEqual(before)
      cancel()
      cancelParent()
      await Promise.all([ended(canceled), ended(expired), ended(orphan)])
      counts.push(before, countListeners(req, res, req.socket))
      res.end('done')
    }
    const port = await listen(createServer((req, res) => void handle(req, res)))
    await (await fetch(`http://localhost:${port}`)).text()
    expect(counts).toHaveLength(2)
    expect(counts[1]).toEqual(counts[0])
  })

  describe('withRequest with headers', () => {
    const requestId = carry(createKey<string>('requestId'), 'x-request-id')

    it('ends when the client stops waiting or its time is over', async () => {
      const { url, requests } = await serve({ values: [requestId] })
      const [ctx, cancel] = withTimeout(background(), 60_000)
      const sent = { ...headers(ctx, { to: url, allow: [url] }), 'x-request-id': 'r-17' }
      const response = outcome(fetch(url, { signal: ctx.signal, headers: sent }))
      const seen = await requests.next()
      expect(seen.ctx.deadline).toBeGreaterThan(Date.now())
      // The time in transit is not counted, since clocks differ.
      expect(seen.ctx.deadline).toBeLessThan((ctx.deadline ?? 0) + 5_000)
      expect(seen.ctx.value(requestId.key)).toBe('r-17')
      cancel()
      expect(await ended(seen.ctx)).toBe(ClientGone)
      expect(response.error).toBe(ctx.err)
    })

    it.each<[sent: Record<string, string>, options: RequestOptions, ms: number | undefined]>([
      [{}, {}, undefined],
      [{ 'rescind-timeout-ms': '60000' }, {}, 60_000],
      [{ 'rescind-timeout-ms': '60000' }, { limit: 50_000 }, 50_000],
      [{}, { limit: 50_000 }, 50_000],
      [{ 'rescind-timeout-ms': '60000' }, { timeout: null }, undefined],
      [{ 'grpc-timeout': '1M' }, { timeout: grpcTimeout }, 60_000],
    ])('reads %j with the options %j', async (sent, options, ms) => {
      const { url, requests } = await serve(options, ({ res }) => res.end())
      const before = Date.now()
      await fetch(url, { headers: sent })
      const { ctx } = await requests.next()
      const after = Date.now()
      const given = [before, after].map((at) => (ctx.deadline ?? NaN) - at)
      expect(given[0] ?? NaN).toSatisfy((most: number) => (ms === undefined ? isNaN(most) : most >= ms - 1))
      expect(given[1] ?? NaN).toSatisfy((least: number) => (ms === undefined ? isNaN(least) : least <= ms + 1))
    })

    it('has ended from the start if no time is left', async () => {
      const { url, requests } = await serve({}, ({ res }) => res.end())
      await fetch(url, { headers: { 'rescind-timeout-ms': '0' } })
      const { ctx } = await requests.next()
      expect(isDeadlineExceeded(ctx.err)).toBe(true)
      expect(ctx.err).toMatchObject({ label: 'GET /', ms: 0 })
    })

    it.each(['abc', '-1', '1.5', '99999999999', '9'.repeat(1_000), '5, 6'])(
      'throws nothing for the time %s, and ends with a HeaderError as the cause',
      async (sent) => {
        const { url, requests } = await serve({}, ({ ctx, res }) => {
          const why = cause(ctx)
          res.writeHead(why instanceof HeaderError ? why.status : 200).end()
        })
        const response = await fetch(url, { headers: { 'rescind-timeout-ms': sent } })
        expect(response.status).toBe(400)
        const { ctx } = await requests.next()
        expect(ctx.err?.name).toBe('AbortError')
        expect(cause(ctx)).toMatchObject({ name: 'HeaderError', header: 'rescind-timeout-ms' })
        expect(String(ctx)).toMatch(/^background\.withRequest\(GET \/, canceled: rescind-timeout-ms cannot be read: /)
      },
    )

    it('answers 431 if they exceed the limit, and 400 if one occurs twice', async () => {
      const { port, url } = await serve({ maxSize: 100, values: [requestId] }, ({ ctx, res }) => {
        res.writeHead((cause(ctx) as HeaderError).status).end()
      })
      expect((await fetch(url, { headers: { 'x-request-id': 'x'.repeat(100) } })).status).toBe(431)
      const twice = request({ port, headers: { 'rescind-timeout-ms': ['5', '5'] } }).end()
      const [response] = (await once(twice, 'response')) as [IncomingMessage]
      response.resume()
      expect(response.statusCode).toBe(400)
    })
  })

  it('shows method and path, but never the query', async () => {
    const { url, requests } = await serve({}, ({ res }) => res.end())
    await fetch(`${url}/albums?token=secret`, { headers: { 'rescind-timeout-ms': '60000' } })
    expect(String((await requests.next()).ctx)).toMatch(/^background\.withRequest\(GET \/albums, 60s/)
    const named = await serve({ label: 'albums' }, ({ res }) => res.end())
    await fetch(named.url)
    expect(String((await named.requests.next()).ctx)).toMatch(/^background\.withRequest\(albums[,)]/)
  })

  it.each<[target: string, label: string]>([
    ['/albums#token=secret', 'GET /albums'],
    ['http://user:password@localhost/albums?token=secret', 'GET /albums'],
    ['http://user:password@localhost', 'GET '],
    ['//user:password@localhost/albums', 'GET //localhost/albums'],
    ['/proxy/http://user:password@localhost/albums', 'GET /proxy/http://localhost/albums'],
    ['/users/me@example.com', 'GET /users/me@example.com'],
    ['user:password@localhost:443', 'GET localhost:443'],
    ['*', 'GET *'],
    [`/${'x'.repeat(10_000)}`, `GET /${'x'.repeat(195)}…`],
    ['/a\u009b31m\u0085b', 'GET /a\\u009b31m\\u0085b'],
    ['/a\u202eb\u2028c\u2066d\u007fe', 'GET /a\\u202eb\\u2028c\\u2066d\\u007fe'],
  ])('shows %j without credentials, in one short line', (url, label) => {
    const res = Object.assign(new EventEmitter(), { writableEnded: false, headersSent: false })
    const [ctx, cancel] = withRequest(background(), { method: 'GET', url, headers: {} }, res)
    expect(String(ctx)).toBe(`background.withRequest(${label})`)
    cancel()
  })

  it.each<[what: string, members: object]>([
    ['a response', { headersSent: false }],
    ['the socket of a WebSocket', {}],
  ])('follows %s that has no more than the members that its type requires', async (_, members) => {
    const listeners = new Map<string, () => void>()
    const once = (name: string, listener: () => void) => void listeners.set(name, listener)
    const off = (name: string) => void listeners.delete(name)
    const res = { ...members, writableEnded: false, once, off }
    const [ctx] = withRequest(background(), { headers: { upgrade: 'websocket' }, socket: { once, off } }, res)
    expect(ctx.err).toBeUndefined()
    listeners.get('close')?.()
    expect(cause(ctx)).toBe(ClientGone)
    expect(listeners.size).toBe(0)
  })

  it('shows the path of real requests and tunnels without credentials', async () => {
    const { port, requests } = await serve({}, ({ res }) => res.end())
    await open(port, GET.replace('/albums', 'http://user:password@localhost/albums?token=secret'))
    expect(String((await requests.next()).ctx)).toMatch(/^background\.withRequest\(GET \/albums[,)]/)
    const tunnels = new Queue<Context>()
    const server = createServer().on('connect', (req, socket) => {
      tunnels.put(withRequest(background(), req, socket)[0])
    })
    await open(await listen(server), 'CONNECT user:password@db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n')
    expect(String(await tunnels.next())).toBe('background.withRequest(CONNECT db:5432)')
  })

  it('throws for an invalid context, request or response', async () => {
    const { url, requests } = await serve({}, ({ res }) => res.end())
    await fetch(url)
    const { req, res } = await requests.next()
    expect(() => withRequest(undefined as never, req, res)).toThrow('parent must be a context, got undefined')
    expect(() => withRequest(background(), undefined as never, res)).toThrow('req must be a request of node:http')
    expect(() => withRequest(background(), req, undefined as never)).toThrow('res must be a response of node:http')
    expect(() => withRequest(background(), req, res, { limit: NaN })).toThrow('limit must be a number of milliseconds')
    for (const options of [null, 'GET']) {
      const call = () => withRequest(background(), req, res, options as never)
      expect(call).toThrow(`rescind: options must be an object, got ${JSON.stringify(options)}`)
    }
  })
})

describe('withRequest over HTTP/2', () => {
  it('ends with ClientGone when the client cancels the stream, and only then', async () => {
    const { ask, requests } = await serve2(() => {})
    const [one, other] = [ask(), ask()]
    const [ctx, sibling] = (await requests.take(2)) as [Context, Context]
    one.close(http2.constants.NGHTTP2_CANCEL)
    expect(await ended(ctx)).toBe(ClientGone)
    expect(sibling.err).toBeUndefined()
    other.close(http2.constants.NGHTTP2_CANCEL)
    expect(await ended(sibling)).toBe(ClientGone)
  })

  it('ends with ClientGone during the body, and when the session is cut', async () => {
    const { ask, requests, session } = await serve2((_, res) => res.write('one'))
    const one = ask()
    await once(one, 'data')
    const ctx = await requests.next()
    expect(ctx.err).toBeUndefined()
    one.close(http2.constants.NGHTTP2_CANCEL)
    expect(await ended(ctx)).toBe(ClientGone)
    ask()
    const other = await requests.next()
    session.destroy()
    expect(await ended(other)).toBe(ClientGone)
  })

  it('ends without a cause when the response is sent', async () => {
    const { ask, requests } = await serve2((_, res) => res.end('done'))
    ask().resume()
    const ctx = await requests.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it('has ended from the start if the stream has', async () => {
    let late: Context | undefined
    const { ask } = await serve2((_, res) => {
      res.on('close', () => ([late] = withRequest(background(), res.req, res)))
    })
    const stream = ask()
    setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL))
    await vi.waitFor(() => expect(late).toBeDefined())
    expect(late && cause(late)).toBe(ClientGone)
  })

  it('has the deadline, and shows method and path', async () => {
    const { ask, requests } = await serve2((_, res) => res.end())
    ask({ 'rescind-timeout-ms': '60000' }).resume()
    expect(String(await requests.next())).toMatch(/^background\.withRequest\(GET \/albums, 60s/)
  })
})
