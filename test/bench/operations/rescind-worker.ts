/** Takes the jobs of the benchmark with rescind. */

import { remaining } from 'rescind'
import { serveJobs } from 'rescind/wire'
import { toil } from './toil.ts'
import type { Order } from './toil.ts'

serveJobs((ctx, order: Order, report: (done: number) => void) =>
  toil(order, { hasLeft: () => ctx.err !== undefined, timeLeft: () => remaining(ctx), report }),
)
