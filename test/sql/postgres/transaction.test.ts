/** Transactions and deadlines with PostgreSQL's own features: snapshots, settings, and the state of connections. */

import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { Client, Pool } from 'pg'
import { background, rearm, sleep, withCancel, withTimeout } from 'rescind'
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
import type { Database, Isolation } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import type { PostgresClient } from 'rescind/sql/postgres'
import { fakeClock } from 'rescind/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { failOnUnhandled, isCollected, microtasks, outcome, task } from '../../support.ts'
import { until } from '../conformance.ts'
import { startPooler } from '../pooler.ts'
import type { Pass, Pooler } from '../pooler.ts'
import { endless, observe } from '../postgres.ts'
import type { Observer } from '../postgres.ts'

const NAME = 'transactions'
const bg = background()
const access = inject('postgres')

let pool: Pool
let db: Database
let observer: Observer

failOnUnhandled()

beforeAll(async () => {
  pool = new Pool({ ...access, application_name: NAME, max: 2 })
  db = postgres(pool)
  observer = await observe(access)
  await observer.query('CREATE TABLE entry (id int)')
})

afterAll(async () => {
  await db.close()
  await observer.query('DROP TABLE entry')
  await observer.end()
})

beforeEach(() => observer.query('TRUNCATE entry'))

const entries = async () => (await observer.query('SELECT id FROM entry ORDER BY id')).map(({ id }) => id)

/** Waits until every connection of the pool is idle and in no transaction. */
const isFree = async () => {
  await until(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0)
  await until(async () => (await observer.sessions(NAME)).every(({ state }) => state === 'idle'))
}

const show = async (ctx: Context, on: Parameters<typeof queryContext>[1], name: string): Promise<unknown> => {
  const [row] = await queryContext(ctx, on, `SHOW ${name}`)
  return Object.values(row ?? {})[0]
}

const limits: [what: string, ms: number][] = [
  ['without a deadline', Infinity],
  ['under a deadline', 60_000],
]

describe.each(limits)('a transaction %s', (_, ms) => {
  const limited = async (work: (ctx: Context) => Promise<unknown>) => {
    const [ctx, cancel] = withTimeout(bg, ms)
    using _ = cancel
    await work(ctx)
  }

  it.each<Isolation>(['read uncommitted', 'read committed', 'repeatable read', 'serializable'])(
    'has the isolation %s from its start',
    (isolation) =>
      limited(async (ctx) => {
        const level = await withTransaction(ctx, db, (tx) => show(ctx, tx, 'transaction_isolation'), { isolation })
        expect(level).toBe(isolation)
        expect(await show(ctx, db, 'transaction_isolation')).toBe('read committed')
      }),
  )

  it('has all options together, and each default can be reversed', () =>
    limited(async (ctx) => {
      const all = (tx: Parameters<typeof queryContext>[1]) =>
        Promise.all(['isolation', 'read_only', 'deferrable'].map((name) => show(ctx, tx, `transaction_${name}`)))
      const options = { isolation: 'serializable', readOnly: true, deferrable: true } as const
      expect(await withTransaction(ctx, db, all, options)).toEqual(['serializable', 'on', 'on'])
      const strict = '-c default_transaction_read_only=on -c default_transaction_deferrable=on'
      const other = postgres(new Pool({ ...access, application_name: NAME, max: 1, options: strict }))
      expect(await withTransaction(ctx, other, all)).toEqual(['read committed', 'on', 'on'])
      const turned = { readOnly: false, deferrable: false }
      expect(await withTransaction(ctx, other, all, turned)).toEqual(['read committed', 'off', 'off'])
      await other.close()
    }))

  it('accepts SET TRANSACTION as its first statement', () =>
    limited(async (ctx) => {
      const text = 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY'
      const level = await withTransaction(ctx, db, async (tx) => {
        await execContext(ctx, tx, text)
        // Long enough to set the deadline again, which must not happen before that either.
        await sleep(bg, 50)
        await execContext(ctx, tx, '/* a */ SET TRANSACTION DEFERRABLE')
        return show(ctx, tx, 'transaction_isolation')
      })
      expect(level).toBe('serializable')
    }))

  it('sees rows that were committed before its lock', () =>
    limited(async (ctx) => {
      const locked = await withTransaction(
        ctx,
        db,
        async (tx) => {
          // This deadline differs from the server's.
          const [shorter, cancel] = withTimeout(ctx, 30_000)
          using _ = cancel
          await observer.query('INSERT INTO entry VALUES (1)')
          await execContext(shorter, tx, 'LOCK TABLE entry')
          return await queryContext(shorter, tx, 'SELECT id FROM entry')
        },
        { isolation: 'repeatable read' },
      )
      expect(locked).toEqual([{ id: 1 }])
    }))

  it('is rolled back alone and rejects if it is nested, though its function caught the error', () =>
    limited(async (ctx) => {
      await withTransaction(ctx, db, async (outer) => {
        await execContext(ctx, outer, 'INSERT INTO entry VALUES (1)')
        let failure: unknown
        const inner = withTransaction(ctx, outer, async (tx) => {
          await execContext(ctx, tx, 'INSERT INTO entry VALUES (2)')
          failure = await queryContext(ctx, tx, 'SELECT 1 / 0').catch((error: unknown) => error)
        })
        const error = await inner.catch((error: unknown) => error)
        expect(error).toBeInstanceOf(TransactionDoneError)
        expect((error as Error).cause).toBe(failure)
        await execContext(ctx, outer, 'INSERT INTO entry VALUES (3)')
      })
      expect(await entries()).toEqual([1, 3])
    }))

  it('rejects with its own failure after a failed nested one', () =>
    limited(async (ctx) => {
      const transaction = withTransaction(ctx, db, async (outer) => {
        const failing = withTransaction(ctx, outer, (tx) => queryContext(ctx, tx, 'SELECT nothing'))
        await expect(failing).rejects.toMatchObject({ code: '42703' })
        await queryContext(ctx, outer, 'SELECT 1 / 0').catch(() => {})
      })
      await expect(transaction).rejects.toMatchObject({ name: 'TransactionDoneError', cause: { code: '22012' } })
    }))

  it('sets its timeout again after a nested one has failed', () =>
    limited(async (ctx) => {
      const [inner] = withTimeout(fakeClock(0).root, 30_000)
      const text = "SELECT current_setting('statement_timeout') AS ms"
      await withTransaction(ctx, db, async (outer) => {
        const failing = withTransaction(inner, outer, async (tx) => {
          expect(await queryContext(inner, tx, text)).toEqual([{ ms: '29999ms' }])
          throw new Error('no')
        })
        await expect(failing).rejects.toThrow('no')
        expect(await queryContext(inner, outer, text)).toEqual([{ ms: '29999ms' }])
      })
    }))

  it("keeps the user's timeout if it is nested", () =>
    limited(async (ctx) => {
      await withTransaction(ctx, db, async (outer) => {
        await execContext(ctx, outer, "SET LOCAL statement_timeout = '10min'")
        const [inner, cancel] = withTimeout(bg, 30_000)
        using _ = cancel
        const failing = withTransaction(inner, outer, async (tx) => {
          expect(await show(inner, tx, 'statement_timeout')).toBe('10min')
          expect(await queryContext(inner, tx, "SELECT current_setting('statement_timeout') AS t")).not.toEqual([
            { t: '10min' },
          ])
          throw new Error('no')
        })
        await expect(failing).rejects.toThrow('no')
        const [kept] = await queryContext(bg, outer, "SELECT current_setting('statement_timeout') AS t")
        expect(kept?.t === '10min').toBe(ms === Infinity)
      })
    }))
})

