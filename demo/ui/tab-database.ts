/** The SQLite of the tab: in a worker, in memory, and loaded only on demand. */

import { background } from 'rescind'
import type { Database } from 'rescind/sql'
import { createAlbums } from '../server/albums.ts'
import { Store } from './store.ts'

/** The step that is under way while the database is being opened; undefined at all other times. */
export const opening: Store<string | undefined> = new Store<string | undefined>(undefined)

let database: Promise<Database> | undefined

export function openTabDatabase(): Promise<Database> {
  database ??= open().finally(() => opening.set(undefined))
  database.catch(() => (database = undefined))
  return database
}

async function open(): Promise<Database> {
  opening.set('Loading SQLite into a worker of this tab (only once)')
  const { openSqlite } = await import('rescind/sql/sqlite')
  const db = await openSqlite(background())
  opening.set('Filling the table')
  await createAlbums(db)
  return db
}
