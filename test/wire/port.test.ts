/** Contexts through a message port, both ends in one thread; across threads in node/ and browser/. */

import {
  background,
  CanceledError,
  cause,
  createKey,
  DeadlineExceededError,
  disarm,
  isCanceled,
  isDeadlineExceeded,
  rearm,
  remaining,
  withCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { fromPort, PortClosed, toPort } from 'rescind/wire'
import { describe, expect, it, vi } from 'vitest'
import { channel, closePorts, ended, holes, pass, sent, tellsOfClose, watch } from '../channels.ts'
import { block, countListeners, failOnUnhandled, outcome, task } from '../support.ts'

const requestId = createKey<string>('requestId')
const user = createKey<{ readonly name: string }>('user', { name: 'nobody' })

/** A trap of an object that must not be read. */
const trap = () => expect.unreachable() as never

failOnUnhandled()

closePorts()

describe('toPort and fromPort', () => {
  it('end the context on the other side, with the kind of the error and the cause', async () => {
    const [ctx, cancel] = withCancel(background())
    const { received } = await pass(ctx)
    expect(received.err).toBeUndefined()
    cancel({ because: 'left' })
    await ended(received)
    expect(received.err).toBeInstanceOf(CanceledError)
    expect(received.err).not.toBe(ctx.err)
    expect(cause(received)).toEqual({ because: 'left' })
    expect(received.signal.reason).toBe(received.err)
  })

  it('end it without a cause if none was given', async () => {
    const [ctx, cancel] = withCancel(background())
    const { received } = await pass(ctx)
    cancel()
    await ended(received)
    expect(received.err?.cause).toBeUndefined()
    expect(isCanceled(received.err)).toBe(true)
  })

  it('end it before other listeners of the message run, with all its descendants', async () => {
    const [ctx, cancel] = withCancel(background())
    const { port2, received } = await pass(ctx)
    // Read before: a read through the context would look into shared memory.
    const { signal } = withCancel(received)[0]
    const seen: unknown[] = []
    port2.addEventListener('message', () => seen.push(signal.aborted))
    // In WebKit a port that is closed loses its listeners, in the middle of an event too.
    const close = vi.spyOn(port2, 'close').mockReturnValue()
    cancel()
    await expect.poll(() => seen).toContain(true)
    close.mockRestore()
  })

  it('send the time that is left, and the values of the chosen keys', async () => {
    const here = fakeClock(5_000_000)
    const there = fakeClock(7)
    const other = createKey<string>('other')
    const [limited] = withTimeout(withValue(withValue(here.root, requestId, 'r-17'), other, 'secret'), 10_000)
    await here.advance(4_000)
    const { received } = await pass(limited, { keys: [requestId, user] }, there.root)
    expect(received.deadline).toBe(7 + 6_000)
    expect(received.value(requestId)).toBe('r-17')
    expect(received.value(user)).toEqual({ name: 'nobody' })
    expect(received.value(other)).toBeUndefined()
  })

  it('match keys by name, not by identity', async () => {
    const [port1, port2] = channel()
    toPort(withValue(background(), requestId, 'r-17'), port1, { keys: [requestId] })
    const there = createKey<string>('requestId')
    const parent = withValue(background(), user, { name: 'ours' })
    const [received] = await fromPort(parent, port2, { keys: [there, user], label: 'job' })
    expect(received.value(there)).toBe('r-17')
    expect(received.value(requestId)).toBeUndefined()
    expect(received.value(user)).toEqual({ name: 'ours' })
    expect(String(received)).toBe('background.withValue(user).withValue(requestId).fromPort(job)')
  })

  it('drop a value whose key the receiver does not list', async () => {
    const [port1, port2] = channel()
    toPort(withValue(background(), requestId, 'r-17'), port1, { keys: [requestId] })
    const [received] = await fromPort(background(), port2, { keys: [user] })
    expect(received.err).toBeUndefined()
    expect(received.value(requestId)).toBeUndefined()
  })

  it('let the deadline pass on the other side without a message, with its label', async () => {
    const here = fakeClock(0)
    const there = fakeClock(0)
    const [outer] = withTimeout(here.root, 5_000, { label: 'search', cause: new RangeError('slow') })
    const [ctx] = withTimeout(outer, 60_000, { label: 'other' })
    await here.advance(1_000)
    const { received } = await pass(ctx, {}, there.root)
    await there.advance(3_999)
    expect(received.err).toBeUndefined()
    await there.advance(1)
    expect(received.err).toBeInstanceOf(DeadlineExceededError)
    expect(received.err).toMatchObject({ label: 'search', ms: 5_000 })
    expect(cause(received)).toMatchObject({ name: 'RangeError', message: 'slow' })
  })

  it('send the label of a deadline that passes on this side first', async () => {
    const here = fakeClock(0)
    const [ctx] = withTimeout(here.root, 5_000, { label: 'search', cause: new RangeError('slow') })
    const { received } = await pass(ctx, {}, fakeClock(0).root)
    await here.advance(5_000)
    await ended(received)
    expect(received.err).toBeInstanceOf(DeadlineExceededError)
    expect(received.err).toMatchObject({ label: 'search', ms: 5_000 })
    expect(cause(received)).toMatchObject({ name: 'RangeError', message: 'slow' })
  })

  it('count the time from the send, not from the read', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const [port1, port2] = channel()
    const release = toPort(ctx, port1)
    block(40)
    const [received] = await fromPort(background(), port2)
    expect(Math.abs((received.deadline ?? 0) - (ctx.deadline ?? 0))).toBeLessThan(20)
    rearm(ctx, 30_000)
    block(40)
    await vi.waitFor(() => expect(Math.abs((received.deadline ?? 0) - (ctx.deadline ?? 0))).toBeLessThan(20))
    release()
    cancel()
  })

  it('end the context with a deadline that passed in transit, with its label', async () => {
    const [ctx, cancel] = withTimeout(background(), 20, { label: 'job', cause: 'too slow' })
    const [port1, port2] = channel()
    const release = toPort(ctx, port1)
    block(40)
    const [received] = await fromPort(background(), port2)
    expect(received.err).toMatchObject({ name: 'TimeoutError', label: 'job', ms: 20, cause: 'too slow' })
    release()
    cancel()
  })

  it('let the deadline pass during a computation that reads no messages', async () => {
    const [ctx] = withTimeout(background(), 20)
    const { received } = await pass(ctx)
    block(21)
    expect(isDeadlineExceeded(received.err)).toBe(true)
  })

  it('move the deadline on the other side when it moves here', async () => {
    const here = fakeClock(0)
    const there = fakeClock(0)
    const [ctx] = withTimeout(here.root, 1_000, { label: 'search' })
    const { received } = await pass(ctx, {}, there.root)
    await there.advance(500)
    rearm(ctx, 3_000)
    await vi.waitFor(() => expect(remaining(received)).toBe(3_000))
    rearm(ctx, 200)
    await vi.waitFor(() => expect(remaining(received)).toBe(200))
    disarm(ctx)
    await vi.waitFor(() => expect(remaining(received)).toBeUndefined())
    await there.advance(60_000)
    expect(received.err).toBeUndefined()
  })

  it('end the context at a moved deadline, with its new duration', async () => {
    const here = fakeClock(0)
    const there = fakeClock(0)
    const [ctx] = withTimeout(here.root, 1_000, { label: 'search' })
    const { received } = await pass(ctx, {}, there.root)
    rearm(ctx, 3_000)
    await vi.waitFor(() => expect(remaining(received)).toBe(3_000))
    await there.advance(3_000)
    expect(received.err).toMatchObject({ name: 'TimeoutError', label: 'search', ms: 3_000 })
  })

  it.each([60_000, undefined])('name the deadline of this side if it was moved here, over one of %s ms', async (ms) => {
    const there = fakeClock(0)
    const ctx = ms === undefined ? background() : withTimeout(fakeClock(0).root, ms, { label: 'search' })[0]
    const { received } = await pass(ctx, { label: 'job' }, there.root)
    rearm(received, 5_000)
    await there.advance(5_000)
    expect(received.err).toMatchObject({ name: 'TimeoutError', label: 'job', ms: 5_000 })
  })

  it('send nothing about a deadline that moves after the end', async () => {
    const [ctx] = withTimeout(background(), 60_000)
    const { port1, received, release } = await pass(ctx)
    release()
    await ended(received)
    const post = vi.spyOn(port1, 'postMessage')
    rearm(ctx, 30_000)
    expect(post).not.toHaveBeenCalled()
    disarm(ctx)
  })

  it('send a context that has ended already, which arrives ended', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel('why')
    const [port1, port2] = channel()
    toPort(ctx, port1)
    await task()
    const [received] = await fromPort(background(), port2)
    expect(cause(received)).toBe('why')
  })

  it('send a context whose deadline has passed', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 5, { label: 'search' })
    await clock.advance(5)
    const { received } = await pass(ctx)
    expect(received.err).toMatchObject({ name: 'TimeoutError', label: 'search', ms: 5 })
  })

  it('end the received context with its new parent too', async () => {
    const [parent, cancel] = withCancel(background())
    const { received } = await pass(withCancel(background())[0], {}, parent)
    cancel('parent')
    expect(cause(received)).toBe('parent')
  })

  it('end only the other side when the sender cancels, and nothing here when the receiver cancels', async () => {
    const [ctx] = withCancel(background())
    const { received, release } = await pass(ctx)
    release('done with it')
    await ended(received)
    expect(cause(received)).toBe('done with it')
    expect(ctx.err).toBeUndefined()
    const second = await pass(ctx)
    second.cancel('there')
    await task()
    expect(cause(second.received)).toBe('there')
    expect(ctx.err).toBeUndefined()
  })

  describe('a cause', () => {
    it.each([['text'], [0], [null], [false], [12n], [[1, { two: 2 }]], [new Map([['a', 1]])], [new Date(7)]])(
      'arrives unchanged if it is data: %s',
      async (why) => {
        expect(await sent(why)).toEqual(why)
      },
    )

    it('keeps its name, message, stack and cause if it is an Error', async () => {
      class QueryError extends TypeError {
        override name = 'QueryError'
      }
      const why = new QueryError('no such table', { cause: PortClosed })
      const received = (await sent(why)) as Error
      expect(received).toBeInstanceOf(Error)
      expect(received).toMatchObject({ name: 'QueryError', message: 'no such table', stack: why.stack })
      expect(received.cause).toMatchObject({ name: 'PortClosed', message: PortClosed.message })
    })

    it('keeps its kind if it is an error of a context', async () => {
      const inner = new DeadlineExceededError({ label: 'inner', ms: 5, cause: new CanceledError('deep') })
      const received = (await sent(inner)) as DeadlineExceededError
      expect(received).toBeInstanceOf(DeadlineExceededError)
      expect(received).toMatchObject({ label: 'inner', ms: 5 })
      expect(received.cause).toBeInstanceOf(CanceledError)
      expect((received.cause as CanceledError).cause).toBe('deep')
    })

    it('keeps its name if it is an error of the platform', async () => {
      const [ctx] = withSignal(background(), AbortSignal.abort(new DOMException('too slow', 'TimeoutError')))
      const { received } = await pass(ctx)
      expect(isDeadlineExceeded(received.err)).toBe(true)
      expect(cause(received)).toMatchObject({ name: 'TimeoutError', message: 'too slow' })
    })

    it('arrives as text if it cannot be cloned', async () => {
      expect(await sent(Symbol('why'))).toBe('Symbol(why)')
      expect(await sent({ fn() {} })).toBe('[object Object]')
      expect(await sent({ fn() {}, toString: () => 'a job' })).toBe('a job')
      const stubborn = { fn() {}, toString: () => expect.unreachable() as never }
      expect(await sent(stubborn)).toBe('[object Object]')
      const deep = Object.assign(new Error('why'), { cause: Symbol('deep') })
      expect(await sent(deep)).toMatchObject({ cause: 'Symbol(deep)' })
    })

    it('arrives as some text if it is a revoked proxy or throws from every trap', async () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      expect(await sent(proxy)).toBeTypeOf('string')
      const trapped = new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap, ownKeys: trap })
      expect(await sent(trapped)).toBeTypeOf('string')
      expect(await sent(Object.assign(new Error('why'), { cause: proxy }))).toMatchObject({ message: 'why' })
    })

    it.each([
      ['a context', (ctx: Context) => ctx],
      ['an object with one', (ctx: Context) => ({ deep: [new Map([['ctx', ctx]])] })],
      ['an error with one as its cause', (ctx: Context) => new Error('why', { cause: { ctx } })],
    ])('arrives with none of the values of %s', async (_, make) => {
      const ctx = withValue(background(), requestId, 'secret')
      const received = await sent(make(ctx))
      expect(received).toBeDefined()
      const { cause = received } = received as Error
      expect(cause).toBeTypeOf('string')
      expect(cause).not.toContain('secret')
    })

    it('arrives as text if it is very large or deeply nested', async () => {
      expect(await sent({ text: 'x'.repeat(30_000) })).toEqual({ text: 'x'.repeat(30_000) })
      expect(await sent({ text: 'x'.repeat(40_000) })).toBe('[object Object]')
      expect(await sent('x'.repeat(40_000))).toHaveLength(8_192)
      expect(await sent(new Uint8Array(70_000))).toBe('[object Uint8Array]')
      expect(await sent(holes(4_000_000_000))).toBeTypeOf('string')
      let deep: unknown[] = []
      for (let depth = 0; depth < 100_000; depth++) deep = [deep]
      expect(await sent(deep)).toBeTypeOf('string')
    })

    it('arrives without the elements of an array that cannot be cloned', async () => {
      const why = [() => {}, { toString: () => expect.unreachable() }]
      expect(await sent(why)).toBe('[object Array]')
      const error = (await sent(Object.assign(new Error(), { name: why, message: why, stack: '' }))) as Error
      expect([error.name, error.message]).toEqual(['[object Array]', '[object Array]'])
    })

    it('arrives with shorter texts if it is an error with long ones', async () => {
      const why = Object.assign(new Error('m'.repeat(10_000)), { name: 'n'.repeat(300), stack: 's'.repeat(20_000) })
      const { message, name, stack } = (await sent(why)) as Error
      expect([name.length, message.length, stack?.length]).toEqual([200, 8_192, 16_384])
    })

    it('keeps the errors of an AggregateError', async () => {
      const why = new AggregateError([new RangeError('one'), new CanceledError('two'), 'three'], 'all failed')
      const received = (await sent(why)) as AggregateError
      expect(received).toMatchObject({ name: 'AggregateError', message: 'all failed' })
      expect(received.errors[0]).toMatchObject({ name: 'RangeError', message: 'one' })
      expect(received.errors[1]).toBeInstanceOf(CanceledError)
      expect(received.errors[2]).toBe('three')
    })

    it('arrives with a limited depth if it is an AggregateError that contains itself', async () => {
      const why = new AggregateError([], 'round')
      why.errors.push(why, why, why)
      const count = (error: unknown): number =>
        error instanceof AggregateError ? error.errors.reduce((sum: number, one) => sum + count(one), 1) : 0
      expect(count(await sent(why))).toBe(100 - 1)
    })

    it('arrives with a limited depth if it is its own cause', async () => {
      const why = new Error('round')
      why.cause = why
      let depth = 0
      for (let next = await sent(why); next instanceof Error; next = next.cause) depth++
      expect(depth).toBe(20 - 1)
    })

    it('arrives as text if it is an error that throws when it is read', async () => {
      const why = new Error('why')
      Object.defineProperty(why, 'message', { get: () => expect.unreachable() as never })
      Object.defineProperty(why, 'toString', { value: () => 'strange' })
      expect(await sent(why)).toBe('strange')
    })
  })

  describe('the connection', () => {
    it('is closed on both sides when the context ends', async () => {
      const [port1, port2] = channel()
      const [here, there] = [watch(port1), watch(port2)]
      const [ctx, cancel] = withCancel(background())
      toPort(ctx, port1)
      const [received] = await fromPort(background(), port2)
      expect([here.listeners(), there.listeners()]).toEqual([3, 3])
      cancel()
      await ended(received)
      await vi.waitFor(() => expect([here.listeners(), there.listeners()]).toEqual([0, 0]))
      expect(here.closed).toHaveBeenCalledTimes(1)
      expect(there.closed).toHaveBeenCalledTimes(1)
    })

    it('is closed on both sides when the receiver is done', async () => {
      const [port1, port2] = channel()
      const [here, there] = [watch(port1), watch(port2)]
      toPort(withCancel(background())[0], port1)
      const [, cancel] = await fromPort(background(), port2)
      cancel()
      await vi.waitFor(() => expect([here.listeners(), there.listeners()]).toEqual([0, 0]))
      expect(here.closed).toHaveBeenCalledTimes(1)
      expect(there.closed).toHaveBeenCalledTimes(1)
    })

    it('is closed on the side of the sender by the answer alone, where a port reports no close', async () => {
      const [port1, port2] = channel()
      const here = watch(port1)
      toPort(withCancel(background())[0], port1)
      const [, cancel] = await fromPort(background(), port2)
      const close = vi.spyOn(port2, 'close').mockReturnValue()
      cancel()
      await vi.waitFor(() => expect(here.listeners()).toBe(0))
      expect(here.closed).toHaveBeenCalledTimes(1)
      close.mockRestore()
    })

    it.runIf(tellsOfClose)('leaves nothing on the side of the sender when the other side closes it', async () => {
      const { signal } = new AbortController()
      const followers = countListeners(signal)
      const [port1, port2] = channel()
      const here = watch(port1)
      toPort({ signal }, port1)
      expect(followers()).toBe(1)
      port2.close()
      await vi.waitFor(() => expect([followers(), here.listeners()]).toEqual([0, 0]))
    })

    it.runIf(tellsOfClose)('ends the received context with PortClosed when the other side closes it', async () => {
      const { port1, received } = await pass(withCancel(background())[0])
      port1.close()
      await ended(received)
      expect(cause(received)).toBe(PortClosed)
    })
  })

  describe('fromPort', () => {
    it('waits for the context until the new parent ends', async () => {
      const [parent, cancel] = withCancel(background())
      const [, port2] = channel()
      const { closed, listeners } = watch(port2)
      const waiting = outcome(fromPort(parent, port2))
      await task()
      expect(waiting.settled).toBe(false)
      cancel('why')
      await task()
      expect(waiting.error).toBe(parent.err)
      expect(closed).toHaveBeenCalledTimes(1)
      expect(listeners()).toBe(0)
    })

    it('does not wait under a parent that has ended', async () => {
      const [parent, cancel] = withCancel(background())
      cancel()
      const [port1, port2] = channel()
      toPort(background(), port1)
      await expect(fromPort(parent, port2)).rejects.toBe(parent.err)
    })

    it.each([['a context'], ['an invalid message']])(
      'rejects with the error of a parent whose deadline has passed, though %s has arrived',
      async (what) => {
        const [port1, port2] = channel()
        if (what === 'a context') toPort(background(), port1)
        else port1.postMessage({ rescind: 'begin' })
        const [parent] = withTimeout(background(), 5)
        const { closed, listeners } = watch(port2)
        const waiting = fromPort(parent, port2)
        block(6)
        await expect(waiting).rejects.toBe(parent.err)
        expect(closed).toHaveBeenCalledTimes(1)
        expect(listeners()).toBe(0)
      },
    )

    it.each([['a context'], ['an invalid message']])(
      'rejects with the error of a parent that another listener ends when %s arrives',
      async (what) => {
        const [port1, port2] = channel()
        const [parent, cancel] = withCancel(background())
        port2.addEventListener('message', () => cancel('why'))
        const { closed } = watch(port2)
        const waiting = fromPort(parent, port2)
        if (what === 'a context') toPort(background(), port1)
        else port1.postMessage({ rescind: 'begin' })
        expect(await waiting.catch((error: unknown) => error)).toBe(parent.err)
        expect(closed).toHaveBeenCalledTimes(1)
      },
    )

    it.runIf(tellsOfClose)('rejects when the other side closes its port', async () => {
      const [port1, port2] = channel()
      const waiting = fromPort(background(), port2)
      port1.close()
      await expect(waiting).rejects.toMatchObject({ name: 'AbortError', cause: PortClosed })
    })

    it('waits for a context, and ignores all other messages', async () => {
      const [port1, port2] = channel()
      const waiting = outcome(fromPort(background(), port2))
      for (const noise of [null, 'begin', 7, [], {}, { type: 'begin' }, new Map([['rescind', 'begin']])]) {
        port1.postMessage(noise)
      }
      await task()
      await task()
      expect(waiting.settled).toBe(false)
      toPort(background(), port1)
      await vi.waitFor(() => expect(waiting.settled).toBe(true))
      const [received] = waiting.value ?? []
      port1.postMessage('noise')
      await task()
      expect(received?.err).toBeUndefined()
    })
  })

  it('follow no message once the received context is disarmed', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { received } = await pass(ctx)
    disarm(received)
    rearm(ctx, 30_000)
    cancel('why')
    await task()
    await task()
    expect(received.err).toBeUndefined()
    expect(remaining(received)).toBeUndefined()
  })

  it("show the label of the other side's deadline as one short line", async () => {
    const [ctx] = withTimeout(background(), 5, { label: `a\n\u202e${'x'.repeat(300)}` })
    const { received } = await pass(ctx)
    await ended(received)
    expect((received.err as DeadlineExceededError).label).toMatch(/^a\\u000a\\u202ex{190,}…$/)
  })

  it('refuse more than the limit, on both sides', async () => {
    const ctx = withValue(background(), requestId, 'x'.repeat(1_000))
    const [port1, port2] = channel()
    expect(() => toPort(ctx, port1, { keys: [requestId], maxSize: 2_000 })).toThrow('values must be at most 2000 bytes')
    toPort(ctx, port1, { keys: [requestId], maxSize: 3_000 })
    const there = fromPort(background(), port2, { keys: [requestId], maxSize: 2_000 })
    await expect(there).rejects.toMatchObject({ name: 'AbortError', cause: { name: 'PortError' } })
  })

  const shared = { text: 'x'.repeat(50) }

  it.each<[what: string, value: unknown, size: number]>([
    ['a number', 5, 8],
    ['text', 'abc', 14],
    ['a bigint', 0xff_ffn, 10],
    ['an object', { name: 'Ann' }, 8 + 16 + 14],
    ['a list', [1, 2], 8 + 10 + 8 + 10 + 8],
    ['an object twice', [shared, shared], 8 + 10 + 8 + 16 + 108 + 10 + 8],
    ['a Map', new Map([['k', 1]]), 8 + 10 + 8],
    ['a Set', new Set(['k']), 8 + 10],
    ['a buffer', new ArrayBuffer(100), 108],
    ['a view', new Uint8Array(100), 8 + 108],
    ['an error', Object.assign(new Error('why'), { stack: 's' }), 8 + 14 + 10],
    ['an object with a signal, which is no context', { signal: 1 }, 8 + 20 + 8],
    ['an object with a length, which is no list', { length: 2 ** 32 }, 8 + 20 + 8],
  ])('count the bytes of %s', (_, value, size) => {
    const data = createKey<unknown>('k')
    const ctx = withValue(background(), data, value)
    const [port1] = channel()
    // A list with one pair, of a name with one letter and the value.
    const total = 8 + 10 + 8 + 10 + 10 + 10 + size
    for (let maxSize = 0; maxSize < total; maxSize++) {
      expect(() => toPort(ctx, port1, { keys: [data], maxSize })).toThrow(RangeError)
    }
    toPort(ctx, port1, { keys: [data], maxSize: total })()
  })

  it('accept values of exactly the limit, on both sides', async () => {
    const options = { keys: [createKey<number>('k')], maxSize: 8 + 10 + 8 + 10 + 10 + 10 + 8 }
    const [key] = options.keys as [(typeof options.keys)[0]]
    const { received } = await pass(withValue(background(), key, 5), options)
    expect(received.value(key)).toBe(5)
  })

  it('accept 1,000 keys', async () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => createKey<number>(`key${index}`, index))
    const { received } = await pass(background(), { keys })
    expect(keys.map((key) => received.value(key))).toEqual([...keys.keys()])
  })

  it('take no object with a method called value for a context', () => {
    const data = createKey<unknown>('k')
    const [port1] = channel()
    const send = () => toPort(withValue(background(), data, { value() {} }), port1, { keys: [data] })
    expect(send).toThrow(expect.objectContaining({ name: 'DataCloneError' }) as Error)
  })

  it.each([
    [undefined, 'context canceled (port): why'],
    ['upload', 'context canceled (upload): why'],
  ])('say with the label %s that the sender has ended it', async (label, message) => {
    const [port1, port2] = channel()
    const cancel = toPort(background(), port1, { label })
    const [received] = await fromPort(background(), port2)
    cancel('why')
    await ended(received)
    expect(received.err?.message).toBe(message)
  })

  it('ignore what another program posts to the sender', async () => {
    const [port1, port2] = channel()
    const cancel = toPort(background(), port1)
    const [received] = await fromPort(background(), port2)
    for (const noise of ['text', null, {}]) port2.postMessage(noise)
    await task()
    await task()
    expect(received.err).toBeUndefined()
    cancel('why')
    await ended(received)
    expect(cause(received)).toBe('why')
  })

  it('refuse a value that contains a context', async () => {
    const key = createKey<unknown>('key')
    const secret = withValue(background(), requestId, 'secret')
    const send = () => toPort(withValue(background(), key, { secret }), channel()[0], { keys: [key] })
    expect(send).toThrow('a context cannot be sent as data')
  })

  it('throw for a value that cannot be cloned, and leave no listener', () => {
    const [port1] = channel()
    const { listeners } = watch(port1)
    const key = createKey<() => void>('fn')
    const { signal } = new AbortController()
    const followers = countListeners(signal)
    expect(() =>
      toPort(
        withValue({ signal }, key, () => {}),
        port1,
        { keys: [key] },
      ),
    ).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
    expect([followers(), listeners()]).toEqual([0, 0])
  })

  it.each<[what: string, port: unknown]>([
    ['nothing', undefined],
    ['a worker', { postMessage() {}, addEventListener() {}, terminate() {} }],
    ['the global object of a worker', { postMessage() {}, addEventListener() {}, close() {} }],
  ])('throw for %s instead of a port', async (_, port) => {
    expect(() => toPort(background(), port as MessagePort)).toThrow('port must be a MessagePort')
    await expect(fromPort(background(), port as MessagePort)).rejects.toThrow('port must be a MessagePort')
  })

  it('throw for more than 1,000 keys, and for invalid options', async () => {
    const [port] = channel()
    const keys = Array.from({ length: 1_001 }, (_, index) => createKey(`key${index}`))
    expect(() => toPort(background(), port, { keys })).toThrow('keys must be at most 1000, got 1001')
    await expect(fromPort(background(), port, { keys })).rejects.toThrow('keys must be at most 1000')
    expect(() => toPort(background(), port, null as never)).toThrow('options must be an object, got null')
    expect(() => toPort(background(), port, { maxSize: NaN })).toThrow('maxSize must be a number of bytes, got NaN')
  })

  it('throw for an invalid context, an invalid key, and two keys with one name', async () => {
    const [port] = channel()
    expect(() => toPort(undefined as never, port)).toThrow('ctx must be a context, got undefined')
    await expect(fromPort(undefined as never, port)).rejects.toThrow('parent must be a context, got undefined')
    const twins = { keys: [requestId, createKey('requestId')] }
    expect(() => toPort(background(), port, twins)).toThrow('keys must be a list of keys with different names')
    await expect(fromPort(background(), port, twins)).rejects.toThrow(
      'keys must be a list of keys with different names',
    )
    for (const key of [undefined, 'requestId', { name: 'requestId' }]) {
      const send = () => toPort(background(), port, { keys: [key as never] })
      expect(send).toThrow('rescind: key must be made by createKey, got')
    }
  })
})
