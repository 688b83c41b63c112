/** SQLite in a thread of Node. */

import { background, withCancel, withTimeout } from 'rescind'
import { execContext, queryContext, queryStream, TransactionDoneError, withTransaction } from 'rescind/sql'
import { openSqlite, SqliteError } from 'rescind/sql/sqlite'
import type { SqliteDatabase } from 'rescind/sql/sqlite'
import { fakeClock } from 'rescind/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { task } from '../support.ts'
import { conforms } from './conformance.ts'
import { endless, endlessRows, sqliteSubject } from './sqlite.ts'

conforms('SQLite in a thread of Node', sqliteSubject())

const bg = background()

describe('openSqlite', () => {
  it('shares memory with a thread of Node', async () => {
    const db = await openSqlite(bg)
    expect(db.mechanism).toBe('flag')
    await db.close()
  })

  it('opens nothing under a context that has ended', async () => {
    const [ctx, cancel] = withCancel(bg)
    cancel()
    let started = false
    const worker = () => {
      started = true
      throw new Error('started')
    }
    await expect(openSqlite(ctx, { worker })).rejects.toBe(ctx.err)
    expect(started).toBe(false)
  })

  it('refuses what it does not know', async () => {
    const wrong = { storage: 'disk' as 'memory' }
    await expect(openSqlite(bg, wrong)).rejects.toThrow(TypeError)
    await expect(openSqlite(bg, { grace: Number.NaN })).rejects.toThrow(TypeError)
    await expect(openSqlite(bg, { storage: 'opfs' })).rejects.toBeInstanceOf(SqliteError)
  })

  it('is over when the database is closed', async () => {
    const db = await openSqlite(bg)
    const tx = await db.begin(bg)
    await db.close()
    await db.close()
    await expect(queryContext(bg, db, 'SELECT 1')).rejects.toThrow('closed')
    await expect(queryContext(bg, tx, 'SELECT 1')).rejects.toThrow('closed')
    await tx.rollback()
    await expect(tx.commit()).rejects.toBeInstanceOf(TransactionDoneError)
  })
})

describe('a statement of SQLite', () => {
  let db: SqliteDatabase

  beforeAll(async () => {
    db = await openSqlite(bg)
  })

  afterAll(() => db.close())

  it('takes and gives values of every kind', async () => {
    const values = [1, 1.5, 'text', null, new Uint8Array([1, 2, 3]), 2n ** 60n]
    const [row] = await queryContext(bg, db, 'SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f', values)
    expect(Object.values(row ?? {})).toEqual(values)
  })

  it('fails with parameters that do not fit', async () => {
    await expect(queryContext(bg, db, 'SELECT ?')).rejects.toThrow('0 parameters were given, 1 are needed')
    await expect(queryContext(bg, db, 'SELECT ?', [1, 2])).rejects.toThrow('2 parameters were given, 1 are needed')
    await expect(queryContext(bg, db, 'SELECT ?', [{}])).rejects.toThrow('Unsupported bind()')
    await expect(queryContext(bg, db, 'SELECT ?', [() => {}])).rejects.toThrow(/could not be cloned/)
    await expect(queryStream(bg, db, 'SELECT 1; SELECT 2').next()).rejects.toThrow('only one statement can be read')
    expect(await queryContext(bg, db, 'SELECT ? AS a; SELECT ? AS b', [1, 2])).toEqual([{ b: 2 }])
    expect(await queryContext(bg, db, '-- nothing')).toEqual([])
  })

  it('is stopped at its deadline by the clock of the thread', async () => {
    const clock = fakeClock()
    const [ctx, cancel] = withTimeout(clock.root, 30)
    await expect(queryContext(ctx, db, endless)).rejects.toMatchObject({ code: 'SQLITE_INTERRUPT' })
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('never stands alone after SQLite has given its transaction up', async () => {
    await execContext(bg, db, 'CREATE TABLE once (i INTEGER PRIMARY KEY); INSERT INTO once VALUES (1)')
    const errors: unknown[] = []
    const transaction = withTransaction(bg, db, async (tx) => {
      await execContext(bg, tx, 'INSERT INTO once VALUES (2)')
      for (const text of ['INSERT OR ROLLBACK INTO once VALUES (1)', 'INSERT INTO once VALUES (3)']) {
        await execContext(bg, tx, text).catch((error: unknown) => errors.push(error))
      }
    })
    await expect(transaction).rejects.toBeInstanceOf(TransactionDoneError)
    expect(errors).toMatchObject([{ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }, { name: 'TransactionDoneError' }])
    expect(await queryContext(bg, db, 'SELECT i FROM once')).toEqual([{ i: 1 }])
  })

  it('lets others run between two batches of a stream', async () => {
    await execContext(bg, db, 'CREATE TABLE seen (i INTEGER)')
    for await (const { i } of queryStream(bg, db, endlessRows)) {
      await execContext(bg, db, 'INSERT INTO seen VALUES (?)', [i])
      if (i === 5) break
    }
    expect(await queryContext(bg, db, 'SELECT count(*) AS count FROM seen')).toEqual([{ count: 5 }])
  })

  it('is closed with the context of its stream', async () => {
    await execContext(bg, db, 'CREATE TABLE held (i INTEGER); INSERT INTO held VALUES (1)')
    const [ctx, cancel] = withCancel(bg)
    const rows = queryStream(ctx, db, `SELECT * FROM held, (${endlessRows} LIMIT 100000)`)
    await rows.next()
    await expect(execContext(bg, db, 'DROP TABLE held')).rejects.toMatchObject({ code: 'SQLITE_LOCKED' })
    cancel()
    await task()
    expect(await execContext(bg, db, 'DROP TABLE held')).toEqual({ changes: 0 })
    await expect(rows.next()).rejects.toBe(ctx.err)
  })

  it('is written and read in one stream', async () => {
    await execContext(bg, db, 'CREATE TABLE made (i INTEGER)')
    const rows = queryStream(bg, db, 'INSERT INTO made VALUES (1), (2) RETURNING i')
    expect((await rows.next()).value).toEqual({ i: 1 })
    await withTransaction(bg, db, (tx) => execContext(bg, tx, 'INSERT INTO made VALUES (3)'))
    await rows.return()
    expect(await queryContext(bg, db, 'SELECT count(*) AS count FROM made')).toEqual([{ count: 3 }])
  })
})
