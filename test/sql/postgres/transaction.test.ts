/** Transactions and deadlines as only PostgreSQL has them: snapshots, its settings, and what stays on a connection. */

import { Client, Pool } from 'pg'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { execContext, queryContext, queryStream, TransactionDoneError, withTransaction } from 'rescind/sql'
import type { Database, Isolation } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { failOnUnhandled, outcome } from '../../support.ts'
import { until } from '../conformance.ts'
import { startPooler } from '../pooler.ts'
import type { Pooler } from '../pooler.ts'
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

/** Every connection of the pool is idle, and in no transaction. */
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

  it('has every option together, and each default may be turned around', () =>
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

  it('takes SET TRANSACTION as its first statement', () =>
    limited(async (ctx) => {
      const text = 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY'
      const level = await withTransaction(ctx, db, async (tx) => {
        await execContext(ctx, tx, text)
        // Long enough that the server is to be told what is left: not ahead of that, either.
        await sleep(bg, 50)
        await execContext(ctx, tx, '/* a */ SET TRANSACTION DEFERRABLE')
        return show(ctx, tx, 'transaction_isolation')
      })
      expect(level).toBe('serializable')
    }))

  it('sees what was committed before its lock', () =>
    limited(async (ctx) => {
      const locked = await withTransaction(
        ctx,
        db,
        async (tx) => {
          // The deadline of the server is behind by now.
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

  it('inside of one is taken back alone though its error was swallowed, and says so', () =>
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

  it('that fails after one inside of it did names its own failure', () =>
    limited(async (ctx) => {
      const transaction = withTransaction(ctx, db, async (outer) => {
        const failing = withTransaction(ctx, outer, (tx) => queryContext(ctx, tx, 'SELECT nothing'))
        await expect(failing).rejects.toMatchObject({ code: '42703' })
        await queryContext(ctx, outer, 'SELECT 1 / 0').catch(() => {})
      })
      await expect(transaction).rejects.toMatchObject({ name: 'TransactionDoneError', cause: { code: '22012' } })
    }))

  it('inside of one leaves the timeout of the user as it was', () =>
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

const limited = (): Context => withTimeout(bg, 60_000)[0]

describe('a statement under a deadline', () => {
  const isLimited = "current_setting('statement_timeout')::interval BETWEEN '50 s' AND '60 s'"

  it('has it in the server, be it by itself, with parameters, or one of several', async () => {
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

  it('leaves nothing behind on its connection, not even while others wait for that', async () => {
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

  it('fails as it would without one, at the same place', async () => {
    for (const text of ['SELECT 1, nothing', 'SELECT 1; SELECT 2, nothing']) {
      const [plain, timed] = await Promise.all(
        [bg, limited()].map((ctx) => queryContext(ctx, db, text).catch((error: unknown) => error)),
      )
      expect(timed).toMatchObject({ code: '42703', position: (plain as { position: string }).position })
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

  it('may be one that cannot be in a transaction, or that commits inside of itself', async () => {
    await execContext(limited(), db, 'VACUUM entry')
    await execContext(limited(), db, 'CREATE INDEX CONCURRENTLY entry_id ON entry (id)')
    await execContext(limited(), db, "DO 'BEGIN INSERT INTO entry VALUES (4); COMMIT; END'")
    await execContext(limited(), db, 'DROP INDEX CONCURRENTLY entry_id')
    expect(await entries()).toEqual([4])
  })

  it('is stopped by the server itself, without a cancel', async () => {
    // So that the server starts to count later than we do.
    const pooler = await startPooler(access, () => 0, 15)
    const patient = postgres(new Pool({ ...pooler.access, application_name: NAME, max: 1 }), { grace: 5_000 })
    for (let round = 0; round < 5; round++) {
      // There is a connection, and it is free.
      await queryContext(bg, patient, 'SELECT 1')
      const [ctx] = withTimeout(bg, 40)
      const error = await queryContext(ctx, patient, endless).catch((error: unknown) => error)
      expect(error).toBe(ctx.err)
    }
    // A loaded machine may be late with one.
    expect(pooler.counts.cancels).toBeLessThan(3)
    await patient.close()
    await pooler.close()
  })
})

/** Cancels statements of which some complete before, and counts those after them that were hit. */
async function cancelSome(on: Database, rounds: number): Promise<number> {
  let hit = 0
  for (let round = 0; round < rounds; round++) {
    const [ctx, cancel] = withCancel(bg)
    const racing = queryContext(ctx, on, 'SELECT pg_sleep(0.004)').catch(() => {})
    await sleep(bg, 3)
    cancel()
    await racing
    await queryContext(bg, on, 'SELECT pg_sleep(0.02)').catch(() => hit++)
  }
  return hit
}

describe('a pooler that passes a cancel on late', () => {
  it('hits no other statement of a pool: what was canceled is thrown away', async () => {
    const pooler = await startPooler(access, () => 15)
    const on = new Pool({ ...pooler.access, application_name: NAME, max: 1 })
    expect(await cancelSome(postgres(on), 15)).toBe(0)
    expect(pooler.counts.cancels).toBeGreaterThan(0)
    expect(pooler.counts.connections).toBeGreaterThan(1)
    await on.end()
    await pooler.close()
  })

  it('hits no other statement of a client, which is left to settle', async () => {
    const pooler = await startPooler(access, () => 15)
    const client = new Client({ ...pooler.access, application_name: NAME })
    await client.connect()
    expect(await cancelSome(postgres(client), 10)).toBe(0)
    expect(pooler.counts).toMatchObject({ connections: 1 })
    expect(pooler.counts.cancels).toBeGreaterThan(0)
    await client.end()
    await pooler.close()
  })

  it('takes a transaction along with one inside of it', async () => {
    const pooler = await startPooler(access, () => 15)
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

  it('is told from the server itself, whose connections outlive a cancel', async () => {
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

/** With this setting a backslash escapes in every string, so that we misread where one ends. */
const lax = { options: '-c standard_conforming_strings=off' }
const hidden = (text: string): string => `SELECT '\\''; ${text}; SELECT '\\''`

describe('a connection of the pool', () => {
  it.each([
    ['comes with the answer', (): Promise<Pooler | undefined> => Promise.resolve(undefined)],
    ['comes after the answer', () => startPooler(access, () => 0)],
  ])('does not go back inside of a transaction, whatever its words, where the status %s', async (_, start) => {
    const pooler = await start()
    const tainted = new Pool({ ...(pooler?.access ?? access), ...lax, application_name: NAME, max: 1 })
    const on = postgres(tainted)
    const begins = hidden('BEGIN; INSERT INTO entry VALUES (1)')
    await expect(execContext(bg, on, begins)).rejects.toThrow('a statement that leaves a transaction open')
    const fails = hidden('BEGIN; SELECT 1 / 0')
    await expect(execContext(bg, on, fails)).rejects.toMatchObject({ code: '22012' })
    const { rows } = await tainted.query('SELECT now() = statement_timestamp() AS alone')
    expect(rows).toEqual([{ alone: true }])
    expect(await entries()).toEqual([])
    await on.close()
    await pooler?.close()
  })

  it('is no longer in a transaction that a statement has ended, whatever its words', async () => {
    const on = postgres(new Pool({ ...access, ...lax, application_name: NAME, max: 1 }))
    const transaction = withTransaction(bg, on, async (tx) => {
      await execContext(bg, tx, hidden('COMMIT'))
      await execContext(bg, tx, 'INSERT INTO entry VALUES (1)')
    })
    await expect(transaction).rejects.toBeInstanceOf(TransactionDoneError)
    expect(await entries()).toEqual([])
    await on.close()
  })

  it('that others have given back inside of a transaction is not used', async () => {
    const tainted = new Pool({ ...access, application_name: NAME, max: 1 })
    await tainted.query('BEGIN')
    await execContext(bg, postgres(tainted), 'INSERT INTO entry VALUES (1)')
    await tainted.query('ROLLBACK')
    expect(await entries()).toEqual([1])
    await tainted.end()
  })
})

describe('a client in a transaction of the user', () => {
  it('runs statements in it, leaves it open, and leaves no timeout in it', async () => {
    const client = new Client({ ...access, application_name: NAME })
    await client.connect()
    const on = postgres(client)
    await client.query('BEGIN')
    const [ctx, cancel] = withTimeout(bg, 60_000)
    await execContext(ctx, on, 'INSERT INTO entry VALUES (1); INSERT INTO entry VALUES (2)')
    expect(await show(bg, on, 'statement_timeout')).toBe('0')
    const inner = withTransaction(ctx, on, () => {})
    await expect(inner).rejects.toThrow('rescind: the client is in a transaction that was begun outside of rescind')
    expect(await entries()).toEqual([])
    await client.query('COMMIT')
    expect(await entries()).toEqual([1, 2])
    cancel()
    await on.close()
  })
})

describe('a stream', () => {
  it('is of one statement', async () => {
    for (const text of ['SELECT 1; SELECT 2', 'SELECT 1; DROP TABLE entry']) {
      await expect(queryStream(bg, db, text).next()).rejects.toThrow('only one statement can be read as a stream')
    }
    for await (const row of queryStream(bg, db, 'SELECT 1 AS one; -- a')) expect(row).toEqual({ one: 1 })
    await isFree()
  })
})

it('refuses what loses data or notifications, before anything is sent', async () => {
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
