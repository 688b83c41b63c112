/** Contexts in worker threads. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  afterFunc,
  background,
  CanceledError,
  cause,
  DeadlineExceededError,
  isCanceled,
  rearm,
  withCancel,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { ClientGone } from 'rescind/node'
import { deserializeError, fromPort, PortClosed, PortError, toPort } from 'rescind/wire'
import { describe, expect, it } from 'vitest'
import { requestId } from '../wire/port-job.ts'
import type { Job, Report } from '../wire/port-job.ts'
import { cleanUp, Queue } from './sockets.ts'
import { unreadable } from './unreadable.ts'

const here = import.meta.url

/** A thread that runs a job under `ctx`. */
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

/** The error in the first report of a failure. */
async function failureOf(reports: Queue<Report>): Promise<unknown> {
  for (;;) {
    const report = await reports.next()
    if (report.event === 'failed') return deserializeError(report.error)
  }
}

describe('a thread', () => {
  it('receives the values, and ends with the cause when the context on this side ends', async () => {
    const [parent, cancel] = withCancel(background())
    const { exit, closed, reports } = start(withValue(parent, requestId, 'r-17'), 'wait')
    expect(await reports.next()).toEqual({ event: 'began', id: 'r-17', hasDeadline: false })
    cancel(ClientGone)
    const why = 'ClientGone: the client has gone'
    expect(await reports.next()).toEqual({ event: 'ended', name: 'AbortError', label: undefined, cause: why })
    // Nothing keeps the thread alive.
    await closed
    expect(await exit).toEqual([0])
  })

  it('notices the deadline during a computation that reads no messages', async () => {
    const [ctx, cancel] = withTimeout(background(), 20, { label: 'search', cause: 'too slow' })
    const { exit, reports } = start(ctx, 'compute')
    expect(await reports.next()).toMatchObject({ event: 'began', hasDeadline: true })
    expect(await reports.next()).toEqual({ event: 'ended', name: 'TimeoutError', label: 'search', cause: 'too slow' })
    expect(await exit).toEqual([0])
    cancel()
  })

  it('notices a cancel, with its cause, during a computation that reads no messages', async () => {
    const [ctx, cancel] = withCancel(background())
    const { exit, reports } = start(ctx, 'compute')
    await reports.next()
    cancel(ClientGone)
    const why = 'ClientGone: the client has gone'
    expect(await reports.next()).toEqual({ event: 'ended', name: 'AbortError', label: undefined, cause: why })
    expect(await exit).toEqual([0])
  })

  it('notices during such a computation that the sender released it', async () => {
    const { exit, release, reports } = start(withTimeout(background(), 60_000)[0], 'compute')
    await reports.next()
    release({ because: 'enough' })
    expect(await reports.next()).toMatchObject({ name: 'AbortError', cause: { because: 'enough' } })
    expect(await exit).toEqual([0])
  })

  it('notices during such a computation that the deadline has moved closer', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000, { label: 'search' })
    const { exit, reports } = start(ctx, 'compute')
    await reports.next()
    rearm(ctx, 5)
    expect(await reports.next()).toMatchObject({ name: 'TimeoutError', label: 'search' })
    expect(await exit).toEqual([0])
    cancel()
  })

  it('sends back the error of its work, which keeps its kind, cause and deadline', async () => {
    const [ctx, cancel] = withTimeout(background(), 20, { label: 'search', cause: new RangeError('slow') })
    const late = start(ctx, 'fail with the end')
    expect(await failureOf(late.reports)).toBeInstanceOf(DeadlineExceededError)
    const [other, stop] = withCancel(background())
    const canceled = start(other, 'fail with the end')
    await canceled.reports.next()
    stop(ClientGone)
    const error = await failureOf(canceled.reports)
    expect(error).toBeInstanceOf(CanceledError)
    expect(error).toMatchObject({ cause: { name: 'ClientGone', message: 'the client has gone' } })
    const failed = start(withCancel(background())[0], 'fail')
    expect(await failureOf(failed.reports)).toMatchObject({
      name: 'RangeError',
      message: 'no such part',
      cause: { part: 7 },
    })
    expect(await Promise.all([late.exit, canceled.exit, failed.exit])).toEqual([[0], [0], [0]])
    cancel()
  })

  it('closes the connection when its work is done, and the context on this side stays alive', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { exit, closed, reports } = start(ctx, 'be done')
    await reports.take(2)
    await closed
    expect(await exit).toEqual([0])
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('ends when the sender releases it, and no other thread does', async () => {
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

  it('can exit though it dropped a received context, and one that it passed on', async () => {
    const [ctx, cancel] = withCancel(background())
    const { closed, exit } = start(ctx, 'forget')
    expect(await exit).toEqual([0])
    await closed
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('ends the context of its job when it is terminated, if the exit event cancels that', async () => {
    const [ctx, cancel] = withCancel(background())
    const { exit, reports, worker } = start(ctx, 'wait')
    await reports.next()
    worker.once('exit', () => cancel(PortClosed))
    await worker.terminate()
    await exit
    expect(cause(ctx)).toBe(PortClosed)
  })

  it('closes its port when it is terminated', async () => {
    const [ctx, cancel] = withCancel(background())
    const { closed, reports, worker } = start(ctx, 'wait')
    await reports.next()
    await worker.terminate()
    await closed
    expect(ctx.err).toBeUndefined()
    cancel()
  })
})

describe('a message that the platform cannot read', () => {
  const make = unreadable()

  it('ends the received context with a PortError as the cause, and closes the connection of its sender', async () => {
    const [ctx, cancel] = withCancel(background())
    const { port1, port2 } = new MessageChannel()
    toPort(ctx, port1)
    const [received] = await fromPort(background(), port2)
    const closed = once(port2, 'close')
    port1.postMessage(make(), [])
    await closed
    expect(cause(received)).toBeInstanceOf(PortError)
    expect(cause(received)).toMatchObject({ message: 'a message cannot be deserialized' })
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('ends the passed context as an answer, and the received one with it', async () => {
    const [ctx, cancel] = withCancel(background())
    const { port1, port2 } = new MessageChannel()
    toPort(ctx, port1)
    const [received] = await fromPort(background(), port2)
    const ended = new Promise((resolve) => void afterFunc(received, () => resolve(cause(received))))
    port2.postMessage(make(), [])
    expect(await ended).toMatchObject({ name: 'PortError', message: 'an answer cannot be deserialized' })
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('rejects fromPort if it is the first message', async () => {
    const { port1, port2 } = new MessageChannel()
    const arrival = fromPort(background(), port2)
    port1.postMessage(make(), [])
    await expect(arrival).rejects.toMatchObject({ name: 'AbortError', cause: { name: 'PortError' } })
  })
})
