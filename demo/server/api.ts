/**
 * The demo's endpoints, on real sockets: the same under Vite's dev server and in production. Every request gets a
 * context that ends when its client leaves or the server stops, and every endpoint works under it.
 */

import { afterFunc, background, cause, withCancel } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { withRequest } from 'rescind/node'
import { inspect } from 'rescind/inspect'
import { HeaderError, traceparent } from 'rescind/wire'
import { isForeign } from './admission.ts'
import { answer } from './answer.ts'
import type { Databases } from './databases.ts'
import { events } from './events.ts'
import { refuse, sendJson, sendText } from './exchange.ts'
import type { DemoResponse, Exchange, Request } from './exchange.ts'
import { isId, Log } from './log.ts'
import { pin, save, sendNote } from './notes.ts'
import { query } from './query.ts'
import { report } from './report.ts'
import { requestId } from './request-id.ts'
import { search } from './search.ts'
import { trouble } from './trouble.ts'
import { upload } from './upload.ts'
import { work } from './work.ts'

/** Settles when its work is done; may reject as soon as its context has ended. */
type Endpoint = (ctx: Context, exchange: Exchange) => void | Promise<void>

export interface Api {
  /** Answers `req` if `url` belongs to an endpoint, and returns whether it does. */
  readonly handle: (url: URL, req: Request, res: DemoResponse) => boolean
  /** Ends all requests in flight. */
  readonly stop: Cancel
}

/** How many requests a page may report as unwanted at once. */
const MAX_WORDS = 100

const endpoints: ReadonlyMap<string, readonly [method: 'GET' | 'POST', endpoint: Endpoint]> = new Map([
  ['/api/work', ['GET', work]],
  ['/api/search', ['GET', search]],
  ['/api/report', ['GET', report]],
  ['/api/query', ['GET', query]],
  ['/api/answer', ['GET', answer]],
  ['/api/trouble', ['GET', trouble]],
  ['/api/upload', ['POST', upload]],
  ['/api/save', ['POST', save]],
  ['/api/pin', ['POST', pin]],
  ['/api/note', ['GET', sendNote]],
  ['/api/unwanted', ['POST', unwanted]],
  ['/api/events', ['GET', events]],
  [
    '/api/log',
    [
      'GET',
      ({ err }, { res, url, log }) => {
        if (err === undefined) sendJson(res, log.entries(url.searchParams.get('page') ?? ''))
      },
    ],
  ],
  ['/server.json', ['GET', (_, { res, databases }) => sendJson(res, { kind: 'node', engines: databases.engines() })]],
  ['/api/recording', ['GET', (_, { res, inspector }) => sendJson(res, inspector.record())]],
  ['/api/clock', ['GET', (_, { res }) => sendJson(res, performance.now())]],
])

/** Starts the endpoints. All their work ends with `parent`. */
export function startApi(databases: Databases, parent: Context = background()): Api {
  const [root, stop] = withCancel(parent, { label: 'api' })
  const log = new Log()
  const inspector = inspect({ name: 'server', silence: 'all' })
  afterFunc(root, () => {
    inspector.detach()
    void databases.close()
  })
  // Opened early, so that the first search need not wait. After a failure the next use tries again.
  if (databases.engines().includes('sqlite')) databases.open('sqlite').catch(() => {})
  const handle = (url: URL, req: Request, res: DemoResponse) => {
    const [method, endpoint] = endpoints.get(url.pathname) ?? []
    const isOurs = endpoint !== undefined || url.pathname.startsWith('/api/')
    if (!isOurs) return false
    if (isForeign(req)) sendText(res, 403, 'only pages of this server may ask for this')
    else if (endpoint === undefined) sendText(res, 404, 'there is no such endpoint')
    else if (req.method !== method) sendText(res, 405, `the method must be ${method}`, { allow: `${method}` })
    else void serve(root, endpoint, { req, res, url, log, databases, inspector })
    return true
  }
  return { handle, stop }
}

async function serve(root: Context, endpoint: Endpoint, exchange: Exchange): Promise<void> {
  const { req, res } = exchange
  const [ctx, cancel] = withRequest(root, req, res, { values: [requestId, traceparent] })
  using _ = cancel
  const refused = cause(ctx)
  if (refused instanceof HeaderError) return sendText(res, refused.status, refused.message)
  try {
    await endpoint(ctx, exchange)
  } catch (error) {
    if (ctx.err !== undefined) return
    console.error(error)
    if (res.headersSent) res.destroy()
    else sendText(res, 500, 'the demo has failed')
  }
}

/**
 * Without rescind a page does not tell the handler that it no longer needs the answer. It tells the log instead, which
 * counts the waste. Its report may arrive after the handler has ended, so it contains the time.
 */
function unwanted(_: Context, exchange: Exchange): void {
  const { res, url, log } = exchange
  const ids = url.searchParams.getAll('id')
  const times = url.searchParams.getAll('at').map((time) => (time.trim() === '' ? NaN : Number(time)))
  if (ids.length > MAX_WORDS) return refuse(exchange, `there must be no more than ${MAX_WORDS} ids`)
  if (!ids.every(isId)) return refuse(exchange, 'every id must be 1 to 40 letters, digits, dots or dashes')
  if (times.length !== ids.length || !times.every(Number.isFinite)) return refuse(exchange, 'every id needs a time')
  for (const [index, id] of ids.entries()) {
    log.unwanted(id, 'the answer is unwanted, and the handler is not told', times[index])
  }
  res.writeHead(204).end()
}
