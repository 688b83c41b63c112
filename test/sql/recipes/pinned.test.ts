/**
 * One connection of a pool for several statements, for state that belongs to a connection: settings of the session,
 * temporary tables, prepared statements, advisory locks and LISTEN. It is closed afterwards, with all that state.
 */

import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { background, until as untilDone, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { execContext, queryContext, withTransaction } from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { failOnUnhandled, outcome } from '../../support.ts'
import { until } from '../conformance.ts'
import { endless, observe } from '../postgres.ts'
import type { Observer } from '../postgres.ts'

async function pinned<T>(ctx: Context, pool: Pool, work: (db: Database, client: PoolClient) => Promise<T>): Promise<T> {
  const connecting = pool.connect()
  const client = await untilDone(ctx, connecting).catch((error: unknown) => {
    // The connection may still arrive.
    connecting.then(
      (client) => client.release(),
      () => {},
    )
    throw error
  })
  try {
    return await work(postgres(client), client)
  } finally {
    client.release(true)
  }
}

const NAME = 'pinned'
const bg = background()
const access = inject('postgres')

describe('a pinned connection', () => {
  let pool: Pool
  let observer: Observer

  failOnUnhandled()

  beforeAll(async () => {
    pool = new Pool({ ...access, application_name: NAME, max: 2 })
    observer = await observe(access)
  })

  afterAll(async () => {
    await pool.end()
    await observer.end()
  })

  it('keeps settings, temporary tables, prepared statements and locks until it is closed', async () => {
    const backend = await pinned(bg, pool, async (db) => {
      await execContext(bg, db, "SET work_mem = '5MB'")
      await execContext(bg, db, 'CREATE TEMP TABLE kept (i int)')
      await execContext(bg, db, 'PREPARE keep AS INSERT INTO kept VALUES (7)')
      await execContext(bg, db, 'SELECT pg_advisory_lock(4711)')
      await withTransaction(bg, db, (tx) => execContext(bg, tx, 'EXECUTE keep'))
      expect(await queryContext(bg, db, 'SELECT i FROM kept')).toEqual([{ i: 7 }])
      expect(await queryContext(bg, db, 'SHOW work_mem')).toEqual([{ work_mem: '5MB' }])
      const [row] = await queryContext(bg, db, 'SELECT pg_backend_pid() AS pid')
      return row?.pid
    })
    await until(async () => (await observer.sessions(NAME)).every(({ pid }) => pid !== backend))
    expect(await observer.query('SELECT FROM pg_locks WHERE objid = 4711')).toEqual([])
    expect(await queryContext(bg, postgres(pool), 'SHOW work_mem')).not.toEqual([{ work_mem: '5MB' }])
  })

  it('receives the notifications that it listens to', async () => {
    await pinned(bg, pool, async (db, client) => {
      const heard: unknown[] = []
      client.on('notification', ({ payload }) => heard.push(payload))
      await execContext(bg, db, 'LISTEN albums')
      await execContext(bg, postgres(pool), "NOTIFY albums, 'Blue Train'")
      await until(() => heard.length > 0)
      expect(heard).toEqual(['Blue Train'])
    })
  })

  it('is returned if the context ends while it waits, and closed if the context ends during the work', async () => {
    const lent = [await pool.connect(), await pool.connect()]
    const [ctx, cancel] = withCancel(bg)
    const waiting = outcome(pinned(ctx, pool, () => Promise.resolve()))
    cancel()
    await until(() => waiting.settled)
    expect(waiting.error).toBe(ctx.err)
    for (const client of lent) client.release()
    await until(() => pool.idleCount === 2 && pool.waitingCount === 0)
    const [working, stop] = withCancel(bg)
    const work = outcome(pinned(working, pool, (db) => queryContext(working, db, endless)))
    await until(async () => (await observer.active(NAME)).length === 1)
    stop()
    await until(() => work.settled)
    expect(work.error).toBe(working.err)
    await until(async () => (await observer.active(NAME)).length === 0)
    expect(pool.totalCount).toBe(1)
  })
})
