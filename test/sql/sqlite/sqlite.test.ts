/** SQLite in a thread of Node. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { background, withCancel, withTimeout } from 'rescind'
import {
  CommitUnknownError,
  engineError,
  execContext,
  queryContext,
  queryStream,
  TransactionDoneError,
  withTransaction,
} from 'rescind/sql'
import { openSqlite, SqliteError } from 'rescind/sql/sqlite'
import type { NodeWorker, SqliteDatabase } from 'rescind/sql/sqlite'
import { fakeClock } from 'rescind/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startWorker } from '../../../src/sql/sqlite/line.ts'
import type { Request } from '../../../src/sql/sqlite/protocol.ts'
import { task } from '../../support.ts'
import { conforms } from '../conformance.ts'
import { endless, endlessRows, sqliteSubject } from '../sqlite.ts'

conforms('SQLite in a thread of Node', sqliteSubject())

const bg = background()

/** A thread that runs `code`. */
const program = (code: string) => new Worker(code, { eval: true })

/** A program whose messages are not ours, though some look like it. */
const ANNOYING = `
  const { parentPort } = require('node:worker_threads')
  for (const message of [null, undefined, 0, 'alive', {}, [1], { id: 1 }, { id: '1', isOpen: true }, { rescind: 'begin' }]) {
    setInterval(() => parentPort.postMessage(message), 1)
  }
`

