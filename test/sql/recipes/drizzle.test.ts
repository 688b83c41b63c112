/**
 * Drizzle under a context: rescind runs the statements of its proxy driver. The proxy expects rows as lists and dates
 * as text, so its pool has special clients. Drizzle wraps every error in a DrizzleQueryError, in which `isCanceled` and
 * `isDeadlineExceeded` look.
 */

import { DrizzleQueryError, sql } from 'drizzle-orm'
import { pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/pg-proxy'
import type { PgRemoteDatabase } from 'drizzle-orm/pg-proxy'
import { Client, Pool, types } from 'pg'
import type { CustomTypesConfig } from 'pg'
import { background, isCanceled, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { queryContext, withTransaction } from 'rescind/sql'
import type { Queryable } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { expect, inject, it } from 'vitest'
import { works } from './recipe.ts'

/** A Drizzle whose statements run under `ctx`; `db` is a database or a transaction. It is cheap to make. */
function under(ctx: Context, db: Queryable): PgRemoteDatabase {
  return drizzle(async (text, params: unknown[]) => ({ rows: await queryContext<unknown[]>(ctx, db, text, params) }))
}

/** Timestamps with and without a zone, dates and intervals, which Drizzle parses itself. */
const READ_BY_DRIZZLE: ReadonlySet<number> = new Set([1184, 1114, 1082, 1186])

const getTypeParser: CustomTypesConfig['getTypeParser'] = (id, format) =>
  READ_BY_DRIZZLE.has(id) ? String : types.getTypeParser(id, format)

/** Returns rows as lists for Drizzle's statements, which have values: columns with one name must stay apart. */
class ListClient extends Client {
  override query(...args: never[]): never {
    const [text, values] = args as unknown as [text: string, values?: unknown[]]
    if (!values) return super.query(text) as never
    return super.query({ text, values, rowMode: 'array', types: { getTypeParser } }) as never
  }
}

const albums = pgTable('drizzle_album', {
  id: serial().primaryKey(),
  title: text().notNull(),
  added: timestamp().defaultNow().notNull(),
})

const numbers = sql`generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 100000) c`
const endless = (ctx: Context, db: Queryable) =>
  under(ctx, db)
    .select({ count: sql<string>`count(*)` })
    .from(numbers)

it('Drizzle reads every column of a join, with its own types', async () => {
  const db = postgres(new Pool({ ...inject('postgres'), Client: ListClient, max: 1 }))
  const [row] = await under(background(), db)
    .select({
      one: sql<number>`1 AS id`,
      two: sql<number>`2 AS id`,
      at: sql`'2026-01-02 03:04:05'::timestamp`.mapWith(albums.added),
    })
    .from(sql`generate_series(1, 1)`)
  expect(row).toEqual({ one: 1, two: 2, at: new Date('2026-01-02T03:04:05Z') })
  await db.close()
})

it('Drizzle wraps the err of a context so that isCanceled still recognizes it', async () => {
  const db = postgres(new Pool({ ...inject('postgres'), Client: ListClient, max: 1 }))
  const [ctx, cancel] = withCancel(background())
  cancel()
  const error = await endless(ctx, db).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(DrizzleQueryError)
  expect(isCanceled(error)).toBe(true)
  await db.close()
})

works(
  'drizzle',
  (access) => {
    const db = postgres(new Pool({ ...access, Client: ListClient, max: 2 }))
    return {
      endless: (ctx) => endless(ctx, db),
      titles: async (ctx) => {
        const rows = await under(ctx, db).select().from(albums).orderBy(albums.id)
        return rows.map(({ title }) => title)
      },
      insert: (ctx, title) => under(ctx, db).insert(albums).values({ title }),
      transaction: (ctx, title, then) =>
        withTransaction(ctx, db, async (tx) => {
          await under(ctx, tx).insert(albums).values({ title })
          await then(() => endless(ctx, tx))
        }),
      pause: (ctx, seconds) => under(ctx, db).execute(sql`SELECT pg_sleep(${seconds})`),
      close: () => db.close(),
    }
  },
  { unwrap: (error) => (error as Error).cause ?? error },
)
