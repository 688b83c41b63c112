/** The page: measures the core in the engine that has opened it, and tells the server. */

import { time } from '../workloads.ts'
import { PACE, WORKLOADS } from './rows.ts'

const metrics = await time((workload) => WORKLOADS.includes(workload), PACE)
await fetch('/results', { method: 'POST', body: JSON.stringify({ agent: navigator.userAgent, metrics }) })
