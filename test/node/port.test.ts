/** Contexts in worker threads. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { background, isCanceled, withCancel, withTimeout, withValue } from 'rescind'
import type { Context } from 'rescind'
import { ClientGone } from 'rescind/node'
import { toPort } from 'rescind/wire'
import { describe, expect, it } from 'vitest'
import { requestId } from '../port-job.ts'
import type { Job, Report } from '../port-job.ts'
import { cleanUp, Queue } from './sockets.ts'

const here = import.meta.url

/** A thread that works on a job under `ctx`. */
function start(ctx: Context, job: Job['job']) {
  const worker = new Worker(new URL('./port-worker.js', here))
  const reports = new Queue<Report>()
  worker.on('message', (report: Report) => reports.put(report))
  const { port1, port2 } = new MessageChannel()
  const closed = once(port1, 'close')
  const release = toPort(ctx, port1, { keys: [requestId] })
  worker.postMessage({ job, port: port2 } satisfies Job, [port2 as never])
  const exit = once(worker, 'exit')
  cleanUp(() => worker.terminate())
  return { worker, reports, exit, closed, release }
}

describe('a thread', () => {
  it('has the values, and ends with the cause when the context here does', async () => {
    const [parent, cancel] = withCancel(background())
    const { exit, closed, reports } = start(withValue(parent, requestId, 'r-17'), 'wait')
    expect(await reports.next()).toEqual({ event: 'began', id: 'r-17', hasDeadline: false })
    cancel(ClientGone)
    const why = 'ClientGone: the client has gone'
    expect(await reports.next()).toEqual({ event: 'ended', name: 'AbortError', label: undefined, cause: why })
    // Nothing keeps it.
    await closed
    expect(await exit).toEqual([0])
  })

  it('notices the deadline in a computation that reads no messages', async () => {
    const [ctx, cancel] = withTimeout(background(), 20, { label: 'search', cause: 'too slow' })
    const { exit, reports } = start(ctx, 'compute')
    expect(await reports.next()).toMatchObject({ event: 'began', hasDeadline: true })
    expect(await reports.next()).toEqual({ event: 'ended', name: 'TimeoutError', label: 'search', cause: 'too slow' })
    expect(await exit).toEqual([0])
    cancel()
  })

  it('that is done lets go of the context here, which goes on', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { exit, closed, reports } = start(ctx, 'be done')
    await reports.take(2)
    await closed
    expect(await exit).toEqual([0])
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('ends when its work is called off, and no other', async () => {
    const [ctx, cancel] = withCancel(background())
    const one = start(ctx, 'wait')
    const other = start(ctx, 'wait')
    await Promise.all([one.reports.next(), other.reports.next()])
    one.release('enough')
    expect(await one.reports.next()).toMatchObject({ event: 'ended', cause: 'enough' })
    expect(await one.exit).toEqual([0])
    cancel('all')
    expect(await other.reports.next()).toMatchObject({ event: 'ended', cause: 'all' })
    expect(isCanceled(ctx.err)).toBe(true)
  })

  it('is not kept by what it has received or passed on', async () => {
    const [ctx, cancel] = withCancel(background())
    const { closed, exit } = start(ctx, 'forget')
    expect(await exit).toEqual([0])
    await closed
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('that dies takes its port along', async () => {
    const [ctx, cancel] = withCancel(background())
    const { closed, reports, worker } = start(ctx, 'wait')
    await reports.next()
    await worker.terminate()
    await closed
    expect(ctx.err).toBeUndefined()
    cancel()
  })
})
