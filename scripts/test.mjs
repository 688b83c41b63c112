/**
 * Runs all checks, also after one has failed, so that the last line, `N passed, M failed`, counts everything. The exit
 * code is 1 if anything failed.
 */

import { spawnSync } from 'node:child_process'
import { startVitest } from 'vitest/node'
import { tally } from './tally.mjs'

let passed = 0
let failed = 0

for (const script of ['check', 'format:check', 'lint', 'knip']) {
  console.log(`\n> npm run ${script}`)
  const { status } = spawnSync('npm', ['run', '--silent', script], {
    shell: process.platform === 'win32',
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  count(status === 0)
}

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

console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

function count(success) {
  if (success) passed++
  else failed++
}
