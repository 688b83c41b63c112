/** A worker thread that takes jobs. */

import { serveJobs } from '../../src/wire/index.ts'
import { handle } from '../wire/job-handler.ts'
import type { Order } from '../wire/job-handler.ts'

const stop: () => void = serveJobs((ctx, order: Order, progress: (event: string) => void) =>
  handle(ctx, order, progress, stop),
)
