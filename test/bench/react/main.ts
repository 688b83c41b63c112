/**
 * The benchmark of a component's costs, `npm run bench:react`: production React in Chromium, 1,000 components of each
 * library with the same work, and 1,000 countdowns. Each library has a page of its own in each round, and the rounds
 * take turns, forwards and backwards. The results go into RESULTS.md and into `docs/react.md`. With `--quick` it takes
 * fewer rounds, and only prints.
 */

import type { Browser } from 'playwright'
import { median, metric } from '../measure.ts'
import type { Metrics } from '../measure.ts'
import { busySeconds, heapOf, launchChromium, pageOf, visit } from '../page.ts'
import { quote, record, versions } from '../results.ts'
import { atMost, failures, overview, ratio, tables } from '../verdicts.ts'
import type { Line, Tables } from '../verdicts.ts'
import { countdowns, INTERVAL } from './countdowns.ts'
import type { Bench } from './page.tsx'

declare const bench: Bench

const isQuick = process.argv.includes('--quick')
const ROUNDS = isQuick ? 1 : 5
const COUNT = 1_000
const WARM_UPS = 2
const SAMPLES = 5
const TICKS = 15

const SUBJECT = 'rescind'
const TANSTACK = 'TanStack Query'
const READERS = [SUBJECT, TANSTACK, 'SWR', 'ahooks useRequest', 'useEffect and AbortController, by hand']
const CLOCKS = countdowns.map(({ name }) => name)

const FIRST = 'first mount in a page'
const MOUNT = 'mount'
const CHANGE = 'change of the key or deps'
const UNMOUNT = 'unmount'
const BYTES = 'mounted'
const READS = [
  [FIRST, 'µs'],
  [MOUNT, 'µs'],
  [CHANGE, 'µs'],
  [UNMOUNT, 'µs'],
  [BYTES, 'B'],
] as const
const TICK = `countdown: change, each ${INTERVAL} ms`
const COUNTDOWNS = [
  ['countdown: mount', 'µs'],
  [TICK, 'µs'],
  ['countdown: unmount', 'µs'],
  ['countdown: mounted', 'B'],
] as const

const TABLES: Tables = [
  [
    'How much useTask takes, beside',
    '×',
    READERS.slice(1).flatMap((name) =>
      READS.map(([workload]) => beside(workload, name, name === TANSTACK && workload !== FIRST)),
    ),
  ],
  [
    'How much useRemaining takes, beside',
    '×',
    CLOCKS.slice(1).flatMap((name) => COUNTDOWNS.map(([workload]) => beside(workload, name, false))),
  ],
]

function beside(workload: string, name: string, isTarget: boolean): Line {
  return {
    workload,
    against: name,
    value: ratio(workload, SUBJECT, name),
    target: isTarget ? atMost(1) : undefined,
  }
}

const REASONS: Readonly<Record<string, string>> = {
  [metric(UNMOUNT, TANSTACK)]:
    'An unmounted task ends its context, which aborts the signal of its work, as the code by hand does. A settled ' +
    'query stays in the cache.',
}

const files = await pageOf('test/bench/react/page.tsx')
const browser = await launchChromium()
const rounds: Metrics[] = []
try {
  for (let round = 0; round < ROUNDS; round++) {
    const metrics: Metrics = {}
    const order = <T>(names: readonly T[]) => (round % 2 ? names.toReversed() : names)
    for (const name of order(READERS)) Object.assign(metrics, await reads(browser, name))
    for (const name of order(CLOCKS)) Object.assign(metrics, await counts(browser, name))
    rounds.push(metrics)
  }
} finally {
  await browser.close()
}

const each = `a component, medians of ${ROUNDS} rounds`
const readTable = overview(`useTask and its like: ${each}`, READS, READERS, rounds)
const countTable = overview(`useRemaining and its like: ${each}`, COUNTDOWNS, CLOCKS, rounds)
const results = [readTable, countTable, tables(TABLES, rounds)].join('\n\n')
const missed = failures(TABLES, rounds, REASONS)
const packages = versions('react', '@tanstack/react-query', 'swr', 'ahooks')
const head = `Chromium ${browser.version()}, ${packages}; ${COUNT} components, ${ROUNDS} rounds.`
console.log([head, results, missed.join('\n')].join('\n\n'))
if (!isQuick) {
  record('npm run bench:react', head, results, missed)
  quote('docs/react.md', 'react', readTable)
}
process.exit()

async function reads(browser: Browser, name: string): Promise<Metrics> {
  await using opened = await visit(browser, files, 'bench')
  const { page, session } = opened
  await page.evaluate(([name, count]) => bench.read(name, count), [name, COUNT] as const)
  const cycle = () =>
    page.evaluate(async () => ({
      mount: await bench.mount(),
      change: await bench.change(),
      unmount: await bench.unmount(),
    }))
  const { mount: first } = await cycle()
  for (let warmUp = 1; warmUp < WARM_UPS; warmUp++) await cycle()
  const cycles = []
  for (let sample = 0; sample < SAMPLES; sample++) cycles.push(await cycle())
  await page.evaluate(() => bench.forget())
  const before = await heapOf(session)
  await page.evaluate(() => bench.mount())
  const bytes = (await heapOf(session)) - before
  const micros = (ms: number) => (ms * 1_000) / COUNT
  return {
    [metric(FIRST, name)]: micros(first),
    [metric(MOUNT, name)]: micros(median(cycles.map(({ mount }) => mount))),
    [metric(CHANGE, name)]: micros(median(cycles.map(({ change }) => change))),
    [metric(UNMOUNT, name)]: micros(median(cycles.map(({ unmount }) => unmount))),
    [metric(BYTES, name)]: bytes / COUNT,
  }
}

async function counts(browser: Browser, name: string): Promise<Metrics> {
  await using opened = await visit(browser, files, 'bench')
  const { page, session } = opened
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.evaluate(([name, count]) => bench.countDown(name, count), [name, COUNT] as const)
  const cycle = () => page.evaluate(async () => ({ mount: await bench.mount(), unmount: await bench.unmount() }))
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) await cycle()
  const cycles = []
  for (let sample = 0; sample < SAMPLES; sample++) cycles.push(await cycle())
  await page.evaluate(() => bench.forget())
  const before = await heapOf(session)
  await page.evaluate(() => bench.mount())
  const bytes = (await heapOf(session)) - before
  await page.waitForTimeout(2 * INTERVAL)
  const start = await busySeconds(session)
  await page.waitForTimeout(TICKS * INTERVAL)
  const busy = (await busySeconds(session)) - start
  const micros = (ms: number) => (ms * 1_000) / COUNT
  const [[MOUNT], , [UNMOUNT], [BYTES]] = COUNTDOWNS
  return {
    [metric(MOUNT, name)]: micros(median(cycles.map(({ mount }) => mount))),
    [metric(TICK, name)]: micros((busy * 1_000) / TICKS),
    [metric(UNMOUNT, name)]: micros(median(cycles.map(({ unmount }) => unmount))),
    [metric(BYTES, name)]: bytes / COUNT,
  }
}
