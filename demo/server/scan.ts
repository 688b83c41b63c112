/** A query with a timeout, as it runs in the page and on the server, whatever the engine. */

import { withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { queryStream } from 'rescind/sql'
import type { Queryable, Row } from 'rescind/sql'

// #region with
export async function scan(parent: Context, db: Queryable, sql: string, ms: number, read: Read): Promise<void> {
  const [ctx, cancel] = withTimeout(parent, ms)
  using _ = cancel
  for await (const row of queryStream(ctx, db, sql)) {
    read(row)
  }
}
// #endregion

// #region without
export async function scanByHand(readAll: () => Promise<void>, ms: number): Promise<void> {
  const tooLate = new Promise<void>((_, reject) => {
    setTimeout(reject, ms, new Error('timed out'))
  })
  await Promise.race([readAll(), tooLate])
}
// #endregion

export type Read = (row: Row) => void

/** The statements of the demo. The second scans for about a minute or more. */
export const STATEMENTS = {
  albums: 'SELECT * FROM album',
  minute: `WITH RECURSIVE track(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM track WHERE n < 200000000)
    SELECT n FROM track WHERE n % 1000 = 0`,
} as const

export type Statement = keyof typeof STATEMENTS

/** In milliseconds: the demo stops a scan after this time, since it would take a minute. */
export const PATIENCE_MS = 5000

/** The progress of a query. */
export interface Scanned {
  readonly rows: number
  readonly titles: readonly string[]
}

/** Counts the rows of a query, and reports its progress from time to time. */
export function counter(tell: (scanned: Scanned) => void): { readonly read: Read; readonly get: () => Scanned } {
  let scanned: Scanned = { rows: 0, titles: [] }
  let told = -Infinity
  const read: Read = ({ n, title }) => {
    const isAlbum = title !== undefined
    scanned = isAlbum
      ? { rows: scanned.rows + 1, titles: [...scanned.titles, String(title)] }
      : { rows: Number(n), titles: [] }
    const now = performance.now()
    if (now - told < TELL_MS) return
    told = now
    tell(scanned)
  }
  return { read, get: () => scanned }
}

const TELL_MS = 50

/** The table in the demo's databases. */
export const ALBUMS: readonly (readonly [title: string, artist: string, price: number])[] = [
  ['Kind of Blue', 'Miles Davis', 19.9],
  ['Mingus Ah Um', 'Charles Mingus', 17.5],
  ['Time Out', 'Dave Brubeck', 14.9],
  ['Moanin’', 'Art Blakey', 16],
  ['Waltz for Debby', 'Bill Evans', 21.4],
  ['Somethin’ Else', 'Cannonball Adderley', 18.3],
]
