/** The report endpoint: sends rows as they are made, as long as the client reads them. */

import { sleep } from 'rescind'
import type { Context } from 'rescind'
import { withRequest } from 'rescind/node'
import { refuse, typed } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { orderOf, perform } from './work.ts'

const ROW_MS = 10

// #region with
async function makeReport(parent: Context, { req, res }: Exchange, rows: number, make: Make) {
  const [ctx, cancel] = withRequest(parent, req, res)
  using _ = cancel
  for (let row = 0; row < rows; row++) {
    await sleep(ctx, ROW_MS)
    make(row)
  }
}
// #endregion

// #region without
async function makeReportByHand(rows: number, make: Make) {
  for (let row = 0; row < rows; row++) {
    await new Promise((resolve) => setTimeout(resolve, ROW_MS))
    make(row)
  }
}
// #endregion

type Make = (row: number) => void

export async function report(parent: Context, exchange: Exchange): Promise<void> {
  const { res, log, url } = exchange
  const order = orderOf(url.searchParams)
  if (typeof order === 'string') return refuse(exchange, order)
  const total = Math.ceil(order.latency / ROW_MS)
  res.writeHead(200, typed('text/plain; charset=utf-8'))
  await perform(parent, exchange, {
    ...order,
    total,
    unit: 'rows sent',
    make(row) {
      const line = `row ${row + 1} of ${total}\n`
      res.write(line)
      log.sent(order.id, line.length)
    },
    run: (make) => (order.isTold ? makeReport(parent, exchange, total, make) : makeReportByHand(total, make)),
    body: () => undefined,
  })
}
