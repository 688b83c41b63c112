/** An HTTP call with a deadline. The sliders decide which comes first, the answer or the deadline. */

import { until, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import type { Scenario } from '../ui/scenario.ts'
import { fetch } from '../ui/trace.ts'

// #region with
async function getReport(parent: Context, url: string, ms: number) {
  const [ctx, cancel] = withTimeout(parent, ms)
  using _ = cancel
  return await until(ctx, async ({ signal }) => {
    const response = await fetch(url, { signal })
    return response.json()
  })
}
// #endregion

// #region without
async function getReportByHand(url: string, ms: number) {
  const tooLate = new Promise((_, reject) => {
    setTimeout(reject, ms, new Error('timed out'))
  })
  const report = fetch(url).then((response) => response.json())
  return await Promise.race([report, tooLate])
}
// #endregion

const GO = `func getReport(parent context.Context, req *http.Request, d time.Duration) ([]byte, error) {
    ctx, cancel := context.WithTimeout(parent, d)
    defer cancel()
    res, err := http.DefaultClient.Do(req.WithContext(ctx))
    if err != nil {
        return nil, err
    }
    defer res.Body.Close()
    return io.ReadAll(res.Body)
}`

export const scenario: Scenario = {
  title: 'HTTP timeout',
  order: 20,
  about: (
    <>
      One request, one deadline. If the answer comes first, it is <em>response received</em>. If not, it is{' '}
      <em>context deadline exceeded</em>, and the handler on the server stops too.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'latency', label: 'Latency', min: 50, max: 5000, step: 50, initial: 1200 },
    { name: 'timeout', label: 'Timeout', min: 50, max: 5000, step: 50, initial: 500 },
  ],
  success: 'response received',
  rows: 1,
  marks: (ms) => [{ at: ms('timeout'), label: 'deadline' }],
  span: (ms) => Math.max(ms('latency'), ms('timeout')),
  withRescind: (ctx, { ms, url }) => getReport(ctx, url('report', { latency: ms('latency') }), ms('timeout')),
  withoutRescind: ({ ms, url }) => getReportByHand(url('report', { latency: ms('latency') }), ms('timeout')),
}
