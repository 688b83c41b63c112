/**
 * Runs all checks, also after one has failed, so that the last line, `N passed, M failed`, counts everything. The exit
 * code is 1 if anything failed.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { startVitest } from 'vitest/node'
import { tally } from './tally.mjs'

let passed = 0
let failed = 0

// At the start of the tests, whose setup leaves a core idle.
const checks = Promise.all(['check', 'format:check', 'lint', 'knip'].map(run))

const vitest = await startVitest('test', [], { watch: false })
const counts = tally(vitest)
passed += counts.passed
failed += counts.failed
const modules = vitest.state.getTestModules()
for (const { name } of vitest.projects) {
  if (modules.some(({ project }) => project.name === name)) continue
  console.error(`\nThe project ${name} ran no tests.`)
  failed++
}
await vitest.close()

for (const { script, output, success } of await checks) {
  console.log(`\n> npm run ${script}\n${output}`)
  count(success)
}

console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** Runs `script` of package.json. Its output is kept, since several run at the same time. */
async function run(script) {
  const child = spawn('npm', ['run', '--silent', script], {
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // So that the setup does not wait for the checks.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk))
  const [code] = await once(child, 'close')
  return { script, output: Buffer.concat(output).toString(), success: code === 0 }
}

function count(success) {
  if (success) passed++
  else failed++
}
