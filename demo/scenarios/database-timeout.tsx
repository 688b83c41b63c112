/** A database query with a timeout, in three engines. One of them runs in the tab. */

import { isCanceled, isDeadlineExceeded, until, withTimeout, withValue, withoutCancel } from 'rescind'
import type { Context } from 'rescind'
import { queryStream } from 'rescind/sql'
import { headers } from 'rescind/wire'
import { requestId } from '../server/request-id.ts'
import { counter, PATIENCE_MS, scan, scanByHand, STATEMENTS } from '../server/scan.ts'
import type { Scanned, Statement } from '../server/scan.ts'
import type { Play, SceneProps, SceneScenario, Settings } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { openTabDatabase, opening } from '../ui/tab-database.ts'
import { tabLog } from '../ui/tab-log.ts'
import { eachLine, fetch, track } from '../ui/trace.ts'
import { Waiting } from '../ui/waiting.tsx'
import { reasonOf } from '../words.ts'

const ENGINES = ['tab', 'sqlite', 'postgres'] as const
const TAB = 0
const QUERIES: readonly Statement[] = ['minute', 'albums']

const GO = `func scan(parent context.Context, db *sql.DB, query string, d time.Duration, read func(*sql.Rows)) error {
    ctx, cancel := context.WithTimeout(parent, d)
    defer cancel()
    rows, err := db.QueryContext(ctx, query)
    if err != nil {
        return err
    }
    for rows.Next() { // closes them after the last one
        read(rows)
    }
    return rows.Err()
}`

export const scenario: SceneScenario = {
  title: 'Database query timeout',
  order: 5,
  about: (
    <>
      Runs <code>SELECT * FROM album</code>, or a scan that takes a minute. At the timeout, the engine itself stops in
      the middle of the statement. Without rescind, the page only stops waiting, and the scan continues.
    </>
  ),
  source: '../server/scan.ts',
  go: GO,
  choices: [
    {
      name: 'engine',
      label: 'Engine',
      options: [
        'SQLite in this tab',
        { name: 'SQLite on the server', needs: 'sqlite', otherwise: 'SQLite on a server: npm start' },
        { name: 'PostgreSQL', needs: 'postgres', otherwise: 'PostgreSQL: npm run demo:postgres' },
      ],
      initial: TAB,
    },
    { name: 'query', label: 'Query', options: ['takes a minute', 'SELECT * FROM album'], initial: 0 },
  ],
  sliders: [{ name: 'timeout', label: 'Timeout', min: 50, max: 5000, step: 50, initial: 1500 }],
  rows: 1,
  // The timeout begins with the query: the tab may have to open its database first.
  marks: (ms, start) => [{ at: start + ms('timeout'), label: 'deadline' }],
  span: (ms) => (ms('query') === 0 ? Math.min(ms('timeout') * 2, PATIENCE_MS) : 400),
  worker: (ms) => (ms('engine') === TAB ? 'Worker' : undefined),
  initial: '',
  Scene,
  async script(ctx, play) {
    const { ms, rescind } = play
    if (ms('engine') === TAB) await until(ctx, openTabDatabase())
    const query = ms('engine') === TAB ? inTab : onServer
    // The run's outcome is that of the code that waits for the rows.
    if (rescind === 'on') await query(ctx, play, ms('timeout'))
    else await scanByHand(() => query(withoutCancel(ctx), play, Infinity), ms('timeout'))
  },
  verdict: async (_, { state }) => ({ kind: 'success', text: `${scannedOf(state.get()).rows} rows received` }),
}

async function onServer(parent: Context, { go, ms, url }: Play, timeout: number): Promise<void> {
  const to = new URL(url('query', { ...workOf(ms), at: 'query' }))
  const id = to.searchParams.get('id') ?? ''
  const [ctx, cancel] = withTimeout(withValue(parent, requestId.key, id), timeout)
  using _ = cancel
  await until(ctx, async ({ signal }) => {
    const response = await fetch(to.href, { signal, headers: headers(ctx, { to, values: [requestId] }) })
    let error: string | undefined
    await eachLine(response, (line) => {
      if (ctx.err !== undefined) return
      error = (JSON.parse(line) as { error?: string }).error
      if (error === undefined) go(line)
    })
    if (error !== undefined) throw new Error(error)
  })
}

async function inTab(parent: Context, { go, ms, rescind, url }: Play, timeout: number): Promise<void> {
  const { latency, params } = workOf(ms)
  const { id, sent, end } = track(url('query', { latency, at: 'query' }))
  const db = await openTabDatabase()
  const sql = STATEMENTS[params.statement as Statement]
  const { read, get } = counter((scanned) => go(JSON.stringify(scanned)))
  const progress = () => `${get().rows.toLocaleString('en')} rows scanned`
  sent()
  tabLog.open({ id, name: 'query', latency }, 'arrived in the worker')
  try {
    if (rescind === 'on') await scan(parent, db, sql, timeout, read)
    else {
      const [patience, cancel] = withTimeout(parent, PATIENCE_MS)
      using _ = cancel
      for await (const row of queryStream(patience, db, sql)) read(row)
    }
    go(JSON.stringify(get()))
    tabLog.end(id, 'finished', `finished: ${progress()}`)
    end('answered', { bytes: 0 })
  } catch (error) {
    const why = reasonOf(error)
    const isStopped = isDeadlineExceeded(error) || isCanceled(error)
    // The demo's own limit ended the scan, not the page.
    if (isStopped && rescind === 'off') tabLog.end(id, 'finished', `given up by the demo: ${progress()}`)
    else tabLog.end(id, isStopped ? 'stopped' : 'failed', `${isStopped ? 'stopped' : 'failed'}: ${why}`, why)
    end(isStopped ? 'canceled' : 'failed', { why })
    throw error
  }
}

function workOf(ms: Settings): { latency: number; params: Record<string, string> } {
  const statement = QUERIES[ms('query')] ?? 'minute'
  const latency = statement === 'minute' ? PATIENCE_MS : 0
  return { latency, params: { statement, engine: ENGINES[ms('engine')] ?? 'sqlite' } }
}

function scannedOf(state: string): Scanned {
  return state === '' ? { rows: 0, titles: [] } : (JSON.parse(state) as Scanned)
}

function Scene({ play: { ms, state } }: SceneProps) {
  const { rows, titles } = scannedOf(useStore(state))
  const awaited = useStore(opening)
  if (ms('engine') === TAB && awaited !== undefined) return <Waiting label={awaited} />
  return (
    <>
      <p className="scanned">
        <b>{rows.toLocaleString('en')}</b> rows scanned
      </p>
      <p className="statement">
        <code>{STATEMENTS[QUERIES[ms('query')] ?? 'minute']}</code>
      </p>
      <p className="titles">{titles.join(' · ')}</p>
    </>
  )
}
