/**
 * The demo's endpoints, on real sockets: the same under Vite's dev server and in production. Every request gets a
 * context that ends when its client goes or the server stops, and every endpoint works under it.
 */

import { afterFunc, background, cause, sleep, withCancel } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { withRequest } from 'rescind/node'
import type { ServerRequest, ServerResponse } from 'rescind/node'
import { HeaderError } from 'rescind/wire'
import type { Databases } from './databases.ts'
import { Log } from './log.ts'
import type { Entry } from './log.ts'
import { query } from './query.ts'
import { report } from './report.ts'
import { requestId } from './request-id.ts'
import { search } from './search.ts'
import { work } from './work.ts'

/** What answers: Node's, or that of a service worker. */
export interface Answer extends ServerResponse {
  readonly headersSent: boolean
  writeHead(status: number, headers?: Record<string, string>): { end(text?: string): unknown }
  write(text: string): unknown
  end(text?: string): unknown
  destroy(): unknown
}

export interface Exchange {
  readonly req: ServerRequest
  readonly res: Answer
  readonly url: URL
  readonly log: Log
  readonly databases: Databases
}

/** Settles when it has nothing more to do; may reject as soon as its context has ended. */
type Endpoint = (ctx: Context, exchange: Exchange) => void | Promise<void>

export interface Api {
  /** Answers `req` if that is a request for an endpoint; says whether it was. */
  readonly handle: (req: ServerRequest, res: Answer) => boolean
  /** Ends everything that is under way. */
  readonly stop: Cancel
}

const HEARTBEAT_MS = 15_000

const endpoints: Readonly<Record<string, Endpoint>> = {
  'GET /api/work': work,
  'GET /api/search': search,
  'GET /api/report': report,
  'GET /api/query': query,
  'POST /api/unwanted': unwanted,
  'GET /api/events': events,
  'GET /api/log': ({ err }, { res, url, log }) => {
    if (err === undefined) json(res, log.entries(url.searchParams.get('page') ?? ''))
  },
  'GET /server.json': (_, { res, databases }) => json(res, { kind: 'node', engines: databases.engines() }),
  'GET /api/clock': (_, { res }) => json(res, performance.now()),
}

/** All that it does ends with `parent`. */
export function startApi(databases: Databases, parent: Context = background()): Api {
  const [root, stop] = withCancel(parent, { label: 'api' })
  const log = new Log()
  afterFunc(root, () => void databases.close())
  const handle = (req: ServerRequest, res: Answer) => {
    const url = new URL(req.url ?? '/', 'http://localhost')
    const isOurs = url.pathname.startsWith('/api/') || url.pathname === '/server.json'
    if (!isOurs) return false
    const endpoint = endpoints[`${req.method} ${url.pathname}`]
    if (endpoint === undefined) res.writeHead(404).end()
    else void serve(root, endpoint, { req, res, url, log, databases })
    return true
  }
  return { handle, stop }
}

async function serve(root: Context, endpoint: Endpoint, exchange: Exchange): Promise<void> {
  const { req, res } = exchange
  const [ctx, cancel] = withRequest(root, req, res, { values: [requestId] })
  using _ = cancel
  const refused = cause(ctx)
  if (refused instanceof HeaderError) return void res.writeHead(refused.status).end(refused.message)
  try {
    await endpoint(ctx, exchange)
  } catch (error) {
    if (ctx.err !== undefined) return
    console.error(error)
    if (res.headersSent) res.destroy()
    else res.writeHead(500).end()
  }
}

/**
 * A page that works without rescind tells nobody that it gave up. It tells the log, or nothing could be counted. Its
 * word may come late, behind what it gave up, so it says since when.
 */
function unwanted(_: Context, { res, url, log }: Exchange): void {
  const times = url.searchParams.getAll('at').map(Number)
  for (const [index, id] of url.searchParams.getAll('id').entries()) {
    log.unwanted(id, 'nobody waits any more, and the handler is not told', times[index])
  }
  res.writeHead(204).end()
}

/** What the log has of a page, and then the log as it is written, for as long as the page listens. */
async function events(ctx: Context, { res, url, log }: Exchange): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  res.write('retry: 1000\n\n')
  const page = url.searchParams.get('page') ?? ''
  const send = (entry: Entry) => res.write(`data: ${JSON.stringify(entry)}\n\n`)
  log.entries(page).forEach(send)
  log.follow(ctx, page, send)
  try {
    for (;;) {
      await sleep(ctx, HEARTBEAT_MS)
      res.write(': still here\n\n')
    }
  } finally {
    res.end()
  }
}

function json(res: Answer, value: unknown): void {
  res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(value))
}
