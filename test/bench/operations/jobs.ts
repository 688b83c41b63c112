/**
 * Libraries that run jobs in worker threads, each used as in its documentation: Stop and the deadline are passed on
 * where the library accepts them. The work counts in shared memory, so that the benchmark sees whether it still runs.
 */

import { Worker } from 'node:worker_threads'
import { proxy, wrap } from 'comlink'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { Piscina } from 'piscina'
import { background, withSignal, withTimeout } from 'rescind'
import { job } from 'rescind/wire'
import type { Exposed } from './comlink-worker.ts'
import { after, pass } from './pass.ts'
import { TOIL_MS } from './toil.ts'
import type { Order } from './toil.ts'

const here = import.meta.url

/** Runs jobs in one worker. */
interface Pool {
  readonly run: (order: Order, signal: AbortSignal, onReport: (done: number) => void) => Promise<unknown>
  readonly close: () => Promise<unknown>
}

export interface Runner {
  readonly name: string
  readonly pool: () => Pool
}

export const runners: readonly Runner[] = [
  {
    name: 'rescind `job`',
    pool() {
      const worker = new Worker(new URL('./rescind-worker.js', here))
      // Without a listener, the error of a worker that dies would end this process.
      worker.on('error', () => {})
      return {
        async run(order, signal, onProgress) {
          const [stoppable, release] = withSignal(background(), signal)
          const [ctx, cancel] = withTimeout(stoppable, 60_000)
          try {
            return await job<unknown, number>(ctx, worker, order, { onProgress })
          } finally {
            cancel()
            release()
          }
        },
        close: () => worker.terminate(),
      }
    },
  },
  {
    name: 'Comlink',
    pool() {
      const worker = new Worker(new URL('./comlink-worker.js', here))
      worker.on('error', () => {})
      const remote = wrap<Exposed>(nodeEndpoint(worker))
      return {
        run: (order, _, onReport) => remote.toil(order, proxy(onReport)),
        close: () => worker.terminate(),
      }
    },
  },
  {
    name: 'Piscina',
    pool() {
      const filename = new URL('./piscina-worker.js', here).href
      const piscina = new Piscina({ filename, name: 'toil', maxThreads: 1, concurrentTasksPerWorker: 2 })
      piscina.on('error', () => {})
      return {
        run(order, signal, onReport) {
          const { port1, port2 } = new MessageChannel()
          port1.onmessage = ({ data }: MessageEvent<number>) => onReport(data)
          return piscina.run({ order, port: port2 }, { signal, transferList: [port2 as never] })
        },
        close: () => piscina.destroy(),
      }
    },
  },
  {
    name: '`postMessage`, by hand',
    pool() {
      const worker = new Worker(new URL('./hand-worker.js', here))
      worker.on('error', () => {})
      worker.setMaxListeners(100)
      let ids = 0
      return {
        run: (order, signal, onReport) =>
          new Promise((resolve, reject) => {
            const id = ids++
            const listen = (answer: { readonly id: number; done?: number; error?: Error; result?: unknown }) => {
              if (answer.id !== id) return
              if (answer.done !== undefined) return onReport(answer.done)
              worker.off('message', listen)
              if (answer.error) reject(answer.error)
              else resolve(answer.result)
            }
            worker.on('message', listen)
            worker.on('error', reject)
            signal.addEventListener('abort', () => {
              worker.postMessage({ id }, [])
              reject(signal.reason as Error)
            })
            worker.postMessage({ id, order }, [])
          }),
        close: () => worker.terminate(),
      }
    },
  },
]

const counterOf = () => new Int32Array(new SharedArrayBuffer(4))

/** How long to wait for an event that should come at once. */
const PATIENCE = 400

export async function jobRow({ name, pool }: Runner): Promise<string[]> {
  const slices = await stop(pool(), 'slices')
  const busy = await stop(pool(), 'a busy loop')
  const other = await beside(pool())

  const asked = pool()
  const { signal } = new AbortController()
  const knows = await asked.run({ does: 'its time', counter: counterOf() }, signal, () => {})
  let reports = 0
  await asked.run({ does: 'reports', counter: counterOf() }, signal, () => reports++)
  await pass(50)
  const died = await after(
    TOIL_MS,
    asked.run({ does: 'its end', counter: counterOf() }, signal, () => {}),
  )
  await asked.close()
  return [
    name,
    slices.isTold ? 'at once' : 'no',
    slices.hasEnded ? 'yes' : 'no',
    busy.hasEnded ? 'yes' : 'no',
    other,
    String(knows),
    `${reports} of 3`,
    died === 'error' ? 'an error' : 'nothing',
  ]
}

/** Resolves when the work has begun; rejects with an earlier error. */
async function begins(result: Promise<unknown>, counter: Int32Array): Promise<void> {
  let failure: unknown
  result.catch((error: unknown) => (failure = error))
  for (let waited = 0; Atomics.load(counter, 0) === 0; waited += 10) {
    if (failure !== undefined || waited > 10_000) throw failure ?? new Error('the work does not begin')
    await pass(10)
  }
}

/** Whether the caller is notified of its Stop, and whether the work ends. */
async function stop({ run, close }: Pool, does: 'slices' | 'a busy loop') {
  const controller = new AbortController()
  const counter = counterOf()
  const result = run({ does, counter }, controller.signal, () => {})
  await begins(result, counter)
  controller.abort()
  const told = await after(PATIENCE, result)
  await pass(200)
  const count = Atomics.load(counter, 0)
  await pass(200)
  const hasEnded = Atomics.load(counter, 0) === count
  await close()
  return { isTold: told === 'error', hasEnded }
}

/** The outcome of a job when another one in its worker is stopped. */
async function beside({ run, close }: Pool): Promise<string> {
  const controller = new AbortController()
  const counters = [counterOf(), counterOf()] as const
  const stopped = run({ does: 'slices', counter: counters[0] }, controller.signal, () => {})
  const other = run({ does: 'slices', counter: counters[1] }, new AbortController().signal, () => {})
  other.catch(() => {})
  await begins(stopped, counters[0])
  await pass(PATIENCE)
  const isWaiting = Atomics.load(counters[1], 0) === 0
  controller.abort()
  const got = await after(2 * TOIL_MS, other)
  await close()
  if (isWaiting) return 'its turn when the first is over'
  return got === 'result' ? 'its result' : 'an error that is not its own'
}
