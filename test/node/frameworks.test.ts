/**
 * The recipes of docs/servers.md for Fastify, Express and Hono, each with the framework itself over real sockets. A
 * recipe gives a handler its context; the tests are the same for all.
 */

import { once } from 'node:events'
import type { Server } from 'node:http'
import { serve as serveHono } from '@hono/node-server'
import type { HttpBindings } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { background, sleep, withSignal } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, statusOf, withRequest } from 'rescind/node'
import { fromHeaders } from 'rescind/wire'
import { describe, expect, it } from 'vitest'
import { cleanUp, ended, open, Queue } from './sockets.ts'

/** Answers a request with the result of `work`, which is called with the context of the request. */
type Start = (work: (ctx: Context) => Promise<string>) => Promise<number>

const startFastify: Start = async (work) => {
  const app = fastify({ forceCloseConnections: true })
  app.get('/report', async (request, reply) => {
    const [ctx, cancel] = withRequest(background(), request.raw, reply.raw, { limit: 30_000 })
    try {
      return await work(ctx)
    } catch (error) {
      return reply.code(statusOf(ctx, error)).send()
    } finally {
      cancel()
    }
  })
  await app.listen()
  cleanUp(() => app.close())
  return portOf(app.server)
}

const startExpress: Start = async (work) => {
  const app = express()
  const report = async (req: express.Request, res: express.Response) => {
    const [ctx, cancel] = withRequest(background(), req, res, { limit: 30_000 })
    using _ = cancel
    await work(ctx).then(
      (text) => res.send(text),
      (error) => res.status(statusOf(ctx, error)).end(),
    )
  }
  // Express 5 handles its rejection.
  app.get('/report', (req, res) => report(req, res))
  const server = app.listen(0)
  await once(server, 'listening')
  cleanUp(() => server.closeAllConnections())
  return portOf(server)
}

const startHono: Start = async (work) => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/report', async (c) => {
    const { incoming, outgoing } = c.env
    const [ctx, cancel] = withRequest(background(), incoming, outgoing, { limit: 30_000 })
    using _ = cancel
    return await work(ctx).then(
      (text) => c.text(text),
      (error) => c.body(null, statusOf(ctx, error) as 500),
    )
  })
  return listenHono(app)
}

/** Uses what every `Request` has: a signal and headers. */
const startRequests: Start = async (work) => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/report', async (c) => {
    const [request] = withSignal(background(), c.req.raw.signal)
    const [ctx, cancel] = fromHeaders(request, c.req.raw.headers, { limit: 30_000 })
    using _ = cancel
    return await work(ctx).then(
      (text) => c.text(text),
      (error) => c.body(null, statusOf(ctx, error) as 500),
    )
  })
  return listenHono(app)
}

async function listenHono(app: Hono<{ Bindings: HttpBindings }>): Promise<number> {
  const server = serveHono({ fetch: app.fetch, port: 0 }) as Server
  await once(server, 'listening')
  cleanUp(() => server.closeAllConnections())
  return portOf(server)
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

const GET = 'GET /report HTTP/1.1\r\nhost: localhost\r\n\r\n'

describe.each<[framework: string, start: Start, gone: unknown]>([
  ['Fastify', startFastify, ClientGone],
  ['Express', startExpress, ClientGone],
  ['Hono', startHono, ClientGone],
  // The server aborts that signal with a text of its own.
  ['Hono, by the signal of the Request', startRequests, expect.any(String)],
])('a handler in %s', (_, start, gone) => {
  it.each(['destroy', 'resetAndDestroy', 'end'] as const)('stops when the client leaves by %s', async (leave) => {
    const contexts = new Queue<Context>()
    const port = await start((ctx) => {
      contexts.put(ctx)
      return sleep(ctx, 60_000).then(() => 'late')
    })
    const client = await open(port, GET)
    const ctx = await contexts.next()
    expect(ctx.err).toBeUndefined()
    client[leave]()
    expect(await ended(ctx)).toEqual(gone)
  })

  it('has the time that the client allows, up to its own limit', async () => {
    const deadlines: (number | undefined)[] = []
    const port = await start((ctx) => {
      deadlines.push(ctx.deadline)
      return sleep(ctx, 60_000).then(() => 'late')
    })
    const response = await fetch(`http://localhost:${port}/report`, { headers: { 'rescind-timeout-ms': '20' } })
    expect(response.status).toBe(504)
    expect(deadlines[0]).toBeLessThan(Date.now())
  })

  it('answers, after which its context ends without a cause', async () => {
    const contexts = new Queue<Context>()
    const port = await start((ctx) => {
      contexts.put(ctx)
      return Promise.resolve('done')
    })
    const response = await fetch(`http://localhost:${port}/report`)
    expect([response.status, await response.text()]).toEqual([200, 'done'])
    const ctx = await contexts.next()
    await ended(ctx)
    expect(ctx.err?.cause).toBeUndefined()
    expect(ctx.deadline).toBeGreaterThan(Date.now())
  })
})
