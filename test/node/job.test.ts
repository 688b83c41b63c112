/** Jobs in worker threads. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  background,
  CanceledError,
  createKey,
  isDeadlineExceeded,
  sleep,
  withCancel,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { job, PortClosed, PortError, serveJobs, WorkerError } from 'rescind/wire'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Order } from '../wire/job-handler.ts'
import { block, failOnUnhandled, outcome, task } from '../support.ts'
import { cleanUp } from './sockets.ts'
import { unreadable } from './unreadable.ts'

failOnUnhandled()

const here = import.meta.url

const start = () => new Worker(new URL('./jobs-worker.js', here))

/** A job, and a promise that resolves when it has begun. */
function run(ctx: Context, worker: Worker, order: Order) {
  let begin!: () => void
  const began = new Promise<void>((resolve) => {
    begin = resolve
  })
  return { result: outcome(job(ctx, worker, order, { onProgress: begin })), began }
}

describe('a thread', () => {
  let worker: Worker

  beforeAll(() => {
    worker = start()
  })

  afterAll(() => worker.terminate())

  it('resolves to its result, or rejects with its error', async () => {
    const order: Order = { does: 'answer', with: new Map([['title', 'Blue Train']]) }
    expect(await job(background(), worker, order)).toEqual(new Map([['title', 'Blue Train']]))
    await expect(job(background(), worker, { does: 'fail' })).rejects.toMatchObject({
      name: 'RangeError',
      message: 'no such part',
      cause: { part: 7 },
    })
  })

  it('runs several jobs at once, one of which can be canceled', async () => {
    const [ctx, cancel] = withCancel(background())
    const [other, stop] = withCancel(background())
    const one = run(ctx, worker, { does: 'wait' })
    const two = run(other, worker, { does: 'compute and pause' })
    await Promise.all([one.began, two.began])
    cancel('Stop')
    expect(await job(background(), worker, { does: 'answer', with: 1 })).toBe(1)
    expect(one.result.error).toBe(ctx.err)
    expect(ctx.err).toBeInstanceOf(CanceledError)
    expect(two.result.settled).toBe(false)
    stop()
    expect(await job(background(), worker, { does: 'answer', with: 2 })).toBe(2)
    expect(two.result.error).toBe(other.err)
  })

  it('stops a computation that reads no messages when its job is canceled, and accepts the next', async () => {
    const [ctx, cancel] = withCancel(background())
    const { result, began } = run(ctx, worker, { does: 'compute' })
    await began
    cancel('Stop')
    // A computation that is not stopped reports no error after a while.
    expect(await job(background(), worker, { does: 'how it ended' })).toBe('AbortError')
    expect(result.error).toBe(ctx.err)
  })

  it('stops a computation that reads no messages at the deadline', async () => {
    const [ctx] = withTimeout(background(), 20, { label: 'resize' })
    const error = await job(ctx, worker, { does: 'compute' }).catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(isDeadlineExceeded(error)).toBe(true)
    expect(await job(background(), worker, { does: 'how it ended' })).toBe('TimeoutError')
  })

  it('runs twenty jobs at once with one listener for all, and none when they are done', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    const before = worker.listenerCount('error')
    const jobs = Array.from({ length: 20 }, (_, index) => job(background(), worker, { does: 'answer', with: index }))
    expect(worker.listenerCount('error')).toBe(before + 1)
    expect(await Promise.all(jobs)).toEqual(Array.from({ length: 20 }, (_, index) => index))
    for (const type of ['error', 'exit', 'messageerror']) expect(worker.listenerCount(type)).toBeLessThanOrEqual(before)
    process.off('warning', note)
    expect(warnings).toEqual([])
  })
})

