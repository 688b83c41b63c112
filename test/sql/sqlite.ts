/** SQLite for the conformance suite: in memory, one statement at a time. */

import { background, sleep, withCancel } from 'rescind'
import { execContext, queryContext, withTransaction } from 'rescind/sql'
import { openSqlite } from 'rescind/sql/sqlite'
import type { SqliteOptions, Storage } from 'rescind/sql/sqlite'
import { expect, it } from 'vitest'
import type { Subject } from './conformance.ts'

const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)'

export const endless: string = `${numbers} SELECT count(*) AS count FROM n`
export const endlessRows: string = `${numbers} SELECT i FROM n`

export function sqliteSubject(options?: SqliteOptions): Subject {
  return {
    open: () => openSqlite(background(), options),
    stops: 'engine',
    capacity: 1,
    endless,
    endlessRows,
    parameter: '?',
    codes: { stopped: 'SQLITE_INTERRUPT', duplicate: 'SQLITE_CONSTRAINT_PRIMARYKEY', readOnly: 'SQLITE_READONLY' },
    afterStoppedWrite: 'nothing',
    // SQLite cannot be queried while a statement runs. The suite's next statement shows that none does.
    running: (count) => sleep(background(), count > 0 ? 15 : 0),
    retry: 2,
  }
}

/** Tests that a file in `storage` outlives the connection. */
export function keepsFiles(storage: Storage): void {
  it(`keeps a file in ${storage}, and stops statements on it`, async () => {
    const options: SqliteOptions = { storage, file: 'kept.sqlite3' }
    const db = await openSqlite(background(), options)
    await execContext(background(), db, 'DROP TABLE IF EXISTS kept; CREATE TABLE kept (i); INSERT INTO kept VALUES (7)')
    const [ctx, cancel] = withCancel(background())
    const transaction = withTransaction(ctx, db, async (tx) => {
      await execContext(ctx, tx, 'INSERT INTO kept VALUES (8)')
      setTimeout(cancel, 15)
      await execContext(ctx, tx, `INSERT INTO kept ${endlessRows}`)
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    await db.close()
    const again = await openSqlite(background(), options)
    expect(await queryContext(background(), again, 'SELECT i FROM kept')).toEqual([{ i: 7 }])
    await again.close()
  })
}
