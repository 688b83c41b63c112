/**
 * The trouble endpoint: a server that is overloaded for a while. Afterwards it stays in trouble while it receives more
 * requests than it can handle, refused ones included, like real servers. Like all endpoints it sends 503 in its
 * answer's text: browsers log every status from 400 on as an error.
 */

import { sleep } from 'rescind'
import type { Context } from 'rescind'
import { refuse } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { isId } from './log.ts'
import { orderOf, perform } from './work.ts'

/** The state of the server in one run of the scenario. Times are in milliseconds, on the server's clock. */
interface Load {
  readonly began: number
  /** The arrival times of the requests in the last `WINDOW_MS`. */
  arrivals: number[]
  isDown: boolean
}

const WINDOW_MS = 500
const MAX_MS = 10_000
const MAX_RATE = 1000
const KEPT = 100

/** The newest `KEPT`, by the ids of their runs. */
const loads = new Map<string, Load>()

/**
 * With `run=p1&from=400&trouble=800&capacity=30` the trouble begins 400 ms after the first request of the run, lasts
 * for 800 ms, and then until there are at most 30 requests a second.
 */
export async function trouble(requestCtx: Context, exchange: Exchange): Promise<void> {
  const { searchParams } = exchange.url
  const order = orderOf(searchParams)
  const run = searchParams.get('run') ?? ''
  const number = (name: string) => Number(searchParams.get(name) ?? NaN)
  const [from, lasts, capacity] = [number('from'), number('trouble'), number('capacity')]
  if (typeof order === 'string') return refuse(exchange, order)
  if (!isId(run)) return refuse(exchange, 'run must be 1 to 40 letters, digits, dots or dashes')
  const arePossible = [from, lasts].every((ms) => ms >= 0 && ms <= MAX_MS) && capacity >= 0 && capacity <= MAX_RATE
  if (!arePossible) return refuse(exchange, `from and trouble must be 0 to ${MAX_MS} (ms), capacity 0 to ${MAX_RATE}`)
  const isDown = arrive(run, { from, lasts, capacity })
  await perform(requestCtx, exchange, {
    ...order,
    total: 1,
    unit: 'answers made',
    make() {},
    async run(make, ctx) {
      await sleep(ctx, order.latency)
      if (isDown) throw new Error('503, overloaded')
      make(0)
    },
    body: () => '{"status":"well"}',
  })
}

interface Plan {
  readonly from: number
  readonly lasts: number
  /** In requests a second. */
  readonly capacity: number
}

/** Counts a request, and returns whether the server is in trouble. */
function arrive(run: string, { from, lasts, capacity }: Plan): boolean {
  const now = performance.now()
  const load = loads.get(run) ?? { began: now, arrivals: [], isDown: false }
  loads.set(run, load)
  for (const oldest of loads.keys()) {
    if (loads.size <= KEPT) break
    loads.delete(oldest)
  }
  load.arrivals = [...load.arrivals.filter((at) => at > now - WINDOW_MS), now].slice(-MAX_RATE)
  const since = now - load.began - from
  const isPlanned = since >= 0 && since < lasts
  const isStormed = load.isDown && load.arrivals.length > (capacity * WINDOW_MS) / 1000
  load.isDown = isPlanned || isStormed
  return load.isDown
}
