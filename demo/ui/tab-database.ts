/** The SQLite of the tab: in a worker, in memory, and loaded only on demand. */

import { background } from 'rescind'
import type { Database } from 'rescind/sql'
import { createAlbums } from '../server/albums.ts'

let opening: Promise<Database> | undefined

export function openTabDatabase(): Promise<Database> {
  opening ??= open()
  opening.catch(() => (opening = undefined))
  return opening
}

async function open(): Promise<Database> {
  const { openSqlite } = await import('rescind/sql/sqlite')
  const db = await openSqlite(background())
  await createAlbums(db)
  return db
}
