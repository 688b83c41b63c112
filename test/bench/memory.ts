/**
 * Heap sizes before and after, each after a full collection. Runs in a separate process, since keeping many objects
 * alive changes how the engine allocates similar ones afterwards.
 */

import { setMaxListeners } from 'node:events'
import { others, peers, subject } from './contenders.ts'
import type { Contender } from './contenders.ts'
import { median, metric } from './measure.ts'
import type { Metrics } from './measure.ts'

export const LIVE = 'live context'
export const PAIR = 'live context with its cancel'
export const RETAINED = 'retained by each ended child'

/** Larger groups of children take too long with signals. */
const CHILDREN = 1_000

/** The first round also includes code and caches, and is dropped. */
const ROUNDS = 3

/** The fast contenders; the others are measured with fewer children. */
const lean = new Set([subject, ...peers])

export async function weigh(): Promise<Metrics> {
  setMaxListeners(0)
  const metrics: Metrics = {}
  for (const contender of [subject, ...others]) {
    const { name } = contender
    metrics[metric(LIVE, name)] = await live(contender, (child) => contender.context(child))
    metrics[metric(PAIR, name)] = await live(contender, (child) => child)
    metrics[metric(RETAINED, name)] = await retained(contender, shortLived(contender))
  }
  return metrics
}

export function shortLived(contender: Contender<unknown, unknown>): number {
  return lean.has(contender) ? 1_000_000 : 20_000
}

/** The bytes of each of many live children, of which the caller keeps the result of `kept`. */
async function live<Ctx, Child>(contender: Contender<Ctx, Child>, kept: (child: Child) => unknown): Promise<number> {
  const rounds: number[] = []
  const count = lean.has(contender) ? 100 : 5
  for (let round = 0; round < ROUNDS; round++) {
    const parents = Array.from({ length: count }, () => contender.root())
    // Objects that a parent makes for its first child count for the parent.
    for (const parent of parents) contender.cancel(contender.derive(contender.context(parent)))
    const all = Array.from<unknown>({ length: count * CHILDREN }).fill(undefined)
    const before = await heap()
    for (let index = 0; index < all.length; index++) {
      all[index] = kept(contender.derive(contender.context(parents[index % count] as Child)))
    }
    rounds.push(((await heap()) - before) / all.length)
    for (const parent of parents) contender.cancel(parent)
    all.length = 0
  }
  return median(rounds.slice(1))
}

/** The bytes that remain of each of `count` short-lived children while their parent lives. */
async function retained<Ctx, Child>(contender: Contender<Ctx, Child>, count: number): Promise<number> {
  const parent = contender.context(contender.root())
  const run = (times: number) => {
    for (let index = 0; index < times; index++) contender.cancel(contender.derive(parent))
  }
  run(10_000)
  const before = await heap()
  run(count)
  const bytes = (await heap()) - before
  if (contender.ended(parent)) throw new Error('The parent has ended, so it could retain nothing.')
  return bytes / count
}

async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  return process.memoryUsage().heapUsed
}
