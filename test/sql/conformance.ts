/**
 * What every engine has to do: one suite for all of them. It asks the database itself about the fate of a statement; no
 * timing decides. The table `album` is made before each test and has one row, which every test must keep.
 */

import { background, cause, isCanceled, isDeadlineExceeded, rearm, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { engineError, execContext, queryContext, queryStream, TransactionDoneError, withTransaction } from 'rescind/sql'
import type { Database, Isolation, Queryable, Stops, Transaction } from 'rescind/sql'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failOnUnhandled, isCollected, microtasks, outcome, task } from '../support.ts'

/** Lets a value of a wrong type past the compiler. */
const wrong = <T>(value: unknown) => value as T

/** An engine, with its properties for this suite. */
export interface Subject {
  open(): Promise<Database>
  readonly stops: Stops
  /** How many statements can run at once. */
  readonly capacity: number
  /** Runs for hours, and has one row. */
  readonly endless: string
  /** Yields rows for hours. Its column is `i`. */
  readonly endlessRows: string
  /** A parameter in the engine's syntax. */
  readonly parameter: string
  /** The error codes for a stopped statement, a violated constraint, and a write in a read-only transaction. */
  readonly codes: { readonly stopped: string; readonly duplicate: string; readonly readOnly: string }
  /** What remains of a transaction after a write was stopped in a nested one. */
  readonly afterStoppedWrite: 'all' | 'nothing'
  /** Resolves when `count` endless statements run, by the engine's own report where it has one. */
  running(count: number): Promise<void>
  /** How often a test runs again: without a report, a slow machine may stop a statement before it begins. */
  readonly retry: number
  /** Closes the suite's own connections. */
  close?(): Promise<void>
}

