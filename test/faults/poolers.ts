/**
 * Other clients share the connections of a pooler with us while many of our statements are canceled. No cancel of ours
 * may stop a query of theirs, and they must not see settings or transactions of ours.
 */

import { Pool } from 'pg'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { execContext, queryContext, queryStream, withTransaction } from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { startPgBouncer } from '../../scripts/pgbouncer.ts'
import type { Access } from '../../scripts/postgres.ts'
import { startPooler } from '../sql/pooler.ts'
import { observe } from '../sql/postgres.ts'
import { Tally, toughPool } from './tally.ts'
import type { Fault } from './tally.ts'

const bg = background()
const STRANGERS = 500
/** How long another client's query takes: longer than most of our deadlines. */
const STRANGE = 'SELECT pg_sleep(0.05)'

export const bouncer: Fault = {
  name: 'PgBouncer in transaction mode with three connections, and 500 queries of other clients',
  async run({ access }) {
    const { access: bounced, stop } = await startPgBouncer(access, 3)
    try {
      return await storm(bounced, bounced, access)
    } finally {
      await stop()
    }
  },
}

export const hasty: Fault = {
  name: 'a pooler that closes the connection of a cancel early and forwards the cancel late, in front of PgBouncer',
  async run({ access }) {
    const { access: bounced, stop } = await startPgBouncer(access, 3)
    const pooler = await startPooler(bounced, (pass) => setTimeout(pass, Math.random() * 20))
    try {
      const tally = await storm(pooler.access, bounced, access)
      tally.count('cancels that were forwarded late', pooler.counts.cancels)
      tally.count('connections of ours', pooler.counts.connections)
      return tally
    } finally {
      await pooler.close()
      await stop()
    }
  },
}

export const late: Fault = {
  name: 'a pooler that closes the connection of a cancel early and forwards the cancel late, in front of PostgreSQL',
  async run({ access }) {
    const pooler = await startPooler(access, (pass) => setTimeout(pass, Math.random() * 20))
    try {
      return await storm(pooler.access, access, access)
    } finally {
      await pooler.close()
    }
  },
}

/** We connect to `ours`, the other clients to `theirs`; the tables are read at `server`. */
async function storm(ours: Access, theirs: Access, server: Access): Promise<Tally> {
  const tally = new Tally()
  const observer = await observe(server)
  await observer.query('DROP TABLE IF EXISTS stormed; CREATE TABLE stormed (id int)')
  const pool = toughPool(ours, 'ours', 6)
  const db = postgres(pool)
  const others = new Pool({ ...theirs, application_name: 'strangers', max: 6 })
  let isOver = false
  const blowing = Array.from({ length: 12 }, async (_, from) => {
    for (let round = from; !isOver; round++) await gust(tally, db, round)
  })
  const strangers = Array.from({ length: 6 }, async (_, from) => {
    for (let count = from; count < STRANGERS; count += 6) await ask(tally, others)
  })
  // Our own statements without a context count as other clients too.
  const own = (async () => {
    while (!isOver) {
      await queryContext(bg, db, 'SELECT pg_sleep(0.01)').then(
        () => tally.count('queries of ours without a deadline'),
        (error: unknown) => tally.assert(false, `a query of ours without a deadline failed: ${String(error)}`),
      )
    }
  })()
  await Promise.all(strangers)
  isOver = true
  await Promise.all([...blowing, own])
  for (const what of ['deadline', 'cancel']) {
    const stopped = tally.counts.get(`statement with a ${what}: ended with its context`) ?? 0
    tally.assert(stopped >= 50, `only ${stopped} statements with a ${what} were stopped`)
  }
  await tally.settles(pool, server, 'ours')
  await db.close()
  await others.end()
  const [row] = await observer.query('SELECT count(*)::int AS count FROM stormed')
  tally.assert(row?.count === 0, `${String(row?.count)} rows remain of transactions that were rolled back`)
  await observer.end()
  return tally
}

/** One query of another client, which reads the settings and the transaction of its connection. */
async function ask(tally: Tally, others: Pool): Promise<void> {
  tally.count('queries of other clients')
  const look = `SELECT current_setting('statement_timeout') AS timeout,
    current_setting('idle_in_transaction_session_timeout') AS idle, now() = statement_timestamp() AS alone`
  try {
    await others.query(STRANGE)
    const { rows } = await others.query<{ timeout: string; idle: string; alone: boolean }>(look)
    const [{ timeout, idle, alone } = {}] = rows as Partial<(typeof rows)[number]>[]
    tally.assert(timeout === '0' && idle === '0', `another client found the timeouts ${timeout} and ${idle}`)
    tally.assert(alone === true, 'another client found itself in a transaction')
  } catch (error) {
    tally.assert(false, `a query of another client failed: ${String(error)}`)
  }
}

/** One of our statements, of each kind in turn, under a deadline or a cancel at a random time. */
async function gust(tally: Tally, db: Database, round: number): Promise<void> {
  const ms = 1 + Math.random() * 30
  const hasDeadline = round % 2 === 0
  const [ctx, cancel] = hasDeadline ? withTimeout(bg, ms) : withCancel(bg)
  if (!hasDeadline) void sleep(bg, ms).then(() => cancel())
  const slow = 'SELECT pg_sleep(0.015)'
  const kinds: ((ctx: Context) => Promise<unknown>)[] = [
    (ctx) => queryContext(ctx, db, slow),
    (ctx) => queryContext(ctx, db, 'SELECT pg_sleep($1)', [0.015]),
    (ctx) => execContext(ctx, db, `${slow}; ${slow}`),
    (ctx) =>
      withTransaction(ctx, db, async (tx) => {
        await execContext(ctx, tx, 'INSERT INTO stormed VALUES (1)')
        await withTransaction(ctx, tx, (inner) => queryContext(ctx, inner, slow)).catch(() => {})
        await queryContext(ctx, tx, slow)
        throw new Error('rolled back')
      }),
    async (ctx) => {
      const naps = 'SELECT pg_sleep(0.002) FROM generate_series(1, 20)'
      for await (const _ of queryStream(ctx, db, naps)) ctx.throwIfDone()
    },
  ]
  const kind = kinds[Math.floor(round / 2) % kinds.length] as (ctx: Context) => Promise<unknown>
  await tally.follow(ctx, kind(ctx), `statement with a ${hasDeadline ? 'deadline' : 'cancel'}`)
  cancel()
}
