/** SQLite in a worker of an ordinary page: no shared memory, so a cancel is a blob URL that is gone. */

import { background } from 'rescind'
import { openSqlite } from 'rescind/sql/sqlite'
import { describe, expect, it } from 'vitest'
import { conforms } from '../conformance.ts'
import { keepsFiles, sqliteSubject } from '../sqlite.ts'

conforms('SQLite in a page', sqliteSubject())

it('polls in an ordinary page', async () => {
  expect(crossOriginIsolated).toBe(false)
  const db = await openSqlite(background())
  expect(db.mechanism).toBe('poll')
  await db.close()
})

// WebKitGTK has no file system of the origin.
describe.runIf('FileSystemFileHandle' in globalThis)('a file', () => {
  keepsFiles('opfs-sahpool')
})

it('says what "opfs" needs', async () => {
  await expect(openSqlite(background(), { storage: 'opfs' })).rejects.toThrow(/cross-origin isolated/)
})
