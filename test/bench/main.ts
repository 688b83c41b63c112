/**
 * The benchmark, `npm run bench`: rescind compared with its alternatives, and with Go. It measures in several
 * processes, one after the other, since all runs in one process depend on the state of its compiler and its heap. The
 * results of a whole run go into RESULTS.md and into the README's table. With `--quick` it uses fewer processes; with a
 * text, as in `npm run bench -- turn`, it runs only the workloads with that text in their names, and only prints. Other
 * load on the machine widens the spread.
 */

import { fork } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { fileURLToPath } from 'node:url'
import { others, subject } from './contenders.ts'
import { GO, prepareGo } from './go.ts'
import type { Metrics } from './measure.ts'
import { weigh } from './memory.ts'
import { quoted, REASONS, TABLES } from './report.ts'
import { quote, record, versions } from './results.ts'
import { failures, tables } from './verdicts.ts'
import { cold, COLD, time } from './workloads.ts'

const PARTS: Readonly<Record<string, (argument: string) => Promise<Metrics>>> = {
  time: (filter) => {
    // Node warns of more than ten listeners on one signal; a thousand children need a thousand.
    setMaxListeners(0)
    return time((workload) => workload.includes(filter))
  },
  weigh,
  cold,
}

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
  const head = `Node ${process.version}, V8 ${process.versions.v8}, ${go.version}; ${processes} processes. ${versions('rxjs')}.`
  const noGo = go.version.startsWith('go') ? 'no result' : go.version
  const results = tables(TABLES, metrics, ({ against }) => (against === GO ? noGo : undefined))
  const missed = failures(TABLES, metrics, REASONS)
  console.log([head, '', results, '', ...missed].join('\n'))
  if (filter || processes < 5) return
  record('npm run bench', head, results, missed)
  quote('README.md', 'bench', quoted(metrics))
}

/** Measures the part `name` in a separate process. */
function measure(name: string, argument = ''): Promise<Metrics> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [name, argument], { execArgv: ['--expose-gc'] })
    child.once('message', (metrics) => resolve(metrics as Metrics))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The process for ${name} exited with code ${code}.`)))
  })
}
