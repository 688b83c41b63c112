/**
 * The query endpoint: runs a statement under the request's context, which ends at the sent deadline or when the client
 * leaves, and reports its progress.
 */

import { cause, withTimeout, withoutCancel } from 'rescind'
import type { Context } from 'rescind'
import { queryStream } from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { reasonOf } from '../words.ts'
import { refuse, typed } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { tagOf } from './request-id.ts'
import { counter, PATIENCE_MS, scan, STATEMENTS } from './scan.ts'
import type { Read, Statement } from './scan.ts'
import { orderOf } from './work.ts'

export async function query(requestCtx: Context, exchange: Exchange): Promise<void> {
  const { res, url, log, databases } = exchange
  const { searchParams } = url
  const order = orderOf(searchParams)
  const engine = searchParams.get('engine') ?? ''
  const statement = searchParams.get('statement') ?? ''
  if (typeof order === 'string') return refuse(exchange, order)
  if (!Object.hasOwn(STATEMENTS, statement)) return refuse(exchange, 'statement must be albums or minute')
  if (!/^\w{1,20}$/.test(engine)) return refuse(exchange, 'engine must be 1 to 20 letters or digits')
  const { id, name, latency, isTold } = order
  const tag = tagOf(requestCtx)
  // The tag must not end the comment.
  const comment = tag === undefined ? '' : ` /* ${tag.replaceAll(/[^\w.-]/g, '')} */`
  const sql = `${STATEMENTS[statement as Statement]}${comment}`
  const say = (text: string) => {
    res.write(text)
    log.sent(id, text.length)
  }
  const { read, get } = counter((scanned) => say(`${JSON.stringify(scanned)}\n`))
  const progress = () => `${get().rows.toLocaleString('en')} rows scanned`
  log.open({ id, name, latency, tag }, `arrived: ${statement === 'albums' ? sql : 'a scan'} on ${engine}`)
  res.once('close', () => {
    if (!res.writableEnded) log.unwanted(id, isTold ? 'client gone' : 'client gone, and the handler is not told')
  })
  res.writeHead(200, typed('application/x-ndjson'))
  try {
    const db = await databases.open(engine)
    const how = isTold
      ? await scan(requestCtx, db, sql, Infinity, read).then(() => 'finished')
      : await scanOn(requestCtx, db, sql, read)
    say(`${JSON.stringify(get())}\n`)
    res.end()
    log.end(id, 'finished', `${how}: ${progress()}`)
  } catch (error) {
    const isStopped = isTold && requestCtx.err !== undefined
    const why = isStopped ? reasonOf(cause(requestCtx)) : (error as Error).message
    if (!isStopped) say(`${JSON.stringify({ error: why })}\n`)
    res.end()
    log.end(id, isStopped ? 'stopped' : 'failed', `${isStopped ? 'stopped' : 'failed'}: ${why}, ${progress()}`, why)
  }
}

/** Runs a scan without the request's end: to its end, or to the limit of the demo. Returns which. */
async function scanOn(requestCtx: Context, db: Database, sql: string, read: Read): Promise<string> {
  const [patience, cancel] = withTimeout(withoutCancel(requestCtx), PATIENCE_MS)
  using _ = cancel
  try {
    for await (const row of queryStream(patience, db, sql)) read(row)
    return 'finished'
  } catch (error) {
    if (patience.err === undefined) throw error
    return 'given up by the demo'
  }
}
