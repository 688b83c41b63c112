/** The upload endpoint: stores a file kilobyte by kilobyte, and sends a line about each. */

import type { Context } from 'rescind'
import { readBody } from './body.ts'
import { refuse, typed } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { orderOf, perform } from './work.ts'

const PIECE = 1000

/** One line of the answer, as JSON. */
export interface Stored {
  /** The stored piece, of `of` pieces. */
  readonly piece: number
  readonly of: number
}

export async function upload(requestCtx: Context, exchange: Exchange): Promise<void> {
  const { req, res, url, log } = exchange
  const order = orderOf(url.searchParams)
  if (typeof order === 'string') return refuse(exchange, order)
  const file = await readBody(req)
  if (file === undefined) return refuse(exchange, 'the file is too long')
  if (file.byteLength === 0) return refuse(exchange, 'there must be a file')
  const total = Math.ceil(file.byteLength / PIECE)
  await perform(requestCtx, exchange, {
    ...order,
    total,
    unit: 'kB stored',
    make(index) {
      if (index === 0) res.writeHead(200, typed('application/x-ndjson'))
      const line = `${JSON.stringify({ piece: index + 1, of: total } satisfies Stored)}\n`
      res.write(line)
      log.sent(order.id, line.length)
    },
    body: () => undefined,
  })
}
