/**
 * Which side of a response ended first, where that is not obvious: responses that are ended without a reader or break,
 * half-open connections, timeouts of the server, and the frames with which HTTP/2 closes.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import type { Socket } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { background, cause, disarm } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, withRequest } from 'rescind/node'
import { describe, expect, it } from 'vitest'
import { task } from '../support.ts'
import { cleanUp, ended, listen, open, Queue, readUntil } from './sockets.ts'

interface Seen {
  readonly ctx: Context
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

async function serve(handle: (req: IncomingMessage, res: ServerResponse) => unknown, options: ServerOptions = {}) {
  const requests = new Queue<Seen>()
  const listener = (req: IncomingMessage, res: ServerResponse) => {
    const [ctx] = withRequest(background(), req, res)
    handle(req, res)
    requests.put({ ctx, req, res })
  }
  const server = createServer(options, listener)
  return { server, listener, requests, port: await listen(server) }
}

async function serve2(handle: (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => unknown) {
  const requests = new Queue<Context>()
  const server = http2.createServer((req, res) => {
    const [ctx] = withRequest(background(), req, res)
    handle(req, res)
    requests.put(ctx)
  })
  const socket = await open(await listen(server))
  const session = http2.connect('http://localhost', { createConnection: () => socket })
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  const ask = (headers: http2.OutgoingHttpHeaders = {}, options?: http2.ClientSessionRequestOptions) => {
    return session.request(headers, options).on('error', () => {})
  }
  return { session, socket, requests, ask }
}

const GET = 'GET /albums HTTP/1.1\r\nhost: localhost\r\n\r\n'
const POST = 'POST /albums HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf'

/** A body that sends a part and breaks. */
function broken(error: Error): Readable {
  return Readable.from(
    (async function* () {
      yield 'one'
      throw error
    })(),
  )
}

