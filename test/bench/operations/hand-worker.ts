/** Runs the jobs of the benchmark by hand: a message with an id starts a job, and another with that id stops it. */

import { parentPort } from 'node:worker_threads'
import { toil } from './toil.ts'
import type { Order } from './toil.ts'

const stopped = new Set<number>()

parentPort?.on('message', async ({ id, order }: { readonly id: number; readonly order?: Order }) => {
  if (!order) {
    stopped.add(id)
    return
  }
  const report = (done: number) => parentPort?.postMessage({ id, done }, [])
  try {
    const result = await toil(order, { hasLeft: () => stopped.has(id), timeLeft: () => undefined, report })
    parentPort?.postMessage({ id, result }, [])
  } catch (error) {
    parentPort?.postMessage({ id, error }, [])
  }
})