/** A client with no more than we require: it does not report whether it is in a transaction. */
const otherClass = (client: Client, query: PostgresClient['query'] = (...args) => client.query(...args)) => ({
  query,
  on: (event: 'error' | 'end', listener: (error: Error) => void) => client.on(event, listener),
  removeListener: (event: 'error' | 'end', listener: (error: Error) => void) => client.removeListener(event, listener),
  end: () => client.end(),
})

const connected = async (): Promise<Client> => {
  const client = new Client({ ...access, application_name: NAME })
  await client.connect()
  return client
}

/** Stops real time, as rescind sees it, until it is restored. */
const freeze = () => {
  const now = performance.now()
  return vi.spyOn(performance, 'now').mockReturnValue(now)
}

/** A pool that cannot connect. */
const refusing = () => ({ totalCount: 0, connect: () => Promise.reject(new Error('no')), end: async () => {} })

const limited = (): Context => withTimeout(bg, 60_000)[0]

describe('a statement under a deadline', () => {
  const isLimited = "current_setting('statement_timeout')::interval BETWEEN '50 s' AND '60 s'"

  it('sets it in the server, alone, with parameters, or as one of several', async () => {
    const fits = [{ fits: true }]
    expect(await queryContext(limited(), db, `SELECT ${isLimited} AS fits`)).toEqual(fits)
    expect(await queryContext(limited(), db, `SELECT ${isLimited} AS fits WHERE $1`, [true])).toEqual(fits)
    expect(await queryContext(limited(), db, `SELECT 1; SELECT ${isLimited} AS fits;`)).toEqual(fits)
    const several = 'INSERT INTO entry VALUES (1), (2); INSERT INTO entry VALUES (3)'
    expect(await execContext(limited(), db, several)).toEqual({ changes: 3 })
    expect(await execContext(limited(), db, 'DELETE FROM entry WHERE id > $1', [1])).toEqual({ changes: 2 })
    expect(await queryContext(limited(), db, '-- nothing')).toEqual([])
    expect(await queryContext(limited(), db, 'SELECT 1 AS a, 2 AS a')).toEqual([{ a: 2 }])
  })

  it('shares the setting of its transaction while that is at most 100 ms too long', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 60_000)
    await withTransaction(ctx, db, async (tx) => {
      const settings: unknown[] = []
      const look = async (ms: number, inner = ctx) => {
        await clock.advance(ms)
        const [row] = await queryContext(inner, tx, "SELECT current_setting('statement_timeout') AS ms")
        settings.push(row?.ms)
      }
      await look(50)
      await look(60)
      await look(50)
      await look(0, withTimeout(ctx, 30_000)[0])
      await look(0)
      expect(settings).toEqual(['59999ms', '59889ms', '59889ms', '29999ms', '59839ms'])
    })
  })

  it('gets a longer setting when the deadline of its transaction is moved', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 60_000)
    const setting = await withTransaction(ctx, db, (tx) => {
      rearm(ctx, 120_000)
      return queryContext(ctx, tx, "SELECT current_setting('statement_timeout') AS ms")
    })
    expect(setting).toEqual([{ ms: '119999ms' }])
  })

  it('leaves the shorter timeout of the user in its transaction, and a savepoint that restores ours', async () => {
    const clock = fakeClock(0)
    const [ctx, longer] = [60_000, 120_000].map((ms) => withTimeout(clock.root, ms)[0]) as [Context, Context]
    const options = '-c statement_timeout=2s'
    const strict = postgres(new Pool({ ...access, application_name: NAME, max: 1, options }))
    expect(await withTransaction(ctx, strict, (tx) => show(ctx, tx, 'statement_timeout'))).toBe('2s')
    await strict.close()
    await withTransaction(bg, db, async (tx) => {
      await queryContext(ctx, tx, 'SELECT 1')
      await execContext(bg, tx, 'SAVEPOINT one')
      await queryContext(longer, tx, 'SELECT 1')
      await execContext(bg, tx, 'ROLLBACK TO one')
      expect(await show(bg, tx, 'statement_timeout')).toBe('59999ms')
      await queryContext(bg, tx, 'SELECT 1')
      expect(await show(bg, tx, 'statement_timeout')).toBe('0')
    })
  })

  it('has no timeout in the server on a client of a class that cannot send two statements at once', async () => {
    const client = await connected()
    const on = postgres(otherClass(client))
    const text = "SELECT current_setting('statement_timeout') AS ms"
    expect(await queryContext(limited(), on, text)).toEqual([{ ms: '0' }])
    expect(await withTransaction(bg, on, (tx) => queryContext(limited(), tx, text))).toEqual([{ ms: '0' }])
    await on.close()
  })

  it('leaves no timeout on its connection, even while others wait for that', async () => {
    const short = Array.from({ length: 20 }, async () => {
      const [ctx, cancel] = withTimeout(bg, 300)
      await queryContext(ctx, db, 'SELECT pg_sleep(0.001)').catch(() => {})
      cancel()
    })
    await Promise.all(short)
    for (const client of [await pool.connect(), await pool.connect()]) {
      expect((await client.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }])
      client.release()
    }
  })

  it('fails with the same error and position as without one', async () => {
    for (const [code, text, params] of [
      ['42703', 'SELECT 1, nothing'],
      ['42703', 'SELECT 1; SELECT 2, nothing'],
      ['22012', 'SELECT 1; SELECT 1 / 0'],
      ['42601', 'SELECT $1; SELECT 2', [1]],
    ] as const) {
      const [plain, timed] = await Promise.all(
        [bg, limited()].map((ctx) => queryContext(ctx, db, text, params).catch((error: unknown) => error)),
      )
      const { position } = plain as { position?: string }
      expect(timed).toMatchObject({ code, position })
      expect((timed as Error).stack).not.toContain('onStreamRead')
    }
    const value = {
      toPostgres: () => {
        throw new Error('no value')
      },
    }
    await expect(queryContext(limited(), db, 'SELECT $1', [value])).rejects.toThrow('no value')
    await isFree()
    expect(await queryContext(limited(), db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('can be one that is not allowed in a transaction, or that commits itself', async () => {
    await execContext(limited(), db, 'VACUUM entry')
    await execContext(limited(), db, 'CREATE INDEX CONCURRENTLY entry_id ON entry (id)')
    await execContext(limited(), db, "DO 'BEGIN INSERT INTO entry VALUES (4); COMMIT; END'")
    await execContext(limited(), db, 'DROP INDEX CONCURRENTLY entry_id')
    expect(await entries()).toEqual([4])
  })

  it('is stopped by the server itself, without a cancel', async () => {
    const pooler = await startPooler(access, (pass) => void pass())
    const on = postgres(new Pool({ ...pooler.access, application_name: NAME, max: 1 }))
    // Connects, so that the next statement does not wait for that.
    await queryContext(bg, on, 'SELECT 1')
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 60)
    // A cancel would be sent at a time that does not come, however slow this machine is.
    const frozen = freeze()
    const query = queryContext(ctx, on, endless)
    await task()
    await clock.advance(60)
    await expect(query).rejects.toBe(ctx.err)
    frozen.mockRestore()
    expect(engineError(ctx)).toMatchObject({ code: '57014' })
    expect(pooler.counts.cancels).toBe(0)
    await on.close()
    await pooler.close()
  })
})

describe('a statement that the server stops', () => {
  it('slightly before its deadline rejects at the deadline, with the err of its context', async () => {
    const client = await connected()
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 50)
    const frozen = freeze()
    const query = outcome(queryContext(ctx, postgres(client), endless))
    await once((client as unknown as { connection: EventEmitter }).connection, 'errorMessage')
    await task()
    expect(query.settled).toBe(false)
    await clock.advance(50)
    frozen.mockRestore()
    await until(() => query.settled)
    expect(query.error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: '57014' })
    await client.end()
  })

  it('for another reason rejects at once, with its error', async () => {
    const client = await connected()
    const on = postgres(client)
    const [short, long] = [40, 60_000].map((ms) => withTimeout(fakeClock(0).root, ms)[0]) as [Context, Context]
    const frozen = freeze()
    await expect(queryContext(short, on, 'SELECT nothing')).rejects.toMatchObject({ code: '42703' })
    await client.query("SET statement_timeout = '20ms'")
    for (const ctx of [bg, long]) await expect(queryContext(ctx, on, endless)).rejects.toMatchObject({ code: '57014' })
    frozen.mockRestore()
    await client.end()
  })

  it('by a cancel is canceled at once at its deadline', async () => {
    const client = await connected()
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 60_000)
    const query = queryContext(ctx, postgres(client), "DO 'BEGIN PERFORM pg_sleep(100); END'")
    await until(async () => (await observer.active(NAME)).length === 1)
    const frozen = freeze()
    await clock.advance(60_000)
    await expect(query).rejects.toBe(ctx.err)
    frozen.mockRestore()
    await client.end()
  })

  it('rejects with its error if that arrives when its context ends', async () => {
    const client = await connected()
    const [ctx, cancel] = withCancel(bg)
    const endsMeanwhile: PostgresClient['query'] = (text, values) => client.query(text, values).finally(cancel)
    const query = queryContext(ctx, postgres(otherClass(client, endsMeanwhile)), 'SELECT 1 / 0')
    await expect(query).rejects.toMatchObject({ code: '22012' })
    expect(ctx.err).toBeDefined()
    expect(engineError(ctx)).toBeUndefined()
    await client.end()
  })
})

