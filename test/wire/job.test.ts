/** Jobs through a message channel, both ends in one thread; with workers in node/ and browser/. */

import {
  afterFunc,
  background,
  cause,
  createKey,
  isCanceled,
  isDeadlineExceeded,
  sleep,
  withCancel,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { job, PortError, serveJobs, toPort } from 'rescind/wire'
import type { JobHandler, JobWorker, ServeOptions } from 'rescind/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { channel, closePorts, tellsOfClose } from '../channels.ts'
import { catchUncaught, countListeners, failOnUnhandled, outcome, task, wrong } from '../support.ts'
import type { Outcome } from '../support.ts'

failOnUnhandled()

closePorts()

const stops: (() => void)[] = []

afterEach(() => {
  vi.unstubAllGlobals()
  for (const stop of stops.splice(0)) stop()
})

/** A port to a server of jobs with `handler`, in this thread. */
function workerOf<Message, Result, Progress>(
  handler: JobHandler<Message, Result, Progress>,
  options?: ServeOptions<Result>,
): MessagePort {
  const [port1, port2] = channel()
  stops.push(serveJobs(handler, { ...options, port: port2 }))
  return port1
}

/** Resolves when `ctx` ends. */
function endOf(ctx: Context): Promise<unknown> {
  return new Promise((resolve) => {
    afterFunc(ctx, () => resolve(ctx.err))
  })
}

const echo = () => workerOf((_, message) => message)

const fail = (): never => {
  throw new RangeError('thrown')
}

/** The channels that `fn` makes, with spies on their ports. */
function channelsOf(fn: () => void): MessageChannel[] {
  const channels: MessageChannel[] = []
  const Native = MessageChannel
  vi.stubGlobal('MessageChannel', function make() {
    const channel = new Native()
    vi.spyOn(channel.port1, 'addEventListener')
    vi.spyOn(channel.port2, 'close')
    channels.push(channel)
    return channel
  })
  fn()
  vi.unstubAllGlobals()
  return channels
}

describe('job', () => {
  it('resolves to what the handler returns for its message', async () => {
    expect(await job(background(), echo(), { title: 'Blue Train' })).toEqual({ title: 'Blue Train' })
    expect(await job(background(), echo(), undefined)).toBeUndefined()
  })

  it('keeps several jobs on one worker apart', async () => {
    const worker = workerOf(async (ctx, ms: number, progress: (ms: number) => void) => {
      progress(ms)
      await sleep(ctx, ms)
      if (ms === 2) throw new RangeError('two')
      return ms
    })
    const seen: [asked: number, told: number][] = []
    const jobs = [3, 2, 1].map((ms) =>
      job(background(), worker, ms, { onProgress: (told: number) => void seen.push([ms, told]) }),
    )
    const [three, two, one] = await Promise.allSettled(jobs)
    expect(three).toMatchObject({ value: 3 })
    expect(two).toMatchObject({ reason: { name: 'RangeError', message: 'two' } })
    expect(one).toMatchObject({ value: 1 })
    expect(seen.toSorted()).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
  })

  it('reports progress in order, and before the result', async () => {
    const worker = workerOf((_, count: number, progress: (done: number) => void) => {
      for (let done = 1; done <= count; done++) progress(done)
      return 'done'
    })
    const log: unknown[] = []
    log.push(await job(background(), worker, 3, { onProgress: (done: number) => void log.push(done) }))
    expect(log).toEqual([1, 2, 3, 'done'])
  })

  it('reports an error of onProgress as uncaught, and continues', async () => {
    const worker = workerOf((_, message: string, progress: (text: string) => void) => {
      progress(message)
      return 'done'
    })
    using uncaught = catchUncaught()
    expect(await job(background(), worker, '', { onProgress: fail })).toBe('done')
    await task()
    expect(uncaught.errors).toEqual([new RangeError('thrown')])
  })

  it('ignores progress without onProgress', async () => {
    const worker = workerOf((_, message: string, progress: (text: string) => void) => progress(message))
    using uncaught = catchUncaught()
    expect(await job(background(), worker, '')).toBeUndefined()
    await task()
    expect(uncaught.errors).toEqual([])
  })

  it('needs only postMessage of a worker', async () => {
    const port = echo()
    const worker: JobWorker = { postMessage: (message, transfer) => port.postMessage(message, transfer) }
    expect(await job(background(), worker, 'hi')).toBe('hi')
  })

  it('rejects with the error of the handler, with its name and its cause', async () => {
    const worker = workerOf(() => {
      throw new RangeError('no such part', { cause: { part: 7 } })
    })
    await expect(job(background(), worker, 1)).rejects.toMatchObject({
      name: 'RangeError',
      message: 'no such part',
      cause: { part: 7 },
    })
  })

  it('rejects with the err of its context as soon as that ends, though the handler ignores it', async () => {
    const worker = workerOf(() => new Promise(() => {}))
    const [ctx, cancel] = withCancel(background())
    const pending = outcome(job(ctx, worker, 1))
    await task()
    cancel('Stop')
    await task()
    expect(pending.error).toBe(ctx.err)
  })

  it('ends the context of the handler, with the cause', async () => {
    let ended: Promise<unknown> | undefined
    const worker = workerOf((ctx) => (ended = endOf(ctx)))
    const [ctx, cancel] = withCancel(background())
    const pending = outcome(job(ctx, worker, 1))
    await vi.waitUntil(() => ended !== undefined)
    cancel('Stop')
    expect(await ended).toMatchObject({ name: 'AbortError', cause: 'Stop' })
    expect(pending.error).toBe(ctx.err)
  })

  it('gives the handler the deadline and the values of chosen keys', async () => {
    const requestId = createKey<string>('requestId')
    const worker = workerOf((ctx) => [ctx.value(requestId), ctx.deadline], { keys: [requestId] })
    const [ctx, cancel] = withTimeout(withValue(background(), requestId, 'r-17'), 60_000)
    const [id, deadline] = await job<[id: string, deadline: number]>(ctx, worker, 1, { keys: [requestId] })
    expect(id).toBe('r-17')
    expect(Math.abs(deadline - (ctx.deadline as number))).toBeLessThan(1_000)
    cancel()
  })

  it('rejects with its own deadline, with its label', async () => {
    const clock = fakeClock()
    const worker = workerOf((ctx) => endOf(ctx))
    const [ctx] = withTimeout(clock.root, 5_000, { label: 'resize' })
    const pending = outcome(job(ctx, worker, 1))
    await clock.advance(5_000)
    expect(pending.error).toBe(ctx.err)
    expect(isDeadlineExceeded(pending.error)).toBe(true)
    expect(pending.error).toMatchObject({ label: 'resize', ms: 5_000 })
  })

  it('ends the context of the handler when that has returned', async () => {
    let given: Context | undefined
    const worker = workerOf((ctx) => void (given = ctx))
    const [ctx, cancel] = withCancel(background())
    await job(ctx, worker, 1)
    expect(isCanceled(given?.err)).toBe(true)
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('sends nothing if its context has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    const worker = { postMessage: vi.fn<JobWorker['postMessage']>() }
    await expect(job(ctx, worker, 1)).rejects.toBe(ctx.err)
    expect(worker.postMessage).not.toHaveBeenCalled()
  })

  it('transfers the given objects, both ways', async () => {
    const worker = workerOf(
      (_, bytes: Uint8Array<ArrayBuffer>, progress: (bytes: ArrayBuffer, transfer: ArrayBuffer[]) => void) => {
        const part = new ArrayBuffer(3)
        progress(part, [part])
        return { bytes, left: part.byteLength }
      },
      { transfer: ({ bytes }) => [bytes.buffer] },
    )
    const bytes = new Uint8Array([1, 2, 3])
    const parts: number[] = []
    const result = await job<{ bytes: Uint8Array; left: number }, ArrayBuffer>(background(), worker, bytes, {
      transfer: [bytes.buffer],
      onProgress: ({ byteLength }) => void parts.push(byteLength),
    })
    expect([...result.bytes]).toEqual([1, 2, 3])
    expect(result.left).toBe(0)
    expect(bytes.byteLength).toBe(0)
    expect(parts).toEqual([3])
  })

  it('rejects if the message cannot be cloned, and leaves no listener', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const handler = vi.fn<() => void>()
    const worker = workerOf(handler)
    let failing: Promise<unknown> | undefined
    const channels = channelsOf(() => {
      failing = job({ signal }, worker, () => {})
    })
    await expect(failing).rejects.toMatchObject({ name: 'DataCloneError' })
    await task()
    expect(channels).toHaveLength(2)
    for (const { port2 } of channels) expect(port2.close).toHaveBeenCalled()
    expect(handler).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(listeners()).toBe(0))
  })

  it('does not close a transferred port, which some engines would close on the other side', async () => {
    const worker = echo()
    let answer: Promise<unknown> | undefined
    const channels = channelsOf(() => {
      answer = job(background(), worker, 1)
    })
    expect(await answer).toBe(1)
    expect(channels).toHaveLength(2)
    for (const { port2 } of channels) expect(port2.close).not.toHaveBeenCalled()
  })

  it('rejects if the result cannot be cloned', async () => {
    const worker = workerOf(() => () => {})
    await expect(job(background(), worker, 1)).rejects.toMatchObject({ name: 'DataCloneError' })
  })

  it('leaves no listener, however it settles', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const worker = workerOf((_, fails: boolean) => {
      if (fails) throw new Error('failed')
    })
    const added = vi.spyOn(worker, 'addEventListener')
    const removed = vi.spyOn(worker, 'removeEventListener')
    await Promise.allSettled([true, false].map((fails) => job({ signal }, worker, fails)))
    await vi.waitFor(() => expect(listeners()).toBe(0))
    expect(added).toHaveBeenCalled()
    expect(removed.mock.calls.length).toBe(added.mock.calls.length)
  })

  it.each<[what: string, fields: object, cause: unknown]>([
    ['an error', { error: new RangeError('thrown') }, new RangeError('thrown')],
    ['a primitive', { error: 5 }, 5],
    ['null, as for a script of another origin', { error: null }, undefined],
    ['no error, as for a script that cannot be loaded', {}, undefined],
  ])('rejects with a WorkerError if the worker fires an event with %s', async (_, fields, cause) => {
    const worker = Object.assign(new EventTarget(), { postMessage() {} })
    const pending = outcome(job(background(), worker, 1))
    worker.dispatchEvent(Object.assign(new Event('error'), { message: 'it broke', ...fields }))
    const error = { name: 'WorkerError', message: 'the worker has failed: it broke' }
    await vi.waitFor(() => expect(pending.error).toMatchObject(error))
    expect((pending.error as Error).cause).toEqual(cause)
  })

  it.each<[parameter: string, args: unknown[], message: string]>([
    ['ctx', [undefined, new EventTarget(), 1], 'rescind: ctx must be a context, got undefined'],
    ['worker', [background(), undefined, 1], 'rescind: worker must be a Worker or a MessagePort, got undefined'],
    ['worker', [background(), {}, 1], 'rescind: worker must be a Worker or a MessagePort, got [object Object]'],
    ['options', [background(), { postMessage() {} }, 1, 5], 'rescind: options must be an object, got 5'],
    [
      'onProgress',
      [background(), { postMessage() {} }, 1, { onProgress: 5 }],
      'rescind: onProgress must be a function, got 5',
    ],
    ['transfer', [background(), { postMessage() {} }, 1, { transfer: 5 }], 'rescind: transfer must be a list, got 5'],
  ])('rejects with a TypeError for an invalid %s', async (_, args, message) => {
    await expect(Reflect.apply(job, undefined, args)).rejects.toThrow(new TypeError(message))
  })
})

