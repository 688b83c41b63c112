/**
 * Ends that are read from shared memory, before the message about them can be read. For busy threads see
 * node/port.test.ts and isolated/port.test.ts.
 */

import {
  background,
  CanceledError,
  cause,
  DeadlineExceededError,
  disarm,
  isCanceled,
  remaining,
  withCancel,
  withTimeout,
} from 'rescind'
import { fakeClock } from 'rescind/testing'
import { fromPort, PortError, serializeError, toPort } from 'rescind/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { channel, closePorts, ended, pass } from '../channels.ts'
import { failOnUnhandled, microtask, task } from '../support.ts'

failOnUnhandled()
closePorts()

/** The first message of a context whose memory may follow. */
const begin = { rescind: 'begin', version: 1, values: [], isShared: true }
const sharesMemory = typeof SharedArrayBuffer === 'function' && globalThis.crossOriginIsolated !== false

/** An object that contains itself. */
const round: { self?: object; readonly list: number[] } = { list: [1] }
round.self = round

/** A context canceled with `why`, and its receiver, which has read no message about that. */
async function polled(why: unknown) {
  const [ctx, cancel] = withCancel(background())
  const { received } = await pass(ctx)
  cancel(why)
  await microtask()
  return { ctx, received }
}

/** The memory that a sender posts, and the context that uses it. */
async function memory(): Promise<{ buffer: SharedArrayBuffer; received: ReturnType<typeof fromPort> }> {
  const [port1, port2] = channel()
  const post = vi.spyOn(port1, 'postMessage')
  toPort(background(), port1)
  const message = post.mock.calls.map(([data]) => data as { memory?: SharedArrayBuffer }).find((data) => data.memory)
  return { buffer: message?.memory as SharedArrayBuffer, received: fromPort(background(), port2) }
}

describe('a platform whose threads share no memory', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it.each([
    ['SharedArrayBuffer', undefined],
    ['crossOriginIsolated', false],
  ])('gets every end by message if %s is %s', async (name, value) => {
    vi.stubGlobal(name, value)
    const [port1, port2] = channel()
    const post = vi.spyOn(port1, 'postMessage')
    const [ctx, cancel] = withCancel(background())
    toPort(ctx, port1)
    const [received] = await fromPort(background(), port2)
    cancel('why')
    await ended(received)
    expect(cause(received)).toBe('why')
    expect(post.mock.calls.map(([data]) => (data as { rescind: string }).rescind)).toEqual(['begin', 'end'])
  })
})

describe.runIf(sharesMemory)('a context that has ended', () => {
  it('is sent without memory', () => {
    const [port1] = channel()
    const post = vi.spyOn(port1, 'postMessage')
    const [ctx, cancel] = withCancel(background())
    cancel()
    toPort(ctx, port1)
    expect(post.mock.calls).toMatchObject([[{ rescind: 'begin', isShared: false }]])
  })
})

