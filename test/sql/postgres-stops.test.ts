/** What only PostgreSQL has: a server that can be asked, a pool, cancels that come late, timeouts of its own. */

import { Client, Pool } from 'pg'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import {
  CommitUnknownError,
  engineError,
  execContext,
  queryContext,
  TransactionDoneError,
  withTransaction,
} from 'rescind/sql'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { failOnUnhandled, outcome, task } from '../support.ts'
import { certificate } from '../../scripts/certificate.ts'
import { until } from './conformance.ts'
import { cpuSeconds, endless, observe } from './postgres.ts'
import type { Observer } from './postgres.ts'

const NAME = 'stops'
const bg = background()
const access = inject('postgres')

let pool: Pool
let db: Database
let observer: Observer

/** What the compiler would refuse. */
const wrong = <T>(value: unknown) => value as T

failOnUnhandled()

beforeAll(async () => {
  pool = new Pool({ ...access, application_name: NAME, max: 2 })
  db = postgres(pool)
  observer = await observe(access)
  await observer.query('CREATE TABLE account (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, cents int)')
})

afterAll(async () => {
  await db.close()
  await observer.query('DROP TABLE account')
  await observer.end()
})

const settingOf = async (on = db): Promise<unknown> => {
  const [row] = await queryContext(bg, on, "SELECT current_setting('statement_timeout') AS timeout")
  return row?.timeout
}

/** The server does nothing for us, not even wait in a transaction. An error is sent a moment before that. */
const isIdle = () => until(async () => (await observer.sessions(NAME)).every(({ state }) => state === 'idle'))

/** Every connection of the pool is lent to nobody. */
const isFree = () => until(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0)