describe('openSqlite', () => {
  it('shares memory with a thread of Node', async () => {
    const db = await openSqlite(bg)
    expect(db.mechanism).toBe('flag')
    await db.close()
  })

  it('stops a canceled statement between two rows without shared memory', async () => {
    vi.stubGlobal('crossOriginIsolated', false)
    const db = await openSqlite(bg)
    vi.unstubAllGlobals()
    expect([db.mechanism, db.stops]).toEqual(['deadline', 'between-rows'])
    const [ctx, cancel] = withCancel(bg)
    const query = queryContext(ctx, db, endlessRows).catch((error: unknown) => error)
    await task()
    cancel()
    expect(await query).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
    expect(await queryContext(bg, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await db.close()
  })

  it('starts no worker under a context that has ended', async () => {
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

  it('refuses invalid options', async () => {
    const wrong = { storage: 'disk' as 'memory' }
    await expect(openSqlite(bg, wrong)).rejects.toThrow(TypeError)
    for (const file of ['', 1 as never, null as never]) {
      await expect(openSqlite(bg, { file })).rejects.toThrow('file must be a string that is not empty')
    }
    for (const silence of [Number.NaN, 0, -1, '5' as never])
      await expect(openSqlite(bg, { silence })).rejects.toThrow('silence must')
    await expect(openSqlite(bg, { worker: 1 as never })).rejects.toThrow('worker must be a function')
    for (const grace of [Number.NaN, -1, '5' as never]) {
      await expect(openSqlite(bg, { grace })).rejects.toThrow('grace must be a number of milliseconds, at least 0')
    }
    const immediate = await openSqlite(bg, { grace: 0 })
    await immediate.close()
    await expect(openSqlite(bg, { storage: 'opfs' })).rejects.toThrow('needs a page that is cross-origin isolated')
    await expect(openSqlite(bg, { storage: 'opfs-sahpool' })).rejects.toThrow('storage "opfs-sahpool" cannot be used')
  })

  it.each([Infinity, 2 ** 40])('does not shorten a grace time of %d ms', async (grace) => {
    const db = await openSqlite(bg, { grace })
    const [ctx, cancel] = withCancel(bg)
    setTimeout(cancel, 15)
    const error = await queryContext(ctx, db, endless).catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
    await db.close()
  })

  it('rejects with the err of its context, also if the worker never answers', async () => {
    const [ctx, cancel] = withCancel(bg)
    const thread = program('setInterval(() => {}, 1000)')
    const opening = openSqlite(ctx, { worker: () => thread, silence: Infinity }).catch((error: unknown) => error)
    setTimeout(cancel, 15)
    expect(await opening).toBe(ctx.err)
    await once(thread, 'exit')
  })

  it.each([
    ['does not exist', Infinity, () => new Worker(new URL('file:///not/there.js')), /Cannot find module.*not.there/],
    ['throws at once', Infinity, () => program('throw new Error("no")'), /^no;/],
    ['ends at once', Infinity, () => program(''), /the worker has ended/],
    ['is something else', 40, () => program(ANNOYING), /the worker has been silent for 40 ms/],
  ])('fails when the program of the worker %s, with advice in the message', async (_, silence, worker, words) => {
    const error = await openSqlite(bg, { worker, silence }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(SqliteError)
    expect((error as Error).message).toMatch(words)
    expect((error as Error).message).toContain('it must run rescind/sql/sqlite-worker')
  })

  it('fails when the worker is terminated', async () => {
    const thread = startWorker() as NodeWorker
    const opening = openSqlite(bg, { worker: () => thread, silence: Infinity }).catch((error: unknown) => error)
    thread.terminate()
    expect(await opening).toBeInstanceOf(SqliteError)
    expect(String(await opening)).toContain('the worker has ended')
  })

  it('ignores messages to the worker that are not from rescind', async () => {
    const thread = startWorker() as NodeWorker
    for (const message of [
      null,
      undefined,
      1,
      {},
      { kind: 'run', id: '1' },
      { rescind: 'begin' },
      { id: 9 },
      { kind: 'stop', id: 9 },
    ])
      thread.postMessage(message, [])
    const db = await openSqlite(bg, { worker: () => thread })
    expect(await queryContext(bg, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await db.close()
  })

  it('refuses a worker that another database has or had, and what is no worker', async () => {
    const thread = startWorker() as NodeWorker
    const again = () => openSqlite(bg, { worker: () => thread })
    const db = await again()
    await expect(again()).rejects.toThrow('worker() must be a new Worker for each database')
    expect(await queryContext(bg, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await db.close()
    await expect(again()).rejects.toThrow(TypeError)
    for (const wrong of [undefined, null, {}, Promise.resolve(thread)]) {
      await expect(openSqlite(bg, { worker: () => wrong as never })).rejects.toThrow('worker() must be a new Worker')
    }
  })

  it('gives a database whose statements and transactions reject once it is closed', async () => {
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

describe('a commit', () => {
  const lost: [how: string, lose: (db: SqliteDatabase, thread: NodeWorker) => unknown, words: string][] = [
    ['the database is closed', (db) => db.close(), 'the database is closed'],
    ['the database is being closed', (db) => void db.close(), 'the database is closed'],
    ['the worker has ended', (_, thread) => thread.terminate(), 'the worker has ended'],
  ]

  it.each(lost)('is reported as a rollback if %s before it was sent', async (_, lose, words) => {
    const thread = startWorker() as NodeWorker
    const db = await openSqlite(bg, { worker: () => thread })
    const transaction = withTransaction(bg, db, async (tx) => {
      await execContext(bg, tx, 'CREATE TABLE lost (i)')
      await lose(db, thread)
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect((error as Error).cause).toBeInstanceOf(SqliteError)
    expect(String((error as Error).cause)).toContain(words)
    await db.close()
  })

  it('is reported as unknown if the worker was lost after it was sent', async () => {
    const thread = startWorker() as NodeWorker
    const mortal: NodeWorker = {
      postMessage: (message) => {
        if ((message as Request).kind === 'commit') thread.terminate()
        else thread.postMessage(message, [])
      },
      on: (event, listener) => thread.on(event, listener),
      ref: () => thread.ref(),
      unref: () => thread.unref(),
      terminate: () => thread.terminate(),
    }
    const db = await openSqlite(bg, { worker: () => mortal })
    const error = await withTransaction(bg, db, () => {}).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CommitUnknownError)
    expect((error as Error).cause).toMatchObject({ message: 'the worker has ended' })
    await db.close()
  })
})

describe('a text of several statements', () => {
  let db: SqliteDatabase

  const count = async (table: string) => {
    const [row] = await queryContext(bg, db, `SELECT count(*) AS count FROM ${table}`)
    return row?.count
  }

  beforeAll(async () => {
    db = await openSqlite(bg)
  })

  afterAll(() => db.close())

  beforeEach(() => execContext(bg, db, 'CREATE TABLE once (i INTEGER PRIMARY KEY)'))

  afterEach(() => execContext(bg, db, 'PRAGMA foreign_keys = OFF; DROP TABLE IF EXISTS many; DROP TABLE once'))

  it.each([
    ['a write', `INSERT INTO once VALUES (1); INSERT INTO once SELECT i + 1 FROM (${endlessRows})`],
    ['a read', `INSERT INTO once VALUES (1); ${endless}`],
    ['a read after a write and a comment', `-- PRAGMA\nINSERT INTO once VALUES (1); /* VACUUM */ ${endless}; SELECT 1`],
  ])('changes nothing if %s in it is stopped', async (_, text) => {
    const [ctx] = withTimeout(bg, 30)
    const error = await execContext(ctx, db, text).catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(await count('once')).toBe(0)
    expect(await execContext(bg, db, 'INSERT INTO once VALUES (1)')).toEqual({ changes: 1 })
  })

  it('is read to its end, whatever comments it has', async () => {
    const two = ['INSERT INTO once VALUES (1);', 'INSERT INTO once VALUES (2);']
    const text = `/* a */ -- b; \n; ${two.join(' /* c; */ ')} -- d\n/* e */ ; /* f`
    expect(await execContext(bg, db, text)).toEqual({ changes: 2 })
    expect(await queryContext(bg, db, '/* a */ SELECT i FROM once /* b */')).toEqual([{ i: 1 }, { i: 2 }])
    await expect(queryStream(bg, db, 'SELECT 1; /* a */ SELECT 2').next()).rejects.toThrow('only one statement')
    expect(await queryContext(bg, db, '/* nothing */ -- at all')).toEqual([])
  })

  it('changes nothing if one of the statements or their common commit fails', async () => {
    const twice = 'INSERT INTO once VALUES (1); INSERT INTO once VALUES (1)'
    await expect(execContext(bg, db, twice)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
    await expect(execContext(bg, db, 'INSERT INTO once VALUES (1); SELEC 1')).rejects.toThrow(/syntax/)
    expect(await count('once')).toBe(0)
    const references = 'i REFERENCES once DEFERRABLE INITIALLY DEFERRED'
    await execContext(bg, db, `PRAGMA foreign_keys = ON; CREATE TABLE many (${references})`)
    const dangling = 'INSERT INTO many VALUES (5); SELECT 1'
    await expect(execContext(bg, db, dangling)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
    expect(await count('many')).toBe(0)
    const kept = 'INSERT INTO many VALUES (5); INSERT INTO once VALUES (5)'
    expect(await execContext(bg, db, kept)).toEqual({ changes: 2 })
  })

  it('runs statements that are not allowed in a transaction outside of one', async () => {
    const pragma = 'PRAGMA foreign_keys = ON'
    await execContext(bg, db, `INSERT INTO once VALUES (1); VACUUM; ${pragma}; INSERT INTO once VALUES (2)`)
    expect(await queryContext(bg, db, 'PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }])
    await execContext(bg, db, "ATTACH ':memory:' AS other; CREATE TABLE other.one (i); DETACH other; SELECT 1")
    const half = 'INSERT INTO once VALUES (5); /* ; */ pragma user_version; INSERT INTO once VALUES (5)'
    await expect(execContext(bg, db, half)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
    const rows = await queryContext(bg, db, 'SELECT i FROM once ORDER BY i')
    expect(rows.map(({ i }) => i)).toEqual([1, 2, 5])
  })

  it('can define a trigger, whose body has BEGIN and END', async () => {
    const body = 'INSERT INTO once SELECT CASE new.i WHEN 1 THEN 2 ELSE 3 END; DELETE FROM once WHERE i = 3;'
    const trigger = `CREATE TRIGGER twice AFTER INSERT ON once WHEN new.i = 1 BEGIN ${body} END`
    await execContext(bg, db, `${trigger}; INSERT INTO once VALUES (1)`)
    expect(await count('once')).toBe(2)
  })

  it('is rolled back if it leaves a transaction open, also where only SQLite can see that', async () => {
    // SQLite reads a byte order mark as white space.
    for (const text of ['\uFEFFBEGIN', 'INSERT INTO once VALUES (1); \uFEFFBEGIN; INSERT INTO once VALUES (2)']) {
      await expect(execContext(bg, db, text)).rejects.toThrow('rescind: a statement that leaves a transaction open')
    }
    await withTransaction(bg, db, (tx) => execContext(bg, tx, 'INSERT INTO once VALUES (3)'))
    expect(await queryContext(bg, db, 'SELECT i FROM once WHERE i > 1')).toEqual([{ i: 3 }])
  })

  it('cannot end its transaction, also where only SQLite can see that', async () => {
    const transaction = withTransaction(bg, db, async (tx) => {
      await execContext(bg, tx, 'INSERT INTO once VALUES (1)')
      await execContext(bg, tx, '\uFEFFROLLBACK')
      await execContext(bg, tx, 'INSERT INTO once VALUES (2)')
    })
    await expect(transaction).rejects.toBeInstanceOf(TransactionDoneError)
    expect(await count('once')).toBe(0)
  })
})

describe('a transaction of SQLite', () => {
  it('restores the setting of the connection after it was read-only', async () => {
    const db = await openSqlite(bg)
    await execContext(bg, db, 'CREATE TABLE kept (i)')
    const setting = () => queryContext(bg, db, 'PRAGMA query_only')
    for (const given of [0, 1]) {
      await execContext(bg, db, `PRAGMA query_only = ${given}`)
      await withTransaction(bg, db, (tx) => execContext(bg, tx, 'INSERT INTO kept VALUES (1)'), { readOnly: false })
      await withTransaction(bg, db, () => {}, { readOnly: true })
      expect(await setting()).toEqual([{ query_only: given }])
      await withTransaction(bg, db, () => Promise.reject(new Error('no')), { readOnly: true }).catch(() => {})
      expect(await setting()).toEqual([{ query_only: given }])
    }
    await db.close()
  })

  it('refuses the option deferrable', async () => {
    const db = await openSqlite(bg)
    const deferred = withTransaction(bg, db, () => {}, { deferrable: true })
    await expect(deferred).rejects.toThrow('rescind: deferrable is refused: SQLite has no deferrable transactions')
    await withTransaction(bg, db, () => {}, { deferrable: false })
    await db.close()
  })
})

describe('a statement of SQLite', () => {
  let db: SqliteDatabase

  beforeAll(async () => {
    db = await openSqlite(bg)
  })

  afterAll(() => db.close())

  it('accepts and returns values of every kind', async () => {
    const values = [1, 1.5, 'text', null, new Uint8Array([1, 2, 3]), 2n ** 60n]
    const [row] = await queryContext(bg, db, 'SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f', values)
    expect(Object.values(row ?? {})).toEqual(values)
  })

  it('returns every column, whatever its name', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', '', '1', 'é ✓']
    const list = names.map((name, index) => `${index} AS "${name}"`).join(', ')
    const [row = {}] = await queryContext(bg, db, `SELECT ${list}`)
    expect(Object.entries(row).toSorted()).toEqual(names.map((name, index) => [name, index]).toSorted())
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
    for await (const row of queryStream(bg, db, `SELECT ${list}`)) expect(Object.keys(row)).toHaveLength(names.length)
  })

  it('returns the last value of several columns with one name', async () => {
    const sql = 'SELECT 1 AS a, 2 AS __proto__, 3 AS a, 4 AS __proto__'
    const [row = {}] = await queryContext(bg, db, sql)
    expect(Object.entries(row)).toEqual([
      ['a', 3],
      ['__proto__', 4],
    ])
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
    const clock = fakeClock(0)
    const [ctx, cancel] = withTimeout(clock.root, 30)
    await expect(queryContext(ctx, db, endless)).rejects.toMatchObject({ code: 'SQLITE_INTERRUPT' })
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('never runs outside its transaction after SQLite has rolled that back', async () => {
    await execContext(bg, db, 'CREATE TABLE once (i INTEGER PRIMARY KEY); INSERT INTO once VALUES (1)')
    const errors: unknown[] = []
    const transaction = withTransaction(bg, db, async (tx) => {
      await execContext(bg, tx, 'INSERT INTO once VALUES (2)')
      for (const text of ['INSERT OR ROLLBACK INTO once VALUES (1)', 'INSERT INTO once VALUES (3)']) {
        await execContext(bg, tx, text).catch((error: unknown) => errors.push(error))
      }
    })
    const [failure] = (await Promise.allSettled([transaction])) as [PromiseRejectedResult]
    expect(errors).toMatchObject([{ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }, { name: 'TransactionDoneError' }])
    for (const error of [failure.reason, errors[1]] as Error[]) {
      expect(error).toBeInstanceOf(TransactionDoneError)
      expect(error.cause).toBe(errors[0])
    }
    expect(await queryContext(bg, db, 'SELECT i FROM once')).toEqual([{ i: 1 }])
  })

  it('can run between two batches of a stream', async () => {
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

  it('can write and return rows in one stream', async () => {
    await execContext(bg, db, 'CREATE TABLE made (i INTEGER)')
    const rows = queryStream(bg, db, 'INSERT INTO made VALUES (1), (2) RETURNING i')
    expect((await rows.next()).value).toEqual({ i: 1 })
    await withTransaction(bg, db, (tx) => execContext(bg, tx, 'INSERT INTO made VALUES (3)'))
    await rows.return()
    expect(await queryContext(bg, db, 'SELECT count(*) AS count FROM made')).toEqual([{ count: 3 }])
  })
})
