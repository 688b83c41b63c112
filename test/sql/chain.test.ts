/**
 * From end to end: a client that leaves ends the request's context, which stops the query in PostgreSQL. Over HTTP/1.1,
 * HTTP/2 and calls of Connect through a second server, from Node and from a real browser. The database server reports
 * which queries run; no timing decides.
 */

import { createServer } from 'node:http'
import * as http2 from 'node:http2'
import { Code, ConnectError } from '@connectrpc/connect'
import { Pool } from 'pg'
import { chromium } from 'playwright'
import type { Browser, Page } from 'playwright'
import { background, cause, isDeadlineExceeded, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone, withRequest } from 'rescind/node'
import type { ServerRequest, ServerResponse } from 'rescind/node'
import { engineError, queryContext } from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { fakeClock } from 'rescind/testing'
import { headers } from 'rescind/wire'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { browserArgs, findShell } from '../../scripts/browser.mjs'
import { cleanUp, ended, listen, open, Queue } from '../node/sockets.ts'
import { failOnUnhandled, outcome } from '../support.ts'
import { ask, callOptions, chain, findPath } from './albums.ts'
import type { Fallback } from './albums.ts'
import { until } from './conformance.ts'
import { endless, observe } from './postgres.ts'
import type { Observer } from './postgres.ts'

const NAME = 'chain'
const access = inject('postgres')

let db: Database
let observer: Observer

failOnUnhandled()

beforeAll(async () => {
  db = postgres(new Pool({ ...access, application_name: NAME, max: 2 }), { grace: 20_000 })
  observer = await observe(access)
})

afterAll(async () => {
  await db.close()
  await observer.end()
})

/** Waits until the server reports `count` of our queries. */
const running = (count: number) => until(async () => (await observer.active(NAME)).length === count)

/** Expects that no query of ours runs, and that both connections work. */
async function isUnharmed(): Promise<void> {
  await running(0)
  const one = Array.from({ length: 4 }, () => queryContext(background(), db, 'SELECT 1 AS one'))
  for (const rows of await Promise.all(one)) expect(rows).toEqual([{ one: 1 }])
}

/** The context of a handled request, and the error of its query. */
interface Handled {
  readonly ctx: Context
  readonly error: unknown
}

type Handle = (req: ServerRequest, res: ServerResponse & Writable) => Promise<void>

interface Writable {
  statusCode: number
  end(): unknown
}

/** A handler with a query that takes hours. */
function handler(root: Context = background()): { readonly handle: Handle; readonly handled: Queue<Handled> } {
  const handled = new Queue<Handled>()
  const handle: Handle = async (req, res) => {
    const [ctx, cancel] = withRequest(root, req, res)
    using _ = cancel
    const error = await queryContext(ctx, db, endless).catch((error: unknown) => error)
    res.statusCode = isDeadlineExceeded(error) ? 504 : 500
    handled.put({ ctx, error })
    res.end()
  }
  return { handle, handled }
}

describe('a client that leaves while its query runs', () => {
  const leaving: [how: string, ask: (port: number) => Promise<() => unknown>][] = [
    [
      'aborts its fetch',
      async (port) => {
        const controller = new AbortController()
        fetch(`http://localhost:${port}/album`, { signal: controller.signal }).catch(() => {})
        return () => controller.abort()
      },
    ],
    [
      'closes the socket',
      async (port) => {
        const socket = await open(port, 'GET /album HTTP/1.1\r\nHost: localhost\r\n\r\n')
        return () => socket.destroy()
      },
    ],
    [
      'resets the connection',
      async (port) => {
        const socket = await open(port, 'GET /album HTTP/1.1\r\nHost: localhost\r\n\r\n')
        return () => socket.resetAndDestroy()
      },
    ],
  ]

  it.each(leaving)('stops that query when it %s', async (_, ask) => {
    const { handle, handled } = handler()
    const leave = await ask(await listen(createServer((req, res) => void handle(req, res))))
    await running(1)
    leave()
    const { ctx, error } = await handled.next()
    expect(cause(ctx)).toBe(ClientGone)
    expect(error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: '57014' })
    await isUnharmed()
  })

  it('stops only one query when it cancels one of two HTTP/2 streams', async () => {
    const { handle, handled } = handler()
    const port = await listen(http2.createServer((req, res) => void handle(req, res)))
    const session = http2.connect(`http://localhost:${port}`)
    cleanUp(() => session.destroy())
    const [one, two] = [session.request({ ':path': '/one' }), session.request({ ':path': '/two' })]
    for (const stream of [one, two]) stream.on('error', () => {})
    await running(2)
    one.close(http2.constants.NGHTTP2_CANCEL)
    const first = await handled.next()
    expect(String(first.ctx)).toContain('/one')
    expect(cause(first.ctx)).toBe(ClientGone)
    await running(1)
    two.close(http2.constants.NGHTTP2_CANCEL)
    expect(cause((await handled.next()).ctx)).toBe(ClientGone)
    await isUnharmed()
  })

  it('leaves the database alone if the query has no connection yet', async () => {
    const [busy, free] = withCancel(background())
    const taken = [outcome(queryContext(busy, db, endless)), outcome(queryContext(busy, db, endless))]
    await running(2)
    const { handle, handled } = handler()
    const arrived = new Queue<true>()
    const server = createServer((req, res) => {
      void handle(req, res)
      arrived.put(true)
    })
    const controller = new AbortController()
    fetch(`http://localhost:${await listen(server)}`, { signal: controller.signal }).catch(() => {})
    await arrived.next()
    controller.abort()
    const { ctx, error } = await handled.next()
    expect(cause(ctx)).toBe(ClientGone)
    expect(error).toBe(ctx.err)
    expect(engineError(ctx)).toBeUndefined()
    expect(taken.some(({ settled }) => settled)).toBe(false)
    free()
    await isUnharmed()
  })
})

