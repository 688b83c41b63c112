/** The program of the worker, here in the thread of the test: what it sends, and where it does nothing. */

import { EventEmitter, once } from 'node:events'
import init from '@sqlite.org/sqlite-wasm'
import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ALIVE } from '../../../src/sql/sqlite/protocol.ts'
import type { Order } from '../../../src/sql/sqlite/protocol.ts'
import { task } from '../../support.ts'
import { until } from '../conformance.ts'
import { endless, endlessRows } from '../sqlite.ts'

const OPEN: Order = { kind: 'open', storage: 'memory', file: '' }
const run = (sql: string): Order => ({ kind: 'run', sql, params: [] })

const { getBuiltinModule } = process

/** Makes `process.getBuiltinModule` return a module with `parentPort`, or makes it undefined. */
function pretend(threads: { readonly parentPort: unknown } | undefined): void {
  Object.assign(process, { getBuiltinModule: threads && (() => threads) })
}

/** What the worker has sent. */
let sent: object[]
let port: EventEmitter

/** Starts the program, with `port` to the thread that started it. */
async function start(): Promise<void> {
  const log: object[] = (sent = [])
  const emitter = (port = new EventEmitter())
  pretend({ parentPort: Object.assign(emitter, { postMessage: (message: object) => emitter.emit('sent', message) }) })
  emitter.on('sent', (message: object) => log.push(message))
  await import('../../../src/sql/sqlite/sqlite-worker.ts')
}

const post = (id: number, order: Order, left?: number) => port.emit('message', { id, left, ...order })

/** The replies, as soon as there are `count` of them. */
async function replies(count: number): Promise<unknown[]> {
  for (;;) {
    const found = sent.filter((message) => 'id' in message)
    if (found.length >= count) return found
    await once(port, 'sent')
  }
}

beforeEach(() => {
  vi.resetModules()
})

afterEach(() => {
  Object.assign(process, { getBuiltinModule })
  Reflect.deleteProperty(globalThis, 'sqlite3ApiConfig')
  vi.doUnmock('@sqlite.org/sqlite-wasm')
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('the worker of SQLite', () => {
  it('sends a sign of life when it starts, and every second while it loads SQLite', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let load: (() => void) | undefined
    const slow = () => new Promise((resolve) => (load = () => resolve(init())))
    vi.doMock('@sqlite.org/sqlite-wasm', () => ({ default: slow }))
    await start()
    expect(sent).toEqual([ALIVE])
    post(1, OPEN)
    await until(() => load !== undefined)
    vi.advanceTimersByTime(2_500)
    expect(sent).toEqual([ALIVE, ALIVE, ALIVE])
    load?.()
    expect(await replies(1)).toMatchObject([{ id: 1, result: { mechanism: 'deadline' }, isOpen: false }])
    vi.advanceTimersByTime(2_500)
    expect(sent).toHaveLength(4)
  })

  it('names the version of SQLite if that is too old, and then is silent', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const old = { oo1: {}, version: { libVersion: '3.46.1' } }
    vi.doMock('@sqlite.org/sqlite-wasm', () => ({ default: () => Promise.resolve(old) }))
    await start()
    post(1, OPEN)
    const message = '@sqlite.org/sqlite-wasm 3.46.1 is too old: 3.51 or newer is needed'
    const failure = { message, code: undefined, interrupted: false }
    expect(await replies(1)).toEqual([{ id: 1, failure, isOpen: false }])
    vi.advanceTimersByTime(2_500)
    expect(sent).toHaveLength(2)
  })

  it('replies to one request after the other, in order, and obeys a stop at once', async () => {
    await start()
    post(1, OPEN)
    post(2, run(`${endlessRows} LIMIT 50000`))
    post(3, run('SELECT 3 AS three'))
    await replies(1)
    await task()
    port.emit('message', { kind: 'stop', id: 2 })
    expect(await replies(3)).toMatchObject([
      { id: 1 },
      { id: 2, failure: { message: 'SQLITE_INTERRUPT: interrupted', code: 'SQLITE_INTERRUPT', interrupted: true } },
      { id: 3, result: { rows: [{ three: 3 }] } },
    ])
  })

  it('writes nothing to the console when a statement is stopped', async () => {
    const written = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')]
    let sqlite3: Sqlite3Static | undefined
    vi.doMock('@sqlite.org/sqlite-wasm', () => ({ default: async () => (sqlite3 = await init()) }))
    await start()
    post(1, OPEN)
    await replies(1)
    post(2, run(endless), 30)
    expect((await replies(2))[1]).toMatchObject({ failure: { code: 'SQLITE_INTERRUPT', interrupted: true } })
    sqlite3?.config.error('a message of SQLite')
    for (const write of written) expect(write).not.toHaveBeenCalled()
  })

  it('refuses requests once it has closed the database', async () => {
    const sqlite3 = await init()
    const close = vi.spyOn(sqlite3.oo1.DB.prototype, 'close')
    vi.doMock('@sqlite.org/sqlite-wasm', () => ({ default: () => Promise.resolve(sqlite3) }))
    await start()
    post(1, OPEN)
    post(2, { kind: 'close' })
    post(3, run('SELECT 1'))
    expect((await replies(3)).slice(1)).toMatchObject([
      { id: 2, result: { rows: [], changes: 0 }, isOpen: false },
      { id: 3, failure: { message: 'the database is not open' }, isOpen: false },
    ])
    expect(close).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['not in a thread that no other has started', { parentPort: null }, undefined, []],
    ['not in a page whose bundler imitates `process`', undefined, undefined, []],
    ['in a worker whose bundler imitates `process`', undefined, {}, ['postMessage', 'addEventListener']],
  ])('has a port only in a worker: %s', async (_, threads, WorkerGlobalScope, expected) => {
    const used: string[] = []
    vi.stubGlobal('WorkerGlobalScope', WorkerGlobalScope)
    for (const name of ['addEventListener', 'postMessage']) vi.stubGlobal(name, () => used.push(name))
    pretend(threads)
    await import('../../../src/sql/sqlite/sqlite-worker.ts')
    expect(used).toEqual(expected)
  })
})
