/** Counts what Vitest has run. */

export function tally(vitest) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      counts[state === 'pending' ? 'failed' : state]++
    }
    // What goes wrong outside of a test, in an import or a hook.
    for (const suite of [module, ...module.children.allSuites()]) counts.failed += suite.errors().length
  }
  counts.failed += vitest.state.getUnhandledErrors().length
  return counts
}
