/**
 * The search endpoint: reads its hits one by one, so more hits take longer. Therefore the answer to the first letter
 * can arrive after the answer to the whole word.
 */

import { sleep, within } from 'rescind'
import type { Context } from 'rescind'
import { find } from './countries.ts'
import type { Hit } from './countries.ts'
import { refuse } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { readNames } from './names.ts'
import { orderOf, perform } from './work.ts'

/** The answer to the page. */
export interface Answer {
  readonly query: string
  /** The number of all names found. */
  readonly found: number
  /** The best of them, one for each region. */
  readonly hits: readonly Hit[]
}

const SHOWN = 6

/** About as many as the most frequent letter finds. */
const MANY = 3000

/** How often it waits between hits: each wait is a line in the inspector. */
const MAX_WAITS = 8

export async function search(requestCtx: Context, exchange: Exchange): Promise<void> {
  const order = orderOf(exchange.url.searchParams)
  const query = (exchange.url.searchParams.get('q') ?? '').trim()
  if (typeof order === 'string') return refuse(exchange, order)
  if (query === '' || query.length > 40) return refuse(exchange, 'q must have 1 to 40 characters')
  const found = find(query)
  const best = new Map<string, Hit>()
  const latency = Math.round(order.latency * Math.min(Math.log1p(found.length) / Math.log1p(MANY), 1))
  const { databases } = exchange
  await perform(requestCtx, exchange, {
    ...order,
    latency,
    total: found.length,
    unit: 'hits read',
    make() {},
    run: (make, ctx) =>
      within(ctx, { label: 'query' }, async (ctx) => {
        const start = performance.now()
        const wait = async (part: number) => {
          const ms = start + latency * part - performance.now()
          if (ms > latency / MAX_WAITS || part === 1) await sleep(ctx, ms)
        }
        const hits = databases.engines().includes('sqlite')
          ? readNames(ctx, await databases.open('sqlite'), query)
          : found
        let index = 0
        for await (const hit of hits) {
          await wait(index / found.length)
          if (best.size < SHOWN && !best.has(hit.code)) best.set(hit.code, hit)
          make(index++)
        }
        await wait(1)
      }),
    body: () => JSON.stringify({ query, found: found.length, hits: [...best.values()] } satisfies Answer),
  })
}
