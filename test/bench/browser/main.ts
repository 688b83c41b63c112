/**
 * The benchmark of the core in browsers, `npm run bench:browser`: the same workloads as in Node, in Chromium, and in
 * Firefox and WebKit where they are found. Each round opens each engine once. The results go into RESULTS.md. With
 * `--quick` it takes one round and only prints.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { firefox, webkit } from 'playwright'
import { findEngine } from '../../../scripts/engines.mjs'
import type { Engine } from '../../../scripts/engines.mjs'
import { programOf } from '../../engines/provider.ts'
import { others } from '../contenders.ts'
import type { Metrics } from '../measure.ts'
import { launchChromium, pageOf } from '../page.ts'
import { record, versions } from '../results.ts'
import { overview, tables, valueOf } from '../verdicts.ts'
import type { Results } from './page.ts'
import { WORKLOADS } from './rows.ts'

const isQuick = process.argv.includes('--quick')
const ROUNDS = isQuick ? 1 : 3
/** Milliseconds for one engine and one round. */
const TIMEOUT = 180_000

const ENGINES: readonly (readonly [engine: Engine, version: RegExp])[] = [
  ['chromium', /Chrome\/[\d.]+/],
  ['firefox', /Firefox\/[\d.]+/],
  ['webkit', /Version\/[\d.]+/],
]

const files = await pageOf('test/bench/browser/page.ts')
let received = (_: Results) => {}
const server = createServer(async (req, res) => {
  if (req.method === 'POST') {
    received(JSON.parse(await text(req)) as Results)
    return res.end()
  }
  const file = files.get(req.url ?? '')
  const type = file === undefined || file.startsWith('<') ? 'text/html' : 'text/javascript'
  return res.writeHead(200, { 'content-type': type }).end(file ?? '')
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

const parts: string[] = []
const medians: string[] = []
const found: string[] = []
const names = others.map(({ name }) => name)
for (const [engine, version] of ENGINES) {
  if (!(await findEngine(engine))) {
    found.push(`no ${engine} found`)
    continue
  }
  const rounds: Metrics[] = []
  let agent = ''
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const results = await visit(engine)
      if (results.error) throw new Error(results.error)
      agent = results.agent
      rounds.push(results.metrics)
    }
  } catch (error) {
    found.push(`${engine} failed: ${String(error)}`)
    continue
  }
  found.push(`${engine} ${version.exec(agent)?.[0] ?? agent}`)
  const heading = `How many times faster rescind is in ${engine}`
  medians.push(
    overview(
      heading,
      WORKLOADS.map((workload) => [workload, '×'] as const),
      names,
      rounds,
    ),
  )
  const lines = WORKLOADS.flatMap((workload) =>
    names.map((name) => ({ workload, against: name, value: valueOf(workload, name) })),
  )
  parts.push(tables([[heading, '×', lines]], rounds))
}
server.close()
const head = `${found.join(', ')}; ${ROUNDS} rounds; ${versions('rxjs')}.`
console.log([head, ...medians].join('\n\n'))
if (!isQuick) record('npm run bench:browser', head, parts.join('\n\n'), [])
process.exit()

/** Opens the page, and waits for its results. */
async function visit(engine: Engine): Promise<Results> {
  const results = new Promise<Results>((resolve, reject) => {
    received = resolve
    setTimeout(reject, TIMEOUT, new Error(`no results after ${TIMEOUT} ms`)).unref()
  })
  const close = await open(engine)
  try {
    return await results
  } finally {
    await close()
  }
}

async function open(engine: Engine): Promise<() => Promise<void>> {
  const program = await programOf(engine)
  if (program) {
    await program.openPage('', url)
    return () => program.close()
  }
  const browser = engine === 'chromium' ? await launchChromium() : await { firefox, webkit }[engine].launch()
  const page = await browser.newPage()
  page.on('pageerror', (error) => console.error(String(error)))
  await page.goto(url)
  return () => browser.close()
}