describe('serveJobs', () => {
  it('takes no more jobs once it is stopped, and ends those in flight', async () => {
    const [port1, port2] = channel()
    let given: Context | undefined
    const stop = serveJobs(
      (ctx) => {
        given = ctx
        return endOf(ctx).then(() => ctx.throwIfDone())
      },
      { port: port2 },
    )
    const pending = outcome(job(background(), port1, 1))
    await vi.waitUntil(() => given)
    stop('closing')
    await vi.waitUntil(() => pending.settled)
    expect(pending.error).toMatchObject({ name: 'AbortError', cause: 'closing' })
    expect(cause(given as Context)).toBe('closing')
    const [ctx, cancel] = withCancel(background())
    const late = outcome(job(ctx, port1, 1))
    await task()
    await task()
    expect(late.settled).toBe(false)
    cancel()
  })

  it('derives the contexts of its jobs from a parent', async () => {
    const user = createKey<string>('user')
    const worker = workerOf((ctx) => ctx.value(user), { parent: withValue(background(), user, 'Ada') })
    expect(await job(background(), worker, 1)).toBe('Ada')
  })

  it.each([
    [undefined, 'background.withCancel(jobs).fromPort(job)'],
    ['resize', 'background.withCancel(jobs).fromPort(resize)'],
  ])('with the label %s shows the context of a job as %s', async (label, text) => {
    expect(await job(background(), workerOf(String, { label }), 1)).toBe(text)
  })

  it.each([
    ['whose bundler defines `process`', {}],
    ['whose platform has the modules of Node', { getBuiltinModule: () => ({ parentPort: null }) }],
  ])('listens to the page that started it in a worker %s', async (_, imitation) => {
    const used: string[] = []
    vi.stubGlobal('WorkerGlobalScope', class extends EventTarget {})
    for (const name of ['addEventListener', 'removeEventListener']) vi.stubGlobal(name, () => used.push(name))
    const { process } = globalThis
    vi.stubGlobal('process', imitation)
    let stop: (() => void) | undefined
    try {
      stop = serveJobs(fail)
    } finally {
      vi.stubGlobal('process', process)
    }
    expect(new Set(used)).toEqual(new Set(['addEventListener']))
    stop()
    await task()
    expect(new Set(used)).toEqual(new Set(['addEventListener', 'removeEventListener']))
  })

  it('throws a TypeError for an invalid argument, and outside a worker without a port', () => {
    expect(() => serveJobs(fail)).toThrow('rescind: port is required outside of a worker')
    expect(() => serveJobs(wrong<() => void>(5))).toThrow('rescind: handler must be a function, got 5')
    expect(() => serveJobs(fail, wrong<object>(5))).toThrow('rescind: options must be an object, got 5')
    expect(() => serveJobs(fail, { port: wrong({}) })).toThrow('rescind: port must be a MessagePort')
    expect(() => serveJobs(fail, { port: channel()[0], transfer: wrong(5) })).toThrow('transfer must be a function')
    expect(() => serveJobs(fail, { port: channel()[0], parent: wrong(5) })).toThrow('parent must be a context')
  })
})

