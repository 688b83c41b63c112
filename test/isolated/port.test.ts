/** Contexts in the workers of a page that is cross-origin isolated, which share memory with it. */

import { background, cause, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { toPort } from 'rescind/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Job, Report } from '../wire/port-job.ts'

const workers: Worker[] = []

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate()
})

/** A worker that polls for the end of `ctx` once this resolves. */
async function compute(ctx: Context) {
  const worker = new Worker(new URL('../browser/port-worker.ts', import.meta.url), { type: 'module' })
  workers.push(worker)
  const reports: Report[] = []
  worker.onmessage = ({ data }: MessageEvent<Report>) => reports.push(data)
  const { port1, port2 } = new MessageChannel()
  const release = toPort(ctx, port1)
  worker.postMessage({ job: 'compute', port: port2 } satisfies Job, [port2])
  const next = (count: number) => vi.waitUntil(() => reports.length >= count, { timeout: 20_000 })
  await next(1)
  return { release, reports, next }
}

describe('a worker of an isolated page', () => {
  it('shares memory with the page', () => {
    expect(crossOriginIsolated).toBe(true)
  })

  it('notices a cancel, with its cause, during a computation that reads no messages', async () => {
    const [ctx, cancel] = withCancel(background())
    const { next, reports } = await compute(ctx)
    cancel(new RangeError('left'))
    await next(2)
    expect(reports[1]).toEqual({ event: 'ended', name: 'AbortError', label: undefined, cause: 'RangeError: left' })
  })

  it('notices that its sender released it', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { next, release, reports } = await compute(ctx)
    release({ because: 'enough' })
    await next(2)
    expect(reports[1]).toMatchObject({ name: 'AbortError', cause: { because: 'enough' } })
    expect(cause(ctx)).toBeUndefined()
    cancel()
  })

  it('notices the deadline', async () => {
    const [ctx] = withTimeout(background(), 20, { label: 'search', cause: 'too slow' })
    const { next, reports } = await compute(ctx)
    await next(2)
    expect(reports[1]).toMatchObject({ name: 'TimeoutError', label: 'search', cause: 'too slow' })
  })
})

describe('a shared worker, which shares no memory', () => {
  it('receives the context and its end by messages', async () => {
    const { port } = new SharedWorker(new URL('../browser/port-shared-worker.ts', import.meta.url), { type: 'module' })
    const reports: Report[] = []
    port.onmessage = ({ data }: MessageEvent<Report>) => reports.push(data)
    const [ctx, cancel] = withCancel(background())
    const { port1, port2 } = new MessageChannel()
    toPort(ctx, port1)
    port.postMessage({ job: 'wait', port: port2 } satisfies Job, [port2])
    await vi.waitUntil(() => reports.length > 0, { timeout: 20_000 })
    cancel('why')
    await vi.waitUntil(() => reports.length > 1, { timeout: 20_000 })
    expect(reports[1]).toMatchObject({ event: 'ended', name: 'AbortError', cause: 'why' })
    port.close()
  })
})