describe.runIf(sharesMemory)('an end in shared memory', () => {
  it('is visible to a read of err, with its cause, before any message is read', async () => {
    const { received } = await polled({ because: ['left', 7, null, true] })
    expect(received.err).toBeInstanceOf(CanceledError)
    expect(cause(received)).toEqual({ because: ['left', 7, null, true] })
  })

  it('ends descendants and notifies listeners', async () => {
    const [ctx, cancel] = withCancel(background())
    const { received } = await pass(ctx)
    const [child] = withCancel(received)
    const [grandchild] = withTimeout(child, 60_000)
    const listener = vi.fn<() => void>()
    received.signal.addEventListener('abort', listener)
    cancel('why')
    await microtask()
    expect(remaining(grandchild)).toBe(0)
    expect(cause(grandchild)).toBe('why')
    expect(listener).toHaveBeenCalledTimes(1)
    await task()
    await task()
    expect(listener).toHaveBeenCalledTimes(1)
    expect(cause(received)).toBe('why')
  })

  it('is visible to contexts derived from the receiver', async () => {
    const { received } = await polled('why')
    expect(cause(withCancel(received)[0])).toBe('why')
  })

  it('has no cause if none was given', async () => {
    const { received } = await polled(undefined)
    expect(isCanceled(received.err)).toBe(true)
    expect(received.err?.cause).toBeUndefined()
  })

  it('names the deadline if it passed on the other side first', async () => {
    const here = fakeClock(0)
    const [ctx] = withTimeout(here.root, 5_000, { label: 'search', cause: new RangeError('slow') })
    const { received } = await pass(ctx, {}, fakeClock(0).root)
    await here.advance(5_000)
    expect(received.err).toBeInstanceOf(DeadlineExceededError)
    expect(received.err).toMatchObject({ label: 'search', ms: 5_000, cause: { name: 'RangeError', message: 'slow' } })
  })

  it.each<[what: string, why: unknown, text: string]>([
    ['a Map', new Map([['a', 1]]), '[object Map]'],
    ['a bigint', 12n, '12'],
    ['NaN', NaN, 'NaN'],
    ['a Date', new Date(NaN), 'Invalid Date'],
    ['undefined in a list', [undefined, 1], '[object Array]'],
    ['an object that contains itself', round, '[object Object]'],
    ['one list in two places', [[1], [1]].fill(round.list), '[object Array]'],
  ])('has a cause as text if JSON cannot represent it: %s', async (_, why, text) => {
    expect(cause((await polled(why)).received)).toBe(text)
  })

  it('keeps an error as the cause, without its stack if that is too long', async () => {
    const small = Object.assign(new RangeError('small'), { stack: 'at home' })
    expect(cause((await polled(small)).received)).toMatchObject({ name: 'RangeError', stack: 'at home' })
    const large = Object.assign(new RangeError('large'), { stack: 'x'.repeat(16_384), cause: small })
    const received = cause((await polled(large)).received)
    expect(received).toMatchObject({ name: 'RangeError', message: 'large', stack: 'RangeError: large' })
    expect((received as Error).cause).toMatchObject({ name: 'RangeError', message: 'small' })
  })

  it('has a short text instead of a cause that is too long', async () => {
    const long = { text: 'é'.repeat(10_000) }
    expect(cause((await polled(long)).received)).toBe('[object Object]')
    const errors = Array.from({ length: 50 }, (_, index) => new Error(`${index}`.repeat(1_000)))
    expect(cause((await polled(new AggregateError(errors, 'many'))).received)).toBe('AggregateError: many')
  })

  it('does not affect a context that was disarmed', async () => {
    const [ctx, cancel] = withCancel(background())
    const { received } = await pass(ctx)
    disarm(received)
    cancel('why')
    await microtask()
    expect(received.err).toBeUndefined()
  })

  it('is a PortError if another writer wrote it', async () => {
    for (const length of [-5, 1, 100, 2 ** 31 - 1]) {
      const { buffer, received } = await memory()
      const [ctx] = await received
      expect(ctx.err).toBeUndefined()
      Atomics.store(new Int32Array(buffer), 0, length)
      expect(ctx.err).toBeInstanceOf(CanceledError)
      expect(cause(ctx)).toBeInstanceOf(PortError)
    }
  })

  it('is a PortError if it is not an error of a context', async () => {
    const { buffer, received } = await memory()
    const [ctx] = await received
    const text = new TextEncoder().encode(JSON.stringify(serializeError(new DOMException('late', 'TimeoutError'))))
    new Uint8Array(buffer, 4).set(text)
    Atomics.store(new Int32Array(buffer), 0, text.length)
    expect(cause(ctx)).toBeInstanceOf(PortError)
  })

  it.each<[what: string, make: () => unknown]>([
    ['memory that is not shared', () => new ArrayBuffer(16_384)],
    ['memory of another size', () => new SharedArrayBuffer(4)],
    ['text', () => 'memory'],
    ['nothing', () => undefined],
  ])('refuses %s as its memory with a PortError', async (_, make) => {
    const [port1, port2] = channel()
    port1.postMessage(begin)
    port1.postMessage({ rescind: 'memory', memory: make() })
    await expect(fromPort(background(), port2)).rejects.toMatchObject({ cause: { name: 'PortError' } })
  })

  it('is not waited for once the sender is ready', async () => {
    const [port1, port2] = channel()
    port1.postMessage(begin)
    port1.postMessage({ rescind: 'ready' })
    const [ctx] = await fromPort(background(), port2)
    expect(ctx.err).toBeUndefined()
  })

  it('is sent by message if the memory cannot be posted', async () => {
    const [port1, port2] = channel()
    const { postMessage } = port1
    vi.spyOn(port1, 'postMessage').mockImplementation((data: { rescind: string }) => {
      if (data.rescind === 'memory') throw new DOMException('not here', 'DataCloneError')
      postMessage.call(port1, data)
    })
    const [ctx, cancel] = withCancel(background())
    toPort(ctx, port1)
    const [received] = await fromPort(background(), port2)
    cancel('why')
    await ended(received)
    expect(cause(received)).toBe('why')
  })

  it('is optional if another agent cluster cannot read the memory', async () => {
    const [port1, port2] = channel()
    const listening = vi.spyOn(port2, 'addEventListener')
    port1.postMessage(begin)
    const arrived = fromPort(background(), port2)
    await task()
    const listener = listening.mock.calls.find(([type]) => type === 'messageerror')?.[1] as (event: object) => void
    listener({ type: 'messageerror' })
    const [ctx] = await arrived
    expect(ctx.err).toBeUndefined()
    listener({ type: 'messageerror' })
    expect(cause(ctx)).toBeInstanceOf(PortError)
  })
})