describe('a thread that dies', () => {
  it.each<[how: string, act: (worker: Worker) => unknown, error: object]>([
    [
      'by an error',
      (worker) => job(background(), worker, { does: 'throw outside' }).catch(() => {}),
      { message: 'the worker has failed: thrown outside', cause: { name: 'RangeError', message: 'thrown outside' } },
    ],
    ['by its exit', (worker) => job(background(), worker, { does: 'exit' }).catch(() => {}), { name: 'WorkerError' }],
    ['by terminate', (worker) => worker.terminate(), { name: 'WorkerError' }],
  ])('fails all its jobs at once when it dies %s', async (_, act, error) => {
    const worker = start()
    const [ctx, cancel] = withCancel(background())
    const jobs = [run(ctx, worker, { does: 'wait' }), run(ctx, worker, { does: 'compute and pause' })]
    await Promise.all(jobs.map(({ began }) => began))
    const exit = once(worker, 'exit').catch(() => {})
    await act(worker)
    // Fulfills at the error, if there is one, and the jobs settle in the next turn.
    await exit
    for (const { result } of jobs) {
      await vi.waitFor(() => expect(result.error).toBeInstanceOf(WorkerError))
      expect(result.error).toMatchObject(error)
    }
    // The end of a job does not end its context.
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it.each(['began before another was done', 'began after all others were done'])(
    'fails a job that %s',
    async (when) => {
      const worker = start()
      cleanUp(() => worker.terminate())
      const begin = async () => {
        const started = run(background(), worker, { does: 'wait' })
        await started.began
        return started.result
      }
      const early = when === 'began before another was done' ? await begin() : undefined
      expect(await job(background(), worker, { does: 'answer', with: 1 })).toBe(1)
      const result = early ?? (await begin())
      await job(background(), worker, { does: 'throw outside' }).catch(() => {})
      const error = { name: 'WorkerError', message: 'the worker has failed: thrown outside' }
      await vi.waitFor(() => expect(result.error).toMatchObject(error))
    },
  )

  it.each<[when: string, order: Order, value: string]>([
    ['has exited', { does: 'stop' }, 'stopping'],
    ['has failed', { does: 'answer and throw' }, 'answered'],
  ])('keeps a result that is read after the thread %s', async (_, order, value) => {
    const worker = start()
    cleanUp(() => worker.terminate())
    await job(background(), worker, { does: 'answer', with: 1 })
    worker.on('error', () => {})
    const result = job(background(), worker, order)
    block(300)
    expect(await result).toBe(value)
  })

  it('fails a job at once that is sent after its death', async () => {
    const worker = start()
    cleanUp(() => worker.terminate())
    await worker.terminate()
    const failed = job(background(), worker, { does: 'wait' })
    await expect(failed).rejects.toMatchObject({ name: 'WorkerError', message: 'the worker has ended' })
  })

  it('fails its jobs with the error that its script throws', async () => {
    const worker = new Worker('throw new RangeError("no such file")', { eval: true })
    const failed = job(background(), worker, { does: 'wait' })
    await expect(failed).rejects.toMatchObject({ name: 'WorkerError', cause: { message: 'no such file' } })
  })

  it.each<[what: string, script: string, text: string, cause: unknown]>([
    ['a primitive', 'throw 5', '5', 5],
    ['an error that has an `error`', 'throw Object.assign(new Error("outer"), { error: 1 })', 'outer', { error: 1 }],
  ])('fails its jobs with %s that its script throws', async (_, script, text, cause) => {
    const failed = job(background(), new Worker(script, { eval: true }), { does: 'wait' })
    await expect(failed).rejects.toMatchObject({ message: `the worker has failed: ${text}`, cause })
  })

  it('fails its jobs when the port closes silently', async () => {
    const { port1, port2 } = new MessageChannel()
    port2.onmessage = ({ data }: MessageEvent<{ port: MessagePort }>) => data.port.close()
    await expect(job(background(), port1, 1)).rejects.toMatchObject({ name: 'WorkerError', cause: PortClosed })
    port2.close()
  })
})

describe('data that the other thread cannot read', () => {
  const make = unreadable()

  it('fails the job with a PortError if it is the result, and no other job', async () => {
    const worker = start()
    cleanUp(() => worker.terminate())
    const answer = job(background(), worker, { does: 'answer', with: make() })
    const other = job(background(), worker, { does: 'answer', with: 1 })
    const error = await answer.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(PortError)
    expect(error).toMatchObject({ message: 'a message of the worker cannot be deserialized' })
    expect(await other).toBe(1)
  })

  it('fails all jobs of the worker with a WorkerError if it is a message outside of them', async () => {
    const program = `
      const { parentPort } = require('node:worker_threads')
      const { BlockList } = require('node:net')
      parentPort.on('message', () => parentPort.postMessage(new BlockList()))
    `
    const worker = new Worker(program, { eval: true })
    cleanUp(() => worker.terminate())
    const jobs = [job(background(), worker, 1), job(background(), worker, 2)]
    for (const { status, ...settled } of await Promise.allSettled(jobs)) {
      expect(status).toBe('rejected')
      expect(settled).toMatchObject({
        reason: { name: 'WorkerError', message: 'a message of the worker cannot be deserialized' },
      })
    }
    for (const type of ['error', 'exit', 'messageerror']) expect(worker.listenerCount(type)).toBe(0)
  })

  it('fails the job with a PortError if it is its message, and the handler is not called', async () => {
    const { port1, port2 } = new MessageChannel()
    const handler = vi.fn<() => number>(() => 1)
    const stop = serveJobs(handler, { port: port2 })
    const error = await job(background(), port1, make()).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'PortError', message: 'the job is invalid' })
    expect(handler).not.toHaveBeenCalled()
    expect(await job(background(), port1, 1)).toBe(1)
    stop()
    port1.close()
  })

  it('fails the job with a PortError as the cause if it is a value of its context', async () => {
    const { port1, port2 } = new MessageChannel()
    const stop = serveJobs(() => 1, { port: port2 })
    const rules = createKey<object>('rules')
    const ctx = withValue(background(), rules, make())
    const error = await job(ctx, port1, 1, { keys: [rules] }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CanceledError)
    expect(error).toMatchObject({ cause: { name: 'PortError', message: 'a message cannot be deserialized' } })
    stop()
    port1.close()
  })
})

describe('500 jobs under one context', { timeout: 60_000 }, () => {
  it('leave the heap flat, whether they succeed or are canceled', async () => {
    const { port1, port2 } = new MessageChannel()
    const stop = serveJobs(async (ctx, waits: boolean) => void (waits && (await sleep(ctx, Infinity))), { port: port2 })
    const [parent, cancelParent] = withCancel(background())
    const use = async (index: number) => {
      const [ctx, cancel] = withCancel(parent)
      const running = outcome(job(ctx, port1, index % 2 === 0))
      if (index % 2 === 0) {
        await task()
        cancel()
      }
      while (!running.settled) await task()
      cancel()
    }
    for (let index = 0; index < 50; index++) await use(index)
    const before = await heap()
    for (let index = 0; index < 500; index++) await use(index)
    // A retained job takes several thousand bytes.
    expect((await heap()) - before).toBeLessThan(500 * 1_000)
    expect(parent.err).toBeUndefined()
    cancelParent()
    stop()
    port1.close()
  })
})

async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    await task()
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

describe('a thread whose jobs are stopped', () => {
  it('exits by itself', async () => {
    const worker = start()
    const exit = once(worker, 'exit')
    expect(await job(background(), worker, { does: 'stop' })).toBe('stopping')
    expect(await exit).toEqual([0])
  })
})
