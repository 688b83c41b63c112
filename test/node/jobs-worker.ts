/** A worker thread that takes jobs. */

import { serveJobs } from '../../src/wire.ts'
import { handle } from '../job-handler.ts'
import type { Order } from '../job-handler.ts'

const stop: () => void = serveJobs((ctx, order: Order, progress: (event: string) => void) =>
  handle(ctx, order, progress, stop),
)