export function conforms(name: string, subject: Subject): void {
  const { capacity, codes, endless, endlessRows, parameter, retry } = subject
  const bg = background()
  const insert = `INSERT INTO album VALUES (2, ${parameter})`
  const endlessWrite = `INSERT INTO album SELECT i + 100, 'half' FROM (${endlessRows}) AS n`
  let db: Database

  const write = (ctx: Context, on: Queryable, title: string, id = 2) =>
    execContext(ctx, on, `INSERT INTO album VALUES (${id}, ${parameter})`, [title])

  const titles = async (on: Queryable = db): Promise<unknown[]> => {
    const rows = await queryContext(bg, on, 'SELECT title FROM album ORDER BY id')
    return rows.map(({ title }) => title)
  }

  /** Expects that no statement of ours runs, all connections work, and the table has these titles. */
  const isUnharmed = async (expected: unknown[] = ['first']): Promise<void> => {
    await subject.running(0)
    const one = Array.from({ length: capacity * 2 }, () => queryContext(bg, db, 'SELECT 1 AS one'))
    for (const rows of await Promise.all(one)) expect(rows).toEqual([{ one: 1 }])
    expect(await titles()).toEqual(expected)
  }

  describe(`${name}`, () => {
    failOnUnhandled()

    beforeAll(async () => {
      db = await subject.open()
    })

    afterAll(async () => {
      await db.close()
      await subject.close?.()
    })

    beforeEach(async () => {
      await execContext(bg, db, 'CREATE TABLE album (id INTEGER PRIMARY KEY, title TEXT)')
      await execContext(bg, db, "INSERT INTO album VALUES (1, 'first')")
    })

    afterEach(async () => {
      await execContext(bg, db, 'DROP TABLE album')
    })

    it('reports how it stops statements', () => {
      expect(db.stops).toBe(subject.stops)
    })

    it('runs statements', async () => {
      expect(await execContext(bg, db, insert, ["it's"])).toEqual({ changes: 1 })
      expect(await titles()).toEqual(['first', "it's"])
      expect(await execContext(bg, db, "UPDATE album SET title = 'x'")).toEqual({ changes: 2 })
      expect(await execContext(bg, db, 'SELECT * FROM album')).toEqual({ changes: 0 })
      expect(await execContext(bg, db, 'DELETE FROM album WHERE id = 2')).toEqual({ changes: 1 })
      const [ctx, cancel] = withTimeout(bg, 60_000)
      const rows = await queryContext(ctx, db, `SELECT title FROM album WHERE id = ${parameter}`, [1])
      expect(rows).toEqual([{ title: 'x' }])
      cancel()
    })

    it('runs a text of several statements', async () => {
      const text = "INSERT INTO album VALUES (2, 'b'); INSERT INTO album VALUES (3, 'c');"
      expect(await execContext(bg, db, text)).toEqual({ changes: 2 })
      expect(await titles()).toEqual(['first', 'b', 'c'])
    })

    it('passes errors of the SQL on unchanged', async () => {
      const [ctx, cancel] = withTimeout(bg, 60_000)
      const error = await execContext(ctx, db, "INSERT INTO album VALUES (1, 'again')").catch((e: unknown) => e)
      expect(error).toMatchObject({ code: codes.duplicate })
      expect(isCanceled(error) || isDeadlineExceeded(error)).toBe(false)
      await expect(queryContext(ctx, db, 'SELEC 1')).rejects.toThrow(/syntax/)
      await expect(queryStream(ctx, db, 'SELEC 1').next()).rejects.toThrow(/syntax/)
      expect(ctx.err).toBeUndefined()
      expect(engineError(ctx)).toBeUndefined()
      cancel()
      await isUnharmed()
    })

    describe('a context that has ended before the start', () => {
      it('sends nothing', async () => {
        const [ctx, cancel] = withCancel(bg)
        cancel()
        await expect(execContext(ctx, db, insert, ['late'])).rejects.toBe(ctx.err)
        await expect(queryContext(ctx, db, `${insert} RETURNING id`, ['late'])).rejects.toBe(ctx.err)
        await expect(queryStream(ctx, db, endlessRows).next()).rejects.toBe(ctx.err)
        let called = false
        const transaction = withTransaction(ctx, db, () => {
          called = true
        })
        await expect(transaction).rejects.toBe(ctx.err)
        expect(called).toBe(false)
        expect(engineError(ctx)).toBeUndefined()
        await isUnharmed()
      })
    })

    describe('a context that ends in the turn of the call', () => {
      it('sends nothing', async () => {
        const calls: ((ctx: Context) => Promise<unknown>)[] = [
          (ctx) => execContext(ctx, db, insert, ['late']),
          (ctx) => withTransaction(ctx, db, (tx) => execContext(ctx, tx, insert, ['late'])),
          (ctx) => db.begin(ctx),
          (ctx) => queryStream(ctx, db, endlessRows).next(),
        ]
        for (const call of calls) {
          const [ctx, cancel] = withCancel(bg)
          const over = outcome(call(ctx))
          cancel()
          await until(() => over.settled)
          expect(over.error).toBe(ctx.err)
          expect(engineError(ctx)).toBeUndefined()
        }
        await isUnharmed()
      })
    })

    describe('a context that ends while the statement waits for its turn', () => {
      it('never runs the statement', async () => {
        const [busy, free] = withCancel(bg)
        const running = Array.from({ length: capacity }, () => outcome(queryContext(busy, db, endless)))
        await subject.running(capacity)
        const [ctx, cancel] = withCancel(bg)
        const queued = outcome(execContext(ctx, db, insert, ['late']))
        const transaction = outcome(withTransaction(ctx, db, (tx) => execContext(ctx, tx, insert, ['late'])))
        const behind = execContext(bg, db, insert, ['second'])
        await task()
        expect(queued.settled).toBe(false)
        cancel()
        await task()
        expect([queued.error, transaction.error]).toEqual([ctx.err, ctx.err])
        expect(queued.error).toBe(ctx.err)
        expect(running.some(({ settled }) => settled)).toBe(false)
        free()
        await behind
        await isUnharmed(['first', 'second'])
      })
    })

    describe('a context that ends while the statement runs', () => {
      it('stops the statement, which rejects with its err', { retry }, async () => {
        const [ctx, cancel] = withCancel(bg)
        const query = outcome(queryContext(ctx, db, endless))
        await subject.running(1)
        expect(query.settled).toBe(false)
        cancel('enough')
        await until(() => query.settled)
        expect(query.error).toBe(ctx.err)
        expect(cause(ctx)).toBe('enough')
        expect(engineError(ctx)).toMatchObject({ code: codes.stopped })
        await isUnharmed()
      })

      it('rolls back what a write has done', async () => {
        const [ctx, cancel] = withCancel(bg)
        const write = outcome(execContext(ctx, db, endlessWrite))
        await subject.running(1)
        cancel()
        await until(() => write.settled)
        expect(write.error).toBe(ctx.err)
        await isUnharmed()
      })

      it('stops the statement at the deadline', async () => {
        const [ctx] = withTimeout(bg, 40, { label: 'album' })
        const error = await queryContext(ctx, db, endless).catch((e: unknown) => e)
        expect(error).toBe(ctx.err)
        expect(error).toMatchObject({ name: 'TimeoutError', label: 'album', ms: 40 })
        await isUnharmed()
      })

      it('stops the statement when the parent ends', async () => {
        const [parent, cancel] = withCancel(bg)
        const [ctx] = withTimeout(parent, 60_000)
        const query = outcome(queryContext(ctx, db, endless))
        await subject.running(1)
        cancel()
        await until(() => query.settled)
        expect(query.error).toBe(parent.err)
        expect(ctx.err).toBe(parent.err)
        await isUnharmed()
      })

      it('stops all of its statements, and no others', async () => {
        const [ctx, cancel] = withCancel(bg)
        const mine = Array.from({ length: capacity + 1 }, () => outcome(queryContext(ctx, db, endless)))
        const other = execContext(bg, db, insert, ['second'])
        await subject.running(capacity)
        cancel()
        await until(() => mine.every(({ settled }) => settled))
        expect(mine.every(({ error }) => error === ctx.err)).toBe(true)
        expect(await other).toEqual({ changes: 1 })
        await isUnharmed(['first', 'second'])
      })

      it('stops the statement once, however often it is canceled', async () => {
        const [ctx, cancel] = withCancel(bg)
        const query = outcome(queryContext(ctx, db, endless))
        await subject.running(1)
        cancel('one')
        cancel('two')
        await until(() => query.settled)
        cancel('three')
        expect(query.error).toBe(ctx.err)
        expect(cause(ctx)).toBe('one')
        await isUnharmed()
      })
    })

    describe('a context that ends after the statement', () => {
      it('has no effect', async () => {
        const [ctx, cancel] = withCancel(bg)
        expect(await queryContext(ctx, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
        expect(await withTransaction(ctx, db, (tx) => execContext(ctx, tx, insert, ['second']))).toEqual({ changes: 1 })
        cancel()
        await isUnharmed(['first', 'second'])
      })
    })

    describe('a context', () => {
      it('does not retain what its statements have read', async () => {
        const [ctx, cancel] = withCancel(bg)
        const read = async (on: Queryable) => new WeakRef(await queryContext(ctx, on, 'SELECT 1 AS one'))
        const refs = [await read(db)]
        await withTransaction(ctx, db, async (tx) => {
          refs.push(await read(tx))
          for (const ref of refs) expect(await isCollected(() => ref.deref() ?? {})).toBe(true)
        })
        cancel()
      })
    })

    describe('a stream', () => {
      it('yields rows as they arrive, and stops when the loop is left', async () => {
        const [ctx, cancel] = withTimeout(bg, 60_000)
        const seen: unknown[] = []
        for await (const { i } of queryStream<{ i: unknown }>(ctx, db, endlessRows)) {
          if (seen.push(Number(i)) === 1_000) break
        }
        expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1))
        cancel()
        await isUnharmed()
      })

      it('yields all rows', async () => {
        const numbers = `${endlessRows} LIMIT 700`
        const seen = []
        for await (const { i } of queryStream<{ i: unknown }>(bg, db, numbers)) seen.push(i)
        expect(seen.length).toBe(700)
        expect(await all(queryStream(bg, db, `SELECT title FROM album WHERE id = ${parameter}`, [1]))).toEqual([
          { title: 'first' },
        ])
        expect(await all(queryStream(bg, db, 'SELECT title FROM album WHERE id = 7'))).toEqual([])
        await isUnharmed()
      })

      it('rejects when its context ends while rows are read', async () => {
        const [ctx, cancel] = withCancel(bg)
        let last = 0
        const reading = async () => {
          for await (const { i } of queryStream<{ i: unknown }>(ctx, db, endlessRows)) {
            last = Number(i)
            if (last === 300) cancel('enough')
          }
        }
        const error = await reading().catch((e: unknown) => e)
        expect(error).toBe(ctx.err)
        expect(last).toBe(300)
        await isUnharmed()
      })

      it('rejects when its context ends before the next row is found', async () => {
        const [ctx, cancel] = withCancel(bg)
        const rows = queryStream(ctx, db, `SELECT * FROM (${endless}) AS one`)
        const next = outcome(rows.next())
        await subject.running(1)
        cancel()
        await until(() => next.settled)
        expect(next.error).toBe(ctx.err)
        await isUnharmed()
      })

      it('returns its connection when its context ends while nothing reads', async () => {
        const [ctx, cancel] = withCancel(bg)
        const streams = Array.from({ length: capacity }, () => queryStream(ctx, db, endlessRows))
        for (const rows of streams) expect((await rows.next()).value).toEqual({ i: expect.anything() as unknown })
        cancel()
        await isUnharmed()
        for (const rows of streams) await expect(rows.next()).rejects.toBe(ctx.err)
      })
    })

    describe('a transaction', () => {
      it('is committed when the function returns', async () => {
        const [ctx, cancel] = withTimeout(bg, 60_000)
        const result = await withTransaction(ctx, db, async (tx) => {
          await execContext(ctx, tx, insert, ['second'])
          expect(await titles(tx)).toEqual(['first', 'second'])
          return 'done'
        })
        cancel()
        expect(result).toBe('done')
        await isUnharmed(['first', 'second'])
      })

      it('is rolled back when the function throws', async () => {
        const error = new Error('no')
        const failing = withTransaction(bg, db, async (tx) => {
          await execContext(bg, tx, insert, ['second'])
          throw error
        })
        await expect(failing).rejects.toBe(error)
        await isUnharmed()
      })

      it('is rolled back when its context ends during a statement', async () => {
        const [ctx, cancel] = withCancel(bg)
        const late: unknown[] = []
        let isWritten = false
        const transaction = outcome(
          withTransaction(ctx, db, async (tx) => {
            await execContext(ctx, tx, insert, ['second'])
            isWritten = true
            await queryContext(ctx, tx, endless).catch(() => {})
            late.push(await execContext(bg, tx, insert, ['late']).catch((error: unknown) => error))
          }),
        )
        await until(() => isWritten)
        await subject.running(1)
        cancel()
        await until(() => transaction.settled && late.length > 0)
        expect(transaction.error).toBe(ctx.err)
        expect(late[0]).toBeInstanceOf(TransactionDoneError)
        expect((late[0] as Error).cause).toBe(ctx.err)
        await isUnharmed()
      })

      it('is rolled back when its deadline passes between two statements', async () => {
        const [ctx] = withTimeout(bg, 40)
        const transaction = withTransaction(ctx, db, async (tx) => {
          await execContext(ctx, tx, insert, ['second'])
          await sleep(ctx, 60_000)
        })
        const error = await transaction.catch((e: unknown) => e)
        expect(isDeadlineExceeded(error)).toBe(true)
        expect(error).toBe(ctx.err)
        await isUnharmed()
      })

      it('is rolled back when its context ends, without a call to rollback', async () => {
        const [ctx, cancel] = withCancel(bg)
        const transactions = await Promise.all(Array.from({ length: capacity }, () => db.begin(ctx)))
        const [tx] = transactions
        expect(await execContext(ctx, tx as Queryable, insert, ['second'])).toEqual({ changes: 1 })
        cancel()
        await isUnharmed()
      })

      it('is rolled back when its context ends during a statement under another context', async () => {
        const [ctx, cancel] = withCancel(bg)
        let writing: { readonly error?: unknown } = {}
        const transaction = outcome(
          withTransaction(ctx, db, (tx) => {
            const writes = execContext(bg, tx, endlessWrite)
            writing = outcome(writes)
            return writes
          }),
        )
        await subject.running(1)
        cancel()
        await until(() => transaction.settled)
        expect([transaction.error, writing.error]).toEqual([ctx.err, ctx.err])
        expect(writing.error).toBe(ctx.err)
        await isUnharmed()
      })

      it('is rolled back if the context of one of its statements stops that', { retry }, async () => {
        const [ctx, cancel] = withCancel(bg)
        const errors: unknown[] = []
        const transaction = withTransaction(bg, db, async (tx) => {
          await execContext(bg, tx, insert, ['second'])
          const query = queryContext(ctx, tx, endless).catch((error: unknown) => errors.push(error))
          await subject.running(1)
          cancel()
          await query
        })
        await expect(transaction).rejects.toBeInstanceOf(TransactionDoneError)
        expect(errors[0]).toBe(ctx.err)
        expect(engineError(ctx)).toMatchObject({ code: codes.stopped })
        await isUnharmed()
      })

      it('continues if the context of one of its statements ends before that is sent', async () => {
        await withTransaction(bg, db, async (tx) => {
          const [ctx, cancel] = withCancel(bg)
          const query = queryContext(ctx, tx, 'SELECT 1')
          cancel()
          await expect(query).rejects.toBe(ctx.err)
          expect(engineError(ctx)).toBeUndefined()
          await execContext(bg, tx, insert, ['second'])
        })
        await isUnharmed(['first', 'second'])
      })

      it('rejects all use after its end', async () => {
        const tx = await db.begin(bg)
        await execContext(bg, tx, insert, ['second'])
        await tx.commit()
        await tx.rollback()
        const error: unknown = await tx.commit().catch((error: unknown) => error)
        expect(error).toBeInstanceOf(TransactionDoneError)
        expect(Object.hasOwn(error as Error, 'cause')).toBe(false)
        await expect(execContext(bg, tx, insert, ['late'])).rejects.toBeInstanceOf(TransactionDoneError)
        await expect(queryContext(bg, tx, 'SELECT 1')).rejects.toBeInstanceOf(TransactionDoneError)
        await expect(queryStream(bg, tx, 'SELECT 1').next()).rejects.toThrow('already been committed or rolled back')
        const [ctx, cancel] = withCancel(bg)
        const second = await db.begin(ctx)
        cancel('over')
        await second.rollback()
        await expect(queryContext(ctx, second, 'SELECT 1')).rejects.toMatchObject({ cause: ctx.err })
        await expect(second.commit()).rejects.toMatchObject({ cause: ctx.err })
        await isUnharmed(['first', 'second'])
      })

      it('rejects calls that were made during its commit or rollback', async () => {
        for (const end of ['commit', 'rollback'] as const) {
          const tx = await db.begin(bg)
          const ending = tx[end]()
          const late = [execContext(bg, tx, insert, ['late']), queryStream(bg, tx, 'SELECT 1').next(), tx.commit()]
          const errors = await Promise.all(late.map((use) => use.catch((error: unknown) => error)))
          await ending
          for (const error of errors) expect(error).toBeInstanceOf(TransactionDoneError)
        }
        const tx = await db.begin(bg)
        const [commit] = await Promise.allSettled([tx.commit(), tx.rollback()])
        expect((commit as PromiseRejectedResult).reason).toBeInstanceOf(TransactionDoneError)
        await isUnharmed()
      })

      it('runs its statements one after the other, and waits for them before the commit', async () => {
        await withTransaction(bg, db, (tx) => {
          void execContext(bg, tx, insert, ['second'])
          void execContext(bg, tx, "UPDATE album SET title = 'third' WHERE id = 2")
        })
        expect(await titles()).toEqual(['first', 'third'])
        await isUnharmed(['first', 'third'])
      })

      it('streams rows, and closes open streams at its end', async () => {
        const [ctx, cancel] = withCancel(bg)
        let rows: AsyncGenerator<{ i: unknown }, void, undefined> | undefined
        await withTransaction(ctx, db, async (tx) => {
          rows = queryStream<{ i: unknown }>(ctx, tx, endlessRows)
          await rows.next()
          const other = queryStream(ctx, tx, 'SELECT title FROM album')
          expect(await all(other)).toEqual([{ title: 'first' }])
          await execContext(ctx, tx, insert, ['second'])
        })
        await rows?.return()
        cancel()
        await isUnharmed(['first', 'second'])
      })

      it('passes errors of the SQL on unchanged, and is rolled back', async () => {
        const transaction = withTransaction(bg, db, async (tx) => {
          await execContext(bg, tx, insert, ['second'])
          await execContext(bg, tx, "INSERT INTO album VALUES (1, 'again')")
        })
        await expect(transaction).rejects.toMatchObject({ code: codes.duplicate })
        await isUnharmed()
      })
    })

    describe('a context that ends while the function of a transaction returns', () => {
      it('does not end the transaction, or has it rolled back and reject with its err', async () => {
        const outcomes = new Set<string>()
        for (const nested of [false, true]) {
          for (let turns = 0; turns < 9; turns++) {
            const [ctx, cancel] = withCancel(bg)
            const endsLater = async (tx: Queryable) => {
              await execContext(ctx, tx, "UPDATE album SET title = 'changed'")
              void microtasks(turns).then(() => cancel())
            }
            const given = (tx: Pick<Database, 'begin'>) => withTransaction(ctx, tx, endsLater).catch((e: unknown) => e)
            const error = await (nested ? withTransaction(bg, db, given) : given(db))
            expect(error === undefined || error === ctx.err, `${turns} turns: ${String(error)}`).toBe(true)
            expect(await titles()).toEqual([error ? 'first' : 'changed'])
            await execContext(bg, db, "UPDATE album SET title = 'first'")
            outcomes.add(error ? 'rolled back' : 'committed')
          }
        }
        expect(outcomes.size).toBe(2)
        await isUnharmed()
      })
    })

    describe('a nested transaction', () => {
      it('is committed with the outer one', async () => {
        const [ctx, cancel] = withTimeout(bg, 60_000)
        using _ = cancel
        const result = await withTransaction(ctx, db, async (outer) => {
          await write(ctx, outer, 'outer', 2)
          const inner = await withTransaction(ctx, outer, async (tx) => {
            await write(ctx, tx, 'inner', 3)
            expect(await titles(tx)).toEqual(['first', 'outer', 'inner'])
            return 'inner'
          })
          expect(await titles(outer)).toEqual(['first', 'outer', 'inner'])
          return inner
        })
        expect(result).toBe('inner')
        await isUnharmed(['first', 'outer', 'inner'])
      })

      it('is rolled back alone when its function throws, and the outer one continues', async () => {
        await withTransaction(bg, db, async (outer) => {
          await write(bg, outer, 'outer', 2)
          const failing = withTransaction(bg, outer, async (tx) => {
            await write(bg, tx, 'inner', 3)
            throw new Error('no')
          })
          await expect(failing).rejects.toThrow('no')
          expect(await titles(outer)).toEqual(['first', 'outer'])
          await write(bg, outer, 'after', 3)
        })
        await isUnharmed(['first', 'outer', 'after'])
      })

      it('is rolled back alone when one of its statements fails', async () => {
        await withTransaction(bg, db, async (outer) => {
          await write(bg, outer, 'outer', 2)
          const failing = withTransaction(bg, outer, async (tx) => {
            await write(bg, tx, 'inner', 3)
            await write(bg, tx, 'again', 1)
          })
          await expect(failing).rejects.toMatchObject({ code: codes.duplicate })
          await write(bg, outer, 'after', 3)
        })
        await isUnharmed(['first', 'outer', 'after'])
      })

      it('is rolled back alone at its own deadline', async () => {
        await withTransaction(bg, db, async (outer) => {
          const [ctx] = withTimeout(bg, 60_000)
          const inner = withTransaction(ctx, outer, async (tx) => {
            await write(bg, tx, 'inner', 2)
            rearm(ctx, 20)
            await sleep(ctx, 60_000)
          })
          const error = await inner.catch((error: unknown) => error)
          expect(error).toBe(ctx.err)
          expect(isDeadlineExceeded(error)).toBe(true)
          await write(bg, outer, 'after', 2)
        })
        await isUnharmed(['first', 'after'])
      })

      it('is rolled back alone when its context stops a read', async () => {
        await withTransaction(bg, db, async (outer) => {
          await write(bg, outer, 'outer', 2)
          const [ctx, cancel] = withCancel(bg)
          let isWritten = false
          const inner = withTransaction(ctx, outer, async (tx) => {
            await write(ctx, tx, 'inner', 3)
            isWritten = true
            await queryContext(ctx, tx, endless)
          })
          const over = outcome(inner)
          await until(() => isWritten)
          await subject.running(1)
          cancel()
          await until(() => over.settled)
          expect(over.error).toBe(ctx.err)
          expect(await titles(outer)).toEqual(['first', 'outer'])
          await write(bg, outer, 'after', 3)
        })
        await isUnharmed(['first', 'outer', 'after'])
      })

      it('rolls back the outer one when a write is stopped, if the engine does so', { retry }, async () => {
        const [ctx, cancel] = withCancel(bg)
        const errors: unknown[] = []
        const transaction = withTransaction<void, Transaction>(bg, db, async (outer) => {
          await write(bg, outer, 'outer', 2)
          const inner = withTransaction(ctx, outer, (tx) => execContext(ctx, tx, endlessWrite))
          const over = outcome(inner)
          await subject.running(1)
          cancel()
          await until(() => over.settled)
          errors.push(over.error)
          await write(bg, outer, 'after', 3)
        })
        const error = await transaction.catch((error: unknown) => error)
        expect(errors).toEqual([ctx.err])
        const isWhole = subject.afterStoppedWrite === 'all'
        expect([error instanceof TransactionDoneError, (error as Error | undefined)?.cause]).toEqual(
          isWhole ? [false, undefined] : [true, ctx.err],
        )
        await isUnharmed(isWhole ? ['first', 'outer', 'after'] : ['first'])
      })

      it('is rolled back with the outer one', async () => {
        const error = new Error('no')
        const transaction = withTransaction(bg, db, async (outer) => {
          await withTransaction(bg, outer, (tx) => write(bg, tx, 'inner'))
          throw error
        })
        await expect(transaction).rejects.toBe(error)
        await isUnharmed()
      })

      it('ends with the context of the outer one, whatever its own context is', async () => {
        const [ctx, cancel] = withCancel(bg)
        const late: unknown[] = []
        let isWritten = false
        const transaction = outcome(
          withTransaction(ctx, db, (outer) =>
            withTransaction(bg, outer, async (tx) => {
              await write(bg, tx, 'inner')
              isWritten = true
              late.push(await queryContext(bg, tx, endless).catch((error: unknown) => error))
              late.push(await write(bg, tx, 'late', 3).catch((error: unknown) => error))
            }),
          ),
        )
        await until(() => isWritten)
        await subject.running(1)
        cancel()
        await until(() => transaction.settled && late.length === 2)
        expect(transaction.error).toBe(ctx.err)
        for (const error of late) expect(error).toBeInstanceOf(TransactionDoneError)
        await isUnharmed()
      })

      it('can have nested ones, each of which is rolled back alone', async () => {
        await withTransaction(bg, db, (one) =>
          withTransaction(bg, one, async (two) => {
            await write(bg, two, 'two', 2)
            const failing = withTransaction(bg, two, async (three) => {
              await write(bg, three, 'three', 3)
              throw new Error('no')
            })
            await expect(failing).rejects.toThrow('no')
            await withTransaction(bg, two, (three) => write(bg, three, 'again', 3))
          }),
        )
        await isUnharmed(['first', 'two', 'again'])
      })

      it('waits for others in the same transaction, and for statements of that', async () => {
        const seen: string[] = []
        await withTransaction(bg, db, async (outer) => {
          const inner = (title: string, id: number) =>
            withTransaction(bg, outer, async (tx) => {
              seen.push(`${title} begins`)
              await write(bg, tx, title, id)
              await task()
              await write(bg, tx, title, id + 1)
              seen.push(`${title} ends`)
              if (title === 'two') throw new Error('no')
            })
          const statement = async () => {
            await write(bg, outer, 'between', 9)
            seen.push('between')
          }
          const all = [inner('one', 2), statement(), inner('two', 4), inner('three', 6)]
          const settled = await Promise.allSettled(all)
          expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
        })
        const turns = ['one begins', 'one ends', 'between', 'two begins', 'two ends', 'three begins', 'three ends']
        expect(seen).toEqual(turns)
        await isUnharmed(['first', 'one', 'one', 'three', 'three', 'between'])
      })

      it('blocks a statement of the outer one that is awaited inside, until its context ends', async () => {
        const [ctx] = withTimeout(bg, 40)
        const transaction = withTransaction(ctx, db, (outer) =>
          withTransaction(ctx, outer, async () => {
            await write(ctx, outer, 'never')
          }),
        )
        const error = await transaction.catch((error: unknown) => error)
        expect(error).toBe(ctx.err)
        expect(isDeadlineExceeded(error)).toBe(true)
        await isUnharmed()
      })

      it('does not begin under a context that has ended or ends while it waits', async () => {
        const [over, end] = withCancel(bg)
        end()
        await withTransaction(bg, db, async (outer) => {
          let called = false
          const call = () => {
            called = true
          }
          await expect(withTransaction(over, outer, call)).rejects.toBe(over.err)
          const [ctx, cancel] = withCancel(bg)
          await withTransaction(bg, outer, async (tx) => {
            const waiting = outcome(withTransaction(ctx, outer, call))
            cancel()
            await until(() => waiting.settled)
            expect(waiting.error).toBe(ctx.err)
            await write(bg, tx, 'inner')
          })
          expect(called).toBe(false)
        })
        await isUnharmed(['first', 'inner'])
      })

      it('rejects all use after its end', async () => {
        await withTransaction(bg, db, async (outer) => {
          const tx = await outer.begin(bg)
          const rows = queryStream(bg, tx, endlessRows)
          await rows.next()
          await tx.commit()
          await tx.rollback()
          await expect(write(bg, tx, 'late')).rejects.toBeInstanceOf(TransactionDoneError)
          await expect(tx.commit()).rejects.toBeInstanceOf(TransactionDoneError)
          await expect(tx.begin(bg)).rejects.toBeInstanceOf(TransactionDoneError)
          await expect(all(rows)).rejects.toBeInstanceOf(TransactionDoneError)
        })
        await isUnharmed()
      })

      it.each(['committed', 'rolled back'])(
        'can read a stream to its end, and closes others when it is %s',
        async (how) => {
          await withTransaction(bg, db, async (outer) => {
            const inner = await outer.begin(bg)
            expect(await all(queryStream(bg, inner, 'SELECT title FROM album'))).toEqual([{ title: 'first' }])
            await queryStream(bg, inner, `SELECT title FROM album, (${endlessRows}) AS n`).next()
            await (how === 'committed' ? inner.commit() : inner.rollback())
            // The table could not be dropped while a stream is open.
            await execContext(bg, outer, 'DROP TABLE album')
            await execContext(bg, outer, 'CREATE TABLE album (id INTEGER PRIMARY KEY, title TEXT)')
            await write(bg, outer, 'outer')
          })
          await isUnharmed(['outer'])
        },
      )

      it('refuses options, which belong to the outermost one', async () => {
        await withTransaction(bg, db, async (outer) => {
          const options = { isolation: 'serializable', readOnly: true, deferrable: false }
          for (const [name, value] of Object.entries(options)) {
            const inner = withTransaction(bg, outer, () => {}, { [name]: value })
            await expect(inner).rejects.toThrow(`rescind: ${name} is refused: it belongs to the outermost`)
          }
          await expect(outer.begin(bg, wrong(1))).rejects.toThrow('rescind: options must be')
          await withTransaction(bg, outer, (tx) => write(bg, tx, 'inner'), { readOnly: undefined })
        })
        await isUnharmed(['first', 'inner'])
      })
    })

    describe('the options of a transaction', () => {
      it.each<Isolation>(['read uncommitted', 'read committed', 'repeatable read', 'serializable'])(
        'accept the isolation %s',
        async (isolation) => {
          const [ctx, cancel] = withTimeout(bg, 60_000)
          using _ = cancel
          const inserting = withTransaction(ctx, db, (tx) => execContext(ctx, tx, insert, ['second']), { isolation })
          expect(await inserting).toEqual({ changes: 1 })
          await isUnharmed(['first', 'second'])
        },
      )

      it('prevent writes in a read-only transaction, but not in later ones', async () => {
        for (const ctx of [bg, withTimeout(bg, 60_000)[0]]) {
          const reading = withTransaction(
            ctx,
            db,
            async (tx) => {
              expect(await titles(tx)).toEqual(['first'])
              await execContext(ctx, tx, insert, ['no'])
            },
            { readOnly: true },
          )
          await expect(reading).rejects.toMatchObject({ code: codes.readOnly })
          expect(await withTransaction(ctx, db, (tx) => titles(tx), { readOnly: true })).toEqual(['first'])
        }
        const all = Array.from({ length: capacity }, () => execContext(bg, db, "UPDATE album SET title = 'first'"))
        for (const result of await Promise.all(all)) expect(result).toEqual({ changes: 1 })
        await withTransaction(bg, db, (tx) => execContext(bg, tx, insert, ['second']), { readOnly: false })
        await isUnharmed(['first', 'second'])
      })

      it.each([
        ['options', 1, '1'],
        ['isolation', { isolation: 'SERIALIZABLE' }, '"SERIALIZABLE"'],
        ['isolation', { isolation: 4 }, '4'],
        ['readOnly', { readOnly: 'yes' }, '"yes"'],
        ['deferrable', { deferrable: 0 }, '0'],
      ])('are refused if %s are invalid: %j', async (name, options, value) => {
        const wrongly = withTransaction(bg, db, () => expect.unreachable(), wrong(options))
        const error = await wrongly.catch((error: unknown) => error)
        expect(error).toBeInstanceOf(TypeError)
        expect(String(error)).toContain(`rescind: ${name} must be`)
        expect(String(error)).toContain(`got ${value}`)
        await expect(db.begin(bg, wrong(options))).rejects.toThrow(TypeError)
        await isUnharmed()
      })
    })

    describe('a statement that begins, ends or divides a transaction', () => {
      const alone = [
        'BEGIN',
        'begin transaction',
        'COMMIT',
        'END',
        'ROLLBACK',
        'SAVEPOINT one',
        'RELEASE one',
        'ROLLBACK TO one',
      ]

      it.each([
        ...alone,
        '/* a */ -- b\n BEGIN',
        ';; BEGIN',
        "INSERT INTO album VALUES (2, 'no'); BEGIN; INSERT INTO album VALUES (3, 'no')",
        "SELECT ';'; /* ; */ COMMIT",
      ])('is refused on a database, with advice: %s', async (text) => {
        for (const run of [execContext, queryContext]) {
          const error = await run(bg, db, text).catch((error: unknown) => error)
          expect(error).toBeInstanceOf(TypeError)
          expect(String(error)).toMatch(/rescind: [A-Z ]+ is refused: .*withTransaction/)
        }
        await expect(queryStream(bg, db, text).next()).rejects.toThrow(TypeError)
        await isUnharmed()
      })

      it.each(alone.slice(0, 5))('is refused in a transaction, which continues: %s', async (text) => {
        await withTransaction(bg, db, async (tx) => {
          await execContext(bg, tx, insert, ['second'])
          await expect(execContext(bg, tx, text)).rejects.toThrow(TypeError)
          await expect(queryContext(bg, tx, `SELECT 1; ${text}`)).rejects.toThrow(TypeError)
          await expect(queryStream(bg, tx, text).next()).rejects.toThrow(TypeError)
        })
        await isUnharmed(['first', 'second'])
      })

      it("may be a savepoint in a transaction, unless its name is one of rescind's", async () => {
        await withTransaction(bg, db, async (tx) => {
          await execContext(bg, tx, 'SAVEPOINT one')
          await execContext(bg, tx, insert, ['no'])
          await execContext(bg, tx, 'ROLLBACK TO one')
          await execContext(bg, tx, 'RELEASE SAVEPOINT one')
          for (const text of ['SAVEPOINT rescind_1', 'RELEASE Rescind_1', 'ROLLBACK TO SAVEPOINT "rescind_1"']) {
            await expect(execContext(bg, tx, text)).rejects.toThrow('rescind_')
          }
          await execContext(bg, tx, insert, ['second'])
        })
        await isUnharmed(['first', 'second'])
      })

      it('rolls back both if a savepoint between two nested transactions has removed the inner one', async () => {
        await withTransaction(bg, db, async (tx) => {
          await execContext(bg, tx, insert, ['second'])
          const outer = withTransaction(bg, tx, async (outer) => {
            await execContext(bg, outer, "INSERT INTO album VALUES (3, 'no')")
            await execContext(bg, outer, 'SAVEPOINT middle')
            const inner = withTransaction(bg, outer, async (inner) => {
              await execContext(bg, inner, 'ROLLBACK TO middle')
              await execContext(bg, inner, "INSERT INTO album VALUES (4, 'no')")
            })
            await expect(inner).rejects.toThrow(/no such savepoint|rolled back/)
          })
          await expect(outer).rejects.toBeInstanceOf(TransactionDoneError)
        })
        await isUnharmed(['first', 'second'])
      })
    })

    it('refuses an invalid database, statement, function or context by name', async () => {
      const select = 'SELECT 1'
      const calls: [name: string, call: () => Promise<unknown>][] = [
        ['ctx', () => queryContext(wrong({}), db, select)],
        ['ctx', () => withTransaction(wrong({}), db, () => {})],
        ['sql', () => execContext(bg, db, wrong(1))],
        ['sql', () => queryStream(bg, db, wrong(undefined)).next()],
        ['params', () => queryContext(bg, db, select, wrong('x'))],
        ['params', () => queryContext(bg, db, select, wrong(null))],
        ['fn', () => withTransaction(bg, db, wrong(1))],
      ]
      for (const other of [undefined, null, 1, {}]) {
        calls.push(['db', () => queryContext(bg, wrong(other), select)])
        calls.push(['db', () => withTransaction(bg, wrong<Database>(other), () => {})])
      }
      for (const [name, call] of calls) {
        const error = await call().catch((error: unknown) => error)
        expect(error).toBeInstanceOf(TypeError)
        expect(String(error)).toMatch(`rescind: ${name} must be`)
      }
      await isUnharmed()
    })
  })
}

/** Polls in real time, until the time limit of the test. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(background(), 2)
}

/** Collects all values of a stream. */
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = []
  for await (const value of stream) values.push(value)
  return values
}
