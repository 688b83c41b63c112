/** A database whose worker answers late or not at all: what the caller gets, and when the next one enters. */

import { EventEmitter } from 'node:events'
import { background, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { CommitUnknownError, queryContext, TransactionDoneError } from 'rescind/sql'
import { openSqlite, SqliteError } from 'rescind/sql/sqlite'
import type { NodeWorker, SqliteDatabase } from 'rescind/sql/sqlite'
import { beforeEach, expect, it, vi } from 'vitest'
import type { Reply, Request } from '../../../src/sql/sqlite/protocol.ts'
import { outcome, task } from '../../support.ts'
import { until } from '../conformance.ts'

const bg = background()
const failure = { message: 'no', code: 'SQLITE_FULL', interrupted: false }

let db: SqliteDatabase
let posted: Request[]
let log: string[]
let answer: (reply?: Partial<Reply>) => void

/** Opens a database whose worker answers when the test calls `answer`. */
function open(grace = 0): Promise<SqliteDatabase> {
  const requests: Request[] = (posted = [])
  const kinds: string[] = (log = [])
  const thread = Object.assign(new EventEmitter(), {
    postMessage: (message: Request) => {
      requests.push(message)
      kinds.push(message.kind)
    },
    ref: () => {},
    unref: () => {},
    terminate: () => kinds.push('terminated'),
  })
  answer = (reply) => {
    const { id } = requests.shift() as Request
    thread.emit('message', { id, result: { rows: [], changes: 0, mechanism: 'flag' }, isOpen: false, ...reply })
  }
  return openSqlite(bg, { worker: () => thread as NodeWorker, grace })
}

/** What the worker has received since the last call. */
async function received(): Promise<string[]> {
  await task()
  return log.splice(0)
}

beforeEach(async () => {
  const opening = open()
  answer()
  db = await opening
  log.length = 0
})

/** Begins a transaction, and does not end it. */
async function begun(ctx = bg) {
  const beginning = db.begin(ctx)
  expect(await received()).toEqual(['begin'])
  answer({ isOpen: true })
  return beginning
}

/** Expects that a query enters only after the next answer. */
async function entersAfterAnswer(): Promise<void> {
  const next = outcome(queryContext(bg, db, 'SELECT 1'))
  expect(await received()).toEqual([])
  answer()
  expect(await received()).toEqual(['run'])
  while (posted.length > 0) answer()
  await until(() => next.settled)
  expect(next.value).toEqual([])
}

it('shares memory with its worker only where that is possible', async () => {
  for (const [name, value, shares] of [
    ['crossOriginIsolated', true, true],
    ['crossOriginIsolated', false, false],
    ['SharedArrayBuffer', undefined, false],
  ] as const) {
    vi.stubGlobal(name, value)
    const opening = open()
    vi.unstubAllGlobals()
    expect((posted[0] as { flag?: unknown }).flag !== undefined).toBe(shares)
    answer()
    await opening
  }
})

it('waits for a statement in progress however often it is closed', async () => {
  const query = outcome(queryContext(bg, db, 'SELECT 1'))
  await task()
  const closing = [outcome(db.close()), outcome(db.close())]
  expect(await received()).toEqual(['run', 'close'])
  answer()
  answer()
  expect(await received()).toEqual(['terminated'])
  for (const { error, settled } of [query, ...closing]) expect([error, settled]).toEqual([undefined, true])
})

it('rejects statements that wait behind an open transaction when it is closed', async () => {
  const tx = await begun()
  const waiting = [outcome(queryContext(bg, db, 'SELECT 1')), outcome(db.begin(bg))]
  await task()
  const closing = outcome(db.close())
  expect(await received()).toEqual(['close'])
  for (const { error } of waiting) expect(String(error)).toBe('SqliteError: the database is closed')
  answer()
  await until(() => closing.settled)
  await expect(tx.commit()).rejects.toBeInstanceOf(TransactionDoneError)
})

it('returns the rows of a statement that wrote once, under a context that has not ended', async () => {
  const opening = db.open(bg, 'INSERT INTO t VALUES (1) RETURNING i')
  await task()
  answer({ result: { rows: [{ i: 1 }], changes: 1 } })
  const cursor = await opening
  const [ctx, cancel] = withCancel(bg)
  cancel()
  await expect(cursor.next(ctx)).rejects.toBe(ctx.err)
  expect(await cursor.next(bg)).toEqual([{ i: 1 }])
  expect(await cursor.next(bg)).toEqual([])
  await cursor.close()
  expect(await received()).toEqual(['cursor'])
})

it('discards a cursor that is opened only after its call has rejected, and nothing else', async () => {
  for (const [call, kind, cursor, then] of [
    [(ctx: Context) => db.open(ctx, 'SELECT 1'), 'cursor', 7, ['discard', 'run']],
    [(ctx: Context) => queryContext(ctx, db, 'SELECT 1'), 'run', undefined, ['run']],
  ] as const) {
    const [ctx, cancel] = withCancel(bg)
    const late = outcome<unknown>(call(ctx))
    expect(await received()).toEqual([kind])
    cancel()
    await until(() => late.settled)
    expect(late.error).toBe(ctx.err)
    const next = outcome(queryContext(bg, db, 'SELECT 1'))
    answer({ result: { rows: [], changes: 0, cursor } })
    expect(await received()).toEqual(then)
    expect((posted[0] as { cursor?: number }).cursor).toBe(cursor)
    while (posted.length > 0) answer()
    await until(() => next.settled)
  }
})

it('sends the deadline of a transaction with its statements', async () => {
  const [ctx, cancel] = withTimeout(bg, 60_000)
  const tx = await begun(ctx)
  void queryContext(bg, tx, 'SELECT 1').catch(() => {})
  expect(await received()).toEqual(['run'])
  expect(posted[0]?.left).toBeLessThanOrEqual(60_000)
  cancel()
})

it('waits for the answer to a rollback, and passes on that a savepoint was not released', async () => {
  const opening = open(Infinity)
  answer()
  db = await opening
  log.length = 0
  const tx = await begun()
  const beginning = tx.begin(bg)
  await received()
  answer({ isOpen: true })
  const inner = await beginning
  const committing = outcome(inner.commit())
  await received()
  answer({ failure, isOpen: true })
  await received()
  answer({ isOpen: true })
  await received()
  expect(committing.error).toMatchObject({ code: 'SQLITE_FULL' })
  const back = outcome(tx.rollback())
  expect(await received()).toEqual(['rollback'])
  expect(back.settled).toBe(false)
  answer()
  await task()
  expect(back.settled).toBe(true)
})

it('ends its worker if it cannot be opened', async () => {
  const opening = outcome(open())
  answer({ failure })
  expect(await received()).toEqual(['open', 'terminated'])
  expect(opening.error).toBeInstanceOf(SqliteError)
})

it('rejects a begin without an answer, and rolls it back before the next caller enters', async () => {
  const [ctx, cancel] = withCancel(bg)
  const beginning = outcome(db.begin(ctx))
  expect(await received()).toEqual(['begin'])
  cancel()
  await until(() => beginning.settled)
  expect(beginning.error).toBe(ctx.err)
  expect(await received()).toEqual(['rollback'])
  await entersAfterAnswer()
})

it('lets the next caller enter after a begin that failed', async () => {
  const beginning = outcome(db.begin(bg))
  await task()
  const next = outcome(queryContext(bg, db, 'SELECT 1'))
  expect(await received()).toEqual(['begin'])
  answer({ failure })
  expect(await received()).toEqual(['run'])
  expect(beginning.error).toMatchObject({ code: 'SQLITE_FULL' })
  answer()
  await until(() => next.settled)
})

it('rejects a commit without an answer as unknown, and keeps the connection until there is one', async () => {
  const [ctx, cancel] = withCancel(bg)
  const tx = await begun(ctx)
  const committing = outcome(tx.commit())
  expect(await received()).toEqual(['commit'])
  cancel()
  await until(() => committing.settled)
  expect(committing.error).toBeInstanceOf(CommitUnknownError)
  expect((committing.error as Error).cause).toBe(ctx.err)
  await entersAfterAnswer()
})

it('rejects a commit that failed with its error, and lets the next caller enter', async () => {
  const tx = await begun()
  const committing = outcome(tx.commit())
  await task()
  const next = outcome(queryContext(bg, db, 'SELECT 1'))
  expect(await received()).toEqual(['commit'])
  answer({ failure })
  expect(await received()).toEqual(['run'])
  expect(committing.error).toMatchObject({ name: 'SqliteError', code: 'SQLITE_FULL' })
  answer()
  await until(() => next.settled)
})

it('rejects an inner commit without an answer, which is rolled back', async () => {
  const tx = await begun()
  const [ctx, cancel] = withCancel(bg)
  const beginning = tx.begin(ctx)
  expect(await received()).toEqual(['run'])
  answer({ isOpen: true })
  const inner = await beginning
  const committing = outcome(inner.commit())
  expect(await received()).toEqual(['run'])
  expect(posted[0]).toMatchObject({ sql: 'RELEASE rescind_1' })
  cancel()
  await until(() => committing.settled)
  expect(committing.error).toBeInstanceOf(TransactionDoneError)
  expect(posted[1]).toMatchObject({ sql: 'ROLLBACK TO rescind_1; RELEASE rescind_1' })
})

it('resolves a rollback without an answer, and keeps the connection until there is one', async () => {
  const tx = await begun()
  await tx.rollback()
  expect(await received()).toEqual(['rollback'])
  await entersAfterAnswer()
})

it('takes back a transaction that a statement has left open before the next caller enters', async () => {
  const leaving = outcome(queryContext(bg, db, 'SELECT 1'))
  await task()
  const next = outcome(queryContext(bg, db, 'SELECT 1'))
  expect(await received()).toEqual(['run'])
  answer({ isOpen: true })
  expect(await received()).toEqual(['rollback'])
  expect(leaving.settled).toBe(false)
  // Even if it fails.
  answer({ failure })
  expect(await received()).toEqual(['run'])
  expect(String(leaving.error)).toContain('a statement that leaves a transaction open')
  answer()
  await until(() => next.settled)
})
