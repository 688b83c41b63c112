/** Contexts end at random while statements complete: the outcome in the database must match the reported one. */

import { background, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { execContext, queryContext, queryStream, withTransaction } from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { endless } from '../sql/postgres.ts'
import { Tally, toughPool } from './tally.ts'
import type { Fault } from './tally.ts'

const bg = background()

export const fullPool: Fault = {
  name: 'a full pool of 2, and 500 statements that wait for it',
  async run({ access }) {
    const tally = new Tally()
    const pool = toughPool(access, 'full', 2)
    const db = postgres(pool)
    await execContext(bg, db, 'CREATE TABLE never (id int)')
    const [busy, free] = withCancel(bg)
    const running = [0, 1].map(() => tally.follow(busy, queryContext(busy, db, endless), 'statement with a slot'))
    const waiting = Array.from({ length: 500 }, async (_, id) => {
      const [ctx] = withTimeout(bg, Math.random() * 400)
      await tally.follow(ctx, execContext(ctx, db, 'INSERT INTO never VALUES ($1)', [id]), 'statement that waited')
    })
    await Promise.all(waiting)
    free()
    await Promise.all(running)
    const [row] = await queryContext(bg, db, 'SELECT count(*)::int AS count FROM never')
    tally.assert(row?.count === 0, `${String(row?.count)} statements ran although their contexts had ended`)
    await tally.settles(pool, access, 'full')
    await db.close()
    return tally
  },
}

export const races: Fault = {
  name: '10,000 random cancels racing completions, PostgreSQL over a pool of 4',
  async run({ access }) {
    const pool = toughPool(access, 'races', 4)
    const db = postgres(pool)
    const tally = await race(db, 10_000, (position) => `$${position}`, ['SELECT pg_sleep(0.001)', 3])
    await tally.settles(pool, access, 'races')
    await db.close()
    return tally
  },
}

/** Work that races against its cancel: the rows that it inserts, and its duration relative to the others. */
interface Kind {
  readonly what: string
  readonly run: (ctx: Context, id: number) => Promise<unknown>
  readonly rows: number
  readonly length: number
}

/** Runs eight at a time; `slow` takes some time, and contexts live up to `ms` milliseconds. */
export async function race(
  db: Database,
  rounds: number,
  parameter: (position: number) => string,
  [slow, ms]: readonly [slow: string, ms: number],
): Promise<Tally> {
  const tally = new Tally()
  await execContext(bg, db, 'CREATE TABLE raced (id int, side text)')
  const insert = `INSERT INTO raced VALUES (${parameter(1)}, ${parameter(2)})`
  const kinds: readonly Kind[] = [
    { what: 'query', run: (ctx) => queryContext(ctx, db, slow), rows: 0, length: 1 },
    { what: 'write', run: (ctx, id) => execContext(ctx, db, insert, [id, 'one']), rows: 1, length: 1 },
    { what: 'stream', run: (ctx) => drain(queryStream(ctx, db, 'SELECT id FROM raced LIMIT 20')), rows: 0, length: 4 },
    {
      what: 'transaction',
      run: (ctx, id) =>
        withTransaction(ctx, db, async (tx) => {
          await execContext(ctx, tx, insert, [id, 'left'])
          await queryContext(ctx, tx, slow)
          await execContext(ctx, tx, insert, [id, 'right'])
        }),
      rows: 2,
      length: 5,
    },
  ]
  const expected = new Map<number, number>()
  const work = async (from: number) => {
    for (let id = from; id < rounds; id += 8) {
      const { what, run, rows, length } = kinds[id % kinds.length] as Kind
      const [ctx, cancel] = withCancel(bg)
      const following = tally.follow(ctx, run(ctx, id), what)
      await sleep(bg, Math.random() * ms * length)
      cancel()
      const ending = await following
      tally.assert(ending === 'completed' || ending === 'ended with its context', `${what} ${id}: ${ending}`)
      expected.set(id, ending === 'completed' ? rows : 0)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, from) => work(from)))
  const found = await queryContext(bg, db, 'SELECT id, count(*) AS count FROM raced GROUP BY id')
  const counts = new Map(found.map(({ id, count }) => [Number(id), Number(count)]))
  for (const [id, count] of expected) {
    const left = counts.get(id) ?? 0
    tally.assert(left === count, `${id} stored ${left} rows, but ${count} were reported`)
  }
  tally.count('writes that are stored as reported', found.length)
  return tally
}

async function drain(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const row of rows) count += Number(row !== undefined)
  return count
}
