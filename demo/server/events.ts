/**
 * The log as a stream of events, for the pages that draw it. The log does not wait for its readers, so their number is
 * limited, and so is what each may leave unread. A reader beyond that is dropped, connects again, and gets the current
 * entries.
 */

import { sleep, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { refuse, sendText, typed } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { isId } from './log.ts'
import type { Entry } from './log.ts'

const MAX_READERS = 64

/** In bytes. The whole log is about half of it. */
const MAX_UNREAD = 2 ** 20

const HEARTBEAT_MS = 15_000

/** How long a dropped reader has to read the reason. */
const GRACE_MS = 1000

/** Sends the log's entries of a page, and then its changes until the page disconnects. */
export async function events(ctx: Context, exchange: Exchange): Promise<void> {
  const { res, url, log } = exchange
  const page = url.searchParams.get('page') ?? ''
  if (page !== '' && !isId(page)) return refuse(exchange, 'page must be the start of an id')
  if (log.readers >= MAX_READERS) return sendText(res, 429, 'too many pages read the log')
  const [reading, drop] = withCancel(ctx, { label: 'reader of the log' })
  const send = (entry: Entry) => {
    if (reading.err !== undefined) return
    res.write(`data: ${JSON.stringify(entry)}\n\n`)
    if (res.writableLength > MAX_UNREAD) drop()
  }
  res.writeHead(200, typed('text/event-stream'))
  res.write('retry: 1000\n\n')
  // Under the request's context: the reader counts until its connection is closed.
  log.follow(ctx, page, send)
  log.entries(page).forEach(send)
  try {
    for (;;) {
      await sleep(reading, HEARTBEAT_MS)
      res.write(': still here\n\n')
    }
  } catch {
    if (ctx.err === undefined) await dismiss(ctx, exchange)
  } finally {
    res.end()
  }
}

/** Tells a reader that it is dropped, and then closes its connection. */
async function dismiss(ctx: Context, { res }: Exchange): Promise<void> {
  res.write('event: dropped\ndata: too much of the log was left unread\n\n')
  res.end()
  await sleep(ctx, GRACE_MS)
  res.destroy()
}