describe('a client', () => {
  it('is sent nothing but the statements, unless one may have left a transaction open', async () => {
    const client = await connected()
    const sent = vi.spyOn(client, 'query')
    const on = postgres(client)
    const fails = (ctx: Context, text: string, code: string) =>
      expect(queryContext(ctx, on, text)).rejects.toMatchObject({ code })
    expect(await queryContext(bg, on, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await fails(bg, 'SELECT 1 / 0', '22012')
    await fails(limited(), 'SELECT 1 / 0', '22012')
    const dividing = queryContext(bg, on, 'SELECT 1 / $1::int;', [0])
    await expect(dividing).rejects.toMatchObject({ code: '22012' })
    await fails(bg, 'SELECT 1; VACUUM', '25001')
    await withTransaction(limited(), on, () => {})
    const failing = withTransaction(bg, on, (tx) => queryContext(bg, tx, 'SELECT nothing'))
    await expect(failing).rejects.toMatchObject({ code: '42703' })
    const texts = sent.mock.calls.map(([query]: unknown[]) => (typeof query === 'string' ? query : 'a pair'))
    const begin = expect.stringMatching(/^BEGIN; SHOW/) as unknown
    const alone = ['SELECT 1 AS one', 'SELECT 1 / 0', 'a pair', 'SELECT 1 / $1::int;', 'SELECT 1; VACUUM', '']
    expect(texts).toEqual([...alone, begin, 'COMMIT', 'BEGIN', 'SELECT nothing', 'ROLLBACK'])
    await client.end()
  })
})

/** Cancels a statement that the pooler hides from the cancel, until it has completed. */
const completesThoughCanceled = async (on: Database, held: Pass[]): Promise<void> => {
  await observer.query('SELECT pg_advisory_lock(2)')
  const [ctx, cancel] = withCancel(bg)
  const racing = queryContext(ctx, on, 'SELECT FROM pg_advisory_xact_lock(2)')
  await until(async () => (await observer.active(NAME)).length === 1)
  const frozen = freeze()
  cancel()
  await expect.poll(() => held.length).toBe(1)
  await observer.query('SELECT pg_advisory_unlock(2)')
  expect(await racing).toEqual([{}])
  frozen.mockRestore()
  expect(held.length).toBe(1)
}

describe('a pooler that delays cancels', () => {
  it('hits no other statement of a pool, which destroys canceled connections', async () => {
    const held: Pass[] = []
    const pooler = await startPooler(access, (pass) => held.push(pass))
    const on = postgres(new Pool({ ...pooler.access, application_name: NAME, max: 1 }))
    await completesThoughCanceled(on, held)
    await observer.query('SELECT pg_advisory_lock(2)')
    const next = queryContext(bg, on, 'SELECT FROM pg_advisory_xact_lock(2)')
    await until(async () => (await observer.active(NAME)).length === 1)
    for (const pass of held) await pass()
    await observer.query('SELECT pg_advisory_unlock(2)')
    expect(await next).toEqual([{}])
    expect(pooler.counts.connections).toBe(2)
    await on.close()
    await pooler.close()
  })

  it('hits no other statement of a client, which waits for the cancel', async () => {
    const held: Pass[] = []
    const pooler = await startPooler(access, (pass) => held.push(pass))
    const client = new Client({ ...pooler.access, application_name: NAME })
    await client.connect()
    const on = postgres(client)
    const sent = vi.spyOn(client, 'query')
    await completesThoughCanceled(on, held)
    // Stops the clock of the wait, however slow this machine is.
    const frozen = freeze()
    const next = queryContext(bg, on, 'SELECT 1 AS one')
    for (const pass of held) await pass()
    await task()
    expect(sent.mock.calls.map(([text]) => text)).not.toContain('SELECT 1 AS one')
    frozen.mockRestore()
    expect(await next).toEqual([{ one: 1 }])
    expect(pooler.counts.connections).toBe(1)
    await client.end()
    await pooler.close()
  })

  it('may hit a statement of our own, after which the client can still be used', async () => {
    const client = await connected()
    const { query } = client
    const late = Object.assign(new Error('late'), { code: '57014' })
    vi.spyOn(client, 'query').mockImplementation(((...args: Parameters<typeof query>) =>
      String(args[0]).includes('pg_backend_pid') ? Promise.reject(late) : query.apply(client, args)) as never)
    const on = postgres(client)
    const [ctx, cancel] = withCancel(bg)
    const canceled = queryContext(ctx, on, endless)
    await until(async () => (await observer.active(NAME)).length === 1)
    cancel()
    await expect(canceled).rejects.toBe(ctx.err)
    expect(await queryContext(bg, on, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await client.end()
  })

  it('ends an outer transaction together with a nested one', async () => {
    const pooler = await startPooler(access, (pass) => setTimeout(pass, 15))
    const on = postgres(new Pool({ ...pooler.access, application_name: NAME, max: 1 }))
    const [ctx, cancel] = withCancel(bg)
    const transaction = withTransaction(bg, on, async (outer) => {
      await execContext(bg, outer, 'INSERT INTO entry VALUES (1)')
      const inner = outcome(withTransaction(ctx, outer, (tx) => queryContext(ctx, tx, endless)))
      await until(async () => (await observer.active(NAME)).length === 1)
      cancel()
      await until(() => inner.settled)
      expect(inner.error).toBe(ctx.err)
      await execContext(bg, outer, 'INSERT INTO entry VALUES (2)')
    })
    await expect(transaction).rejects.toBeInstanceOf(TransactionDoneError)
    expect(await entries()).toEqual([])
    await on.close()
    await pooler.close()
  })

  it('is distinguished from the server, whose client waits for nothing after a cancel', async () => {
    const client = await connected()
    const sent = vi.spyOn(client, 'query')
    const direct = postgres(client)
    for (const text of [endless, "DO 'BEGIN PERFORM pg_sleep(100); END'"]) {
      const [ctx, cancel] = withTimeout(bg, 60_000)
      const query = queryContext(ctx, direct, text)
      await until(async () => (await observer.active(NAME)).length === 1)
      const frozen = freeze()
      cancel()
      await expect(query).rejects.toBe(ctx.err)
      for (let count = 0; count < 2; count++) {
        expect(await queryContext(bg, direct, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
      }
      frozen.mockRestore()
    }
    expect(sent.mock.calls.filter(([text]) => String(text).includes('pg_backend_pid')).length).toBe(1)
    await direct.close()
  })

  it('is distinguished from the server, whose connections survive a cancel', async () => {
    const [ctx, cancel] = withCancel(bg)
    const direct = postgres(new Pool({ ...access, application_name: NAME, max: 1 }))
    const pid = 'SELECT pg_backend_pid() AS pid'
    const before = await queryContext(bg, direct, pid)
    const query = outcome(queryContext(ctx, direct, endless))
    await until(async () => (await observer.active(NAME)).length === 1)
    cancel()
    await until(() => query.settled)
    expect(await queryContext(bg, direct, pid)).toEqual(before)
    await direct.close()
  })
})

/** Whether the connection is in no transaction. */
const alone = 'SELECT now() = statement_timestamp() AS alone'

/** With this setting a backslash escapes in every string, so we misread where strings end. */
const lax = { options: '-c standard_conforming_strings=off' }
const hidden = (text: string): string => `SELECT '\\''; ${text}; SELECT '\\''`

describe('a connection', () => {
  it.each([
    ['arrives with the answer', (): Promise<Pooler | undefined> => Promise.resolve(undefined)],
    ['arrives after the answer', () => startPooler(access, (pass) => setTimeout(pass))],
  ])('is not returned inside a transaction that our parser missed, if the status %s', async (_, start) => {
    const pooler = await start()
    const tainted = new Pool({ ...(pooler?.access ?? access), ...lax, application_name: NAME, max: 1 })
    const on = postgres(tainted)
    const begins = hidden('BEGIN; INSERT INTO entry VALUES (1)')
    await expect(execContext(bg, on, begins)).rejects.toThrow('a statement that leaves a transaction open')
    const fails = hidden('BEGIN; SELECT 1 / 0')
    await expect(execContext(bg, on, fails)).rejects.toMatchObject({ code: '22012' })
    const { rows } = await tainted.query(alone)
    expect(rows).toEqual([{ alone: true }])
    expect(await entries()).toEqual([])
    await on.close()
    await pooler?.close()
  })

  it('is a single client, and is left by the transaction that our parser missed', async () => {
    const client = new Client({ ...access, ...lax, application_name: NAME })
    await client.connect()
    const on = postgres(client)
    await expect(execContext(bg, on, hidden('BEGIN'))).rejects.toThrow('a statement that leaves a transaction open')
    expect(await queryContext(bg, on, alone)).toEqual([{ alone: true }])
    await on.close()
  })

  it.each([
    ['Client', 'at once', connected],
    ['Pool', 'when it ends', () => Promise.resolve(new Pool({ ...access, application_name: NAME, max: 1 }))],
  ])('of a %s is refused %s to callers that wait for it when the database is closed', async (_, time, open) => {
    const on = postgres(await open())
    const tx = await on.begin(bg)
    const waiting = outcome(queryContext(bg, on, 'SELECT 1'))
    await task()
    const closing = on.close()
    await task()
    expect(waiting.settled).toBe(time === 'at once')
    await tx.rollback()
    await closing
    await task()
    expect(String(waiting.error)).toBe('Error: the database is closed')
    await expect(queryContext(bg, on, 'SELECT 1')).rejects.toThrow(/closed|after calling end/)
  })

  it('of a Pool retains no caller that it has served, and none whose context has ended', async () => {
    const on = postgres(new Pool({ ...access, application_name: NAME, max: 1 }))
    const callers: Context[] = []
    let settled = 0
    const count = () => void settled++
    const call = (ends: 'ends' | 'lives') => {
      const [ctx, cancel] = withCancel(bg)
      callers.push(ctx)
      void queryContext(ctx, on, 'SELECT 1').then(count, count)
      if (ends === 'ends') cancel()
    }
    const tx = await on.begin(bg)
    call('lives')
    call('ends')
    await tx.rollback()
    await until(() => settled === 2)
    for (let left = 2; left > 0; left--) expect(await isCollected(() => callers.pop() as Context)).toBe(true)
    await on.close()
  })

  it('of a Pool that could not be made retains neither the caller nor the pool', async () => {
    const on = postgres(refusing())
    const [lasting] = withCancel(bg)
    const callers: Context[] = []
    const pools: object[] = []
    const callOne = () => {
      const [ctx] = withCancel(bg)
      callers.push(ctx)
      return queryContext(ctx, on, 'SELECT 1')
    }
    const useOne = () => {
      const pool = refusing()
      pools.push(pool)
      return queryContext(lasting, postgres(pool), 'SELECT 1')
    }
    let failed = 0
    for (const run of [callOne, useOne]) await run().catch(() => failed++)
    expect(failed).toBe(2)
    expect(await isCollected(() => callers.pop() as Context)).toBe(true)
    expect(await isCollected(() => pools.pop() as object)).toBe(true)
    lasting.throwIfDone()
    await on.close()
  })

  it('is no longer used by a transaction that a statement has ended unnoticed', async () => {
    const on = postgres(new Pool({ ...access, ...lax, application_name: NAME, max: 1 }))
    const transaction = withTransaction(bg, on, async (tx) => {
      await execContext(bg, tx, hidden('COMMIT'))
      await execContext(bg, tx, 'INSERT INTO entry VALUES (1)')
    })
    await expect(transaction).rejects.toBeInstanceOf(TransactionDoneError)
    expect(await entries()).toEqual([])
    await on.close()
  })

  it('is not used inside a transaction that other code has left open', async () => {
    const tainted = new Pool({ ...access, application_name: NAME, max: 1 })
    await tainted.query('BEGIN')
    await execContext(bg, postgres(tainted), 'INSERT INTO entry VALUES (1)')
    await tainted.query('ROLLBACK')
    expect(await entries()).toEqual([1])
    await tainted.end()
  })
})

/** Runs `work` on a pool with a short grace time, and expects that it has destroyed its connection, and no changes. */
async function isLost(
  work: (on: Database, pooler: Pooler) => Promise<void>,
  onCancel: (pass: Pass, pooler: Pooler) => void = () => {},
): Promise<void> {
  const pooler = await startPooler(access, (pass) => onCancel(pass, pooler))
  const own = new Pool({ ...pooler.access, application_name: NAME, max: 1 })
  await work(postgres(own, { grace: 20 }), pooler)
  await until(() => own.totalCount === 0)
  await own.end()
  await pooler.close()
  await isFree()
  expect(await entries()).toEqual([])
}

describe('a client of another class', () => {
  it('has no transaction once its connection has ended', async () => {
    const client = await connected()
    const transaction = withTransaction(bg, postgres(otherClass(client)), async (tx) => {
      await execContext(bg, tx, 'INSERT INTO entry VALUES (1)')
      await client.end()
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect(error).toMatchObject({ cause: { message: 'the connection has ended' } })
    expect(await entries()).toEqual([])
  })
})

describe('a nested transaction', () => {
  it('is rolled back before its rollback resolves, and not by itself if the outer one is rolled back', async () => {
    const client = await connected()
    const answered: string[] = []
    const noted: PostgresClient['query'] = async (text, values) => {
      const result = await client.query(text, values)
      answered.push(text)
      return result
    }
    const [ctx, cancel] = withCancel(bg)
    const outer = await postgres(otherClass(client, noted)).begin(ctx)
    await (await outer.begin(bg)).rollback()
    const back = 'ROLLBACK TO rescind_1; RELEASE rescind_1'
    expect(answered).toEqual(['BEGIN', 'SAVEPOINT rescind_1', back])
    await outer.begin(bg)
    cancel()
    await outer.rollback()
    expect(answered.slice(3)).toEqual(['SAVEPOINT rescind_1', 'ROLLBACK'])
    await client.end()
  })

  it('rejects if its savepoint is gone, and the outer one is over', async () => {
    const transaction = withTransaction(bg, db, async (outer) => {
      await execContext(bg, outer, 'SAVEPOINT one')
      const inner = withTransaction(bg, outer, (tx) => execContext(bg, tx, 'ROLLBACK TO one'))
      await expect(inner).rejects.toMatchObject({ name: 'TransactionDoneError', cause: { code: '3B001' } })
      await execContext(bg, outer, 'INSERT INTO entry VALUES (1)')
    })
    await expect(transaction).rejects.toMatchObject({ name: 'TransactionDoneError', cause: { code: '3B001' } })
    await isFree()
    expect(await entries()).toEqual([])
  })
})

describe('a server that does not answer', () => {
  it.each([
    // A slow machine may not confirm it in time either.
    ['stop', false, /^(the server did not answer|a cancel was not confirmed) within 20 ms$/],
    ['confirm', true, /^a cancel was not confirmed within 20 ms$/],
  ])('gets the grace time for a cancel that it does not %s', (_, silent, message) =>
    isLost(async (on, pooler) => {
      await observer.query('SELECT pg_advisory_lock(2)')
      const [ctx, cancel] = withCancel(bg)
      const query = queryContext(ctx, on, 'SELECT pg_advisory_xact_lock(2)')
      await until(async () => (await observer.active(NAME)).length === 1)
      pooler.silent = silent
      cancel()
      await expect(query).rejects.toBe(ctx.err)
      await observer.query('SELECT pg_advisory_unlock(2)')
      expect((engineError(ctx) as Error).message).toMatch(message)
    }),
  )

  it('gets the grace time for the statement that follows a cancel', () =>
    isLost(
      async (on) => {
        const [ctx, cancel] = withCancel(bg)
        const query = queryContext(ctx, on, endless)
        await until(async () => (await observer.active(NAME)).length === 1)
        const frozen = freeze()
        cancel()
        await expect(query).rejects.toBe(ctx.err)
        frozen.mockRestore()
        expect(engineError(ctx)).toMatchObject({ code: '57014' })
      },
      (pass, pooler) => {
        pooler.silent = true
        void pass()
      },
    ))

  it('gets the grace time for a rollback', () =>
    isLost(async (on, pooler) => {
      const transaction = withTransaction(bg, on, async (tx) => {
        await execContext(bg, tx, 'INSERT INTO entry VALUES (1)')
        pooler.silent = true
        throw new Error('no')
      })
      await expect(transaction).rejects.toThrow('no')
    }))

  it('gets the grace time for a commit, from the end of its context', () =>
    isLost(async (on, pooler) => {
      const [ctx, cancel] = withCancel(bg)
      const transaction = withTransaction(ctx, on, async (tx) => {
        await execContext(ctx, tx, 'INSERT INTO entry VALUES (1)')
        pooler.silent = true
        setTimeout(cancel, 5)
      })
      const error = await transaction.catch((error: unknown) => error)
      expect(error).toBeInstanceOf(CommitUnknownError)
      expect(error).toMatchObject({ cause: ctx.err })
    }))

  it.each([
    ['release', () => {}],
    [
      'rollback',
      () => {
        throw new Error('no')
      },
    ],
  ])('gets the grace time for the %s of a savepoint, and the outer transaction is over', (name, end) =>
    isLost(async (on, pooler) => {
      const [ctx, cancel] = withCancel(bg)
      const outer = withTransaction(bg, on, async (tx) => {
        await execContext(bg, tx, 'INSERT INTO entry VALUES (1)')
        const inner = withTransaction(ctx, tx, () => {
          pooler.silent = true
          setTimeout(cancel, 5)
          end()
        })
        await expect(inner).rejects.toThrow(name === 'release' ? TransactionDoneError : 'no')
        await execContext(bg, tx, 'INSERT INTO entry VALUES (2)')
      })
      const error = (await outer.catch((error: unknown) => error)) as Error
      expect(error).toBeInstanceOf(TransactionDoneError)
      const { cause } = name === 'release' ? (error.cause as Error) : error
      expect(cause).toMatchObject({ message: `the ${name} was not answered within 20 ms` })
    }),
  )
})

/** Reads the values of all types but boolean. */
const read = (oid: number) => (text: string) => {
  if (oid === 16) throw new Error('cannot be read')
  return text
}

describe('the connection of a pool', () => {
  it.each([
    ['22012', 'ERROR', false],
    ['40001', 'ERROR', false],
    ['40001', 'FATAL', true],
    ['XX000', 'PANIC', true],
    ['08006', 'ERROR', true],
    ['57P01', 'ERROR', true],
    ['25P03', 'ERROR', true],
    ['25P04', 'ERROR', true],
    ['ECONNRESET', undefined, true],
    [undefined, undefined, true],
  ])('after an error with code %s and severity %s is destroyed: %s', async (code, severity, isDestroyed) => {
    const released: unknown[] = []
    const error = Object.assign(new Error('no'), { code, severity })
    const client = {
      ...otherClass(new Client(), () => Promise.reject(error)),
      release: (destroy: unknown) => released.push(destroy),
    }
    const on = postgres({ totalCount: 1, connect: () => Promise.resolve(client), end: () => Promise.resolve() })
    await expect(queryContext(bg, on, 'SELECT 1')).rejects.toBe(error)
    await until(() => released.length > 0)
    expect(released).toEqual([isDestroyed])
  })

  it('is destroyed if it could not be rolled back', async () => {
    const released: unknown[] = []
    const result = { rows: [], rowCount: 0, command: '' }
    const error = Object.assign(new Error('no'), { code: '57014' })
    const client = {
      ...otherClass(new Client(), (text) => (text === 'ROLLBACK' ? Promise.reject(error) : Promise.resolve(result))),
      release: (destroy: unknown) => released.push(destroy),
    }
    const on = postgres({ totalCount: 1, connect: () => Promise.resolve(client), end: () => Promise.resolve() })
    await (await on.begin(bg)).rollback()
    expect(released).toEqual([true])
  })

  it('is destroyed if a late cancel hits the rollback of what a statement has left open', async () => {
    const released: unknown[] = []
    const result = { rows: [], rowCount: 0, command: '' }
    const error = Object.assign(new Error('no'), { code: '57014' })
    let status: 'I' | 'T' = 'I'
    const run = (text: string) => {
      status = 'T'
      return text === 'ROLLBACK' ? Promise.reject(error) : Promise.resolve(result)
    }
    const client = {
      ...otherClass(new Client(), run),
      getTransactionStatus: () => status,
      release: (destroy: unknown) => released.push(destroy),
    }
    const on = postgres({ totalCount: 1, connect: () => Promise.resolve(client), end: () => Promise.resolve() })
    await expect(queryContext(bg, on, 'SELECT 1')).rejects.toThrow('leaves a transaction open')
    await until(() => released.length > 0)
    expect(released).toEqual([true])
  })

  it.each<[what: string, grace: number, error: object, isClosed: boolean, words: string]>([
    ['it is lost meanwhile', 1_000, { code: '57P01', severity: 'FATAL' }, false, 'it is gone'],
    ['it is closed meanwhile', 1_000, {}, true, 'it is gone'],
    ['there is no grace time', 0, {}, true, 'the server did not answer within 0 ms'],
  ])('is destroyed at the end of the context of its statement if %s', async (_, grace, fields, isClosed, words) => {
    const released: unknown[] = []
    let fail: ((error: Error) => void) | undefined
    const client = {
      ...otherClass(new Client(), () => new Promise((_, reject) => (fail = reject))),
      connection: { stream: { destroyed: isClosed, destroy() {} } },
      release: (destroy: unknown) => released.push(destroy),
    }
    const pool = { totalCount: 1, connect: () => Promise.resolve(client), end: () => Promise.resolve() }
    const [ctx, cancel] = withCancel(bg)
    const query = outcome(queryContext(ctx, postgres(pool, { grace }), 'SELECT 1'))
    await until(() => fail !== undefined)
    cancel()
    await task()
    fail?.(Object.assign(new Error('it is gone'), fields))
    await until(() => released.length > 0)
    expect(query.error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ message: words })
    expect(released).toEqual([true])
  })
})

describe('an error of the client', () => {
  it('leaves no timeout in its transaction', async () => {
    const own = new Pool({ ...access, application_name: NAME, max: 1, types: { getTypeParser: read } })
    const sent: unknown[] = []
    own.on('connect', (client) => {
      const { query } = client
      const noted = (...args: Parameters<typeof query>): unknown => (sent.push(args[0]), query.apply(client, args))
      client.query = noted as never
    })
    const on = postgres(own)
    const write = {
      toPostgres: () => {
        throw new Error('cannot be written')
      },
    }
    await withTransaction(bg, on, async (tx) => {
      const timeout = "SELECT current_setting('statement_timeout') AS ms"
      await expect(queryContext(limited(), tx, 'SELECT $1', [write])).rejects.toThrow('cannot be written')
      expect(await queryContext(bg, tx, timeout)).toEqual([{ ms: '0' }])
      await expect(queryContext(limited(), tx, 'SELECT true')).rejects.toThrow('cannot be read')
      expect(await queryContext(bg, tx, timeout)).toEqual([{ ms: '0' }])
    })
    // One after each error, to learn the status.
    expect(sent.filter((text) => text === '').length).toBe(2)
    await on.close()
  })

  it('does not return a connection whose statement still runs', async () => {
    await observer.query('SELECT pg_advisory_lock(2)')
    const hasty = new Pool({ ...access, application_name: NAME, max: 1, query_timeout: 40 })
    const on = postgres(hasty, { grace: 20 })
    await expect(queryContext(bg, on, 'SELECT pg_advisory_xact_lock(2)')).rejects.toThrow('Query read timeout')
    await until(() => hasty.totalCount === 0)
    await observer.query('SELECT pg_advisory_unlock(2)')
    await on.close()
    await isFree()
  })
})

describe('the error of a transaction that has failed', () => {
  it('has the first failure since the last rollback to a savepoint as its cause', async () => {
    const transaction = withTransaction(bg, db, async (tx) => {
      const fail = (text: string) => execContext(bg, tx, text).catch(() => {})
      await execContext(bg, tx, 'SAVEPOINT one')
      await fail('SELECT 1 / 0')
      await execContext(bg, tx, 'ROLLBACK TO one')
      await fail('SELECT nothing')
      await fail('SELECT 1')
    })
    const error: unknown = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect(error).toMatchObject({ cause: { code: '42703' } })
  })
})

describe('the begin of a transaction', () => {
  it('is undone if it was stopped after the server has begun, also on a client that does not report it', async () => {
    const client = await connected()
    const [ctx, cancel] = withCancel(bg)
    const stopsBegin: PostgresClient['query'] = async (text, values) => {
      const result = await client.query(text, values)
      if (text !== 'BEGIN' || ctx.err) return result
      cancel()
      throw Object.assign(new Error('canceled'), { code: '57014' })
    }
    const on = postgres(otherClass(client, stopsBegin))
    const error = await withTransaction(ctx, on, () => {}).catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(await queryContext(bg, on, alone)).toEqual([{ alone: true }])
    await withTransaction(bg, on, (tx) => execContext(bg, tx, 'INSERT INTO entry VALUES (1)'))
    expect(await entries()).toEqual([1])
    await on.close()
  })

  it('is undone for a stream whose context ends with the answer', async () => {
    const client = await connected()
    const [ctx, cancel] = withCancel(bg)
    const { query } = client
    vi.spyOn(client, 'query').mockImplementation((async (text: string) => {
      const result: unknown = await (query as (text: string) => Promise<unknown>).call(client, text)
      cancel()
      return result
    }) as never)
    const on = postgres(client)
    const error = await queryStream(ctx, on, 'SELECT 1')
      .next()
      .catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(await queryContext(bg, on, alone)).toEqual([{ alone: true }])
    await on.close()
  })
})

describe('the commit of a transaction', () => {
  it('is not sent after the end of its context, however soon it follows', async () => {
    const client = await connected()
    const late: string[] = []
    for (let turns = 0; turns < 9; turns++) {
      const [ctx, cancel] = withCancel(bg)
      const noted: PostgresClient['query'] = (text, values) => {
        if (ctx.err) late.push(text)
        return client.query(text, values)
      }
      const ends = () => void microtasks(turns).then(() => cancel())
      await withTransaction(ctx, postgres(otherClass(client, noted)), ends).catch(() => {})
    }
    expect(new Set(late)).toEqual(new Set(['ROLLBACK']))
    await client.end()
  })
})

describe('a client in a transaction of the user', () => {
  it('runs statements in that, keeps it open, and leaves no timeout', async () => {
    const client = await connected()
    const on = postgres(client)
    await client.query('BEGIN')
    const [ctx, cancel] = withTimeout(bg, 60_000)
    await execContext(ctx, on, 'INSERT INTO entry VALUES (1); INSERT INTO entry VALUES (2)')
    expect(await show(bg, on, 'statement_timeout')).toBe('0')
    const inner = withTransaction(ctx, on, () => {})
    await expect(inner).rejects.toThrow('rescind: the client is in a transaction that was begun outside of rescind')
    expect(await show(bg, on, 'transaction_isolation')).toBe('read committed')
    expect(await entries()).toEqual([])
    await client.query('COMMIT')
    expect(await entries()).toEqual([1, 2])
    cancel()
    await on.close()
  })
})

describe('a stream', () => {
  it('reads twice as many rows at once while they arrive fast, and half as many while they do not', async () => {
    const client = await connected()
    const sent = vi.spyOn(client, 'query')
    let now = performance.now()
    let step = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += step))
    let count = 0
    for await (const { id } of queryStream(bg, postgres(client), 'SELECT * FROM generate_series(1, 40) AS id')) {
      expect(id).toBe(++count)
      if (count === 15) step = 20
    }
    const sizes = sent.mock.calls.map(([text]) => /^FETCH (\d+)/.exec(String(text))?.[1]).filter(Boolean)
    vi.restoreAllMocks()
    expect(sizes.map(Number)).toEqual([1, 2, 4, 8, 16, 8, 4, 2])
    expect(count).toBe(40)
    await client.end()
  })

  it('can be of one statement only', async () => {
    for (const text of ['SELECT 1; SELECT 2', 'SELECT 1; DROP TABLE entry']) {
      await expect(queryStream(bg, db, text).next()).rejects.toThrow('only one statement can be read as a stream')
    }
    for await (const row of queryStream(bg, db, 'SELECT 1 AS one; -- a')) expect(row).toEqual({ one: 1 })
    await isFree()
  })

  it('closes its cursor when it is left in a transaction', async () => {
    await withTransaction(bg, db, async (tx) => {
      for await (const { id } of queryStream(bg, tx, 'SELECT * FROM generate_series(1, 9) AS id')) if (id === 2) break
      expect(await queryContext(bg, tx, 'SELECT name FROM pg_cursors')).toEqual([])
    })
  })
})

it('statements that lose data or notifications are refused before anything is sent', async () => {
  for (const [text, name] of [
    ['COPY entry TO STDOUT', 'COPY TO STDOUT'],
    ['COPY entry FROM STDIN', 'COPY FROM STDIN'],
    ['LISTEN entry', 'LISTEN'],
    ["SET work_mem = '5MB'", 'SET'],
  ] as const) {
    await expect(queryContext(bg, db, text)).rejects.toThrow(`rescind: ${name} is refused: `)
    await withTransaction(bg, db, async (tx) => {
      await expect(execContext(bg, tx, text)).rejects.toThrow(`rescind: ${name} is refused: `)
    })
  }
})
