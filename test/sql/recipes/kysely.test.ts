/** Kysely under a context: Kysely builds the statement and types its rows, rescind runs it. */

import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely'
import type { Compilable, Generated } from 'kysely'
import { Pool } from 'pg'
import type { Context } from 'rescind'
import { queryContext, withTransaction } from 'rescind/sql'
import type { Queryable } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { works } from './recipe.ts'

/** Runs a statement of Kysely; `db` is a database or a transaction. */
function run<R>(ctx: Context, db: Queryable, statement: Compilable<R>): Promise<R[]> {
  const { sql, parameters } = statement.compile()
  return queryContext<R>(ctx, db, sql, parameters)
}

interface Tables {
  kysely_album: { id: Generated<number>; title: string }
}

/** Has no connection: rescind sends its statements. */
const kysely = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

const numbers = (name: 'a' | 'b' | 'c') => sql<{ i: number }>`generate_series(1, 100000)`.as<typeof name>(sql.ref(name))
const endless = kysely
  .selectFrom([numbers('a'), numbers('b'), numbers('c')])
  .select(({ fn }) => fn.countAll().as('count'))
const insert = (title: string) => kysely.insertInto('kysely_album').values({ title })

works('kysely', (access) => {
  const db = postgres(new Pool({ ...access, max: 2 }))
  return {
    endless: (ctx) => run(ctx, db, endless),
    titles: async (ctx) => {
      const rows = await run(ctx, db, kysely.selectFrom('kysely_album').select('title').orderBy('id'))
      return rows.map(({ title }) => title)
    },
    insert: (ctx, title) => run(ctx, db, insert(title)),
    transaction: (ctx, title, then) =>
      withTransaction(ctx, db, async (tx) => {
        await run(ctx, tx, insert(title))
        await then(() => run(ctx, tx, endless))
      }),
    pause: (ctx, seconds) => run(ctx, db, kysely.selectNoFrom([sql`pg_sleep(${seconds})`.as('slept')])),
    close: () => db.close(),
  }
})
