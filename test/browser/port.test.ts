/** Contexts in the workers of a page. */

import { background, CanceledError, DeadlineExceededError, withCancel, withTimeout, withValue } from 'rescind'
import type { Context } from 'rescind'
import { deserializeError, toPort } from 'rescind/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { requestId } from '../wire/port-job.ts'
import type { Job, Report } from '../wire/port-job.ts'

const workers: Worker[] = []

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate()
})

/** A worker that runs a job under `ctx`, and its reports so far. */
function start(ctx: Context, job: Job['job']) {
  const worker = new Worker(new URL('./port-worker.ts', import.meta.url), { type: 'module' })
  workers.push(worker)
  const reports: Report[] = []
  worker.onmessage = ({ data }: MessageEvent<Report>) => reports.push(data)
  const { port1, port2 } = new MessageChannel()
  const closed = vi.spyOn(port1, 'close')
  const release = toPort(ctx, port1, { keys: [requestId] })
  worker.postMessage({ job, port: port2 } satisfies Job, [port2])
  const next = (count: number) => vi.waitUntil(() => reports.length >= count, { timeout: 10_000 })
  return { worker, reports, closed, release, next }
}

function failureOf({ reports }: { readonly reports: readonly Report[] }): unknown {
  const failure = reports.find((report) => report.event === 'failed')
  return failure && deserializeError(failure.error)
}

describe('a worker', () => {
  it('receives the values, and ends with the cause when the context on this side ends', async () => {
    const [parent, cancel] = withCancel(background())
    const { closed, next, reports } = start(withValue(parent, requestId, 'r-17'), 'wait')
    await next(1)
    cancel(new RangeError('left'))
    await next(2)
    expect(reports).toEqual([
      { event: 'began', id: 'r-17', hasDeadline: false },
      { event: 'ended', name: 'AbortError', label: undefined, cause: 'RangeError: left' },
    ])
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1))
  })

  it('notices the deadline during a computation that reads no messages', async () => {
    const [ctx] = withTimeout(background(), 20, { label: 'search', cause: 'too slow' })
    const { next, reports } = start(ctx, 'compute')
    await next(2)
    expect(reports).toEqual([
      { event: 'began', id: undefined, hasDeadline: true },
      { event: 'ended', name: 'TimeoutError', label: 'search', cause: 'too slow' },
    ])
  })

  it('notices a cancel during a computation with pauses', async () => {
    const [ctx, cancel] = withCancel(background())
    const { next, reports } = start(ctx, 'compute and pause')
    await next(1)
    cancel('enough')
    await next(3)
    expect(reports[2]).toMatchObject({ event: 'ended', name: 'AbortError', cause: 'enough' })
  })

  it('sends back the error of its work, which keeps its kind, cause and deadline', async () => {
    const late = start(withTimeout(background(), 20, { label: 'search' })[0], 'fail with the end')
    await late.next(2)
    expect(failureOf(late)).toBeInstanceOf(DeadlineExceededError)
    expect(failureOf(late)).toMatchObject({ label: 'search', ms: 20 })
    const [ctx, cancel] = withCancel(background())
    const canceled = start(ctx, 'fail with the end')
    await canceled.next(1)
    cancel(new TypeError('left'))
    await canceled.next(2)
    expect(failureOf(canceled)).toBeInstanceOf(CanceledError)
    expect(failureOf(canceled)).toMatchObject({ cause: { name: 'TypeError', message: 'left' } })
    const failed = start(background(), 'fail')
    await failed.next(2)
    expect(failureOf(failed)).toMatchObject({ name: 'RangeError', message: 'no such part', cause: { part: 7 } })
  })

  it('a terminated worker sends nothing, and its sender can release it', async () => {
    const [ctx, cancel] = withCancel(background())
    const { closed, next, release, worker } = start(ctx, 'wait')
    await next(1)
    worker.terminate()
    release()
    expect(ctx.err).toBeUndefined()
    expect(closed).not.toHaveBeenCalled()
    cancel()
  })

  it('closes the connection when its work is done, and the context on this side stays alive', async () => {
    const [ctx, cancel] = withCancel(background())
    const { closed, next } = start(ctx, 'be done')
    await next(2)
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1))
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('ends when the sender releases it', async () => {
    const [ctx, cancel] = withCancel(background())
    const { next, release, reports } = start(ctx, 'wait')
    await next(1)
    release('enough')
    await next(2)
    expect(reports[1]).toMatchObject({ cause: 'enough' })
    expect(ctx.err).toBeUndefined()
    cancel()
  })
})
