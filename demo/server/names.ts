/**
 * The names that the search searches, in a database: what a search reads is the answer to a real query, which ends with
 * its request. A service worker has no database and reads them from memory.
 */

import { background } from 'rescind'
import type { Context } from 'rescind'
import { execContext, queryStream } from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { indexed, wordOf } from './countries.ts'
import type { Hit } from './countries.ts'

const COLUMNS = 'code, region, name, language'

export async function createNames(db: Database): Promise<void> {
  const rows = indexed.map(({ hit: { code, region, name, language }, folded }) => [
    code,
    region,
    name,
    language,
    folded,
  ])
  const values = [0, 1, 2, 3, 4].map((column) => `value ->> ${column}`)
  await execContext(background(), db, `CREATE TABLE name (${COLUMNS}, folded)`)
  const fill = `INSERT INTO name SELECT ${values.join(', ')} FROM json_each(?)`
  await execContext(background(), db, fill, [JSON.stringify(rows)])
}

/** The same names in the same order as `find` has them in memory. */
export function readNames(ctx: Context, db: Database, query: string): AsyncIterable<Hit> {
  const rank = "(language <> 'English') * 2 + (instr(folded, ?1) > 1)"
  const sql = `SELECT ${COLUMNS} FROM name WHERE instr(folded, ?1) > 0 ORDER BY ${rank}, rowid`
  return queryStream<Hit & Record<string, string>>(ctx, db, sql, [wordOf(query)])
}
