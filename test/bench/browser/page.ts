/** The page: measures the core in the engine that has opened it, and sends the results to the server. */

import type { Metrics } from '../measure.ts'
import { time } from '../workloads.ts'
import { PACE, WORKLOADS } from './rows.ts'

export interface Results {
  readonly agent: string
  readonly metrics: Metrics
  /** Why there are no metrics; undefined on success. */
  readonly error?: string
}

const results: Results = await time((workload) => WORKLOADS.includes(workload), PACE).then(
  (metrics) => ({ agent: navigator.userAgent, metrics }),
  (error: unknown) => ({ agent: navigator.userAgent, metrics: {}, error: String(error) }),
)
await fetch('/results', { method: 'POST', body: JSON.stringify(results) })
