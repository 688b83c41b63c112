/**
 * The benchmark of the databases, `npm run bench:databases`: a statement that would run for hours is canceled after 100
 * ms. It measures the time until the caller is notified, the time until the engine is idle, and the CPU time that the
 * engine wastes in the second after that, compared with code without a context. It also times a long text of many
 * statements, compared with SQLite itself.
 */

import type { Worker } from 'node:worker_threads'
import init from '@sqlite.org/sqlite-wasm'
import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import { Client } from 'pg'
import { background, sleep, withCancel, withTimeout } from 'rescind'
import { execContext, queryContext } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { openSqlite } from 'rescind/sql/sqlite'
import { cpuSeconds, endless, observe } from '../sql/postgres.ts'
import type { Observer } from '../sql/postgres.ts'
import { startPostgres } from '../../scripts/postgres.ts'
import type { Access } from '../../scripts/postgres.ts'
import { endless as endlessInSqlite } from '../sql/sqlite.ts'
import { median } from './measure.ts'

const NAME = 'bench'
const ROUNDS = 15
/** How long the statement runs before the cancel, and how long the engine is observed afterwards. */
const RUN_MS = 100
const WATCH_MS = 1_000
const INSERTS = 40_000
const TEXT_ROUNDS = 7

const bg = background()

/** One way to cancel a statement, which starts it and cancels it after RUN_MS. */
interface Way {
  readonly name: string
  /** Resolves when the caller is notified, to the time of the cancel. */
  giveUp(client: Client): Promise<number>
}

const WAYS: readonly Way[] = [
  {
    name: 'rescind, cancel',
    async giveUp(client) {
      const [ctx, cancel] = withCancel(bg)
      const query = queryContext(ctx, postgres(client), endless)
      await sleep(bg, RUN_MS)
      const start = performance.now()
      cancel()
      await query.catch(() => {})
      return start
    },
  },
  {
    name: 'rescind, deadline',
    async giveUp(client) {
      const start = performance.now() + RUN_MS
      const [ctx] = withTimeout(bg, RUN_MS)
      await queryContext(ctx, postgres(client), endless).catch(() => {})
      return start
    },
  },
  {
    name: 'query_timeout of pg',
    async giveUp(client) {
      const start = performance.now() + RUN_MS
      const query = { text: endless, query_timeout: RUN_MS }
      await client.query(query).catch(() => {})
      return start
    },
  },
  {
    name: 'Promise.race',
    async giveUp(client) {
      const query = client.query(endless)
      query.catch(() => {})
      let start = 0
      await Promise.race([query, sleep(bg, RUN_MS).then(() => (start = performance.now()))])
      return start
    },
  },
  {
    name: 'destroying the socket',
    async giveUp(client) {
      const query = client.query(endless)
      await sleep(bg, RUN_MS)
      const start = performance.now()
      ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
      await query.catch(() => {})
      return start
    },
  },
]

const server = await startPostgres()
const observer = await observe(server.access)
console.log(`Node ${process.version}; ${ROUNDS} rounds; given up after ${RUN_MS} ms, watched for ${WATCH_MS} ms\n`)
print(['', 'caller knows after', 'engine idle after', 'CPU time wasted'])
for (const way of WAYS) {
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(way, server.access, observer))
  print([
    `PostgreSQL: ${way.name}`,
    milliseconds(rounds.map(({ known }) => known)),
    milliseconds(rounds.map(({ idle }) => idle)),
    `${(rounds.reduce((sum, { cpu }) => sum + cpu, 0) / ROUNDS).toFixed(2)} s`,
  ])
}
await observer.end()
await server.stop()
await sqlite()
await texts()

interface Round {
  readonly known: number
  readonly idle: number
  readonly cpu: number
}

async function measure(way: Way, access: Access, observer: Observer): Promise<Round> {
  const client = new Client({ ...access, application_name: NAME })
  client.on('error', () => {})
  await client.connect()
  const { processID: backend } = client as unknown as { processID: number }
  const start = await way.giveUp(client)
  const known = performance.now() - start
  const before = cpuSeconds(backend) ?? Number.NaN
  let idle = Infinity
  while (idle === Infinity && performance.now() - start < WATCH_MS) {
    if ((await observer.active(NAME)).length === 0) idle = performance.now() - start
    else await sleep(bg, 1)
  }
  await sleep(bg, start + WATCH_MS - performance.now())
  const cpu = (cpuSeconds(backend) ?? before) - before
  await observer.query(`SELECT pg_terminate_backend(${backend})`)
  await client.end().catch(() => {})
  while ((await observer.sessions(NAME)).length > 0) await sleep(bg, 1)
  return { known, idle, cpu }
}

