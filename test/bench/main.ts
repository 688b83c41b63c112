/**
 * The benchmark, `npm run bench`: rescind compared with its alternatives, and with Go. It measures in several
 * processes, one after the other, since runs in one process share the luck of its compiler and its heap. A whole run
 * goes into RESULTS.md and into the README's table. With `--quick` it uses fewer processes; with a text, as in `npm run
 * bench -- turn`, it runs only the workloads with that text in their names, and only prints. Other load on the machine
 * widens the spread.
 */

import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { others, subject } from './contenders.ts'
import { prepareGo } from './go.ts'
import type { Metrics } from './measure.ts'
import { weigh } from './memory.ts'
import { failures, quoted, tables } from './report.ts'
import { cold, COLD, time } from './workloads.ts'

const RESULTS = 'test/bench/RESULTS.md'

const INTRODUCTION =
  'Written by the command. Ratios within one process, medians over the processes; the spread is what the middle half' +
  ' of them covers. A target that lies within the spread is `open`.'

const PARTS: Readonly<Record<string, (argument: string) => Promise<Metrics>>> = { time, weigh, cold }

const [name = '', argument = ''] = process.argv.slice(2)
const part = PARTS[name]
if (part && process.send) process.send(await part(argument), () => process.exit())
else await bench(name === '--quick' ? argument : name, name === '--quick' ? 2 : 5)

async function bench(filter: string, processes: number): Promise<void> {
  using go = prepareGo()
  const metrics: Metrics[] = []
  for (let round = 1; round <= processes; round++) {
    if (process.stderr.isTTY) process.stderr.write(`\rprocess ${round} of ${processes}\r`)
    const one: Metrics = { ...(await measure('time', filter)) }
    if (COLD.includes(filter)) {
      for (let attempt = 0; attempt < 5; attempt++) {
        for (const { name } of [subject, ...others]) {
          const [[metric, ms] = ['', NaN]] = Object.entries(await measure('cold', name))
          one[metric] = Math.min(ms, one[metric] ?? Infinity)
        }
      }
    }
    if (!filter) Object.assign(one, go.time(), await measure('weigh'))
    metrics.push(one)
  }
  const head = `Node ${process.version}, V8 ${process.versions.v8}, ${go.version}; ${processes} processes`
  const results = tables(metrics, go.version)
  const missed = failures(metrics)
  console.log([head, '', results, '', ...missed].join('\n'))
  if (filter || processes < 5) return
  writeFileSync(RESULTS, document(machine(head), results, missed))
  const readme = readFileSync('README.md', 'utf8')
  const updated = readme.replace(/(<!-- bench -->\n)[^]*?(?=<!-- \/bench -->)/, `$1${quoted(metrics)}\n`)
  writeFileSync('README.md', updated)
}

function document(measuredOn: string, results: string, missed: readonly string[]): string {
  const sections = ['# What `npm run bench` has measured', INTRODUCTION, measuredOn, results]
  if (missed.length > 0) sections.push('## Not reached', missed.map((line) => `- ${line}`).join('\n'))
  return `${sections.join('\n\n')}\n`
}

function machine(head: string): string {
  const [cpu] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`
  const hardware = `${availableParallelism()} processors (${cpu?.model ?? 'unknown'}), ${memory}`
  return `${day}: ${hardware}, ${process.platform} ${process.arch}. ${head}. rxjs ${versionOf('rxjs')}.`
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string }).version
}

/** What a separate process measures. */
function measure(name: string, argument = ''): Promise<Metrics> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [name, argument], { execArgv: ['--expose-gc'] })
    child.once('message', (metrics) => resolve(metrics as Metrics))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The process that should ${name} ended with ${code}.`)))
  })
}
