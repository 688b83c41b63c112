/**
 * Streams under a context: every way out settles and closes the source though a read is pending; a silence has an error
 * of its own; the source is read only on demand. Bodies on real sockets are in node/stream.test.ts.
 */

import {
  afterFunc,
  background,
  cause,
  contextError,
  disarm,
  isCanceled,
  isDeadlineExceeded,
  stream,
  withCancel,
  withTimeout,
} from 'rescind'
import type { Cancel, Context, Stream, StreamSource } from 'rescind'
import { fakeClock } from 'rescind/testing'
import type { FakeClock } from 'rescind/testing'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { block, countListeners, failOnUnhandled, isCollected, microtasks, outcome, task, wrong } from './support.ts'
import type { Outcome } from './support.ts'

failOnUnhandled()

/** Whether the platform has `ReadableStream.from`. */
const hasFrom = typeof ReadableStream === 'function' && 'from' in ReadableStream

/** A source that the test controls, with a record of its calls. */
interface Tap<T> {
  readonly source: ReadableStream<T>
  readonly give: (...chunks: T[]) => void
  readonly end: () => void
  readonly fail: (error: unknown) => void
  readonly pulls: () => number
  /** The reasons with which it was canceled. */
  readonly cancels: unknown[]
}

function tap<T>(): Tap<T> {
  const cancels: unknown[] = []
  let pulls = 0
  let controller!: ReadableStreamDefaultController<T>
  const source = new ReadableStream<T>(
    {
      start(given) {
        controller = given
      },
      pull() {
        pulls++
        return new Promise(() => {})
      },
      cancel(reason) {
        cancels.push(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return {
    source,
    give: (...chunks) => chunks.forEach((chunk) => controller.enqueue(chunk)),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
    pulls: () => pulls,
    cancels,
  }
}

/** An iterable whose `next` never settles after `chunks`, and which says when it is asked to return. */
function stuck<T>(...chunks: T[]): AsyncIterable<T> & { readonly returned: () => number } {
  let returned = 0
  return {
    returned: () => returned,
    [Symbol.asyncIterator]: () => ({
      next() {
        const value = chunks.shift()
        return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value })
      },
      return() {
        returned++
        return new Promise(() => {})
      },
    }),
  }
}

function* endless(): Generator<number> {
  for (;;) yield 1
}

/** The error, after `act`, of a stream without chunks. */
async function endAfter(act: (clock: FakeClock, stop: Cancel) => Promise<void> | void): Promise<unknown> {
  const clock = fakeClock()
  const [limited, stop] = withTimeout(clock.root, 30_000, { label: 'answer' })
  const pending = outcome(stream(limited, tap().source, { first: 50_000, idle: 1_000 }).next())
  await act(clock, stop)
  await microtasks()
  return pending.error
}

async function* generated<T>(...chunks: T[]): AsyncGenerator<T> {
  yield* chunks
}

async function collect<T>(chunks: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

const refuse = (): never => {
  throw new RangeError('no')
}

const closed = (...chunks: string[]) =>
  new ReadableStream<string>({
    start(controller) {
      chunks.forEach((chunk) => controller.enqueue(chunk))
      controller.close()
    },
  })

describe('stream', () => {
  it.each<[what: string, source: Parameters<typeof stream<string>>[1]]>([
    ['a ReadableStream', closed('one', 'two')],
    ['an async generator', generated('one', 'two')],
    ['an array', ['one', 'two']],
    ['an array of promises', [Promise.resolve('one'), 'two']],
    ['a Set', new Set(['one', 'two'])],
    ['a function that returns a ReadableStream', () => closed('one', 'two')],
    ['a function that promises one', async () => closed('one', 'two')],
    ['a function that returns an iterable', () => ['one', 'two']],
    ['an async generator function', () => generated('one', 'two')],
    ['what has a body', { body: closed('one', 'two'), bodyUsed: false }],
  ])('yields the chunks of %s in order, and then is done', async (_, source) => {
    const chunks = stream(background(), source)
    expect(await collect(chunks)).toEqual(['one', 'two'])
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  it('yields the bytes of a Response', async () => {
    const chunks = await collect(stream(background(), new Response('Blue Train')))
    expect(chunks.map((chunk) => new TextDecoder().decode(chunk)).join('')).toBe('Blue Train')
  })

  it('yields no chunks for a Response without a body', async () => {
    expect(await collect(stream(background(), new Response(null, { status: 204 }), { first: 0 }))).toEqual([])
  })

  it('yields text and lines by way of a pipe', async () => {
    const lines = new TransformStream<string, string>({
      transform: (text, controller) => text.match(/[^\n]+/g)?.forEach((line) => controller.enqueue(line)),
    })
    const body = new Response('Blue Train\nGiant Steps').body as ReadableStream<BufferSource>
    const source = body.pipeThrough(new TextDecoderStream()).pipeThrough(lines)
    expect(await collect(stream(background(), source))).toEqual(['Blue Train', 'Giant Steps'])
  })

  it('calls a function with a context that ends when the stream is done', async () => {
    const [parent, cancel] = withCancel(background())
    let given: Context | undefined
    const chunks = stream(parent, (ctx) => ((given = ctx), ['one']), { label: 'answer' })
    expect(given).toBeUndefined()
    await chunks.next()
    expect(String(given)).toBe('background.withCancel.stream(answer)')
    expect(given?.err).toBeUndefined()
    await chunks.next()
    expect(isCanceled(given?.err)).toBe(true)
    expect(parent.err).toBeUndefined()
    cancel()
  })

  it('does not call the function if it is left before the first read, or its context has ended', async () => {
    const make = vi.fn<() => string[]>(() => [])
    const chunks = stream(background(), make)
    await chunks.return()
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
    const [ctx, cancel] = withCancel(background())
    cancel()
    await expect(stream(ctx, make).next()).rejects.toBe(ctx.err)
    expect(make).not.toHaveBeenCalled()
  })

  it('closes a source that the function returns too late', async () => {
    const { source, cancels } = tap<string>()
    let resolve!: (source: StreamSource<string>) => void
    const chunks = stream(
      background(),
      () =>
        new Promise<StreamSource<string>>((settle) => {
          resolve = settle
        }),
    )
    const pending = outcome(chunks.next())
    await chunks.return('left')
    await microtasks()
    expect(pending.value).toEqual({ done: true, value: undefined })
    resolve(source)
    await microtasks()
    expect(cancels).toEqual(['left'])
    expect(source.locked).toBe(false)
  })

  it('closes a source once if the function returns it just as the context ends', async () => {
    const [ctx, cancel] = withCancel(background())
    const iterator = { next: () => new Promise<never>(() => {}), return: vi.fn<() => never>() }
    let resolve!: (source: StreamSource<string>) => void
    const chunks = stream(
      ctx,
      () =>
        new Promise<StreamSource<string>>((settle) => {
          resolve = settle
        }),
    )
    const pending = outcome(chunks.next())
    await microtasks()
    resolve({ [Symbol.asyncIterator]: () => iterator })
    cancel('why')
    await microtasks()
    expect(pending.error).toBe(ctx.err)
    expect(iterator.return).toHaveBeenCalledTimes(1)
  })

  it('rejects with what the function throws or rejects with, and then is done', async () => {
    for (const make of [refuse, () => Promise.reject(new RangeError('no'))]) {
      let given: Context | undefined
      const chunks = stream<string>(background(), (ctx) => ((given = ctx), make()))
      await expect(chunks.next()).rejects.toThrow(new RangeError('no'))
      expect(given?.err).toBeDefined()
      expect(await chunks.next()).toEqual({ done: true, value: undefined })
    }
  })

  it('rejects once with the error of the source, and then is done', async () => {
    const { source, give, fail } = tap<string>()
    const chunks = stream(background(), source)
    give('one')
    expect(await chunks.next()).toEqual({ done: false, value: 'one' })
    const pending = outcome(chunks.next())
    const other = outcome(chunks.next())
    fail(new RangeError('broken'))
    await task()
    expect(pending.error).toEqual(new RangeError('broken'))
    expect(other.value).toEqual({ done: true, value: undefined })
    expect(source.locked).toBe(false)
  })

  it('serves several calls of next in order, one read at a time', async () => {
    const { source, give, end, pulls } = tap<number>()
    const chunks = stream(background(), source)
    const first = [chunks.next(), chunks.next(), chunks.next()]
    await task()
    expect(pulls()).toBe(1)
    give(1, 2)
    // Between the others.
    void first[0]?.then(() => first.push(chunks.next()))
    await task()
    give(3, 4)
    await task()
    expect((await Promise.all(first)).map(({ value }) => value)).toEqual([1, 2, 3, 4])
    end()
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  it('asks an iterator for one result at a time', async () => {
    const iterator = { next: vi.fn<() => Promise<never>>(() => new Promise(() => {})) }
    const chunks = stream(background(), { [Symbol.asyncIterator]: () => iterator })
    const pending = [chunks.next(), chunks.next()]
    await microtasks()
    expect(iterator.next).toHaveBeenCalledTimes(1)
    await chunks.return()
    await Promise.all(pending)
  })

  it('does not let a call of next overtake earlier ones', async () => {
    for (let delay = 0; delay < 20; delay++) {
      const { source, give } = tap<number>()
      const chunks = stream(background(), source)
      const values = [chunks.next(), chunks.next()]
      give(1, 2, 3)
      for (let count = 0; count < delay; count++) await Promise.resolve()
      values.push(chunks.next())
      expect((await Promise.all(values)).map(({ value }) => value)).toEqual([1, 2, 3])
    }
  })

  it('does not read ahead: a slow reader does not make the source buffer', async () => {
    let made = 0
    const pull = (controller: ReadableStreamDefaultController<number>) => controller.enqueue(++made)
    const source = new ReadableStream({ pull }, { highWaterMark: 0 })
    const chunks = stream(background(), source, { first: 1_000, idle: 1_000 })
    await task()
    expect(made).toBe(0)
    for await (const chunk of chunks) {
      await task()
      expect(made).toBe(chunk)
      if (chunk === 5) break
    }
    expect(made).toBe(5)
  })

  it('releases the lock and the context at the end of the source', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const source = closed('one')
    const chunks = stream({ signal }, source)
    expect(listeners()).toBe(1)
    await collect(chunks)
    await microtasks()
    expect(source.locked).toBe(false)
    expect(listeners()).toBe(0)
  })

  it('passes on a promise that an async iterator yields, and waits for one of a sync iterator', async () => {
    const chunk = Promise.resolve('one')
    const iterator = { next: () => Promise.resolve({ done: false, value: chunk }) }
    const async = stream<unknown>(background(), { [Symbol.asyncIterator]: () => iterator })
    expect((await async.next()).value).toBe(chunk)
    expect((await stream<unknown>(background(), [chunk]).next()).value).toBe('one')
    await async.return()
  })

  it.each(['destroy', 'pipe'])('calls only return on a source that has %s, but is no stream of Node', async (name) => {
    const iterator = { next: () => new Promise<never>(() => {}), return: vi.fn<() => never>() }
    const method = vi.fn<() => never>()
    const chunks = stream(background(), { [Symbol.asyncIterator]: () => iterator, [name]: method })
    await chunks.return()
    await microtasks()
    expect(method).not.toHaveBeenCalled()
    expect(iterator.return).toHaveBeenCalledTimes(1)
  })

  it('does not call return on an iterator that is done or has failed', async () => {
    for (const end of [{ done: true, value: undefined }, Promise.reject(new Error('broken'))]) {
      const iterator = { next: () => Promise.resolve(end as never), return: vi.fn<() => never>() }
      await stream(background(), { [Symbol.asyncIterator]: () => iterator })
        .next()
        .catch(() => {})
      await microtasks()
      expect(iterator.return).not.toHaveBeenCalled()
    }
  })
})

/** Each of these leaves a stream whose second read is pending. */
const waysOut: [name: string, leave: (chunks: Stream<string>, cancel: (why: unknown) => void) => Promise<unknown>][] = [
  [
    'break',
    async (chunks) => {
      for await (const _ of chunks) {
        void chunks.next()
        break
      }
    },
  ],
  [
    'throw',
    async (chunks) => {
      for await (const _ of chunks) {
        void chunks.next()
        throw new RangeError('thrown')
      }
    },
  ],
  [
    'the end of the context',
    async (chunks, cancel) => {
      for await (const _ of chunks) void Promise.resolve().then(() => cancel('why'))
    },
  ],
  [
    'return()',
    async (chunks) => {
      await chunks.next()
      const pending = chunks.next()
      await chunks.return('why')
      await pending
    },
  ],
  [
    'await using',
    async (chunks) => {
      await using left = chunks
      await left.next()
      void left.next()
    },
  ],
]
if (hasFrom) {
  waysOut.push([
    'ReadableStream.from(stream).cancel()',
    async (chunks) => {
      const { from } = ReadableStream as unknown as { from(source: AsyncIterable<string>): ReadableStream<string> }
      const reader = from.call(ReadableStream, chunks).getReader()
      await reader.read()
      const pending = reader.read()
      await microtasks()
      await reader.cancel('why')
      await pending
    },
  ])
}

describe.each(waysOut)('leaving by %s, with a read pending', (name, leave) => {
  const isEnd = name === 'the end of the context'
  const reason = ['break', 'throw', 'await using'].includes(name) ? undefined : 'why'

  async function settles(source: Parameters<typeof stream<string>>[1]): Promise<void> {
    const [ctx, cancel] = withCancel(background())
    const result = outcome(leave(stream(ctx, source), cancel))
    // In the turn in which it is left: microtasks wait for no timer, message or socket, however slow the machine is.
    for (let round = 0; round < 5; round++) await microtasks()
    expect(result.settled).toBe(true)
    expect(result.error).toEqual(isEnd ? ctx.err : name === 'throw' ? new RangeError('thrown') : undefined)
    expect(ctx.err === undefined).toBe(!isEnd)
  }

  it('settles a ReadableStream and cancels it', async () => {
    const { source, give, cancels } = tap<string>()
    give('one')
    await settles(source)
    expect(cancels).toHaveLength(1)
    expect(isEnd ? (cancels[0] as Error).cause : cancels[0]).toBe(reason)
    expect(source.locked).toBe(false)
  })

  it('settles a function and ends its context', async () => {
    let given: Context | undefined
    const { source, give, cancels } = tap<string>()
    give('one')
    await settles(async (ctx) => ((given = ctx), source))
    expect(isCanceled(given?.err)).toBe(true)
    expect(given?.err?.cause).toBe(reason)
    expect(cancels).toHaveLength(1)
  })

  it('settles and calls return on an iterator, though its next and its return never settle', async () => {
    const source = stuck('one')
    await settles(source)
    expect(source.returned()).toBe(1)
  })

  it('settles though an async generator waits, and ends its context', async () => {
    const log: string[] = []
    await settles(async function* (ctx) {
      try {
        yield 'one'
        await new Promise((_, reject) => {
          ctx.signal.addEventListener('abort', () => reject(ctx.err as Error))
        })
      } finally {
        log.push('cleaned up')
      }
    })
    expect(log).toEqual(['cleaned up'])
  })
})

describe('the end of the context', () => {
  it('rejects all pending calls of next at once: the first with its err, the others as done', async () => {
    const [ctx, cancel] = withCancel(background())
    const chunks = stream(ctx, tap<string>().source)
    const pending = [outcome(chunks.next()), outcome(chunks.next())]
    cancel('why')
    await microtasks()
    expect(pending[0]?.error).toBe(ctx.err)
    await task()
    expect(pending[1]?.value).toEqual({ done: true, value: undefined })
  })

  it('closes a source that is not being read, and the next read rejects with its err', async () => {
    const [ctx, cancel] = withCancel(background())
    const { source, give, cancels } = tap<string>()
    give('one')
    const chunks = stream(ctx, source)
    cancel('why')
    await microtasks()
    expect(cancels).toEqual([ctx.err])
    await expect(chunks.next()).rejects.toBe(ctx.err)
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  it('closes the source of a stream under a context that has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel('why')
    const { source, cancels } = tap<string>()
    stream(ctx, source)
    await microtasks()
    expect(cancels).toEqual([ctx.err])
  })

  it('drops a chunk that comes after the deadline, though no timer could fire', async () => {
    const [ctx, cancel] = withTimeout(background(), 5)
    const { source, give } = tap<string>()
    const chunks = stream(ctx, source)
    const pending = outcome(chunks.next())
    block(10)
    give('late')
    await task()
    expect(pending.error).toBe(ctx.err)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    cancel()
  })

  it('ends a loop over an endless iterable that never waits', async () => {
    const [ctx, cancel] = withTimeout(background(), 5)
    const end = await collect(stream(ctx, endless())).catch((error: unknown) => error)
    expect(end).toBe(ctx.err)
    expect(isDeadlineExceeded(end)).toBe(true)
    cancel()
  })

  it('decides the error, though the source fails with one of its own', async () => {
    const [ctx, cancel] = withCancel(background())
    const chunks = stream<string>(ctx, ({ signal }) => ({
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<never>((_, reject) => {
            signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
          }),
      }),
    }))
    const pending = outcome(chunks.next())
    await microtasks()
    cancel('why')
    await task()
    expect(pending.error).toBe(ctx.err)
  })

  it('closes the source even if its function has disarmed its context', async () => {
    const { source, cancels } = tap<string>()
    const chunks = stream(background(), (ctx) => {
      disarm(ctx)
      return source
    })
    const pending = outcome(chunks.next())
    await microtasks()
    await chunks.return('left')
    await microtasks()
    expect(cancels).toEqual(['left'])
    expect(pending.value).toEqual({ done: true, value: undefined })
  })
})

describe('a silence', () => {
  it.each<[label: string, options: { first?: number; idle?: number }, given: number, ms: number]>([
    ['first', { first: 5_000 }, 0, 5_000],
    ['first', { first: 5_000, idle: 1_000 }, 0, 5_000],
    ['idle', { idle: 1_000 }, 0, 1_000],
    ['idle', { first: 5_000, idle: 1_000 }, 1, 1_000],
    ['idle', { first: 1_000, idle: 5_000 }, 3, 5_000],
  ])('rejects with a deadline with the label %s for %o after %i chunks', async (label, options, given, ms) => {
    const clock = fakeClock()
    const { source, give, cancels } = tap<number>()
    const chunks = stream(clock.root, source, options)
    for (let count = 0; count < given; count++) {
      give(count)
      await chunks.next()
    }
    const pending = outcome(chunks.next())
    await clock.advance(ms - 1)
    expect(pending.settled).toBe(false)
    await clock.advance(1)
    expect(pending.error).toMatchObject({ name: 'TimeoutError', label, ms })
    expect((pending.error as Error).message).toBe(`context deadline exceeded (${label}, ${ms / 1_000}s)`)
    expect(cancels).toEqual([pending.error])
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  it('differs from the total deadline and from a cancel', async () => {
    const total = await endAfter((clock) => clock.advance(30_000))
    const stopped = await endAfter((_, stop) => stop('Stop'))
    expect(contextError(total)).toMatchObject({ name: 'TimeoutError', label: 'answer' })
    expect(contextError(stopped)).toMatchObject({ name: 'AbortError', cause: 'Stop' })
  })

  it('ends the context of a function with that error, though that context has no deadline', async () => {
    const clock = fakeClock()
    let given: Context | undefined
    const chunks = stream(clock.root, (ctx) => ((given = ctx), tap<string>().source), { first: 10, label: 'answer' })
    const pending = outcome(chunks.next())
    await microtasks()
    expect(given?.deadline).toBeUndefined()
    await clock.advance(10)
    expect(given?.err).toBe(pending.error)
    expect((pending.error as Error).stack).toContain('in background.stream(answer)')
    expect(cause(given as Context)).toBe(pending.error)
  })

  it('includes the time that the function takes to return', async () => {
    const clock = fakeClock()
    const pending = outcome(stream<string>(clock.root, () => new Promise(() => {}), { first: 10 }).next())
    await clock.advance(10)
    expect(pending.error).toMatchObject({ label: 'first' })
  })

  it('continues through chunks that do not count, which are passed on', async () => {
    const clock = fakeClock()
    const { source, give, cancels } = tap<string>()
    const chunks = stream(clock.root, source, { first: 50, idle: 10, counts: (chunk) => chunk !== ':' })
    const seen: string[] = []
    const reading = outcome(
      (async () => {
        for await (const chunk of chunks) seen.push(chunk)
      })(),
    )
    for (let count = 0; count < 4; count++) {
      await clock.advance(10)
      give(':')
    }
    await clock.advance(9)
    expect(reading.settled).toBe(false)
    give('data')
    await clock.advance(9)
    give(':')
    await clock.advance(1)
    expect(reading.error).toMatchObject({ label: 'idle', ms: 10 })
    expect(seen).toEqual([':', ':', ':', ':', 'data', ':'])
    expect(cancels).toHaveLength(1)
  })

  it('excludes the time in which the consumer is busy', async () => {
    const clock = fakeClock()
    const { source, give } = tap<string>()
    const chunks = stream(clock.root, source, { idle: 10, counts: (chunk) => chunk !== ':' })
    for (let count = 0; count < 4; count++) {
      const pending = outcome(chunks.next())
      await clock.advance(2)
      give(':')
      await microtasks()
      expect(pending.settled).toBe(true)
      await clock.advance(60_000)
    }
    // Eight milliseconds of silence so far.
    const pending = outcome(chunks.next())
    await clock.advance(1)
    expect(pending.settled).toBe(false)
    await clock.advance(1)
    expect(pending.error).toMatchObject({ label: 'idle' })
  })

  it('starts with the first read, not when the stream is made', async () => {
    const clock = fakeClock()
    const { source, give } = tap<string>()
    const chunks = stream(clock.root, source, { first: 10, idle: 10 })
    await clock.advance(60_000)
    give('one')
    expect(await chunks.next()).toEqual({ done: false, value: 'one' })
  })

  it('is no error if a chunk came while the thread was busy', async () => {
    const { port1, port2 } = new MessageChannel()
    const chunks = stream(
      background(),
      new ReadableStream<string>({
        start(controller) {
          port1.onmessage = ({ data }: MessageEvent<string>) => controller.enqueue(data)
        },
      }),
      { idle: 20 },
    )
    const pending = outcome(chunks.next())
    await task()
    port2.postMessage('in time')
    block(120)
    await vi.waitUntil(() => pending.settled)
    expect(pending.value).toEqual({ done: false, value: 'in time' })
    await chunks.return()
    port1.close()
  })

  it('is no error if a chunk came before the deadline is read', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { source, give } = tap<string>()
    const pending = outcome(stream(ctx, source, { idle: 20 }).next())
    await task()
    block(25)
    give('in time')
    ctx.throwIfDone()
    await task()
    expect(pending.value).toEqual({ done: false, value: 'in time' })
    cancel()
  })

  it.each([
    ['before the stream is told', false, false],
    ['before the stream is told, and the next read waits', false, true],
    ['after a busy thread, before reads got their turns', true, false],
    ['after a busy thread, before reads got their turns, and the next read waits', true, true],
  ])('is no error if a chunk comes %s', async (_, isBusy, readsOn) => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { source, give } = tap<string>()
    const chunks = stream(ctx, source, { first: 5, idle: 60_000 })
    const [mark] = withTimeout(background(), 5)
    const told = new Promise<void>((resolve) => {
      afterFunc(mark, resolve)
    })
    const first = chunks.next()
    await microtasks()
    block(isBusy ? 60 : 10)
    if (isBusy) await told
    else ctx.throwIfDone()
    give('one')
    expect((await first).value).toBe('one')
    const second = readsOn ? chunks.next() : undefined
    for (let turns = 0; turns < 3; turns++) await task()
    give('two')
    expect((await (second ?? chunks.next())).value).toBe('two')
    cancel()
  })

  it('is an error if no chunk came while the thread was busy', async () => {
    const pending = outcome(stream(background(), tap().source, { idle: 20 }).next())
    block(120)
    await vi.waitUntil(() => pending.settled)
    expect(pending.error).toMatchObject({ label: 'idle' })
  })

  it.each([0, -1, -Infinity])('allows only chunks that are already there if its limit is %s ms', async (idle) => {
    const { source, give } = tap<string>()
    give('one')
    const chunks = stream(background(), source, { idle })
    expect(await chunks.next()).toEqual({ done: false, value: 'one' })
    await expect(chunks.next()).rejects.toMatchObject({ label: 'idle' })
  })

  it('leaves no timer, however the stream ends', async () => {
    vi.useFakeTimers()
    try {
      for (const leave of [
        (chunks: Stream<string>) => chunks.return(),
        async (_: Stream<string>, { end }: Tap<string>) => end(),
        async (_: Stream<string>, { fail }: Tap<string>) => fail(new Error('broken')),
        async (_: Stream<string>, { give }: Tap<string>) => give('one'),
      ]) {
        const source = tap<string>()
        const chunks = stream(background(), source.source, { first: 1_000 })
        const pending = outcome(chunks.next())
        expect(vi.getTimerCount()).toBe(1)
        await leave(chunks, source)
        await microtasks()
        await microtasks()
        expect(pending.settled).toBe(true)
        expect(vi.getTimerCount()).toBe(0)
      }
    } finally {
      vi.useRealTimers()
    }
  })

  it('rejects with an error that `counts` throws, and closes the source', async () => {
    const { source, give, cancels } = tap<string>()
    const chunks = stream(background(), source, { counts: refuse })
    give('one')
    await expect(chunks.next()).rejects.toThrow(new RangeError('no'))
    expect(cancels).toHaveLength(1)
  })
})

describe('a wrong argument', () => {
  const any = 'a Response, a ReadableStream, an iterable, or a function that returns one'

  it.each<[shown: string, source: unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['5', 5],
    ['"text"', 'text'],
    ['[object Object]', {}],
    ['[object Object]', { body: closed() }],
    ['[object Object]', { bodyUsed: false }],
  ])('a wrong source is a TypeError at once: %s', async (shown, source) => {
    const message = `rescind: source must be ${any}, got ${shown}`
    expect(() => stream(background(), wrong<string[]>(source))).toThrow(new TypeError(message))
    const chunks = stream(background(), async () => wrong<string[]>(source))
    await expect(chunks.next()).rejects.toThrow(new TypeError(message))
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  it('a locked stream and a used response are wrong sources', async () => {
    const locked = closed('one')
    locked.getReader()
    const used = new Response('one')
    await used.text()
    const half = new Response('one')
    half.body?.getReader()
    expect(() => stream(background(), locked)).toThrow('source must be a stream that is not locked')
    expect(() => stream(background(), used)).toThrow('source must be a response whose body has not been read')
    expect(() => stream(background(), half)).toThrow('source must be a stream that is not locked')
  })

  it('a wrong argument leaves the source unlocked and the context without listeners', () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const source = closed('one')
    expect(() => stream(wrong<Context>(undefined), source)).toThrow('rescind: ctx must be a context, got undefined')
    expect(() => stream({ signal }, source, { idle: NaN })).toThrow('idle must be a number of milliseconds, got NaN')
    expect(() => stream({ signal }, source, { first: wrong('5') })).toThrow('first must be a number of milliseconds')
    expect(() => stream({ signal }, source, { counts: wrong(5) })).toThrow('counts must be a function, got 5')
    expect(() => stream({ signal }, source, wrong(5))).toThrow('options must be an object, got 5')
    expect(() => stream({ signal }, wrong<string[]>(5))).toThrow('source must be')
    expect(source.locked).toBe(false)
    expect(listeners()).toBe(0)
  })

  it('an iterator result must be an object', async () => {
    const source = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(wrong<IteratorResult<string>>(5)) }) }
    await expect(stream(background(), source).next()).rejects.toThrow('a result of the source must be an object, got 5')
  })
})

describe('a stream that is over', () => {
  it.each(['read to its end', 'returned from', 'ended'])('is not retained after it was %s', async (leave) => {
    const [parent, cancel] = withCancel(background())
    const source = stuck<string>()
    const collected = await isCollected(() => {
      const [ctx, stop] = withCancel(parent)
      const chunks = stream(ctx, leave === 'read to its end' ? ['one'] : source, { idle: 60_000 })
      if (leave === 'read to its end') void collect(chunks)
      else void chunks.next().catch(() => {})
      if (leave === 'returned from') void chunks.return()
      if (leave === 'ended') stop()
      return chunks
    })
    expect(collected).toBe(true)
    expect(parent.err).toBeUndefined()
    cancel()
  })
})

type Step =
  | { readonly step: 'next' | 'return' | 'cancel' | 'end' | 'fail' }
  | { readonly step: 'give'; readonly counts: boolean }
  | { readonly step: 'advance'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ step: 'next' as const }) },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('give' as const), counts: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constantFrom('return', 'cancel', 'end', 'fail') }) },
)

