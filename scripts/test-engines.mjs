/**
 * Runs the tests for browsers in Chromium, Firefox and WebKit, one after the other: `npm run test:engines`. Arguments
 * select engines by name, and files otherwise: `npm run test:engines -- webkit test/routes`. An engine that is not
 * found counts as a failure; the others still run.
 */

import { startVitest } from 'vitest/node'
import { engines, findEngine, howToInstall, installEngine } from './engines.mjs'
import { tally } from './tally.mjs'

const named = process.argv.slice(2)
const files = named.filter((name) => !engines.includes(name))
const chosen = engines.filter((name) => named.includes(name))

// Exit normally, so that exit listeners close the browsers.
process.once('SIGTERM', () => process.exit(1))

const lines = []
let isRight = true
for (const engine of chosen.length > 0 ? chosen : engines) {
  const sentence = await run(engine)
  lines.push(`${engine}: ${sentence}`)
}
console.log(`\n${lines.join('\n')}`)
process.exit(isRight ? 0 : 1)

async function run(engine) {
  if (!(await findEngine(engine))) installEngine(engine)
  if (!(await findEngine(engine))) {
    isRight = false
    return howToInstall(engine)
  }
  const vitest = await startVitest('test', files, { mode: 'engines', project: [engine], watch: false })
  const { passed, failed, skipped } = tally(vitest)
  await vitest.close()
  // A run without tests is a failure, too.
  if (failed > 0 || passed === 0) isRight = false
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
