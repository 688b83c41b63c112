/** Two operations that need each other: when the first one fails, the second one is stopped. */

import { group, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import type { Lab, Scenario, Settings } from '../ui/scenario.ts'
import { call } from '../ui/trace.ts'
import type { Work } from '../ui/trace.ts'

// #region with
async function runBoth(parent: Context, urls: string[], ms: number) {
  const [ctx, cancel] = withTimeout(parent, ms)
  using _ = cancel
  const operations = group(ctx)
  for (const url of urls) {
    operations.go(({ signal }) => call(url, { signal }))
  }
  await operations.wait()
}
// #endregion

// #region without
async function runBothByHand(urls: string[], ms: number) {
  const tooLate = new Promise((_, reject) => {
    setTimeout(reject, ms, new Error('timed out'))
  })
  const both = Promise.all(urls.map((url) => call(url)))
  await Promise.race([both, tooLate])
}
// #endregion

const NEVER = 2000

const GO = `func runBoth(parent context.Context, urls []string, d time.Duration) error {
    ctx, cancel := context.WithTimeout(parent, d)
    defer cancel()
    operations, ctx := errgroup.WithContext(ctx)
    for _, url := range urls {
        operations.Go(func() error { return call(ctx, url) })
    }
    return operations.Wait()
}`

export const scenario: Scenario = {
  title: 'Dependent operations',
  order: 10,
  about: (
    <>
      Two requests, and both must succeed. When operation 1 fails, operation 2 is useless: the <code>group</code>{' '}
      cancels it, and its handler on the server stops.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'failure', label: 'Failure after', min: 0, max: NEVER, step: 50, initial: 100, top: 'never' },
    { name: 'latency', label: 'Latency', min: 0, max: 2000, step: 50, initial: 500 },
    { name: 'timeout', label: 'Timeout', min: 50, max: 3000, step: 50, initial: 2000 },
  ],
  success: 'both operations done',
  marks: (ms) => [{ at: ms('timeout'), label: 'deadline' }],
  span: (ms) => Math.max(first(ms).latency, ms('latency')),
  withRescind: (ctx, lab) => runBoth(ctx, operations(lab), lab.ms('timeout')),
  withoutRescind: (lab) => runBothByHand(operations(lab), lab.ms('timeout')),
}

function operations({ ms, url }: { ms: Settings; url: Lab['url'] }): string[] {
  return [url('operation 1', first(ms)), url('operation 2', { latency: ms('latency') })]
}

function first(ms: Settings): Work {
  return ms('failure') < NEVER ? { latency: ms('failure'), fails: true } : { latency: 100 }
}
