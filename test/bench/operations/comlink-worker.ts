/** Takes the jobs of the benchmark with Comlink: functions of the worker, called from outside. */

import { parentPort } from 'node:worker_threads'
import { expose } from 'comlink'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { toil } from './toil.ts'
import type { Order } from './toil.ts'

export interface Exposed {
  toil(order: Order, report: (done: number) => void): Promise<unknown>
}

const worker: Exposed = {
  toil: (order, report) => toil(order, { hasLeft: () => false, timeLeft: () => undefined, report }),
}

if (parentPort) expose(worker, nodeEndpoint(parentPort))
