/** How an inspector shows statements that wait, and those that were stopped. */

import { background, withCancel } from 'rescind'
import { inspect } from 'rescind/inspect'
import { execContext, queryContext, queryStream, withTransaction } from 'rescind/sql'
import type { Queryable } from 'rescind/sql'
import { openSqlite } from 'rescind/sql/sqlite'
import type { SqliteDatabase } from 'rescind/sql/sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { endless, endlessRows } from './sqlite.ts'

let db: SqliteDatabase

async function drain(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of rows) count++
  return count
}

beforeAll(async () => {
  db = await openSqlite(background())
})

afterAll(() => db.close())

describe('a statement', () => {
  it.each<[name: string, run: (ctx: Parameters<typeof queryContext>[0]) => Promise<unknown>]>([
    ['queryContext', (ctx) => queryContext(ctx, db, endless)],
    ['execContext', (ctx) => execContext(ctx, db, endless)],
    ['queryStream', (ctx) => drain(queryStream(ctx, db, endlessRows))],
    ['withTransaction', (ctx) => withTransaction(ctx, db, (tx) => queryContext(ctx, tx, endless))],
  ])('is shown as %s in the row of its context while it waits, and after it is stopped', async (name, run) => {
    using inspector = inspect()
    const [ctx, cancel] = withCancel(background(), { label: 'report' })
    const waits = () => inspector.rows.find(({ label }) => label === 'report')?.waits
    const work = run(ctx).catch(() => {})
    await vi.waitFor(() => expect(waits()).toContain(name), { interval: 5 })
    cancel()
    await work
    expect(waits()).toContain(name)
  })

  it('is no longer shown when it has its rows', async () => {
    using inspector = inspect()
    const [ctx, cancel] = withCancel(background(), { label: 'report' })
    await queryContext(ctx, db, 'SELECT 1')
    await execContext(ctx, db, 'SELECT 1')
    await drain(queryStream(ctx, db, 'SELECT 1'))
    await withTransaction(ctx, db, () => {})
    expect(inspector.rows.find(({ label }) => label === 'report')?.waits).toEqual([])
    cancel()
  })
})

it('statements and transactions leave no live context, also while the transaction is open', async () => {
  using inspector = inspect()
  const [ctx, cancel] = withCancel(background(), { label: 'report' })
  const live = () =>
    inspector.rows
      .filter(({ parent, ended }) => parent !== undefined && ended === undefined)
      .map(({ label, kind }) => label ?? kind)
  const read = async (on: Queryable) => {
    await queryContext(ctx, on, 'SELECT 1')
    await drain(queryStream(ctx, on, 'SELECT 1'))
  }
  await read(db)
  await withTransaction(ctx, db, async (tx) => {
    await read(tx)
    await withTransaction(ctx, tx, read)
    expect(live()).toEqual(['report', 'transaction'])
  })
  expect(live()).toEqual(['report'])
  cancel()
})