describe('the deadline in the headers of a request', () => {
  it('stops the query, though the client still waits for the answer', async () => {
    const clock = fakeClock(0)
    const { handle, handled } = handler(clock.root)
    const url = `http://localhost:${await listen(createServer((req, res) => void handle(req, res)))}`
    const [asking, cancel] = withTimeout(background(), 60_000)
    using _ = cancel
    const answer = fetch(url, { headers: headers(asking, { to: url, allow: [url] }) })
    await running(1)
    await clock.advance(60_000)
    const { ctx, error } = await handled.next()
    expect(error).toBe(ctx.err)
    expect(isDeadlineExceeded(error)).toBe(true)
    expect(engineError(ctx)).toMatchObject({ code: '57014' })
    expect((await answer).status).toBe(504)
    expect(asking.err).toBeUndefined()
    await isUnharmed()
  })
})

/** The work of the second server. */
async function count(ctx: Context): Promise<string> {
  const [row] = await queryContext<{ count: string }>(ctx, db, endless)
  return row?.count ?? ''
}

describe('a Connect call through two servers to PostgreSQL', () => {
  it('stops the query when the first context is canceled', async () => {
    const { contexts, transport } = await chain(count)
    const [ctx, cancel] = withCancel(background())
    const answer = outcome(ask(transport, callOptions(ctx)))
    await running(1)
    cancel()
    const [first, second] = (await contexts.take(2)) as [Context, Context]
    await Promise.all([ended(first), ended(second)])
    await isUnharmed()
    // The database has stopped; the second server is notified a moment later.
    await until(() => engineError(second) !== undefined)
    expect(engineError(second)).toMatchObject({ code: '57014' })
    expect(ConnectError.from(answer.error).code).toBe(Code.Canceled)
  })

  it('stops the query at the deadline of the first context, which the second has too', async () => {
    const clock = fakeClock(0)
    const { contexts, transport } = await chain(count, clock.root)
    const answer = outcome(ask(transport, { timeoutMs: 60_000 }))
    await running(1)
    const [, second] = (await contexts.take(2)) as [Context, Context]
    await clock.advance(60_000)
    expect(isDeadlineExceeded(second.err)).toBe(true)
    await isUnharmed()
    await until(() => answer.settled)
    expect(answer.error).toBeInstanceOf(ConnectError)
    expect(engineError(second)).toMatchObject({ code: '57014' })
  })
})

const blank: Fallback = (_, res) => {
  res.setHeader('content-type', 'text/html')
  res.end()
}

describe('a page in a browser that makes the Connect call', () => {
  let browser: Browser

  beforeAll(async () => {
    const executablePath = await findShell()
    browser = await chromium.launch({ args: browserArgs, ...(executablePath !== undefined && { executablePath }) })
  }, 60_000)

  afterAll(() => browser.close())

  const leaving: [how: string, leave: (page: Page) => Promise<unknown>][] = [
    ['aborts its fetch', (page) => page.evaluate(() => dispatchEvent(new Event('leave')))],
    ['is left for another', (page) => page.goto('about:blank')],
    ['is closed', (page) => page.close()],
  ]

  it.each(leaving)('stops the query when it %s', async (_, leave) => {
    const { contexts, url } = await chain(count, background(), blank)
    const page = await browser.newPage()
    await page.goto(url)
    await page.evaluate((path) => {
      const controller = new AbortController()
      addEventListener('leave', () => controller.abort())
      const headers = { 'content-type': 'application/json', 'connect-protocol-version': '1' }
      fetch(path, { method: 'POST', headers, body: '"Blue Train"', signal: controller.signal }).catch(() => {})
    }, findPath)
    await running(1)
    await leave(page)
    const [first, second] = (await contexts.take(2)) as [Context, Context]
    await Promise.all([ended(first), ended(second)])
    await isUnharmed()
    // The database has stopped; the second server is notified a moment later.
    await until(() => engineError(second) !== undefined)
    expect(engineError(second)).toMatchObject({ code: '57014' })
    await page.close()
  })
})
