/**
 * Work that takes time, piece by piece, and answers when all pieces are done, or fails if it is told to. It runs under
 * the request's context, so it stops within one step after the client leaves. With `rescind=off` it runs to its end,
 * like a handler that is not notified.
 */

import { cause, sleep, withoutCancel } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone } from 'rescind/node'
import { reasonOf } from '../words.ts'
import { refuse, sendText, typed } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { isId } from './log.ts'
import { tagOf } from './request-id.ts'

const STEP_MS = 10
const MAX_LATENCY = 10_000

/** The parameters of every request for work. */
interface Order {
  readonly id: string
  readonly name: string
  /** How long it takes, in milliseconds. */
  readonly latency: number
  readonly fails: boolean
  readonly isTold: boolean
}

/** How the work is done. */
export interface Job extends Order {
  /** How many pieces there are. */
  readonly total: number
  /** The state of the pieces, in words: `rows made`. */
  readonly unit: string
  readonly make: (index: number) => void
  /** Makes all pieces; at an even pace by default. `ctx` does not end if the handler is not notified. */
  readonly run?: (make: (index: number) => void, ctx: Context) => Promise<void>
  /** The answer, when all pieces are done; undefined if it was sent already. */
  readonly body: () => string | undefined
}

/** Makes rows. With `streams=yes` each of them is sent at once. */
export async function work(requestCtx: Context, exchange: Exchange): Promise<void> {
  const { res, url, log } = exchange
  const order = orderOf(url.searchParams)
  if (typeof order === 'string') return refuse(exchange, order)
  const isStream = url.searchParams.get('streams') === 'yes'
  const total = Math.ceil(order.latency / STEP_MS)
  const rows: string[] = []
  await perform(requestCtx, exchange, {
    ...order,
    total,
    unit: 'rows made',
    make(index) {
      const row = JSON.stringify({ row: index + 1, of: total })
      if (!isStream) return void rows.push(row)
      if (index === 0) res.writeHead(200, typed('application/x-ndjson'))
      res.write(`${row}\n`)
      log.sent(order.id, row.length + 1)
    },
    body: () => (isStream ? undefined : `{"rows":[${rows.join(',')}]}`),
  })
}

export async function perform(requestCtx: Context, { res, log }: Exchange, job: Job): Promise<void> {
  const { id, name, latency, fails, isTold, total, unit } = job
  const ctx = isTold ? requestCtx : withoutCancel(requestCtx)
  let made = 0
  const progress = () => `${made} of ${total} ${unit}`
  const answer = (body: string) => {
    res.writeHead(200, typed('application/json')).end(body)
    log.sent(id, new TextEncoder().encode(body).byteLength)
  }
  log.open({ id, name, latency, tag: tagOf(requestCtx) }, `arrived: ${latency} ms of work`)
  res.once('close', () => {
    if (!res.writableEnded) log.unwanted(id, isTold ? 'client gone' : 'client gone, and the handler is not told')
  })
  try {
    const make = (index: number) => {
      job.make(index)
      made = index + 1
    }
    await (job.run?.(make, ctx) ?? inSteps(ctx, job, make))
    if (fails) throw new Error(`${name} failed`)
    const body = job.body()
    if (body === undefined) res.end()
    else answer(body)
    log.end(id, 'finished', `finished: ${progress()}`)
  } catch (error) {
    if (ctx.err === undefined) {
      const { message } = error as Error
      if (res.headersSent) res.destroy()
      else answer(JSON.stringify({ error: message }))
      log.end(id, 'failed', `failed: ${message}`, message)
      return
    }
    const reason = cause(ctx)
    const why = reasonOf(reason)
    if (res.headersSent) res.destroy()
    else if (reason !== ClientGone) sendText(res, 503, why)
    log.end(id, 'stopped', `stopped: ${why}, ${progress()}`, why)
  }
}

/** Makes the pieces at an even pace, those that are due at every step. */
async function inSteps(ctx: Context, { latency, total }: Job, make: Job['make']): Promise<void> {
  const start = performance.now()
  let made = 0
  for (let step = 1; made < total; step++) {
    const at = Math.min(step * STEP_MS, latency)
    await sleep(ctx, start + at - performance.now())
    const due = at < latency ? Math.floor((total * at) / latency) : total
    while (made < due) make(made++)
  }
}

/** The order, or the reason why it is invalid. */
export function orderOf(query: URLSearchParams): Order | string {
  const id = query.get('id') ?? ''
  const name = query.get('name') ?? ''
  const latency = Number(query.get('latency') ?? NaN)
  if (!isId(id)) return 'id must be 1 to 40 letters, digits, dots or dashes'
  if (!/^\P{Cc}{1,40}$/u.test(name)) return 'name must have 1 to 40 characters'
  if (!(latency >= 0 && latency <= MAX_LATENCY)) return `latency must be from 0 to ${MAX_LATENCY} (ms)`
  return { id, name, latency, fails: query.get('fails') === 'yes', isTold: query.get('rescind') !== 'off' }
}
