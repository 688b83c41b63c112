/** SQLite in a worker of a page that is cross-origin isolated: a cancel is a number in shared memory. */

import { background } from 'rescind'
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
