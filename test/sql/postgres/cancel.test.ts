/** What only PostgreSQL has: a server that can be queried, a pool, late cancels, and its own timeouts. */

import { Client, Pool } from 'pg'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import {
  CommitUnknownError,
  engineError,
  execContext,
  queryContext,
  queryStream,
  TransactionDoneError,
  withTransaction,
} from 'rescind/sql'
import type { Database, Queryable } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { fakeClock } from 'rescind/testing'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { failOnUnhandled, outcome, task } from '../../support.ts'
import { certificate } from '../../../scripts/certificate.ts'
import { until } from '../conformance.ts'
import { cpuSeconds, endless, observe } from '../postgres.ts'
import type { Observer } from '../postgres.ts'

const NAME = 'stops'
const bg = background()
const access = inject('postgres')

let pool: Pool
let db: Database
let observer: Observer

/** Lets a value of a wrong type past the compiler. */
const wrong = <T>(value: unknown) => value as T

failOnUnhandled()

beforeAll(async () => {
  pool = new Pool({ ...access, application_name: NAME, max: 2 })
  db = postgres(pool)
  observer = await observe(access)
  await observer.query('CREATE TABLE account (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, cents int)')
  const put = "LANGUAGE sql AS 'INSERT INTO account VALUES (id, 0) RETURNING id'"
  await observer.query(`CREATE FUNCTION put(id int) RETURNS int ${put}`)
})

afterAll(async () => {
  await db.close()
  await observer.query('DROP FUNCTION put; DROP TABLE account')
  await observer.end()
})

const settingOf = async (on: Queryable = db, ctx = bg, name = 'statement_timeout'): Promise<unknown> => {
  const [row] = await queryContext(ctx, on, 'SELECT current_setting($1) AS value', [name])
  return row?.value
}

/** Waits until no backend of ours is active or in a transaction, which is shortly after an error is sent. */
const isIdle = () => until(async () => (await observer.sessions(NAME)).every(({ state }) => state === 'idle'))

/** Waits until the pool has all its connections back. */
const isFree = () => until(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0)

