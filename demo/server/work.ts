/**
 * The endpoint that takes its time: makes rows for `latency` milliseconds, then answers with all of them, or fails if
 * it was told to. It works under the request's context, so it stops within one row of the client's leaving. With
 * `rescind=off` it works as handlers do that nobody tells: to the end.
 */

import { cause, sleep, withoutCancel } from 'rescind'
import type { Context } from 'rescind'
import type { Exchange } from './api.ts'
import { clientGone } from './request.ts'

const ROW_MS = 10
const MAX_LATENCY = 10_000

interface Order {
  readonly id: string
  readonly name: string
  readonly latency: number
  readonly fails: boolean
  readonly isTold: boolean
}

/** The rows that are there so far. */
interface Result {
  readonly rows: string[]
  readonly total: number
}

export async function work(requestCtx: Context, { res, url, log }: Exchange): Promise<void> {
  const order = orderOf(url.searchParams)
  if (typeof order === 'string') {
    res.writeHead(400, { 'content-type': 'text/plain' }).end(order)
    return
  }
  const { id, name, latency, fails, isTold } = order
  const ctx = isTold ? requestCtx : withoutCancel(requestCtx)
  const result: Result = { rows: [], total: Math.ceil(latency / ROW_MS) }
  log.open(id, name, `arrived: ${latency} ms of work`)
  res.once('close', () => {
    if (!res.writableEnded) log.unwanted(id, isTold ? 'client gone' : 'client gone, and the handler is not told')
  })
  try {
    await makeRows(ctx, latency, result)
    if (fails) throw new Error(`${name} failed`)
    const body = `{"rows":[${result.rows.join(',')}]}`
    answer(res, body)
    log.end(id, 'finished', { text: `finished: ${progress(result)}`, bytes: Buffer.byteLength(body) })
  } catch (error) {
    if (ctx.err === undefined) {
      const { message } = error as Error
      answer(res, JSON.stringify({ error: message }))
      log.end(id, 'failed', { text: `failed: ${message}`, cause: message })
      return
    }
    const reason = cause(ctx)
    const why = reason instanceof Error ? reason.message : String(reason)
    if (reason !== clientGone) res.writeHead(503).end()
    log.end(id, 'stopped', { text: `stopped: ${why}, ${progress(result)}`, cause: why })
  }
}

async function makeRows(ctx: Context, latency: number, { rows, total }: Result): Promise<void> {
  const start = performance.now()
  while (rows.length < total) {
    const due = Math.min((rows.length + 1) * ROW_MS, latency)
    await sleep(ctx, start + due - performance.now())
    rows.push(JSON.stringify({ row: rows.length + 1, of: total, made: Math.round(performance.now() - start) }))
  }
}

function answer(res: Exchange['res'], body: string): void {
  res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body)
}

function progress({ rows, total }: Result): string {
  return `${rows.length} of ${total} rows made`
}

/** The order, or what is wrong with it. */
function orderOf(query: URLSearchParams): Order | string {
  const id = query.get('id') ?? ''
  const name = query.get('name') ?? ''
  const latency = Number(query.get('latency') ?? NaN)
  if (!/^[\w.-]{1,40}$/.test(id)) return 'id must be 1 to 40 letters, digits, dots or dashes'
  if (name === '' || name.length > 40) return 'name must have 1 to 40 characters'
  if (!(latency >= 0 && latency <= MAX_LATENCY)) return `latency must be from 0 to ${MAX_LATENCY} (ms)`
  return { id, name, latency, fails: query.get('fails') === 'yes', isTold: query.get('rescind') !== 'off' }
}
