/** Jobs in the workers of a page. */

import { background, CanceledError, createKey, isDeadlineExceeded, withCancel, withTimeout, withValue } from 'rescind'
import type { Context } from 'rescind'
import { job, WorkerError } from 'rescind/wire'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { code } from '../wire/job-handler.ts'
import type { Order } from '../wire/job-handler.ts'
import { block, outcome } from '../support.ts'

const start = () => new Worker(new URL('./jobs-worker.ts', import.meta.url), { type: 'module' })

/** A job, and a promise that resolves when it has begun. */
function run(ctx: Context, worker: Worker, order: Order) {
  let begin!: () => void
  const began = new Promise<void>((resolve) => {
    begin = resolve
  })
  return { result: outcome(job(ctx, worker, order, { onProgress: begin })), began }
}

describe('a worker', () => {
  let worker: Worker

  beforeAll(() => {
    worker = start()
  })

  afterAll(() => worker.terminate())

  it('returns the result of a job, or its error', async () => {
    const order: Order = { does: 'answer', with: new Map([['title', 'Blue Train']]) }
    expect(await job(background(), worker, order)).toEqual(new Map([['title', 'Blue Train']]))
    await expect(job(background(), worker, { does: 'fail' })).rejects.toMatchObject({
      name: 'RangeError',
      message: 'no such part',
      cause: { part: 7 },
    })
  })

  it('notices that its job was canceled', async () => {
    const [ctx, cancel] = withCancel(background())
    const { result, began } = run(ctx, worker, { does: 'wait' })
    await began
    cancel('Stop')
    await vi.waitUntil(async () => (await job(background(), worker, { does: 'how it ended' })) === 'AbortError')
    expect(result.error).toBe(ctx.err)
  })

  it('stops one job at once while another continues', async () => {
    const [ctx, cancel] = withCancel(background())
    const [other, stop] = withCancel(background())
    const one = run(ctx, worker, { does: 'compute and pause' })
    const two = run(other, worker, { does: 'wait' })
    await Promise.all([one.began, two.began])
    cancel('Stop')
    expect(await job(background(), worker, { does: 'answer', with: 1 })).toBe(1)
    expect(one.result.error).toBe(ctx.err)
    expect(ctx.err).toBeInstanceOf(CanceledError)
    expect(two.result.settled).toBe(false)
    stop()
  })

  it('stops a computation that reads no messages at the deadline, and accepts the next job', async () => {
    const [ctx] = withTimeout(background(), 20, { label: 'resize' })
    const error = await job(ctx, worker, { does: 'compute' }).catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(isDeadlineExceeded(error)).toBe(true)
    expect(await job(background(), worker, { does: 'how it ended' })).toBe('TimeoutError')
  })
})

describe('a worker that fails', () => {
  it('an error outside a job fails all jobs of the worker at once', async () => {
    const worker = start()
    const [ctx, cancel] = withCancel(background())
    const { result, began } = run(ctx, worker, { does: 'wait' })
    await began
    worker.addEventListener('error', (event) => event.preventDefault())
    await expect(job(ctx, worker, { does: 'throw outside' })).rejects.toBeInstanceOf(WorkerError)
    await vi.waitFor(() => expect(result.error).toBeInstanceOf(WorkerError))
    expect((result.error as Error).message).toContain('thrown outside')
    expect(ctx.err).toBeUndefined()
    cancel()
    worker.terminate()
  })

  // In Firefox the error can arrive many turns before the result.
  it.skipIf(navigator.userAgent.includes('Firefox'))('an error outside a job keeps a result sent before', async () => {
    const worker = start()
    worker.addEventListener('error', (event) => event.preventDefault())
    await job(background(), worker, { does: 'answer', with: 1 })
    const result = job(background(), worker, { does: 'answer and throw' })
    block(300)
    expect(await result).toBe('answered')
    worker.terminate()
  })

  it('a worker that cannot be loaded fails its jobs', async () => {
    const worker = new Worker(new URL('/no-such-worker.js', location.href), { type: 'module' })
    worker.addEventListener('error', (event) => event.preventDefault())
    await expect(job(background(), worker, 1)).rejects.toMatchObject({ name: 'WorkerError' })
  })
})

describe('a shared worker', () => {
  it('runs jobs of the page through its port', async () => {
    const { port } = new SharedWorker(new URL('./jobs-shared-worker.ts', import.meta.url), { type: 'module' })
    expect(await job(background(), port, { does: 'answer', with: 1 })).toBe(1)
    port.close()
  })

  it('fails a job with a PortError if its result cannot be read here', async () => {
    const { port } = new SharedWorker(new URL('./jobs-shared-worker.ts', import.meta.url), { type: 'module' })
    const error = await job(background(), port, { does: 'answer with code' }).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'PortError', message: 'a message of the worker cannot be deserialized' })
    expect(await job(background(), port, { does: 'answer', with: 1 })).toBe(1)
    port.close()
  })

  it('refuses a job with a PortError if its message cannot be read there', async () => {
    const { port } = new SharedWorker(new URL('./jobs-shared-worker.ts', import.meta.url), { type: 'module' })
    const error = await job(background(), port, code()).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'PortError', message: 'the job is invalid' })
    port.close()
  })

  it('refuses a job with a PortError as the cause if its context cannot be read there', async () => {
    const { port } = new SharedWorker(new URL('./jobs-shared-worker.ts', import.meta.url), { type: 'module' })
    const key = createKey<WebAssembly.Module>('code')
    const failing = job(withValue(background(), key, code()), port, { does: 'answer', with: 1 }, { keys: [key] })
    const error = await failing.catch((error: unknown) => error)
    expect(error).toMatchObject({
      name: 'AbortError',
      cause: { name: 'PortError', message: 'a message cannot be deserialized' },
    })
    port.close()
  })
})
