/**
 * The fault run, `npm run test:faults`: a real PostgreSQL is killed, paused, cut off, overloaded, and shared with other
 * clients by poolers; SQLite loses its thread; and contexts end at random. Arguments choose faults by parts of their
 * names. Each fault counts how its statements ended, and reports violations: a statement that hangs, a row that is
 * lost or incomplete, a client that is not returned.
 */

import { startPostgres } from '../../scripts/postgres.ts'
import { cuts, halfOpen } from './network.ts'
import { bouncer, hasty, late } from './poolers.ts'
import { kills, pauses } from './processes.ts'
import { fullPool, races } from './races.ts'
import type { Fault, Tally } from './tally.ts'
import { threadFaults } from './thread.ts'

const all: readonly Fault[] = [kills, pauses, cuts, halfOpen, bouncer, hasty, late, fullPool, races, ...threadFaults]
const chosen = process.argv.slice(2)
const faults = all.filter(({ name }) => chosen.length === 0 || chosen.some((part) => name.includes(part)))

const server = await startPostgres()
let violations = 0
try {
  for (const fault of faults) {
    const start = performance.now()
    const tally = await fault.run(server)
    violations += report(fault.name, tally, (performance.now() - start) / 1_000)
  }
} finally {
  await server.stop()
}
console.log(violations === 0 ? '\nno violations' : `\n${violations} violations`)
process.exit(violations === 0 ? 0 : 1)

function report(name: string, { counts, violations }: Tally, seconds: number): number {
  console.log(`\n${name} (${seconds.toFixed(1)} s)`)
  for (const [label, count] of counts) console.log(`  ${String(count).padStart(6)} ${label}`)
  for (const violation of violations) console.log(`  VIOLATION ${violation}`)
  return violations.length
}
