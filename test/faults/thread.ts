/** SQLite loses its thread, and receives many cancels. */

import type { Worker } from 'node:worker_threads'
import { background, sleep } from 'rescind'
import { execContext, queryContext, withTransaction } from 'rescind/sql'
import { openSqlite } from 'rescind/sql/sqlite'
import { endless } from '../sql/sqlite.ts'
import { race } from './races.ts'
import { Tally } from './tally.ts'
import type { Fault } from './tally.ts'

const bg = background()

const lost: Fault = {
  name: 'SQLite: the thread ends in mid-query',
  async run() {
    const tally = new Tally()
    for (let round = 0; round < 5; round++) {
      let thread: Worker | undefined
      process.once('worker', (worker: Worker) => (thread = worker))
      const db = await openSqlite(bg)
      const endings = [
        tally.follow(bg, queryContext(bg, db, endless), 'query'),
        tally.follow(bg, execContext(bg, db, 'SELECT 1'), 'query that waits'),
        tally.follow(
          bg,
          withTransaction(bg, db, () => sleep(bg, 60_000)),
          'transaction that waits',
        ),
      ]
      await sleep(bg, 20)
      await thread?.terminate()
      await Promise.all(endings)
      tally.count('threads ended')
      await db.close()
    }
    return tally
  },
}

const races: Fault = {
  name: '10,000 random cancels racing completions, SQLite in a thread',
  async run() {
    const db = await openSqlite(bg)
    const slow = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4000) SELECT count(*) FROM n'
    const tally = await race(db, 10_000, () => '?', [slow, 4])
    await db.close()
    return tally
  },
}

export const threadFaults: readonly Fault[] = [lost, races]
