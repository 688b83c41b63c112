/** Takes the jobs of the benchmark with Piscina, which calls what its worker exports. */

import type { MessagePort } from 'node:worker_threads'
import { toil as work } from './toil.ts'
import type { Order } from './toil.ts'

interface Task {
  readonly order: Order
  /** For progress: a task has a result and nothing else. */
  readonly port: MessagePort
}

export async function toil({ order, port }: Task): Promise<unknown> {
  const report = (done: number) => port.postMessage(done, [])
  const result = await work(order, { hasLeft: () => false, timeLeft: () => undefined, report })
  port.close()
  return result
}
