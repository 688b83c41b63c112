/** SQLite in a worker of a page that is cross-origin isolated: a cancel is a number in shared memory. */

import { background } from 'rescind'
import { execContext, queryContext } from 'rescind/sql'
import { openSqlite } from 'rescind/sql/sqlite'
import { expect, it } from 'vitest'
import { conforms } from '../conformance.ts'
import { keepsFiles, sqliteSubject } from '../sqlite.ts'

conforms('SQLite in an isolated page', sqliteSubject())

it('SQLite shares memory with an isolated page', async () => {
  expect(crossOriginIsolated).toBe(true)
  const db = await openSqlite(background())
  expect(db.mechanism).toBe('flag')
  await db.close()
})

keepsFiles('opfs')

it('SQLite keeps files of different names apart in opfs', async () => {
  for (const name of ['first', 'second']) {
    const db = await openSqlite(background(), { storage: 'opfs', file: `${name}.sqlite3` })
    await execContext(background(), db, `CREATE TABLE IF NOT EXISTS ${name} (i)`)
    expect(await queryContext(background(), db, 'SELECT name FROM sqlite_schema')).toEqual([{ name }])
    await db.close()
  }
})
