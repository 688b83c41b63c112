/**
 * The hostile run, `npm run test:hostile`: untrusted input, changed at random, in many rounds. Nothing leaves the
 * process. A seed as the only argument repeats a run: `npm run test:hostile -- 17`.
 */

import { received, traced } from './headers.ts'
import { errors, memory, receivers, senders, traps } from './ports.ts'
import { Random } from './random.ts'
import type { Fuzzer, Tally } from './tally.ts'

const fuzzers: readonly Fuzzer[] = [receivers, senders, memory, traps, errors, received, traced]
const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
let violations = 0

process.on('uncaughtException', (error) => {
  violations++
  console.log(`  VIOLATION uncaught: ${String(error)}`)
})

console.log(`seed ${seed}`)
for (const { name, rounds, run } of fuzzers) {
  const start = performance.now()
  const tally = await run(new Random(seed), rounds)
  violations += report(`${name}, ${rounds} rounds`, tally, (performance.now() - start) / 1_000)
}
console.log(violations === 0 ? '\nno violations' : `\n${violations} violations`)
process.exit(violations === 0 ? 0 : 1)

function report(name: string, tally: Tally, seconds: number): number {
  console.log(`\n${name} (${seconds.toFixed(1)} s)`)
  for (const [label, count] of tally.counts) console.log(`  ${String(count).padStart(6)} ${label}`)
  for (const violation of tally.violations) console.log(`  VIOLATION ${JSON.stringify(violation)}`)
  return tally.violations.length
}