describe('the server', () => {
  it('computes no longer once the rejection is there', async () => {
    const [ctx, cancel] = withCancel(bg)
    const query = outcome(queryContext(ctx, db, endless))
    await until(async () => (await observer.active(NAME)).length === 1)
    const [backend = 0] = await observer.active(NAME)
    const started = cpuSeconds(backend)
    // It does compute: the next line but two would mean nothing otherwise.
    await until(() => started === undefined || (cpuSeconds(backend) ?? 0) >= started + 0.03)
    cancel()
    await until(() => query.settled)
    expect(query.error).toBe(ctx.err)
    await isIdle()
    const spent = cpuSeconds(backend)
    await sleep(bg, 50)
    expect((cpuSeconds(backend) ?? 0) - (spent ?? 0)).toBeLessThanOrEqual(0.01)
  })

  it('stops everything that a transaction has sent', async () => {
    const [ctx, cancel] = withCancel(bg)
    const transaction = outcome(
      withTransaction(ctx, db, async (tx) => {
        await Promise.all([queryContext(ctx, tx, endless), execContext(ctx, tx, 'INSERT INTO account VALUES (1, 1)')])
      }),
    )
    await until(async () => (await observer.active(NAME)).length === 1)
    cancel()
    await until(() => transaction.settled)
    expect(transaction.error).toBe(ctx.err)
    await isIdle()
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it('stops what else runs in a transaction whose function has thrown', async () => {
    const transaction = withTransaction(bg, db, async (tx) => {
      const running = queryContext(bg, tx, endless)
      running.catch(() => {})
      await until(async () => (await observer.active(NAME)).length === 1)
      throw new Error('no')
    })
    await expect(transaction).rejects.toThrow('no')
    await isIdle()
  })
})

describe('a cancel that comes late', () => {
  it('harms none of the 200 next statements, on a pool of 2 with four at work', async () => {
    let canceled = 0
    let completed = 0
    const failures: unknown[] = []
    const work = async () => {
      for (let round = 0; round < 50; round++) {
        const [ctx, cancel] = withCancel(bg)
        const racing = queryContext(ctx, db, 'SELECT pg_sleep(0.002)').then(
          () => completed++,
          (error: unknown) => (error === ctx.err ? canceled++ : failures.push(error)),
        )
        await sleep(bg, Math.random() * 5)
        cancel()
        await racing
        await queryContext(bg, db, 'SELECT pg_sleep(0.001)').catch((error: unknown) => failures.push(error))
      }
    }
    await Promise.all([work(), work(), work(), work()])
    expect(failures).toEqual([])
    expect(canceled + completed).toBe(200)
    // Both sides of the race were seen.
    expect(Math.min(canceled, completed)).toBeGreaterThan(0)
    await isFree()
  })
})

describe('a cancel over TLS', () => {
  it.each([
    ['negotiated', {}],
    ['from the start', { sslnegotiation: 'direct' as const }],
  ])('stops the statement of a connection with TLS %s', async (_, options) => {
    const ssl = { ca: certificate }
    const client = new Client({ ...access, ...options, host: 'localhost', ssl, application_name: NAME })
    await client.connect()
    const single = postgres(client, { grace: 20_000 })
    const [ctx, cancel] = withCancel(bg)
    const query = outcome(queryContext(ctx, single, endless))
    await until(async () => (await observer.active(NAME)).length === 1)
    cancel()
    await until(() => query.settled)
    expect(query.error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: '57014' })
    const encrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    expect(await queryContext(bg, single, encrypted)).toEqual([{ ssl: true }])
    await single.close()
  })
})

describe('a pool', () => {
  it('gets its slot back from a context that ended while waiting', async () => {
    const lent = [await pool.connect(), await pool.connect()]
    const [ctx, cancel] = withCancel(bg)
    const waiting = Array.from({ length: 5 }, () => outcome(execContext(ctx, db, 'INSERT INTO account VALUES (2, 2)')))
    await task()
    expect(pool.waitingCount).toBe(5)
    cancel()
    await task()
    expect(waiting.every(({ error }) => error === ctx.err)).toBe(true)
    const next = queryContext(bg, db, 'SELECT 1 AS one')
    for (const client of lent) client.release()
    expect(await next).toEqual([{ one: 1 }])
    await isFree()
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it('does not get a lost connection back, and the error of the loss stays itself', async () => {
    const destroyed: unknown[] = []
    const note = (why: unknown) => destroyed.push(why)
    pool.on('release', note)
    const failing = outcome(queryContext(bg, db, endless))
    await until(async () => (await observer.active(NAME)).length === 1)
    const [backend = 0] = await observer.active(NAME)
    await observer.query(`SELECT pg_terminate_backend(${backend})`)
    await until(() => failing.settled)
    expect(failing.error).toMatchObject({ code: '57P01' })
    await until(() => destroyed.length > 0)
    expect(destroyed).toEqual([true])
    pool.removeListener('release', note)
    for (let round = 0; round < 4; round++) expect(await queryContext(bg, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await isFree()
    expect((await observer.sessions(NAME)).map(({ pid }) => pid)).not.toContain(backend)
  })

  it('leaves no listener on its clients', async () => {
    const client = await pool.connect()
    const before = ['error', 'end'].map((event) => client.listenerCount(event))
    client.release()
    for (let round = 0; round < 20; round++) await queryContext(bg, db, 'SELECT 1')
    await isFree()
    const again = await pool.connect()
    expect(['error', 'end'].map((event) => again.listenerCount(event))).toEqual(before)
    again.release()
  })
})

describe('a deadline', () => {
  it('is given to the server for the rest of the time, and taken back', async () => {
    const [ctx, cancel] = withTimeout(bg, 60_000)
    const setting = "current_setting('statement_timeout')::interval"
    const text = `SELECT ${setting} > interval '59 s' AND ${setting} <= interval '60 s' AS fits`
    expect(await queryContext(ctx, db, text)).toEqual([{ fits: true }])
    await withTransaction(ctx, db, async (tx) => {
      expect(await queryContext(ctx, tx, text)).toEqual([{ fits: true }])
      expect(await queryContext(bg, tx, text)).toEqual([{ fits: true }])
    })
    await isFree()
    for (const client of [await pool.connect(), await pool.connect()]) {
      expect((await client.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }])
      client.release()
    }
    cancel()
  })

  it('does not outlive its statement in a transaction', async () => {
    await withTransaction(bg, db, async (tx) => {
      expect(await settingOf(tx as unknown as Database)).toBe('0')
      const [ctx, cancel] = withTimeout(bg, 5_000)
      const [row] = await queryContext(ctx, tx, "SELECT current_setting('statement_timeout') AS timeout")
      expect(row?.timeout).not.toBe('0')
      cancel()
      expect(await settingOf(tx as unknown as Database)).toBe('0')
    })
  })

  it('leaves a shorter timeout of the user alone, and restores a longer one', async () => {
    const client = new Client({ ...access, application_name: NAME })
    await client.connect()
    const single = postgres(client)
    const [ctx, cancel] = withTimeout(bg, 60_000)
    const current = "SELECT current_setting('statement_timeout') AS timeout"
    await client.query("SET statement_timeout = '30s'")
    expect(await queryContext(ctx, single, current)).toEqual([{ timeout: '30s' }])
    await client.query("SET statement_timeout = '10min'")
    expect(await queryContext(ctx, single, current)).not.toEqual([{ timeout: '10min' }])
    expect(await settingOf(single)).toBe('10min')
    await client.query("SET statement_timeout = '20ms'")
    const error = await queryContext(ctx, single, 'SELECT pg_sleep(5)').catch((error: unknown) => error)
    expect(error).toMatchObject({ code: '57014' })
    cancel()
    await single.close()
  })
})

describe('a commit', () => {
  it('that the server turns into a rollback is not reported as done', async () => {
    let failure: unknown
    const transaction = withTransaction(bg, db, async (tx) => {
      await execContext(bg, tx, 'INSERT INTO account VALUES (3, 3)')
      failure = await queryContext(bg, tx, 'SELECT 1 / 0').catch((error: unknown) => error)
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect((error as Error).cause).toBe(failure)
    expect(failure).toMatchObject({ code: '22012' })
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it('that breaks a constraint rejects with that', async () => {
    const transaction = withTransaction(bg, db, (tx) =>
      execContext(bg, tx, 'INSERT INTO account VALUES (4, 1), (4, 2)'),
    )
    await expect(transaction).rejects.toMatchObject({ code: '23505' })
    await isFree()
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it('on a lost connection says that nobody knows', async () => {
    const tx = await db.begin(bg)
    await execContext(bg, tx, 'INSERT INTO account VALUES (5, 5)')
    const busy = (await observer.sessions(NAME)).find(({ state }) => state === 'idle in transaction')
    await observer.query(`SELECT pg_terminate_backend(${busy?.pid ?? 0})`)
    const error = await tx.commit().catch((error: unknown) => error)
    expect([CommitUnknownError, TransactionDoneError].some((kind) => error instanceof kind)).toBe(true)
    await isFree()
  })
})

it('refuses what is neither a pool nor a client', () => {
  expect(() => postgres(wrong<Pool>(undefined))).toThrow(TypeError)
  expect(() => postgres(wrong<Pool>({}))).toThrow(TypeError)
  expect(() => postgres(pool, { grace: Number.NaN })).toThrow(TypeError)
})
