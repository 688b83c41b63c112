/**
 * A transaction that is retried if PostgreSQL could not serialize it: with a serialization failure (40001) or a
 * deadlock (40P01) it is rolled back, and only as a whole can it run again.
 */

import { Pool } from 'pg'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { execContext, queryContext, withTransaction } from 'rescind/sql'
import type { Database, Transaction } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { failOnUnhandled, outcome } from '../../support.ts'
import { until } from '../conformance.ts'
import { observe } from '../postgres.ts'
import type { Observer } from '../postgres.ts'

/** `work` may run several times, and lets the errors of its statements through. */
async function serializable<T>(ctx: Context, db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withTransaction(ctx, db, work, { isolation: 'serializable' })
    } catch (error) {
      const { code } = error as { code?: string }
      if (attempt === 5 || (code !== '40001' && code !== '40P01')) throw error
      await sleep(ctx, Math.random() * 5 * 2 ** attempt)
    }
  }
}

const bg = background()
const access = inject('postgres')

async function read(ctx: Context, tx: Transaction, id: number): Promise<number> {
  const [row] = await queryContext<{ n: number }>(ctx, tx, 'SELECT n FROM counter WHERE id = $1', [id])
  return row?.n ?? Number.NaN
}

function write(ctx: Context, tx: Transaction, id: number, n: number): Promise<unknown> {
  return execContext(ctx, tx, 'UPDATE counter SET n = $1 WHERE id = $2', [n, id])
}

/** Returns a function whose promises resolve once it was called `count` times. */
function barrier(count: number): () => Promise<void> {
  const waiting: (() => void)[] = []
  let seen = 0
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (++seen >= count) for (const pass of waiting.splice(0)) pass()
    })
}

describe('a serializable transaction', () => {
  let db: Database
  let observer: Observer

  failOnUnhandled()

  beforeAll(async () => {
    db = postgres(new Pool({ ...access, application_name: 'serializable', max: 4 }))
    observer = await observe(access)
    await observer.query('CREATE TABLE counter (id int PRIMARY KEY, n int)')
  })

  afterAll(async () => {
    await db.close()
    await observer.query('DROP TABLE counter')
    await observer.end()
  })

  beforeEach(() => observer.query('TRUNCATE counter; INSERT INTO counter VALUES (1, 0), (2, 0)'))

  const counts = async () => (await observer.query('SELECT n FROM counter ORDER BY id')).map(({ n }) => n)

  it('is retried after a serialization failure, until all have counted', async () => {
    const [ctx, cancel] = withTimeout(bg, 20_000)
    using _ = cancel
    let tries = 0
    const haveRead = barrier(2)
    const increment = () =>
      serializable(ctx, db, async (tx) => {
        tries++
        const n = await read(ctx, tx, 1)
        // Both transactions read before either writes.
        await haveRead()
        await write(ctx, tx, 1, n + 1)
      })
    await Promise.all([increment(), increment()])
    expect(await counts()).toEqual([2, 0])
    expect(tries).toBe(3)
  })

  it('is retried after a failed commit', async () => {
    let tries = 0
    const haveRead = barrier(2)
    const haveWritten = barrier(2)
    const copy = (from: number, to: number) =>
      serializable(bg, db, async (tx) => {
        tries++
        const n = await read(bg, tx, from)
        await haveRead()
        await write(bg, tx, to, n + 1)
        await haveWritten()
      })
    await Promise.all([copy(1, 2), copy(2, 1)])
    expect((await counts()).toSorted()).toEqual([1, 2])
    expect(tries).toBe(3)
  })

  it('is not retried after another error, and not forever', async () => {
    let tries = 0
    const failing = (code: string) =>
      serializable(bg, db, (tx) => {
        tries++
        return execContext(bg, tx, `DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''${code}''; END'`)
      })
    await expect(failing('23505')).rejects.toMatchObject({ code: '23505' })
    expect(tries).toBe(1)
    await expect(failing('40001')).rejects.toMatchObject({ code: '40001' })
    expect(tries).toBe(6)
  })

  it('ends with its context between two attempts', async () => {
    const [ctx, cancel] = withCancel(bg)
    let tries = 0
    const failing = outcome(
      serializable(ctx, db, async (tx) => {
        tries++
        if (tries === 2) cancel()
        await execContext(ctx, tx, "DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''40001''; END'")
      }),
    )
    await until(() => failing.settled)
    expect(failing.error).toBe(ctx.err)
    expect(tries).toBe(2)
  })
})