describe('an invalid message', () => {
  it.each<[what: string, message: unknown]>([
    ['not an object', 5],
    ['null', null],
    ['without our tag', { port: 1 }],
    ['of another kind', { rescind: 'begin' }],
    ['without a port', { rescind: 'job', version: 1 }],
    ['with an invalid port', { rescind: 'job', version: 1, port: {} }],
  ])('the worker ignores an invalid message: %s', async (_, message) => {
    const worker = echo()
    worker.postMessage(message, [])
    expect(await job(background(), worker, 1)).toBe(1)
  })

  it.each<[what: string, version: number, message: (context: MessagePort) => unknown, error: string]>([
    ['another version', 2, () => undefined, 'the two sides have different versions of rescind'],
    ['not an object', 1, () => 5, 'the job is invalid'],
    ['another kind', 1, (context) => ({ rescind: 'job', context }), 'the job is invalid'],
    ['no context', 1, () => ({ rescind: 'run', context: {}, message: 1 }), 'the job is invalid'],
  ])(
    'the worker answers with a PortError to an invalid message instead of a job: %s',
    async (_, version, message, error) => {
      const worker = echo()
      const [ours, theirs] = channel()
      const [context] = channel()
      const answer = new Promise<unknown>((resolve) => {
        ours.onmessage = ({ data }) => resolve(data)
      })
      const wrongMessage = message(context)
      if (wrongMessage !== undefined) {
        ours.postMessage(wrongMessage, (wrongMessage as { context?: unknown }).context === context ? [context] : [])
      }
      const closed = new Promise((resolve) => ours.addEventListener('close', resolve))
      worker.postMessage({ rescind: 'job', version, port: theirs }, [theirs])
      expect(await answer).toMatchObject({ rescind: 'error', error: { name: 'PortError', message: error } })
      if (tellsOfClose) await closed
    },
  )

  it('the worker ignores the port of a message of another kind', async () => {
    const worker = echo()
    const [ours, theirs] = channel()
    const answered = vi.fn<() => void>()
    ours.onmessage = answered
    worker.postMessage({ rescind: 'begin', version: 2, port: theirs }, [theirs])
    await job(background(), worker, 1)
    await task()
    expect(answered).not.toHaveBeenCalled()
  })

  it('the worker runs only the first job of a port, closes the port, and ends the context of the job', async () => {
    const handler = vi.fn<(ctx: Context, message: unknown) => void>()
    const worker = workerOf(handler)
    const [ours, theirs] = channel()
    for (const message of [1, 2]) {
      const [sender, context] = channel()
      stops.push(toPort(background(), sender))
      ours.postMessage({ rescind: 'run', context, message }, [context])
    }
    worker.postMessage({ rescind: 'job', version: 1, port: theirs }, [theirs])
    const closed = new Promise((resolve) => ours.addEventListener('close', resolve))
    ours.start()
    await vi.waitFor(() => expect(handler).toHaveBeenCalled())
    expect(await job(background(), worker, 3)).toBeUndefined()
    expect(handler.mock.calls.map(([, message]) => message)).toEqual([1, 3])
    expect(isCanceled(handler.mock.calls[0]?.[0].err)).toBe(true)
    if (tellsOfClose) await closed
  })

  it('an invalid message in the context of a job fails that job with a PortError', async () => {
    const worker = echo()
    const [ours, theirs] = channel()
    const [sender, context] = channel()
    const answer = new Promise<unknown>((resolve) => {
      ours.onmessage = ({ data }) => resolve(data)
    })
    sender.postMessage({ rescind: 'begin', version: 1, values: 5 }, [])
    ours.postMessage({ rescind: 'run', context, message: 1 }, [context])
    worker.postMessage({ rescind: 'job', version: 1, port: theirs }, [theirs])
    expect(await answer).toMatchObject({ rescind: 'error', error: { kind: 'canceled', cause: { name: 'PortError' } } })
  })

  it.each<[what: string, answer: unknown, error: object]>([
    [
      'of an unknown kind',
      { rescind: 'other' },
      { name: 'PortError', message: 'a message of a job is of unknown kind' },
    ],
    ['without an error', { rescind: 'error' }, { name: 'PortError' }],
    ['with an invalid error', { rescind: 'error', error: { kind: 'other' } }, { name: 'PortError' }],
  ])('an invalid message from the worker fails the job: %s', async (_, answer, error) => {
    const [worker, there] = channel()
    there.onmessage = ({ data }: MessageEvent<{ port: MessagePort }>) => data.port.postMessage(answer, [])
    await expect(job(background(), worker, 1)).rejects.toMatchObject(error)
  })

  it('a message from the worker that is not from rescind is ignored', async () => {
    const [worker, there] = channel()
    there.onmessage = ({ data }: MessageEvent<{ port: MessagePort }>) => {
      for (const noise of ['other', null]) data.port.postMessage(noise, [])
      data.port.postMessage({ rescind: 'result', value: 'result' }, [])
    }
    expect(await job(background(), worker, 1)).toBe('result')
  })

  it('a message that cannot be read fails the job with a PortError', async () => {
    const [worker, there] = channel()
    let pending: Outcome<unknown> | undefined
    const [ours] = channelsOf(() => {
      pending = outcome(job(background(), worker, 1))
    })
    // A real messageerror needs a second thread.
    const { calls } = vi.mocked((ours as MessageChannel).port1.addEventListener).mock
    for (const [type, listener] of calls) {
      if (type === 'messageerror') (listener as (event: object) => void)({ type })
    }
    await task()
    expect(pending?.error).toBeInstanceOf(PortError)
    there.close()
  })
})
