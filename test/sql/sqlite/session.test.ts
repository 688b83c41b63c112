/** The connection in the worker, here without a worker: what it reports, and what remains after a stop. */

import init from '@sqlite.org/sqlite-wasm'
import type { Database, Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Interrupted, Session } from '../../../src/sql/sqlite/session.ts'
import { Stopper } from '../../../src/sql/sqlite/stop.ts'
import { endless, endlessRows } from '../sqlite.ts'

let sqlite3: Sqlite3Static
let db: Database
let stopper: Stopper
let session: Session

beforeAll(async () => {
  sqlite3 = await init()
})

beforeEach(async () => {
  db = new sqlite3.oo1.DB(':memory:')
  // Without shared memory and blobs, only a message can stop a statement.
  stopper = new Stopper(undefined)
  session = new Session(sqlite3, db, stopper)
  await session.run('CREATE TABLE kept (a, b)', [])
})

afterEach(() => {
  vi.restoreAllMocks()
  session.close()
})

const setting = () => db.selectValue('PRAGMA query_only')
const count = () => db.selectValue('SELECT count(*) FROM kept')

describe('a statement that is stopped between two rows', () => {
  it.each([
    ['a write that returns rows', `INSERT INTO kept (a) ${endlessRows} LIMIT 500 RETURNING a`],
    ['a text of writes', 'INSERT INTO kept (a) VALUES (1);'.repeat(3)],
    ['a read after a write', `INSERT INTO kept (a) VALUES (1); ${endlessRows}`],
  ])('changes nothing, even if it is %s', async (_, sql) => {
    stopper.begin({ id: 1 })
    setImmediate(() => stopper.tell(1))
    const running = session.run(sql, [])
    await expect(running).rejects.toBeInstanceOf(Interrupted)
    expect(session.isOpen).toBe(false)
    expect(count()).toBe(0)
    stopper.begin({ id: 2 })
    // It arrives late, for the statement before.
    stopper.tell(1)
    expect(await session.run('INSERT INTO kept VALUES (1, 2) RETURNING b', [])).toEqual({
      rows: [{ b: 2 }],
      changes: 1,
    })
  })

  it('closes its cursor, which then is at its end', async () => {
    await session.run('INSERT INTO kept VALUES (1, 2)', [])
    const { cursor = 0 } = await session.open(`SELECT a FROM kept, (${endlessRows} LIMIT 1000)`, [])
    await session.next(cursor)
    vi.spyOn(sqlite3.config, 'warn').mockReturnValue()
    expect(() => db.exec('DROP TABLE kept')).toThrow('SQLITE_LOCKED')
    stopper.begin({ id: 1 })
    stopper.tell(1)
    await expect(session.next(cursor)).rejects.toBeInstanceOf(Interrupted)
    expect(await session.next(cursor)).toEqual({ rows: [], changes: 0 })
    db.exec('DROP TABLE kept')
  })
})

it('a statement is stopped by its own number in shared memory, and at its deadline', async () => {
  const flag = new SharedArrayBuffer(4)
  const shared = new Stopper(flag)
  const other = new Session(sqlite3, db, shared)
  vi.spyOn(sqlite3.config, 'warn').mockReturnValue()
  Atomics.store(new Int32Array(flag), 0, 2)
  // On a slow machine, the deadline passes before the statement begins.
  for (const [id, left, words] of [
    [1, 10, /interrupt/i],
    [2, undefined, /^interrupted$/],
    [3, 10, /interrupt/i],
  ] as const) {
    shared.begin({ id, left })
    await expect(other.run(endless, [])).rejects.toThrow(words)
  }
  shared.begin({ id: 4 })
  expect(await other.run('SELECT 1 AS one', [])).toEqual({ rows: [{ one: 1 }], changes: 0 })
})

