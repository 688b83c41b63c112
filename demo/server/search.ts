/**
 * The search endpoint: reads its hits one by one, so more hits take longer. Therefore the answer to the first letter
 * can arrive after the answer to the whole word.
 */

import type { Context } from 'rescind'
import { find } from './countries.ts'
import type { Hit } from './countries.ts'
import { refuse } from './exchange.ts'
import type { Exchange } from './exchange.ts'
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

export async function search(requestCtx: Context, exchange: Exchange): Promise<void> {
  const order = orderOf(exchange.url.searchParams)
  const query = (exchange.url.searchParams.get('q') ?? '').trim()
  if (typeof order === 'string') return refuse(exchange, order)
  if (query === '' || query.length > 40) return refuse(exchange, 'q must have 1 to 40 characters')
  const found = find(query)
  const best = new Map<string, Hit>()
  await perform(requestCtx, exchange, {
    ...order,
    latency: Math.round(order.latency * Math.min(Math.log1p(found.length) / Math.log1p(MANY), 1)),
    total: found.length,
    unit: 'hits read',
    make(index) {
      const hit = found[index]
      if (hit !== undefined && best.size < SHOWN && !best.has(hit.code)) best.set(hit.code, hit)
    },
    body: () => JSON.stringify({ query, found: found.length, hits: [...best.values()] } satisfies Answer),
  })
}
