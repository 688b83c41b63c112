/** Counts the results of a Vitest run. */

export function tally(vitest) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      counts[state === 'pending' ? 'failed' : state]++
    }
    // Errors outside of tests, in an import or a hook.
    for (const suite of [module, ...module.children.allSuites()]) counts.failed += suite.errors().length
  }
  counts.failed += vitest.state.getUnhandledErrors().length
  return counts
}
