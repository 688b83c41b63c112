/** SQLite in a worker of an ordinary page: no shared memory, so a revoked blob URL is the cancel. */

import { background, withCancel, withTimeout } from 'rescind'
import { engineError, execContext, queryContext } from 'rescind/sql'
import { openSqlite, SqliteError } from 'rescind/sql/sqlite'
import type { SqliteDatabase } from 'rescind/sql/sqlite'
import { describe, expect, it } from 'vitest'
import { startWorker } from '../../../src/sql/sqlite/line.ts'
import { conforms } from '../conformance.ts'
import { endless, keepsFiles, sqliteSubject } from '../sqlite.ts'

conforms('SQLite in a page', sqliteSubject())

it('SQLite polls for a cancel in an ordinary page', async () => {
  expect(crossOriginIsolated).toBe(false)
  const db = await openSqlite(background())
  expect(db.mechanism).toBe('poll')
  await db.close()
})

const open = (name: string) => openSqlite(background(), { storage: 'opfs-sahpool', file: `/${name}` })

// WebKitGTK has no origin private file system.
describe.runIf('FileSystemFileHandle' in globalThis)('a file', () => {
  keepsFiles('opfs-sahpool')

  it('can be made in opfs-sahpool however many there are, by one open database at a time', async () => {
    let db: SqliteDatabase | undefined
    for (const name of ['first', 'second']) {
      await db?.close()
      db = await open(name)
      await execContext(background(), db, `CREATE TABLE IF NOT EXISTS ${name} (i)`)
      expect(await queryContext(background(), db, 'SELECT name FROM sqlite_schema')).toEqual([{ name }])
      for (let count = 0; count < 4; count++) {
        await execContext(background(), db, `ATTACH '/${name}-${count}' AS more${count}`)
        await execContext(background(), db, `CREATE TABLE IF NOT EXISTS more${count}.kept (i)`)
      }
    }
    await expect(open('third')).rejects.toThrow('another open database uses it')
    await db?.close()
  })
})

it('explains what the storage "opfs" needs', async () => {
  await expect(openSqlite(background(), { storage: 'opfs' })).rejects.toThrow(/cross-origin isolated/)
})

/** A worker that runs `code`. */
function program(code: string): Worker {
  return new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' })
}

describe('openSqlite', () => {
  it.each([
    ['does not exist', Infinity, () => new Worker('/not/there.js', { type: 'module' }), /could not be loaded/],
    ['cannot be imported', Infinity, () => program('import "/not/there.js"'), /could not be loaded/],
    ['throws at once', Infinity, () => program('throw new Error("no")'), /Error: no/],
    ['is empty, as after a bundler', 40, () => program(''), /the worker has been silent for 40 ms/],
    ['ends at once', 40, () => program('close()'), /the worker has been silent for 40 ms/],
    ['is something else', 40, () => program('setInterval(() => postMessage({ id: 1 }), 1)'), /silent for 40 ms/],
  ])('fails when the program of the worker %s, with advice in the message', async (_, silence, worker, words) => {
    const error = await openSqlite(background(), { worker, silence }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(SqliteError)
    expect((error as Error).message).toMatch(words)
    expect((error as Error).message).toContain('it must run rescind/sql/sqlite-worker')
  })

  it('rejects with the err of its context if the worker never answers', async () => {
    const [ctx] = withTimeout(background(), 15)
    const opening = openSqlite(ctx, { worker: () => program(''), silence: Infinity })
    const error = await opening.catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
  })

  it('gives a database that rejects canceled calls after the grace time though its worker was terminated', async () => {
    const worker = startWorker() as Worker
    const db = await openSqlite(background(), { worker: () => worker, grace: 30 })
    worker.terminate()
    const [ctx, cancel] = withCancel(background())
    const calls = [queryContext(ctx, db, endless), queryContext(ctx, db, 'SELECT 1'), db.begin(ctx)]
    const errors = calls.map((call) => call.catch((error: unknown) => error))
    setTimeout(cancel, 15)
    for (const error of await Promise.all(errors)) expect(error).toBe(ctx.err)
    expect(String(engineError(ctx))).toContain('is still running')
    await db.close()
  })

  it('gives a database whose transactions and streams can end though its worker was terminated', async () => {
    const worker = startWorker() as Worker
    const db = await openSqlite(background(), { worker: () => worker, grace: 30 })
    const cursor = await db.open(background(), endless)
    worker.terminate()
    const [ctx] = withTimeout(background(), 15)
    expect(await db.begin(ctx).catch((error: unknown) => error)).toBe(ctx.err)
    await cursor.close()
    await db.close()
  })
})