describe('the server', () => {
  it('stops computing when a canceled query rejects', async () => {
    const [ctx, cancel] = withCancel(bg)
    const query = outcome(queryContext(ctx, db, endless))
    await until(async () => (await observer.active(NAME)).length === 1)
    const [backend = 0] = await observer.active(NAME)
    const started = cpuSeconds(backend)
    // It does compute; otherwise the last line would prove nothing.
    await until(() => started === undefined || (cpuSeconds(backend) ?? 0) >= started + 0.03)
    cancel()
    await until(() => query.settled)
    expect(query.error).toBe(ctx.err)
    await isIdle()
    const spent = cpuSeconds(backend)
    await sleep(bg, 50)
    expect((cpuSeconds(backend) ?? 0) - (spent ?? 0)).toBeLessThanOrEqual(0.01)
  })

  it('stops everything that a canceled transaction has sent', async () => {
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

  it('stops other statements of a transaction whose function has thrown', async () => {
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

describe('a late cancel', () => {
  it('hits none of the 200 next statements, on a pool of 2 with four callers', async () => {
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
    // Both outcomes of the race have occurred.
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
  it('regains the connection of a context that ended while it waited', async () => {
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

  it('lends no connection to a context that has ended, or for a statement that is refused', async () => {
    const connect = vi.spyOn(pool, 'connect')
    const [ctx, cancel] = withCancel(bg)
    cancel()
    await expect(queryContext(ctx, db, 'SELECT 1')).rejects.toBe(ctx.err)
    await expect(queryStream(bg, db, 'BEGIN').next()).rejects.toThrow('BEGIN is refused')
    expect(connect).not.toHaveBeenCalled()
    connect.mockRestore()
  })

  it('passes on why it cannot connect, and can be closed twice', async () => {
    const locked = postgres(new Pool({ ...access, password: 'wrong', max: 1 }))
    await expect(queryContext(bg, locked, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    await Promise.all([locked.close(), locked.close()])
  })

  it('does not regain a lost connection, and passes the error of the loss on', async () => {
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

describe('a grace time', () => {
  it.each([Infinity, 2 ** 40])('is not shortened: %d ms', async (grace) => {
    const patient = postgres(new Pool({ ...access, application_name: NAME, max: 1 }), { grace })
    const [limited, cancelLimited] = withTimeout(bg, 60_000)
    await queryContext(limited, patient, 'SELECT 1')
    await withTransaction(limited, patient, (tx) => queryContext(limited, tx, 'SELECT 1'))
    cancelLimited()
    const [ctx, cancel] = withCancel(bg)
    const query = outcome(queryContext(ctx, patient, endless))
    await until(async () => (await observer.active(NAME)).length === 1)
    const [backend] = await observer.active(NAME)
    cancel()
    await until(() => query.settled)
    expect(query.error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: '57014' })
    // The connection is still the same.
    const pid = 'SELECT pg_backend_pid() AS pid'
    expect(await queryContext(bg, patient, pid)).toEqual([{ pid: backend }])
    await patient.close()
  })
})

describe('a deadline', () => {
  it('is set in the server as the rest of the time, and removed afterwards', async () => {
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
      expect(await settingOf(tx)).toBe('0')
      const [ctx, cancel] = withTimeout(bg, 5_000)
      const [row] = await queryContext(ctx, tx, "SELECT current_setting('statement_timeout') AS timeout")
      expect(row?.timeout).not.toBe('0')
      cancel()
      expect(await settingOf(tx)).toBe('0')
    })
  })

  it('keeps a shorter timeout of the user, and restores a longer one', async () => {
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

describe('a deadline', () => {
  it("sets the server's maximum if it has more time than the server can count", async () => {
    const [ctx, cancel] = withTimeout(bg, 30 * 86_400_000)
    using _ = cancel
    expect(await queryContext(ctx, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    const idle = await withTransaction(ctx, db, (tx) => settingOf(tx, ctx, 'idle_in_transaction_session_timeout'))
    expect(idle).toBe('2147483647ms')
    expect((await queryStream(ctx, db, 'SELECT 1 AS one').next()).value).toEqual({ one: 1 })
  })

  it('keeps a shorter idle timeout, and replaces a longer one', async () => {
    const [ctx, cancel] = withTimeout(bg, 60_000)
    using _ = cancel
    for (const [given, isKept] of [
      ['2s', true],
      ['10min', false],
    ] as const) {
      const options = `-c idle_in_transaction_session_timeout=${given}`
      const strict = postgres(new Pool({ ...access, application_name: NAME, max: 1, options }))
      const idle = await withTransaction(ctx, strict, (tx) => settingOf(tx, ctx, 'idle_in_transaction_session_timeout'))
      expect(idle === given).toBe(isKept)
      await strict.close()
    }
  })

  it('keeps a timeout that was set in its transaction, however late', async () => {
    const [ctx, cancel] = withTimeout(bg, 60_000)
    using _ = cancel
    await withTransaction(ctx, db, async (tx) => {
      await execContext(ctx, tx, "SET LOCAL statement_timeout = '1s'")
      expect(await settingOf(tx, ctx)).toBe('1s')
      // A changed deadline would set the rest of the time again.
      for (const shorter of [40_000, 30_000]) {
        const [inner, cancelInner] = withTimeout(ctx, shorter)
        expect(await settingOf(tx, inner)).toBe('1s')
        cancelInner()
      }
      await execContext(ctx, tx, "SET LOCAL statement_timeout = '10min'")
      expect(await settingOf(tx, ctx)).not.toBe('10min')
    })
    await withTransaction(bg, db, async (tx) => {
      await queryContext(ctx, tx, 'SELECT 1')
      await execContext(ctx, tx, "SET LOCAL statement_timeout = '10min'")
      expect(await settingOf(tx, ctx)).not.toBe('10min')
      expect(await settingOf(tx, bg)).toBe('10min')
    })
    await isFree()
    expect(await settingOf()).toBe('0')
  })

  it('distinguishes its own timeouts from others when a savepoint restores them', async () => {
    const [ctx, cancel] = withTimeout(bg, 60_000)
    const [longer, cancelLonger] = withTimeout(bg, 120_000)
    await withTransaction(bg, db, async (tx) => {
      await execContext(ctx, tx, 'SAVEPOINT one')
      await execContext(ctx, tx, "SET LOCAL statement_timeout = '1s'")
      expect(await settingOf(tx, longer)).toBe('1s')
      await execContext(bg, tx, 'ROLLBACK TO one')
      expect(await settingOf(tx, bg)).toBe('0')
      await execContext(ctx, tx, 'SAVEPOINT two')
      await queryContext(bg, tx, 'SELECT 1')
      await execContext(bg, tx, 'ROLLBACK TO two')
      const text = "SELECT current_setting('statement_timeout')::interval > interval '100 s' AS fits"
      expect(await queryContext(longer, tx, text)).toEqual([{ fits: true }])
    })
    cancel()
    cancelLonger()
  })

  it('does not prevent a failed transaction from rolling back to its savepoint', async () => {
    const [ctx, cancel] = withTimeout(bg, 60_000)
    await withTransaction(bg, db, async (tx) => {
      await execContext(bg, tx, 'SAVEPOINT one')
      await expect(queryContext(ctx, tx, 'SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' })
      await expect(queryContext(bg, tx, 'SELECT 1')).rejects.toMatchObject({ code: '25P02' })
      await execContext(bg, tx, 'ROLLBACK TO one')
      expect(await queryContext(bg, tx, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    })
    cancel()
  })

  it('keeps a timeout that was set for the session', async () => {
    const client = new Client({ ...access, application_name: NAME })
    await client.connect()
    const single = postgres(client)
    const [ctx, cancel] = withTimeout(bg, 60_000)
    // Even if it equals the one that we would set.
    const [exactly, cancelExactly] = withTimeout(fakeClock(0).root, 60_000)
    await execContext(exactly, single, "SET statement_timeout = '1min'")
    expect(await settingOf(single)).toBe('1min')
    cancelExactly()
    await execContext(ctx, single, "SET statement_timeout = '1s'")
    expect(await settingOf(single)).toBe('1s')
    await withTransaction(ctx, single, (tx) => execContext(ctx, tx, "SET statement_timeout = '2s'"))
    expect(await settingOf(single)).toBe('2s')
    expect(await settingOf(single, ctx)).toBe('2s')
    cancel()
    await single.close()
  })
})

const accounts = () => observer.query('SELECT id FROM account ORDER BY id')

/** Makes the server run `work` for every new account at commit. Returns a function that undoes this. */
async function atCommit(work: string): Promise<() => Promise<unknown>> {
  const body = `LANGUAGE plpgsql AS 'BEGIN PERFORM ${work}; RETURN NULL; END'`
  const when = 'AFTER INSERT ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
  await observer.query(`CREATE FUNCTION late() RETURNS trigger ${body}`)
  // Triggers run in the order of their names: before the check of the primary key.
  await observer.query(`CREATE CONSTRAINT TRIGGER "A" ${when} EXECUTE FUNCTION late()`)
  return () => observer.query('DROP FUNCTION late CASCADE')
}

/** Reads the first row of a stream, and leaves it. */
async function readFirst(ctx: Context, text: string, params: unknown[], then = () => {}): Promise<void> {
  for await (const _ of queryStream(ctx, db, text, params)) {
    then()
    break
  }
}

describe('a stream whose statement writes', () => {
  const puts = 'SELECT put(id) AS id FROM generate_series(7, $1) AS id'

  afterEach(async () => {
    await observer.query('DELETE FROM account')
  })

  it('is committed with its last row', async () => {
    for await (const { id } of queryStream(bg, db, puts, [9])) expect(id).toBeGreaterThan(6)
    expect(await accounts()).toEqual([{ id: 7 }, { id: 8 }, { id: 9 }])
  })

  it('rejects if its commit fails', async () => {
    await observer.query('INSERT INTO account VALUES (8, 0)')
    const seen: unknown[] = []
    const reading = async () => {
      for await (const { id } of queryStream(bg, db, puts, [9])) seen.push(id)
    }
    await expect(reading()).rejects.toMatchObject({ code: '23505' })
    expect(seen).toEqual([7, 8, 9])
    await isFree()
    expect(await accounts()).toEqual([{ id: 8 }])
  })

  it('rejects if its commit fails, though its context ends meanwhile', async () => {
    await observer.query('INSERT INTO account VALUES (7, 0)')
    const forget = await atCommit('pg_advisory_xact_lock(1)')
    await observer.query('SELECT pg_advisory_lock(1)')
    const [ctx, cancel] = withCancel(bg)
    const rows = queryStream(ctx, db, puts, [7])
    await rows.next()
    const end = outcome(rows.next())
    const committing = `SELECT FROM pg_stat_activity WHERE application_name = '${NAME}' AND wait_event = 'advisory'`
    await until(async () => (await observer.query(committing)).length === 1)
    cancel()
    await observer.query('SELECT pg_advisory_unlock(1)')
    await until(() => end.settled)
    expect(end.error).toMatchObject({ code: '23505' })
    await forget()
  })

  it('is committed up to the last row that was read, and leaving it rejects if that fails', async () => {
    await readFirst(bg, puts, [1_000_000])
    expect(await accounts()).toEqual([{ id: 7 }])
    await expect(readFirst(bg, puts, [1_000_000])).rejects.toMatchObject({ code: '23505' })
    await isFree()
    expect(await accounts()).toEqual([{ id: 7 }])
  })

  it('is rolled back by an error, which it rejects with, and by the end of its context', async () => {
    const [ctx, cancel] = withCancel(bg)
    const failing = queryStream(ctx, db, 'SELECT put(id) / (8 - id) AS id FROM generate_series(7, 9) AS id')
    await failing.next()
    await expect(failing.next()).rejects.toMatchObject({ code: '22012' })
    const ended = queryStream(ctx, db, puts, [9])
    await ended.next()
    cancel()
    await expect(ended.next()).rejects.toBe(ctx.err)
    await isFree()
    expect(await accounts()).toEqual([])
  })

  it('has a cursor that commits once, with the last row, and repeats the error of that', async () => {
    const cursor = await db.open(bg, puts, [8])
    expect([await cursor.next(bg), await cursor.next(bg), await cursor.next(bg)]).toEqual([
      [{ id: 7 }],
      [{ id: 8 }],
      [],
    ])
    expect(await accounts()).toEqual([{ id: 7 }, { id: 8 }])
    expect(await cursor.next(bg)).toEqual([])
    await cursor.close()
    const failing = await db.open(bg, puts, [7])
    await failing.next(bg)
    await expect(failing.next(bg)).rejects.toMatchObject({ code: '23505' })
    await expect(failing.close()).rejects.toMatchObject({ code: '23505' })
    const [ctx, cancel] = withCancel(bg)
    const ended = await db.open(ctx, puts, [9])
    cancel()
    await task()
    await expect(ended.next(ctx)).rejects.toBe(ctx.err)
    await ended.close()
    const empty = await db.open(bg, 'SELECT 1 WHERE false')
    expect(await Promise.all([empty.next(bg), empty.close()])).toEqual([[], undefined])
  })

  it('does not reject when it is left after the end of its context', async () => {
    const [ctx, cancel] = withCancel(bg)
    await readFirst(ctx, puts, [9], cancel)
    await isFree()
    expect(await accounts()).toEqual([])
  })
})

describe('a commit', () => {
  it('rejects if the server turns it into a rollback', async () => {
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

  it('rejects with the constraint that it violates, which is the cause of all later errors', async () => {
    const tx = await db.begin(bg)
    await execContext(bg, tx, 'INSERT INTO account VALUES (4, 1), (4, 2)')
    const error: unknown = await tx.commit().catch((error: unknown) => error)
    expect(error).toMatchObject({ code: '23505' })
    const late: unknown = await queryContext(bg, tx, 'SELECT 1').catch((error: unknown) => error)
    expect(late).toBeInstanceOf(TransactionDoneError)
    expect((late as Error).cause).toBe(error)
    await isFree()
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it('is reported as a rollback if the connection was lost before it was sent', async () => {
    const client = new Client({ ...access, application_name: NAME })
    await client.connect()
    const lost = new Promise<Error>((resolve) => {
      client.on('error', resolve)
    })
    const sent = vi.spyOn(client, 'query')
    const transaction = withTransaction(bg, postgres(client), async (tx) => {
      await execContext(bg, tx, 'INSERT INTO account VALUES (5, 5)')
      const busy = (await observer.sessions(NAME)).find(({ state }) => state === 'idle in transaction')
      await observer.query(`SELECT pg_terminate_backend(${busy?.pid ?? 0})`)
      await lost
      await expect(execContext(bg, tx, 'SELECT 1')).rejects.toBe(await lost)
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect((error as Error).cause).toBe(await lost)
    expect(sent.mock.calls.map(([text]) => text)).not.toContain('ROLLBACK')
    expect(await lost).toMatchObject({ code: '57P01' })
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it.each([
    ['was', (closing: Promise<void>) => closing],
    ['was being', () => {}],
  ])('is reported as a rollback if the client %s closed before it was sent', async (_, wait) => {
    const client = new Client({ ...access, application_name: NAME })
    await client.connect()
    const single = postgres(client)
    const transaction = withTransaction(bg, single, async (tx) => {
      await execContext(bg, tx, 'INSERT INTO account VALUES (5, 5)')
      await wait(single.close())
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect((error as Error).cause).toBeInstanceOf(Error)
    await single.close()
    expect(await observer.query('SELECT * FROM account')).toEqual([])
  })

  it('is reported as unknown if the connection was lost after it was sent', async () => {
    const forget = await atCommit('pg_terminate_backend(pg_backend_pid())')
    const transaction = withTransaction(bg, db, (tx) => execContext(bg, tx, 'INSERT INTO account VALUES (6, 6)'))
    const error = await transaction.catch((error: unknown) => error)
    await forget()
    expect(error).toBeInstanceOf(CommitUnknownError)
    expect((error as Error).cause).toMatchObject({ code: '57P01' })
    await isFree()
  })

  it('is reported as unknown after a timeout of the client, and the connection is destroyed', async () => {
    const forget = await atCommit('pg_advisory_xact_lock(1)')
    await observer.query('SELECT pg_advisory_lock(1)')
    const hasty = new Pool({ ...access, application_name: NAME, max: 1 })
    const clients: { connectionParameters: { query_timeout?: number } }[] = []
    hasty.on('connect', (client) => clients.push(client as never))
    const on = postgres(hasty)
    const transaction = withTransaction(bg, on, async (tx) => {
      await execContext(bg, tx, 'INSERT INTO account VALUES (6, 6)')
      for (const { connectionParameters } of clients) connectionParameters.query_timeout = 20
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CommitUnknownError)
    await until(() => hasty.totalCount === 0)
    await on.close()
    await observer.query('SELECT pg_advisory_unlock(1)')
    await forget()
    await observer.query('DELETE FROM account')
  })
})

it.each([
  ['source', undefined, {}],
  ['source', {}, {}],
  ['options', {}, 1],
  ['grace', {}, { grace: Number.NaN }],
  ['grace', {}, { grace: -1 }],
  ['grace', {}, { grace: '1' }],
])('postgres throws a TypeError for invalid %s: %j, %j', (name, source, options) => {
  const given = name === 'source' ? source : pool
  const wrap = () => postgres(wrong<Pool>(given), wrong<object>(options))
  expect(wrap).toThrow(TypeError)
  expect(wrap).toThrow(`rescind: ${name} must be`)
})
