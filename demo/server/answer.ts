/**
 * The answer endpoint: streams a text word by word, like a language model. It may fall silent for a while, like an
 * overloaded server.
 */

import { sleep } from 'rescind'
import type { Context } from 'rescind'
import { refuse, typed } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { orderOf, perform } from './work.ts'

const WORDS: readonly string[] = `A context says how long a piece of work may live. The caller derives a
context for it and passes it down, and every function on the way hands it on. When the context is canceled, or its
deadline has passed, everything below it ends: requests, queries, timers. No part has to be told by itself. The function
that started the work waits for the end and releases what it held. Because the first cause is final, every part reports
the same reason.`.split(/\s+/)

const MAX_SILENCE = 10_000

/** With `silence=3000` it is silent for 3000 ms half-way, with `from=start` before the first word. */
export async function answer(requestCtx: Context, exchange: Exchange): Promise<void> {
  const { res, log, url } = exchange
  const order = orderOf(url.searchParams)
  const silence = Number(url.searchParams.get('silence') ?? 0)
  const isLate = url.searchParams.get('from') === 'start'
  if (typeof order === 'string') return refuse(exchange, order)
  const isPossible = silence >= 0 && silence <= MAX_SILENCE
  if (!isPossible) return refuse(exchange, `silence must be from 0 to ${MAX_SILENCE} (ms)`)
  const total = WORDS.length
  const silent = isLate ? 0 : Math.floor(total / 2)
  res.writeHead(200, typed('text/plain; charset=utf-8'))
  await perform(requestCtx, exchange, {
    ...order,
    total,
    unit: 'words written',
    make(index) {
      const word = `${WORDS[index]} `
      res.write(word)
      log.sent(order.id, word.length)
    },
    async run(make, ctx) {
      for (let index = 0; index < total; index++) {
        await sleep(ctx, order.latency / total + (index === silent ? silence : 0))
        make(index)
      }
    },
    body: () => undefined,
  })
}
