/**
 * The benchmark, `npm run bench`: rescind beside what one would use instead, and beside Go. It measures in several
 * processes, one after the other, since two runs of one process share the luck of its compiler and its heap. With
 * `--quick` it takes fewer of them. Other work on the machine widens the spread.
 */

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { prepareGo } from './go.ts'
import type { Metrics } from './measure.ts'
import { weigh } from './memory.ts'
import { report } from './report.ts'
import { time } from './workloads.ts'

const PARTS: Readonly<Record<string, () => Promise<Metrics>>> = { time, weigh }

const [argument = ''] = process.argv.slice(2)
const part = PARTS[argument]
if (part && process.send) process.send(await part(), () => process.exit())
else if (argument === '' || argument === '--quick') await bench(argument === '--quick' ? 2 : 5)
else {
  console.error(`Unknown: ${argument}. There is only --quick.`)
  process.exitCode = 1
}

async function bench(processes: number): Promise<void> {
  using go = prepareGo()
  console.log(`Node ${process.version}, V8 ${process.versions.v8}, ${go.version}; ${processes} processes`)
  const metrics: Metrics[] = []
  for (let round = 1; round <= processes; round++) {
    if (process.stderr.isTTY) process.stderr.write(`\rprocess ${round} of ${processes}\r`)
    metrics.push({ ...(await measure('time')), ...go.time(), ...(await measure('weigh')) })
  }
  report(metrics, go.version)
}

/** What a process of its own measures. */
function measure(name: string): Promise<Metrics> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [name], { execArgv: ['--expose-gc'] })
    child.once('message', (metrics) => resolve(metrics as Metrics))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The process that should ${name} ended with ${code}.`)))
  })
}