/** The model of a stream: the outcome of each `next`, and the state of the source. */
class Model {
  readonly outcomes: string[] = []
  cancels = 0
  readonly #limits: { readonly first: number; readonly idle: number }
  #label: 'first' | 'idle' = 'first'
  #waited = 0
  #chunks: { readonly name: string; readonly counts: boolean }[] = []
  /** How the source ends after its chunks. */
  #last: 'done' | 'failed' | undefined
  #isCanceled = false
  #isOver = false

  constructor(limits: { readonly first: number; readonly idle: number }) {
    this.#limits = limits
  }

  /** Whether the source can still yield. */
  get isOpen(): boolean {
    return !this.#isOver && !this.#isCanceled && this.#last === undefined
  }

  take(step: Step, name: string): void {
    if (step.step === 'next') this.outcomes.push('pending')
    if (step.step === 'give') this.#chunks.push({ name, counts: step.counts })
    if (step.step === 'end') this.#last = 'done'
    if (step.step === 'fail') {
      this.#last = 'failed'
      this.#chunks = []
    }
    if (step.step === 'return' && !this.#isOver) {
      if (!this.#isCanceled && this.#last !== 'failed' && !(this.#last && !this.#chunks.length)) this.cancels++
      this.#isOver = true
    }
    if (step.step === 'cancel' && !this.#isOver && !this.#isCanceled) {
      if (this.#last !== 'failed' && !(this.#last && !this.#chunks.length)) this.cancels++
      this.#isCanceled = true
    }
    if (step.step === 'advance' && this.outcomes.includes('pending')) {
      this.#waited += step.ms
      if (this.#waited >= this.#limits[this.#label]) {
        this.#settle(this.#label)
        this.cancels++
        this.#isOver = true
      }
    }
    this.#pump()
  }

  #settle(outcome: string): void {
    this.outcomes[this.outcomes.indexOf('pending')] = outcome
  }

  #pump(): void {
    while (this.outcomes.includes('pending')) {
      if (this.#isOver) this.#settle('done')
      else if (this.#isCanceled) {
        this.#settle('canceled')
        this.#isOver = true
      } else {
        const chunk = this.#chunks.shift()
        if (!chunk && !this.#last) return
        this.#settle(chunk?.name ?? (this.#last as string))
        if (!chunk) this.#isOver = true
        if (chunk?.counts) {
          this.#label = 'idle'
          this.#waited = 0
        }
      }
    }
  }
}

describe('random steps on streams', () => {
  it('have the outcomes of the model', async () => {
    const limits = { first: 10, idle: 6 }
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const clock = fakeClock()
      const model = new Model(limits)
      const [ctx, cancel] = withCancel(clock.root)
      const { source, cancels, end, fail, give } = tap<{ name: string; counts: boolean }>()
      const chunks = stream(ctx, source, { ...limits, counts: ({ counts }) => counts })
      const nexts: Outcome<IteratorResult<{ name: string }, undefined>>[] = []
      for (const [index, step] of steps.entries()) {
        const isOfSource = step.step === 'give' || step.step === 'end' || step.step === 'fail'
        if (isOfSource && !model.isOpen) continue
        model.take(step, `chunk ${index}`)
        if (step.step === 'next') nexts.push(outcome(chunks.next()))
        if (step.step === 'give') give({ name: `chunk ${index}`, counts: step.counts })
        if (step.step === 'end') end()
        if (step.step === 'fail') fail(new RangeError('failed'))
        if (step.step === 'return') await chunks.return()
        if (step.step === 'cancel') cancel()
        await clock.advance(step.step === 'advance' ? step.ms : 0)
        const seen = nexts.map(({ error, settled, value }) => {
          if (!settled) return 'pending'
          if (!error) return value?.value?.name ?? 'done'
          if (isCanceled(error)) return 'canceled'
          return contextError(error)?.label ?? 'failed'
        })
        expect(seen).toEqual(model.outcomes)
        expect(cancels).toHaveLength(model.cancels)
      }
      cancel()
    })
    await fc.assert(property, { numRuns: 100 })
  })
})
