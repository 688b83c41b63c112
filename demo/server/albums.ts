/** Creates the table of albums in a database of any engine. */

import { background } from 'rescind'
import { execContext } from 'rescind/sql'
import type { Queryable } from 'rescind/sql'
import { ALBUMS } from './scan.ts'

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

export async function createAlbums(db: Queryable): Promise<void> {
  const rows = ALBUMS.map(([title, artist, price], index) => {
    return `(${index + 1}, ${quoted(title)}, ${quoted(artist)}, ${price})`
  })
  const columns = 'id INTEGER PRIMARY KEY, title TEXT NOT NULL, artist TEXT NOT NULL, price REAL NOT NULL'
  await execContext(background(), db, 'DROP TABLE IF EXISTS album')
  await execContext(background(), db, `CREATE TABLE album (${columns})`)
  await execContext(background(), db, `INSERT INTO album VALUES ${rows.join(', ')}`)
}
