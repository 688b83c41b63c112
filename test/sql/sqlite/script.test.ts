/** Texts of statements, split by SQLite itself, here without a worker. */

import init from '@sqlite.org/sqlite-wasm'
import type { Database, Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Script } from '../../../src/sql/sqlite/script.ts'
import { Session } from '../../../src/sql/sqlite/session.ts'
import { Stopper } from '../../../src/sql/sqlite/stop.ts'

let sqlite3: Sqlite3Static
let db: Database

beforeAll(async () => {
  sqlite3 = await init()
})

beforeEach(() => {
  db = new sqlite3.oo1.DB(':memory:')
})

afterEach(() => db.close())

/** The statements of a text, with their first words. */
function divided(sql: string): [word: string, text: string][] {
  const script = new Script(sqlite3, db, sql)
  const found: [string, string][] = []
  for (let next = script.next(); next; next = script.next()) {
    found.push([next.word, sqlite3.capi.sqlite3_sql(next.statement)])
    next.statement.finalize()
    expect(next.isLast).toBe(found.length === sql.split('SELECT').length - 1)
  }
  script.free()
  return found
}

describe('a text of statements', () => {
  it.each([
    ['two statements', 'SELECT 1; SELECT 2', ['SELECT 1;', 'SELECT 2']],
    ['letters of several bytes', "SELECT 'é✓𝄞'; /* é✓𝄞 */ SELECT '✓'", ["SELECT 'é✓𝄞';", "SELECT '✓'"]],
    ['half of a letter', "SELECT '\ud834'; SELECT 2", ["SELECT '\ufffd';", 'SELECT 2']],
    ['what looks like comments', "SELECT '--', '/*;'; SELECT 2", ["SELECT '--', '/*;';", 'SELECT 2']],
    [
      'comments in comments',
      '/* * -- */ SELECT 1 -- /* ;\n; -- */\nSELECT 2 /** / ; */',
      ['SELECT 1 -- /* ;\n;', 'SELECT 2 /** / ; */'],
    ],
    ['all kinds of space', '\ufeff;;\t\r\n\f SELECT 1;\n;; \n SELECT 2;\n-- end', ['SELECT 1;', 'SELECT 2;']],
    ['nothing but comments', ' ; /* a */ -- b', []],
    ['a comment without an end', '; /* a', []],
    ['nothing', '', []],
  ])('is split as SQLite does it, with %s', (_, sql, texts) => {
    expect(divided(sql)).toEqual(texts.map((text) => ['SELECT', text]))
  })

  it('has the first word of each statement in upper case', () => {
    for (const [sql, word] of [
      ['begin;', 'BEGIN'],
      ['values(1)', 'VALUES'],
      ["Select'a'", 'SELECT'],
    ] as const) {
      const script = new Script(sqlite3, db, sql)
      const next = script.next()
      expect(next?.word).toBe(word)
      next?.statement.finalize()
      script.free()
    }
  })

  it('is refused if SQLite would read only a part of it', () => {
    expect(() => new Script(sqlite3, db, 'SELECT 1;\0 SELECT 2')).toThrow('NUL')
  })

  it('is passed to SQLite once, however many statements it has', async () => {
    let bytes = 0
    // Counts the bytes that SQLite copies: allocations, and texts that are given with a length and no final NUL.
    const counting = Object.create(sqlite3, {
      wasm: { value: Object.create(sqlite3.wasm, { alloc: { value: counted(sqlite3.wasm.alloc, (size) => size) } }) },
      capi: {
        value: Object.create(sqlite3.capi, {
          sqlite3_prepare_v3: { value: counted(sqlite3.capi.sqlite3_prepare_v3, (_, __, size) => Math.max(size, 0)) },
        }),
      },
    }) as Sqlite3Static
    db.prepare = counted(db.prepare.bind(db), (sql) => String(sql).length)
    function counted<A extends never[], R>(fn: (...args: A) => R, sizeOf: (...args: A) => number) {
      return (...args: A): R => {
        bytes += sizeOf(...args)
        return fn(...args)
      }
    }
    const session = new Session(counting, db, new Stopper(new SharedArrayBuffer(4)))
    const text = 'CREATE TABLE t (i);'.concat(...Array.from({ length: 500 }, (_, i) => `INSERT INTO t VALUES (${i});`))
    expect(await session.run(text, [])).toMatchObject({ changes: 500 })
    expect(bytes).toBeGreaterThan(text.length)
    expect(bytes).toBeLessThan(text.length + 1_000)
  })

  it("leaves nothing in SQLite's memory, whether it fails or not", async () => {
    let held = 0
    const { alloc, dealloc } = sqlite3.wasm
    const counting = Object.create(sqlite3, {
      wasm: {
        value: Object.create(sqlite3.wasm, {
          alloc: { value: (size: number) => ((held += 1), alloc(size)) },
          dealloc: { value: (at: number) => ((held -= 1), dealloc(at)) },
        }),
      },
    }) as Sqlite3Static
    const session = new Session(counting, db, new Stopper(new SharedArrayBuffer(4)))
    await session.run('SELECT 1; SELECT 2', [])
    await expect(session.run('SELECT 1; SELEC 2', [])).rejects.toThrow(/syntax/)
    await expect(session.run('SELECT ?', [])).rejects.toThrow(/parameters/)
    await expect(session.open('SELECT 1; SELECT 2', [])).rejects.toThrow('only one')
    await expect(session.open('-- nothing', [])).rejects.toThrow('no statement')
    const { cursor = 0 } = await session.open('SELECT 1', [])
    await session.open('CREATE TABLE t (i)', [])
    expect(held).toBe(0)
    // Only the statement of the cursor is still prepared.
    const first = sqlite3.capi.sqlite3_next_stmt(db, 0)
    expect(first).not.toBe(0)
    expect(sqlite3.capi.sqlite3_next_stmt(db, first)).toBe(0)
    expect(await session.next(cursor)).toMatchObject({ rows: [{ 1: 1 }] })
  })

  it.each(['\u000b', '\u0001', '\u000e', 'x-', '-x', 'x*', '/x', '\ufefe', '\u1eff'])(
    'does not end before characters that SQLite refuses: %j',
    (rest) => {
      const script = new Script(sqlite3, db, `SELECT 1;${rest}`)
      const first = script.next()
      first?.statement.finalize()
      expect(first?.isLast).toBe(false)
      expect(() => script.next()).toThrow('SQLITE_ERROR')
      script.free()
    },
  )
})