describe('withRequest', () => {
  it.each(['aborted', 'error', 'close'])(
    'ends with ClientGone when the handler ends the response because the request emits "%s"',
    async (event) => {
      const { port, requests } = await serve((req, res) => {
        req.on('error', () => {}).on(event, () => res.end())
      })
      for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
        const client = await open(port, POST)
        const { ctx } = await requests.next()
        client[leave]()
        expect([leave, await ended(ctx)]).toEqual([leave, ClientGone])
      }
    },
  )

  it('ends with ClientGone when the handler ends the response because the client has closed its side', async () => {
    const { port, requests } = await serve((req, res) => req.socket.on('end', () => res.end('late')))
    const client = await open(port, GET)
    const { ctx } = await requests.next()
    client.end()
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it('ends with ClientGone if withRequest is only called after the client has closed its side', async () => {
    const late = new Queue<Context>()
    const { port, requests } = await serve((req, res) => {
      req.socket.on('end', () => {
        late.put(withRequest(background(), req, res)[0])
        res.end('late')
      })
    })
    const client = await open(port, GET)
    await requests.next()
    client.end()
    expect(await ended(await late.next())).toBe(ClientGone)
  })

  it('ends without a cause if the response had ended before the client closed its side, even if called later', async () => {
    const late = new Queue<Context>()
    const { port, requests } = await serve((req, res) => {
      res.end(Buffer.alloc(20_000_000))
      req.socket.on('end', () => late.put(withRequest(background(), req, res)[0]))
    })
    const client = await open(port, GET)
    await requests.next()
    client.end()
    const ctx = await late.next()
    expect(ctx.err).toBeUndefined()
    client.resume()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it('does not end when the client closes only its side, where the server allows that', async () => {
    const { port, requests, server } = await serve(() => {})
    Object.assign(server, { httpAllowHalfOpen: true })
    const client = await open(port, GET)
    const { ctx, req, res } = await requests.next()
    const half = once(req.socket, 'end')
    client.end()
    await half
    const [late] = withRequest(background(), req, res)
    expect([ctx.err, late.err]).toEqual([undefined, undefined])
    res.end('done')
    expect(await readUntil(client, 'done')).toContain('done')
    await Promise.all([ended(ctx), ended(late)])
    expect([ctx.err?.cause, late.err?.cause]).toEqual([undefined, undefined])
  })

  it('leaves no listener on a response whose client has closed its side', async () => {
    const { port, requests, server } = await serve(() => {})
    Object.assign(server, { httpAllowHalfOpen: true })
    const client = await open(port, GET)
    const { ctx, req, res } = await requests.next()
    const before = res.listenerCount('finish')
    const [first, cancelFirst] = withRequest(background(), req, res)
    cancelFirst()
    await ended(first)
    const [other, cancel] = withRequest(background(), req, res)
    const half = once(req.socket, 'end')
    client.end()
    await half
    // One of each live context.
    expect(res.listenerCount('finish')).toBe(before + 2)
    cancel()
    await ended(other)
    expect(res.listenerCount('finish')).toBe(before + 1)
    res.end()
    await ended(ctx)
  })

  it('ends with the error that broke the response, not with ClientGone', async () => {
    const failure = new Error('no such file')
    const { port, requests } = await serve((_, res) => pipeline(broken(failure), res, () => {}))
    const client = await open(port, GET)
    const { ctx } = await requests.next()
    client.resume()
    expect(await ended(ctx)).toBe(failure)
    expect(ctx.err?.cause).toBe(failure)
  })

  it('ends with the error that broke a waiting response of a pipeline before the client left', async () => {
    const failure = new Error('no such file')
    const { port, requests } = await serve((req) => req.resume())
    const client = await open(port, GET.repeat(2))
    const [first, second] = (await requests.take(2)) as [Seen, Seen]
    second.res.destroy(failure)
    client.end()
    expect(await Promise.all([ended(first.ctx), ended(second.ctx)])).toEqual([ClientGone, failure])
  })

  it('has ended from the start with the error of a response that was broken before', async () => {
    const failure = new Error('no such file')
    const { port, requests } = await serve(() => {})
    await open(port, GET)
    const { req, res } = await requests.next()
    res.destroy(failure)
    expect(cause(withRequest(background(), req, res)[0])).toBe(failure)
  })

  it('ends with ClientGone when the client leaves while a stream is piped to it', async () => {
    const { port, requests } = await serve((_, res) => {
      const endless = new Readable({ read: () => void endless.push(Buffer.alloc(1_000)) })
      pipeline(endless, res, () => {})
    })
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const client = await open(port, GET)
      const { ctx } = await requests.next()
      await once(client, 'readable')
      client[leave]()
      client.resume()
      expect([leave, await ended(ctx)]).toEqual([leave, ClientGone])
    }
  })

  it('ends with ClientGone only for responses of a pipeline that were not ended before the client left', async () => {
    const { port, requests } = await serve((req) => req.resume())
    const client = await open(port, GET.repeat(3))
    const seen = await requests.take(3)
    seen[1]?.res.end('second, waits for the first')
    client.destroy()
    await Promise.all(seen.map(({ ctx }) => ended(ctx)))
    expect(seen.map(({ ctx }) => ctx.err?.cause)).toEqual([ClientGone, undefined, ClientGone])
  })

  it.each<[what: string, isAnswered: boolean, why: unknown]>([
    ['with ClientGone for each of 1,000 requests in a pipeline whose client leaves', false, ClientGone],
    ['without a cause for each of 1,000 requests in a pipeline that are answered', true, undefined],
  ])('ends %s, and leaves one listener for each event of the connection', async (_, isAnswered, why) => {
    const { port, requests, server } = await serve((req, res) => (req.resume(), isAnswered && res.end('.')))
    const counts: number[] = []
    const count = (socket: Socket) => counts.push(socket.listenerCount('close') + socket.listenerCount('end'))
    // Before any request is read, with what Node itself listens to.
    server.prependOnceListener('request', ({ socket }) => count(socket))
    const client = await open(port, GET.repeat(1_000))
    client.resume()
    const seen = await requests.take(1_000)
    if (!isAnswered) client.destroy()
    for (const { ctx } of seen) await ended(ctx)
    expect(new Set(seen.map(({ ctx }) => ctx.err?.cause))).toEqual(new Set([why]))
    const { socket } = (seen[0] as Seen).req
    count(socket)
    expect(counts.at(-1)).toBeLessThanOrEqual((counts[0] as number) + 2)
  })

  it('has ended without a cause though the server closes the idle connection later', async () => {
    const { port, requests, server } = await serve((_, res) => res.end('done'))
    const client = await open(port, GET)
    await readUntil(client, 'done')
    const { ctx } = await requests.next()
    await ended(ctx)
    server.closeIdleConnections()
    await once(client.resume(), 'end')
    expect(ctx.err?.cause).toBeUndefined()
  })

  it.each<[what: string, hurry: (server: Server, seen: Seen) => void]>([
    ['sends too slowly', (server) => Object.assign(server, { headersTimeout: 1, requestTimeout: 1 })],
    ['says nothing for too long', (_, { req }) => req.socket.setTimeout(1)],
  ])('ends with ClientGone when the server cuts a client that %s', async (_, hurry) => {
    const options = { connectionsCheckingInterval: 5 }
    const { port, requests, server } = await serve((req) => req.on('error', () => {}), options)
    await open(port, POST)
    const seen = await requests.next()
    hurry(server, seen)
    expect(await ended(seen.ctx)).toBe(ClientGone)
  })

  it('ends with ClientGone when a client leaves that waits for 100-continue', async () => {
    const { port, requests, server, listener } = await serve(() => {})
    server.on('checkContinue', listener)
    const expecting = POST.replace('\r\n\r\nhalf', '\r\nexpect: 100-continue\r\n\r\n')
    const client = await open(port, expecting)
    const { ctx, res } = await requests.next()
    expect(ctx.err).toBeUndefined()
    client.destroy()
    expect(await ended(ctx)).toBe(ClientGone)
    expect(res.writableEnded).toBe(false)
  })

  it('lets a client that waited for 100-continue send its body, and ends without a cause', async () => {
    const { port, requests, server, listener } = await serve((req, res) => {
      res.writeContinue()
      req.resume().on('end', () => res.end('done'))
    })
    server.on('checkContinue', listener)
    const client = await open(port, POST.replace('\r\n\r\nhalf', '\r\nexpect: 100-continue\r\n\r\n'))
    await readUntil(client, '100 Continue')
    client.write('x'.repeat(100))
    await readUntil(client, 'done')
    const { ctx } = await requests.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  describe('withRequest for a request that was over before its handler began', () => {
    it.each<[how: string, end: (seen: Seen, client: Socket) => unknown]>([
      ['ended by req.destroy()', ({ req }) => req.destroy()],
      ['whose socket was destroyed', ({ req }) => req.socket.destroy()],
      ['that the client reset', (_, client) => client.resetAndDestroy()],
    ])('has ended with ClientGone for one %s', async (_, end) => {
      const { port, requests } = await serve((req) => req.on('error', () => {}))
      const client = await open(port, GET)
      const seen = await requests.next()
      end(seen, client)
      await once(seen.res, 'close')
      const [late] = withRequest(background(), seen.req, seen.res)
      expect(cause(late)).toBe(ClientGone)
    })

    it('ends with ClientGone as soon as a connection closes that was just being destroyed', async () => {
      const { port, requests } = await serve((req) => req.on('error', () => {}))
      await open(port, GET)
      const { req, res } = await requests.next()
      req.destroy()
      expect(await ended(withRequest(background(), req, res)[0])).toBe(ClientGone)
    })
  })

  it('gives one request several contexts, each with its own end', async () => {
    const { port, requests } = await serve(() => {})
    const client = await open(port, GET)
    const { ctx, req, res } = await requests.next()
    const [other, cancel] = withRequest(background(), req, res, { label: 'other' })
    const [third] = withRequest(background(), req, res)
    cancel('enough')
    expect([ctx.err, third.err]).toEqual([undefined, undefined])
    client.destroy()
    expect(await Promise.all([ctx, other, third].map((each) => ended(each)))).toEqual([
      ClientGone,
      'enough',
      ClientGone,
    ])
  })
})

describe('withRequest over HTTP/2', () => {
  const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants

  it.each([
    ['CANCEL', NGHTTP2_CANCEL],
    ['NO_ERROR', NGHTTP2_NO_ERROR],
    ['INTERNAL_ERROR', NGHTTP2_INTERNAL_ERROR],
    ['REFUSED_STREAM', NGHTTP2_REFUSED_STREAM],
  ])('ends with ClientGone when the client resets the stream with %s', async (_, code) => {
    const { ask, requests } = await serve2((req) => req.on('error', () => {}))
    const stream = ask({ ':method': 'POST' })
    const ctx = await requests.next()
    stream.close(code)
    expect(await ended(ctx)).toBe(ClientGone)
  })

  it.each([
    ['CANCEL', NGHTTP2_CANCEL],
    // As `stream.close()` of Node sends. Node 20 never emits "close" then, since the write is not completed.
    ['NO_ERROR', NGHTTP2_NO_ERROR],
  ])('ends with ClientGone when a stream is opened and reset with %s in one packet', async (_, code) => {
    const late = new Queue<Context>()
    const { ask, requests, session } = await serve2((req, res) => {
      res.write('a part')
      req.on('aborted', () => setImmediate(() => late.put(withRequest(background(), req, res)[0])))
    })
    await once(session, 'remoteSettings')
    ask().close(code)
    expect(await ended(await requests.next())).toBe(ClientGone)
    expect(cause(await late.next())).toBe(ClientGone)
  })

  it.each(['aborted', 'close'])(
    'ends with ClientGone when the handler ends the response because the request emits "%s"',
    async (event) => {
      const { ask, requests } = await serve2((req, res) => void req.on(event, () => res.end()))
      const stream = ask({ ':method': 'POST' })
      const ctx = await requests.next()
      stream.close(NGHTTP2_CANCEL)
      expect(await ended(ctx)).toBe(ClientGone)
    },
  )

  it.each<[how: string, leave: (stream: http2.ClientHttp2Stream, socket: Socket) => unknown]>([
    ['the stream', (stream) => stream.close(NGHTTP2_INTERNAL_ERROR)],
    ['the connection', (_, socket) => socket.resetAndDestroy()],
  ])('ends without a cause when the client resets %s while an ended response is sent', async (_, leave) => {
    const { ask, requests, socket } = await serve2((req, res) => {
      req.on('error', () => {})
      res.end(Buffer.alloc(1_000_000))
    })
    const stream = ask()
    await once(stream, 'response')
    leave(stream, socket)
    const ctx = await requests.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it('leaves no listener on the stream', async () => {
    const counts: number[] = []
    const { ask } = await serve2(async (req, res) => {
      const count = () => counts.push(...['aborted', 'close'].map((name) => req.stream.listenerCount(name)))
      count()
      const [ctx, cancel] = withRequest(background(), req, res)
      count()
      cancel()
      await ended(ctx)
      count()
      res.end('done')
    })
    await once(ask().resume(), 'end')
    expect(counts.slice(2, 4)).not.toEqual(counts.slice(0, 2))
    expect(counts.slice(4)).toEqual(counts.slice(0, 2))
  })

  it('leaves no listener on the stream if its context was disarmed', async () => {
    const counts = new Queue<number>()
    const { ask } = await serve2((req, res) => {
      const { stream } = req
      const [ctx] = withRequest(background(), req, res)
      disarm(ctx)
      res.on('close', () => setImmediate(() => counts.put(stream.listenerCount('aborted'))))
      counts.put(stream.listenerCount('aborted'))
      res.end('done')
    })
    ask().resume()
    const [during = 0, after] = await counts.take(2)
    expect(after).toBe(during - 2)
  })

  it.each(['error', undefined])('has ended from the start if the stream was destroyed before with %s', async (text) => {
    const error = text ? new Error(text) : undefined
    const late = new Queue<Context>()
    const { ask } = await serve2((req, res) => {
      res.stream.on('error', () => {}).on('close', () => late.put(withRequest(background(), req, res)[0]))
      req.resume().on('end', () => res.stream.destroy(error))
    })
    ask()
    const { err } = await late.next()
    expect(err?.cause).toBe(error ?? ClientGone)
  })

  it('stays alive when the client announces with GOAWAY that it opens no more streams', async () => {
    const responses = new Queue<http2.Http2ServerResponse>()
    const { ask, requests, session } = await serve2((_, res) => responses.put(res))
    const stream = ask()
    const ctx = await requests.next()
    session.close()
    await task()
    expect(ctx.err).toBeUndefined()
    const body = once(stream, 'data')
    ;(await responses.next()).end('done')
    expect(String((await body)[0])).toBe('done')
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
  })

  it.each<[how: string, leave: (session: http2.ClientHttp2Session, socket: Socket) => unknown]>([
    ['with GOAWAY and an error', (session) => session.destroy(new Error('broken'), NGHTTP2_INTERNAL_ERROR)],
    ['without a word', (_, socket) => socket.destroy()],
    ['and resets the connection', (_, socket) => socket.resetAndDestroy()],
  ])('ends with ClientGone for each stream when the client leaves %s', async (_, leave) => {
    const { ask, requests, session, socket } = await serve2((req) => req.on('error', () => {}))
    ask()
    ask()
    const contexts = await requests.take(2)
    leave(session, socket)
    expect(await Promise.all(contexts.map((ctx) => ended(ctx)))).toEqual([ClientGone, ClientGone])
  })

  it('ends with the error that broke the response, not with ClientGone', async () => {
    const failure = new Error('no such file')
    const { ask, requests } = await serve2((_, res) => {
      res.stream.on('error', () => {})
      pipeline(broken(failure), res, () => {})
    })
    ask().resume()
    expect(await ended(await requests.next())).toBe(failure)
  })
})