describe('a batch of a cursor', () => {
  it('has at most 256 rows', async () => {
    const { cursor = 0 } = await session.open(`${endlessRows} LIMIT 300`, [])
    vi.spyOn(performance, 'now').mockReturnValue(0)
    const sizes = []
    for (let round = 0; round < 3; round++) sizes.push((await session.next(cursor)).rows.length)
    expect(sizes).toEqual([256, 44, 0])
    // The reader closes it, too.
    session.discard(cursor)
  })

  it('ends with the first row after 8 ms', async () => {
    const { cursor = 0 } = await session.open(endlessRows, [])
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 4))
    const { rows } = await session.next(cursor)
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.length).toBeLessThan(4)
  })
})

it('a text does not continue outside the transaction that one of its statements has ended', async () => {
  for (const end of ['ROLLBACK', 'COMMIT', 'END']) {
    session.begin()
    // SQLite reads a byte order mark as white space.
    const text = `SELECT 1; \uFEFF${end}; INSERT INTO kept (a) VALUES (1); INSERT INTO kept (a) VALUES (2)`
    await expect(session.run(text, [])).rejects.toThrow('the transaction is over')
    expect(session.isOpen).toBe(false)
  }
  expect(count()).toBe(0)
})

it('a session closes its database, even with an open cursor', async () => {
  await session.open('SELECT 1', [])
  session.close()
  expect(db.isOpen()).toBe(false)
})

it('a transaction changes and restores the setting query_only only if it has the option', async () => {
  for (const end of ['commit', 'rollback'] as const) {
    session.begin(true)
    expect(setting()).toBe(1)
    session[end]()
    expect(setting()).toBe(0)
    db.exec('PRAGMA query_only = 1')
    session.begin()
    expect(setting()).toBe(1)
    session[end]()
    expect(setting()).toBe(1)
    session.begin(false)
    expect(setting()).toBe(0)
    // Also if a statement has ended the transaction.
    await session.run('\uFEFFCOMMIT', [])
    session.rollback()
    expect(setting()).toBe(1)
    db.exec('PRAGMA query_only = 0')
  }
})

it('a transaction is over when its commit fails', async () => {
  const references = 'id INTEGER PRIMARY KEY, other REFERENCES part DEFERRABLE INITIALLY DEFERRED'
  await session.run(`PRAGMA foreign_keys = ON; CREATE TABLE part (${references})`, [])
  session.begin()
  await session.run('INSERT INTO part VALUES (1, 2)', [])
  expect(() => session.commit()).toThrow('FOREIGN KEY')
  expect(session.isOpen).toBe(false)
  expect(db.selectValue('SELECT count(*) FROM part')).toBe(0)
})

it('a cursor is not opened with too few or too many parameters', async () => {
  await expect(session.open('SELECT ?', [])).rejects.toThrow('0 parameters were given, 1 are needed')
  await expect(session.open('SELECT ?', [1, 2])).rejects.toThrow('2 parameters were given, 1 are needed')
})

it('a transaction closes the cursors that were opened in it, and no others', async () => {
  for (const end of ['commit', 'rollback'] as const) {
    const { cursor: outer = 0 } = await session.open('SELECT 1 AS one', [])
    session.begin()
    const { cursor: inner = 0 } = await session.open('SELECT 1 AS one', [])
    session[end]()
    expect(await session.next(inner)).toEqual({ rows: [], changes: 0 })
    expect(await session.next(outer)).toEqual({ rows: [{ one: 1 }], changes: 0 })
  }
})

it('a cursor names its columns as they are when it is first read', async () => {
  await session.run('INSERT INTO kept VALUES (1, 2)', [])
  const { cursor = 0 } = await session.open('SELECT * FROM kept', [])
  await session.run('ALTER TABLE kept DROP COLUMN a; ALTER TABLE kept ADD COLUMN c DEFAULT 3', [])
  expect(await session.next(cursor)).toEqual({ rows: [{ b: 2, c: 3 }], changes: 0 })
})
