/** The status of a failed handler, over real sockets where the client or the process is involved. */

import { createServer } from 'node:http'
import * as http2 from 'node:http2'
import { background, DeadlineExceededError, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, Shutdown, statusOf, withRequest, withShutdown } from 'rescind/node'
import { HeaderError } from 'rescind/wire'
import { describe, expect, it } from 'vitest'
import { cleanUp, listen, open, Queue, readUntil } from './sockets.ts'

/** The handler of docs/servers.md, with `work` to do. The test gets the statuses, since a client may have left. */
async function serve(work: (ctx: Context) => Promise<unknown>) {
  const statuses = new Queue<number>()
  const started = new Queue<Context>()
  const server = createServer(async (req, res) => {
    const [ctx, cancel] = withRequest(root, req, res, { limit: 30_000 })
    using _ = cancel
    started.put(ctx)
    try {
      res.end(JSON.stringify(await work(ctx)))
    } catch (error) {
      const status = statusOf(ctx, error)
      if (res.headersSent) res.destroy()
      else res.writeHead(status).end()
      statuses.put(status)
    }
  })
  const [root, shutDown, closed] = withShutdown(background(), server, { grace: 10_000, signals: [] })
  const port = await listen(server)
  return { port, url: `http://localhost:${port}`, statuses, started, shutDown, closed }
}

const forever = (ctx: Context) => sleep(ctx, 60_000)

/** Rejects like a fetch under `ctx`. */
const aborted = (ctx: Context) => Promise.reject(ctx.err ?? new DOMException('aborted', 'AbortError'))

describe('the status of a failed handler', () => {
  it('is 503 at a shutdown, and the response announces the close of the connection', async () => {
    const { closed, port, shutDown, started } = await serve(forever)
    const client = await open(port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await started.next()
    shutDown(Shutdown)
    const text = await readUntil(client, '\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1.1 503 /)
    expect(text).toMatch(/^connection: close/im)
    expect(await closed).toBe('finished')
  })

  it('is 504 at the deadline of the client', async () => {
    const { url } = await serve(forever)
    const { status } = await fetch(url, { headers: { 'rescind-timeout-ms': '10' } })
    expect(status).toBe(504)
  })

  it('is 504 at the deadline of a part of the work', async () => {
    const { url } = await serve((ctx) => sleep(withTimeout(ctx, 5)[0], 60_000))
    expect((await fetch(url)).status).toBe(504)
  })

  it('is 400 or 431 for an invalid header', async () => {
    const { url } = await serve(forever)
    const { status } = await fetch(url, { headers: { 'rescind-timeout-ms': 'soon' } })
    expect(status).toBe(400)
    const [ctx, cancel] = withCancel(background())
    cancel(new HeaderError('x-request-id', 'is too long', { status: 431 }))
    expect(statusOf(ctx, ctx.err)).toBe(431)
  })

  it('is 499 after the client has left, and writing it does no harm', async () => {
    const { port, started, statuses } = await serve(forever)
    const client = await open(port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await started.next()
    client.destroy()
    expect(await statuses.next()).toBe(499)
  })

  it('is 499 over HTTP/2, and writing it does no harm', async () => {
    const statuses = new Queue<number>()
    const server = http2.createServer(async (req, res) => {
      const [ctx, cancel] = withRequest(background(), req, res)
      using _ = cancel
      await forever(ctx).catch((error) => {
        res.writeHead(statusOf(ctx, error)).end()
        statuses.put(statusOf(ctx, error))
      })
    })
    const session = http2.connect(`http://localhost:${await listen(server)}`)
    cleanUp(() => session.destroy())
    const stream = session.request().on('error', () => {})
    session.ping(() => stream.close(http2.constants.NGHTTP2_CANCEL))
    expect(await statuses.next()).toBe(499)
  })

  it('is 500 for a bug', async () => {
    const { url } = await serve(() => Promise.reject(new TypeError('x is not a function')))
    expect((await fetch(url)).status).toBe(500)
  })

  it.each<[what: string, error: unknown]>([
    ['a bug', new TypeError('x is not a function')],
    ['nothing', undefined],
    ['a revoked proxy', revoked()],
  ])('is 500 for %s, also after the request has ended', (_, error) => {
    const [ctx, cancel] = withCancel(background())
    expect(statusOf(ctx, error)).toBe(500)
    cancel(Shutdown)
    expect(statusOf(ctx, error)).toBe(500)
  })

  it('is 500 for work canceled while the request is alive, or with another cause', async () => {
    const [ctx, cancel] = withCancel(background())
    expect(statusOf(ctx, new DOMException('aborted', 'AbortError'))).toBe(500)
    cancel(new Error('another request has failed'))
    await expect(aborted(ctx).catch((error) => statusOf(ctx, error))).resolves.toBe(500)
  })

  it('is that of the end for any error by which a library reports an abort', () => {
    const [ctx, cancel] = withCancel(background())
    cancel(Shutdown)
    const shell = new Error('The operation was aborted', { cause: ctx.err })
    for (const error of [ctx.err, new DOMException('aborted', 'AbortError'), shell]) {
      expect(statusOf(ctx, error)).toBe(503)
    }
    const [left, leave] = withCancel(background())
    leave(ClientGone)
    expect(statusOf(left, new DeadlineExceededError())).toBe(499)
  })

  it('is 504 for a deadline with a cause of its own', () => {
    const [ctx] = withTimeout(background(), 0, { cause: 'too slow' })
    expect(statusOf(ctx, ctx.err)).toBe(504)
  })

  it('recognizes causes of another copy of the package by name', () => {
    for (const [name, status] of [
      ['Shutdown', 503],
      ['ClientGone', 499],
      ['HeaderError', 400],
    ] as const) {
      const [ctx, cancel] = withCancel(background())
      cancel(Object.assign(new Error('of another copy'), { name }))
      expect(statusOf(ctx, ctx.err)).toBe(status)
    }
  })

  it('throws a TypeError for an invalid context', () => {
    expect(() => statusOf(undefined as never, new Error('x'))).toThrow('ctx must be a context, got undefined')
  })
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
