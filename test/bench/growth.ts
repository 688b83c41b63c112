/**
 * The benchmark of growth, `npm run bench:growth`: the CPU time to make and end a context, for 1 to 1,000,000 contexts
 * in several shapes. Each shape has a process of its own. The results go into RESULTS.md, and into the chart
 * `docs/growth.svg`. With `--quick` it stops at 10,000 and only prints.
 */

import { fork } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { background, withCancel, withSignal, withTimeout } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { draw } from './chart.ts'
import { measure, median, metric } from './measure.ts'
import type { Metrics, Pace } from './measure.ts'
import { record } from './results.ts'
import { atMost, failures, overview, tables } from './verdicts.ts'
import type { Tables } from './verdicts.ts'

/** Makes `count` contexts. Returns the last of them, and a function that ends all. */
type Shape = (count: number) => readonly [last: Context, end: () => void]

const SHAPES: Readonly<Record<string, Shape>> = {
  'children of one context': (count) => {
    const [root, cancel] = withCancel(background())
    let last = root
    for (let made = 0; made < count; made++) [last] = withCancel(root)
    return [last, cancel]
  },
  'a chain': (count) => {
    const [root, cancel] = withCancel(background())
    let last = root
    for (let made = 0; made < count; made++) [last] = withCancel(last)
    return [last, cancel]
  },
  'timeouts, each canceled': (count) => {
    const all: (readonly [Context, Cancel])[] = []
    // All timeouts differ in length, and they are not canceled in the order of their lengths.
    for (let made = 0; made < count; made++) all.push(withTimeout(background(), 3_600_000 + ((made * 7_919) % count)))
    const end = () => all.forEach(([, cancel]) => cancel())
    return [all.at(-1)?.[0] ?? background(), end]
  },
  'followers of one signal': (count) => {
    const controller = new AbortController()
    let last = background()
    for (let made = 0; made < count; made++) [last] = withSignal(background(), controller.signal)
    return [last, () => controller.abort(REASON)]
  },
}

const REASON = new DOMException('canceled', 'AbortError')

const isQuick = process.argv.includes('--quick')
const COUNTS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000].slice(0, isQuick ? 5 : 7)
const ROUNDS = isQuick ? 1 : 3
const [MIDDLE, MOST] = [10_000, COUNTS.at(-1) ?? NaN]
const PACE: Pace = { sample: 5, warmUp: 60, budget: 200 }
const SIZES = COUNTS.map(size)
const COLLECTING = 'of which the collector'

const argument = process.argv[2] ?? ''
const shape = SHAPES[argument]
if (shape && process.send) process.send(await grow(argument, shape), () => process.exit())
else await bench()

async function grow(name: string, shape: Shape): Promise<Metrics> {
  setMaxListeners(0)
  const metrics: Metrics = {}
  let collected = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collected += duration
  })
  observer.observe({ entryTypes: ['gc'] })
  for (const count of COUNTS) {
    let busy = 0
    const run = (times: number) => {
      const start = performance.now()
      const before = process.cpuUsage()
      for (let time = 0; time < times; time++) {
        const [last, end] = shape(count)
        end()
        if (!last.err) throw new Error(`${name}: the contexts did not end.`)
      }
      busy += performance.now() - start
      const { user, system } = process.cpuUsage(before)
      return [(user + system) / 1_000]
    }
    await turn()
    collected = 0
    const [[ns = NaN] = []] = await measure([{ name, run }], PACE)
    await turn()
    metrics[metric(name, size(count))] = ns / count
    metrics[metric(`${name}, ${COLLECTING}`, size(count))] = (ns / count) * (collected / busy)
  }
  return metrics
}

/** Waits for a later turn, in which the observer gets its entries. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 20))
}

async function bench(): Promise<void> {
  const rounds: Metrics[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const metrics: Metrics = {}
    for (const name of Object.keys(SHAPES)) Object.assign(metrics, await inProcess(name))
    rounds.push(metrics)
  }
  const names = Object.keys(SHAPES)
  const compared: Tables = [
    [
      `What each of ${size(MOST)} takes`,
      '×',
      names.map((workload) => ({
        workload,
        against: `each of ${size(MIDDLE)}`,
        value: (metrics) =>
          (metrics[metric(workload, size(MOST))] ?? NaN) / (metrics[metric(workload, size(MIDDLE))] ?? NaN),
        target: atMost(2),
      })),
    ],
  ]
  const rows = names.flatMap((name) => [[name, 'ns'] as const, [`${name}, ${COLLECTING}`, 'ns'] as const])
  const table = overview('CPU time, made and ended, each of', rows, SIZES, rounds)
  const missed = failures(compared, rounds, Object.fromEntries(names.map((name) => [name, reasonOf(name, rounds)])))
  const head = `Node ${process.version}; ${ROUNDS} rounds.`
  const results = [table, tables(compared, rounds)].join('\n\n')
  console.log([head, results, missed.join('\n')].join('\n\n'))
  if (isQuick) return
  record('npm run bench:growth', head, results, missed)
  const lines = names.map((name) => ({ name, values: SIZES.map((one) => medianOf(rounds, name, one)) }))
  writeFileSync('docs/growth.svg', draw('CPU time to make and end a context, by how many there are', COUNTS, lines))
}

function size(count: number): string {
  return count.toLocaleString('en')
}

function medianOf(rounds: readonly Metrics[], workload: string, many: string): number {
  return median(rounds.map((metrics) => metrics[metric(workload, many)] ?? NaN))
}

/** Says which part of the additional time the garbage collector takes. */
function reasonOf(name: string, rounds: readonly Metrics[]): string {
  const more = (workload: string) => {
    const [few, many] = [MIDDLE, MOST].map((count) => medianOf(rounds, workload, size(count)))
    return (many ?? NaN) - (few ?? NaN)
  }
  const part = (100 * more(`${name}, ${COLLECTING}`)) / more(name)
  return `The garbage collector, which copies live objects, takes ${part.toFixed(0)} % of the additional time.`
}

function inProcess(name: string): Promise<Metrics> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [name, ...process.argv.slice(2)], {
      execArgv: ['--expose-gc', '--max-old-space-size=6000'],
    })
    child.once('message', (metrics) => resolve(metrics as Metrics))
    child.once('exit', (code) => reject(new Error(`The process for ${name} exited with code ${code}.`)))
  })
}
