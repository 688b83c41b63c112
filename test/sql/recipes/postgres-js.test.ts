/**
 * Postgres.js under a context. Its `cancel()` does not report when the cancel is done, so a late one hits the next
 * statement of the connection. Therefore every statement has its own connection, and waits for the function that
 * `cancel()` calls.
 */

import postgres from 'postgres'
import type { MaybeRow, PendingQuery, ReservedSql, Sql, TransactionSql } from 'postgres'
import { afterFunc, background, sleep, until } from 'rescind'
import type { Context } from 'rescind'
import { works } from './recipe.ts'

/** Runs a statement on a connection of its own. */
async function run<R extends readonly MaybeRow[]>(ctx: Context, sql: Sql, write: (sql: Sql) => PendingQuery<R>) {
  const reserved = await reserve(ctx, sql)
  try {
    return await stoppable(ctx, write(reserved))
  } finally {
    reserved.release()
  }
}

/** Reserves a connection; one that arrives after the end is returned. */
async function reserve(ctx: Context, sql: Sql): Promise<ReservedSql> {
  ctx.throwIfDone()
  const reserving = sql.reserve()
  try {
    return await until(ctx, reserving)
  } catch (error) {
    reserving.then(
      (reserved) => reserved.release(),
      () => {},
    )
    throw error
  }
}

/** Runs `fn` in a transaction, which is rolled back if `ctx` ends before the commit. */
async function transaction<T>(ctx: Context, sql: Sql, fn: (tx: TransactionSql) => Promise<T>) {
  ctx.throwIfDone()
  return sql.begin(async (tx) => {
    ctx.throwIfDone()
    const result = await fn(tx)
    ctx.throwIfDone()
    return result
  })
}

/** Runs a statement on a connection without other users. */
async function stoppable<R extends readonly MaybeRow[]>(ctx: Context, query: PendingQuery<R>) {
  ctx.throwIfDone()
  let isOver = false
  const over = () => {
    isOver = true
  }
  const settled = query.then(over, over)
  // It is sent a microtask later. A cancel before that would end its connection too.
  await undefined
  const { canceller } = query as unknown as { canceller(query: unknown): Promise<void> }
  const cancel = async () => {
    // The first may arrive before the statement, and the protocol has no answer to it.
    for (let pause = 10; !isOver; pause *= 2) {
      await canceller(query).catch(() => {})
      await Promise.race([settled, sleep(background(), pause)])
    }
  }
  let canceling: Promise<void> | undefined
  const stop = afterFunc(ctx, () => {
    canceling = cancel()
  })
  try {
    return await query
  } catch (error) {
    throw ctx.err && (error as { code?: unknown }).code === '57014' ? ctx.err : error
  } finally {
    stop()
    await canceling
  }
}

const endless = (sql: Sql | TransactionSql) => sql`
  SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 100000) c`

const select = (sql: Sql) => sql<{ title: string }[]>`SELECT title FROM postgres_js_album ORDER BY id`

works('postgres_js', ({ application_name, ...access }) => {
  const sql = postgres({ ...access, connection: { application_name }, max: 2 })
  return {
    endless: (ctx) => run(ctx, sql, endless),
    titles: async (ctx) => {
      const rows = await run(ctx, sql, select)
      return rows.map(({ title }) => title)
    },
    insert: (ctx, title) => run(ctx, sql, (sql) => sql`INSERT INTO postgres_js_album (title) VALUES (${title})`),
    transaction: (ctx, title, then) =>
      transaction(ctx, sql, async (tx) => {
        await stoppable(ctx, tx`INSERT INTO postgres_js_album (title) VALUES (${title})`)
        await then(() => stoppable(ctx, endless(tx)))
      }),
    pause: (ctx, seconds) => run(ctx, sql, (sql) => sql`SELECT pg_sleep(${seconds})`),
    close: () => sql.end(),
  }
})
