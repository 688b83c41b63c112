/** SQLite in a frame whose Content-Security-Policy forbids requests to blobs, which must not look like a cancel. */

import { background, isDeadlineExceeded, sleep, withCancel, withTimeout } from 'rescind'
import { engineError, execContext, queryContext, queryStream } from 'rescind/sql'
import { openSqlite } from 'rescind/sql/sqlite'
import type { SqliteDatabase } from 'rescind/sql/sqlite'
import { fakeClock } from 'rescind/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { outcome, task } from '../../support.ts'
import { endless, endlessRows } from '../sqlite.ts'

const bg = background()
const here = import.meta.url

/** A frame with the policy. */
const frame = document.createElement('iframe')

/** Waits for its worker as long as that takes. Tests of the grace time open others. */
let db: SqliteDatabase

beforeAll(async () => {
  // By name: in Firefox, a frame without an address is no `'self'`.
  frame.srcdoc = `<meta http-equiv="Content-Security-Policy" content="connect-src ${location.origin} ws:">`
  const loaded = new Promise((resolve) => {
    frame.addEventListener('load', resolve)
  })
  document.body.append(frame)
  await loaded
  db = await openSqlite(bg, { worker: startUnderPolicy, grace: Infinity })
})

afterAll(async () => {
  await db.close()
  frame.remove()
})

/** Starts the worker in the frame, from a blob, since that has the policy of its page. */
function startUnderPolicy(): Worker {
  const { Blob, URL: FrameURL, Worker: FrameWorker } = frame.contentWindow as Window & typeof globalThis
  // The query tells Vite that this is a worker.
  const { href } = new URL('../../../src/sql/sqlite/sqlite-worker.ts?worker_file&type=module', here)
  const code = `import ${JSON.stringify(href)}`
  return new FrameWorker(FrameURL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' })
}

it('reports that SQLite cannot stop a statement at once', () => {
  expect(db.mechanism).toBe('deadline')
  expect(db.stops).toBe('between-rows')
})

it('SQLite under the policy stops every statement at the deadline', async () => {
  // Long enough for the statement to reach the worker on a busy machine.
  const [ctx] = withTimeout(bg, 500)
  const error = await queryContext(ctx, db, endless).catch((error: unknown) => error)
  expect(error).toBe(ctx.err)
  expect(isDeadlineExceeded(error)).toBe(true)
  expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
  expect(await queryContext(bg, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

it('SQLite under the policy stops a canceled statement before its next row', async () => {
  const [ctx, cancel] = withCancel(bg)
  const query = queryContext(ctx, db, endlessRows).catch((error: unknown) => error)
  await sleep(bg, 15)
  cancel()
  expect(await query).toBe(ctx.err)
  expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
  expect(await queryContext(bg, db, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

it('SQLite under the policy stops a canceled text between two of its statements', async () => {
  await execContext(bg, db, 'CREATE TABLE t (x)')
  const [ctx, cancel] = withCancel(bg)
  const text = 'INSERT INTO t VALUES (1);'.repeat(50_000)
  const inserts = execContext(ctx, db, text).catch((error: unknown) => error)
  await task()
  cancel()
  expect(await inserts).toBe(ctx.err)
  expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
  expect(await queryContext(bg, db, 'SELECT x FROM t')).toEqual([])
})

it('SQLite under the policy rejects a canceled statement after the grace time, though that still runs', async () => {
  const workers: Worker[] = []
  const worker = () => {
    workers.push(startUnderPolicy())
    return workers[0] as Worker
  }
  const db = await openSqlite(bg, { worker, grace: 50 })
  const [ctx, cancel] = withCancel(bg)
  const query = queryContext(ctx, db, endless).catch((error: unknown) => error)
  const next = outcome(queryContext(bg, db, 'SELECT 1'))
  await sleep(bg, 15)
  cancel()
  expect(await query).toBe(ctx.err)
  expect(String(engineError(ctx))).toContain('is still running')
  await task()
  expect(next.settled).toBe(false)
  workers[0]?.terminate()
})

it('SQLite under the policy runs the next statement when one that could not be stopped is over', async () => {
  // Here time stands still, so that the cancel comes before the deadline on any machine.
  const [parent, cancel] = withCancel(fakeClock(0).root)
  const worker = startUnderPolicy()
  const post = worker.postMessage.bind(worker) as (message: { sql?: string }, transfer: []) => void
  worker.postMessage = (message: { sql?: string }) => {
    post(message, [])
    if (message.sql === endless) cancel()
  }
  const db = await openSqlite(bg, { worker: () => worker, grace: 100 })
  await execContext(bg, db, 'CREATE TABLE t (x)')
  const [ctx] = withTimeout(parent, 300)
  const query = queryContext(ctx, db, endless).catch((error: unknown) => error)
  const next = execContext(bg, db, 'INSERT INTO t VALUES (1)')
  expect(await query).toBe(parent.err)
  expect(await next).toEqual({ changes: 1 })
  await db.close()
})

it('SQLite under the policy streams rows, and stops with the context', async () => {
  const [ctx, cancel] = withCancel(bg)
  const reading = async () => {
    for await (const { i } of queryStream(ctx, db, endlessRows)) if (i === 300) cancel()
  }
  const error = await reading().catch((error: unknown) => error)
  expect(error).toBe(ctx.err)
})
