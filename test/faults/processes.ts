/** The server is killed or paused during its work. */

import { readFileSync, readdirSync } from 'node:fs'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import { execContext, queryContext, withTransaction } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { endless, observe } from '../sql/postgres.ts'
import type { PostgresServer } from '../../scripts/postgres.ts'
import { comesTrue, Tally, toughPool } from './tally.ts'
import type { Fault } from './tally.ts'

const bg = background()

export const kills: Fault = {
  name: 'kill -9 of the server in mid-query',
  async run(server) {
    const tally = new Tally()
    const pool = toughPool(server.access, 'kills', 4)
    const db = postgres(pool, { grace: 500 })
    await execContext(bg, db, 'CREATE TABLE kept (id int)')
    for (let round = 1; round <= 5; round++) {
      await execContext(bg, db, 'INSERT INTO kept VALUES ($1)', [round])
      const [ctx, cancel] = withCancel(bg)
      const endings = [
        tally.follow(bg, queryContext(bg, db, endless), 'query'),
        tally.follow(ctx, queryContext(ctx, db, endless), 'canceled query'),
        tally.follow(
          bg,
          withTransaction(bg, db, async (tx) => {
            await execContext(bg, tx, 'INSERT INTO kept VALUES (-1)')
            await queryContext(bg, tx, endless)
          }),
          'transaction',
        ),
      ]
      await isActive(server, 'kills', 3)
      cancel()
      for (const pid of [server.pid, ...childrenOf(server.pid)]) signal(pid, 'SIGKILL')
      await Promise.all(endings)
      await sleep(bg, 50)
      await server.restart()
      tally.count('kills')
      const rows = await queryContext(bg, db, 'SELECT id FROM kept ORDER BY id')
      const expected = Array.from({ length: round }, (_, index) => index + 1)
      tally.assert(rows.length === round && rows.every(({ id }, index) => id === expected[index]), 'rows were lost')
      tally.count('rows found again', rows.length)
    }
    await tally.settles(pool, server.access, 'kills')
    await db.close()
    return tally
  },
}

export const pauses: Fault = {
  name: 'SIGSTOP of the server in mid-query',
  async run(server) {
    const tally = new Tally()
    const pool = toughPool(server.access, 'pauses', 4)
    const db = postgres(pool, { grace: 300 })
    await execContext(bg, db, 'CREATE TABLE paused (id int)')
    for (let round = 1; round <= 5; round++) {
      const [ctx, cancel] = withCancel(bg)
      const [limited] = withTimeout(bg, 600)
      const endings = [
        tally.follow(ctx, queryContext(ctx, db, endless), 'canceled query'),
        tally.follow(limited, queryContext(limited, db, endless), 'query with a deadline'),
        tally.follow(
          ctx,
          withTransaction(ctx, db, async (tx) => {
            await execContext(ctx, tx, 'INSERT INTO paused VALUES (-1)')
            await queryContext(ctx, tx, endless)
          }),
          'transaction',
        ),
      ]
      await isActive(server, 'pauses', 3)
      const processes = [server.pid, ...childrenOf(server.pid)]
      for (const pid of processes) signal(pid, 'SIGSTOP')
      cancel()
      await Promise.all(endings)
      for (const pid of processes) signal(pid, 'SIGCONT')
      tally.count('pauses')
      const [row] = await queryContext(bg, db, 'SELECT count(*)::int AS count FROM paused')
      tally.assert(row?.count === 0, 'a transaction was not rolled back')
    }
    await tally.settles(pool, server.access, 'pauses')
    await db.close()
    return tally
  },
}

async function isActive({ access }: PostgresServer, name: string, count: number): Promise<void> {
  const observer = await observe(access)
  await comesTrue(async () => (await observer.active(name)).length === count)
  await observer.end()
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return (
          Number(
            readFileSync(`/proc/${pid}/stat`, 'utf8')
              .replace(/^.*\) \w /, '')
              .split(' ')[0],
          ) === parent
        )
      } catch {
        return false
      }
    })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has already exited.
  }
}
