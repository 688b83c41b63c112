/** Uses `rescind/sql` and its engines like a user's program; only their types are checked. */

import { background, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import {
  CommitUnknownError,
  engineError,
  execContext,
  queryContext,
  queryStream,
  TransactionDoneError,
  withTransaction,
} from 'rescind/sql'
import type {
  Changes,
  Cursor,
  Database,
  Isolation,
  Params,
  Queryable,
  Row,
  Stops,
  Transaction,
  TransactionOptions,
} from 'rescind/sql'
import { stores } from 'rescind/sql/indexeddb'
import type { StoreTransaction } from 'rescind/sql/indexeddb'
import { postgres } from 'rescind/sql/postgres'
import type { PostgresPool } from 'rescind/sql/postgres'
import { openSqlite, SqliteError } from 'rescind/sql/sqlite'
import type { Mechanism, SqliteDatabase } from 'rescind/sql/sqlite'

interface Album {
  readonly id: number
  readonly title: string
}

export async function rename(ctx: Context, db: Database, id: number, title: string): Promise<Album | undefined> {
  const params: Params = [title, id]
  return withTransaction(ctx, db, async (tx: Transaction) => {
    const { changes }: Changes = await execContext(ctx, tx, 'UPDATE album SET title = $1 WHERE id = $2', params)
    const [album] = await queryContext<Album>(ctx, tx, 'SELECT * FROM album WHERE id = $1', [id])
    return changes > 0 ? album : undefined
  })
}

export async function count(ctx: Context, db: Database, isolation: Isolation): Promise<number> {
  const options: TransactionOptions = { isolation, readOnly: true }
  return withTransaction(
    ctx,
    db,
    (tx) => withTransaction(ctx, tx, async (inner: Transaction) => (await queryContext(ctx, inner, 'SELECT 1')).length),
    options,
  )
}

export async function titles(ctx: Context, db: Queryable): Promise<string[]> {
  const seen: string[] = []
  for await (const { title } of queryStream<Album>(ctx, db, 'SELECT * FROM album')) seen.push(title)
  return seen
}

export async function open(pool: PostgresPool | undefined): Promise<[Database, Stops, Mechanism | undefined]> {
  if (pool) return [postgres(pool, { grace: 500 }), 'engine', undefined]
  const db: SqliteDatabase = await openSqlite(background(), { storage: 'opfs', file: 'albums' })
  return [db, db.stops, db.mechanism]
}

export async function keep(db: IDBDatabase, album: Album): Promise<IDBValidKey> {
  const [ctx, cancel] = withTimeout(background(), 1_000)
  try {
    return await withTransaction(ctx, stores(db, ['album'], 'readwrite'), (tx: StoreTransaction) =>
      tx.request('album', (store) => store.put(album)),
    )
  } finally {
    cancel()
  }
}

export async function first(ctx: Context, db: Database): Promise<Row | undefined> {
  const cursor: Cursor = await db.open(ctx, 'SELECT * FROM album')
  const [row] = await cursor.next(ctx)
  await cursor.close()
  return row
}

export const explain = (ctx: Context, error: unknown): unknown =>
  error instanceof TransactionDoneError || error instanceof CommitUnknownError
    ? error.cause
    : error instanceof SqliteError
      ? error.code
      : engineError(ctx)