async function sqlite(): Promise<void> {
  const known: number[] = []
  const idle: number[] = []
  const restart: number[] = []
  const db = await openSqlite(bg)
  for (let round = 0; round < ROUNDS; round++) {
    const [ctx, cancel] = withCancel(bg)
    const query = queryContext(ctx, db, endlessInSqlite)
    await sleep(bg, RUN_MS)
    const start = performance.now()
    cancel()
    await query.catch(() => {})
    known.push(performance.now() - start)
    await queryContext(bg, db, 'SELECT 1')
    idle.push(performance.now() - start)
  }
  await db.close()
  for (let round = 0; round < ROUNDS; round++) {
    let thread: Worker | undefined
    process.once('worker', (worker: Worker) => (thread = worker))
    const db = await openSqlite(bg)
    queryContext(bg, db, endlessInSqlite).catch(() => {})
    await sleep(bg, RUN_MS)
    const start = performance.now()
    // The only way without a cancel: terminate the thread, with all data in its memory.
    await thread?.terminate()
    const again = await openSqlite(bg)
    await queryContext(bg, again, 'SELECT 1')
    restart.push(performance.now() - start)
    await again.close()
  }
  print(['SQLite: rescind, cancel', milliseconds(known), milliseconds(idle), ''])
  print(['SQLite: another thread, data lost', '', milliseconds(restart), ''])
}

/** A text of many inserts: by rescind, by `exec` of SQLite's package, and by a bare loop over its C interface. */
async function texts(): Promise<void> {
  const sqlite3 = await init()
  const inserts = Array.from({ length: INSERTS }, (_, index) => `INSERT INTO t VALUES (${index}, 'row ${index}')`)
  const text = inserts.join(';\n')
  const alone = `BEGIN;${text};COMMIT`
  const times: Record<string, number[]> = {}
  const note = (name: string, start: number) => (times[name] ??= []).push(performance.now() - start)
  for (let round = 0; round < TEXT_ROUNDS; round++) {
    const db = await openSqlite(bg)
    await execContext(bg, db, 'CREATE TABLE t (i, s)')
    const start = performance.now()
    await execContext(bg, db, text)
    note('rescind', start)
    await db.close()
    for (const [name, run] of [
      ['exec of its package', exec],
      ['bare C loop', loop],
    ] as const) {
      const own = new sqlite3.oo1.DB(':memory:')
      own.exec('CREATE TABLE t (i, s)')
      const start = performance.now()
      run(sqlite3, own, alone)
      note(name, start)
      own.close()
    }
  }
  console.log(`\n${INSERTS} INSERTs in one text, medians of ${TEXT_ROUNDS}\n`)
  for (const [name, values] of Object.entries(times)) print([`SQLite: ${name}`, milliseconds(values)])
}

type Sqlite = InstanceType<Sqlite3Static['oo1']['DB']>

function exec(_: Sqlite3Static, db: Sqlite, text: string): void {
  db.exec(text)
}

function loop({ capi, wasm }: Sqlite3Static, db: Sqlite, text: string): void {
  const pointers = wasm.alloc(16)
  const start = wasm.allocCString(text, false)
  for (let at = start; ; at = wasm.peekPtr(pointers + 8)) {
    capi.sqlite3_prepare_v3(db, at, -1, 0, pointers, pointers + 8)
    const statement = wasm.peekPtr(pointers)
    if (statement === 0) break
    capi.sqlite3_step(statement)
    capi.sqlite3_finalize(statement)
  }
  wasm.dealloc(start)
  wasm.dealloc(pointers)
}

function milliseconds(values: readonly number[]): string {
  const middle = median(values)
  return middle < Infinity ? `${middle.toFixed(1)} ms` : `not in ${WATCH_MS} ms`
}

function print(cells: readonly string[]): void {
  console.log(cells.map((cell, index) => (index === 0 ? cell.padEnd(34) : cell.padStart(20))).join(''))
}
