/** Streams over real sockets and over streams of Node; the heap after many of them; the frames of their errors. */

import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { background, stream, withCancel } from 'rescind'
import type { Context, Stream } from 'rescind'
import { describe, expect, it } from 'vitest'
import { block, failOnUnhandled, microtask, outcome, task } from '../support.ts'
import { listen, Queue } from './sockets.ts'

failOnUnhandled()

/** A server that sends one chunk and then nothing, and records how its responses close. */
async function serve() {
  const responses = new Queue<ServerResponse>()
  const closed = new Queue<string>()
  const server = createServer((_, res) => {
    res.write('one')
    responses.put(res)
    res.on('close', () => closed.put(res.writableEnded ? 'finished' : 'left'))
  })
  const url = `http://localhost:${await listen(server)}/`
  return { url, responses, closed }
}

type Source = Parameters<typeof stream<Uint8Array>>[1]

const sources: [what: string, open: (url: string) => Source | Promise<Source>][] = [
  ['a Response', (url) => fetch(url)],
  [
    'a function that fetches',
    (url) =>
      ({ signal }) =>
        fetch(url, { signal }),
  ],
  ['a function that fetches without its signal', (url) => () => fetch(url)],
  ['the body as a stream of Node', async (url) => Readable.fromWeb((await fetch(url)).body as never)],
]

const waysOut: [how: string, leave: (chunks: Stream<Uint8Array>, cancel: () => void) => Promise<unknown>][] = [
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
    'the end of its context',
    async (chunks, cancel) => {
      for await (const _ of chunks) void microtask().then(cancel)
    },
  ],
  [
    'return()',
    async (chunks) => {
      await chunks.next()
      const pending = chunks.next()
      await chunks.return()
      await pending
    },
  ],
  [
    'ReadableStream.from(stream).cancel()',
    async (chunks) => {
      const { from } = ReadableStream as unknown as { from(source: unknown): ReadableStream<Uint8Array> }
      const reader = from.call(ReadableStream, chunks).getReader()
      await reader.read()
      void reader.read()
      await task()
      await reader.cancel()
    },
  ],
]

describe.each(sources)('%s with a read pending', (_, open) => {
  it.each(waysOut)('is closed by %s, which the server sees', async (_, leave) => {
    const { url, closed } = await serve()
    const [ctx, cancel] = withCancel(background())
    await leave(stream(ctx, await open(url)), cancel).catch(() => {})
    expect(await closed.next()).toBe('left')
  })

  it('is closed by a silence, which the server sees', async () => {
    const { url, closed } = await serve()
    const chunks = stream(background(), await open(url), { first: 10_000, idle: 20 })
    await chunks.next()
    await expect(chunks.next()).rejects.toMatchObject({ name: 'TimeoutError', label: 'idle' })
    expect(await closed.next()).toBe('left')
  })
})

describe('a body', () => {
  it('is read to its end', async () => {
    const { url, responses } = await serve()
    const text: string[] = []
    for await (const chunk of stream(background(), () => fetch(url))) {
      text.push(new TextDecoder().decode(chunk))
      if (text.length === 1) (await responses.next()).end('two')
    }
    expect(text).toEqual(['one', 'two'])
  })

  it('is not silent if a chunk arrived while the thread was busy', async () => {
    const { url, responses } = await serve()
    const chunks = stream(background(), await fetch(url), { idle: 50 })
    const res = await responses.next()
    await chunks.next()
    for (let round = 0; round < 5; round++) {
      const pending = outcome(chunks.next())
      await task()
      res.write('more')
      block(120)
      while (!pending.settled) await task()
      expect(pending.error).toBeUndefined()
    }
    await chunks.return()
  })
})

const events =
  (url: string) =>
  async ({ signal }: Context) => {
    const { body } = await fetch(url, { signal })
    if (!body) throw new Error('no body')
    return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  }

describe('server-sent events', () => {
  it('do not count comments that keep the connection alive', async () => {
    const { url, responses, closed } = await serve()
    const chunks = stream(background(), events(url), { first: 10_000, idle: 40 })
    const pending = outcome(chunks.next())
    const res = await responses.next()
    res.write('\n\ndata: two\n\n')
    while (!pending.settled) await task()
    expect(pending.value?.value).toMatchObject({ data: 'two' })
    const timer = setInterval(() => res.write(': alive\n\n'), 5)
    await expect(chunks.next()).rejects.toMatchObject({ label: 'idle' })
    clearInterval(timer)
    expect(await closed.next()).toBe('left')
  })

  it('are closed on the server by a cancel', async () => {
    const { url, responses, closed } = await serve()
    const [ctx, cancel] = withCancel(background())
    const pending = outcome(stream(ctx, events(url)).next())
    await responses.next()
    cancel('Stop')
    expect(await closed.next()).toBe('left')
    expect(pending.error).toBe(ctx.err)
  })
})

describe('a stream of Node', () => {
  it('is read to its end', async () => {
    const all: string[] = []
    for await (const chunk of stream(background(), Readable.from(['one', 'two']))) all.push(chunk as string)
    expect(all).toEqual(['one', 'two'])
  })

  it.each([0, 1])('is destroyed when it is left after %i reads', async (reads) => {
    const source = new Readable({ read() {} })
    source.push('one')
    const chunks = stream(background(), source)
    for (let count = 0; count < reads; count++) await chunks.next()
    const pending = reads > 0 ? chunks.next() : undefined
    await chunks.return()
    await pending
    expect(source.destroyed).toBe(true)
  })

  it('rejects with its error', async () => {
    const source = new Readable({ read() {} })
    const pending = outcome(stream(background(), source).next())
    await task()
    source.destroy(new RangeError('broken'))
    await task()
    expect(pending.error).toEqual(new RangeError('broken'))
  })
})

async function* failing(): AsyncGenerator<number> {
  yield 1
  await microtask()
  throw new Error('boom')
}

async function callerOfStream(): Promise<void> {
  for await (const _ of stream(background(), failing)) await microtask()
}

describe('an error of a source', () => {
  it('has the frames of the loop that reads it', async () => {
    const { stack } = (await callerOfStream().catch((error: unknown) => error)) as Error
    expect(stack).toContain('failing')
    expect(stack).toContain('callerOfStream')
  })
})

async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    await task()
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

describe('50,000 streams under one context leave the heap flat', { timeout: 60_000 }, () => {
  const COUNT = 50_000
  const [ctx] = withCancel(background())
  /** A source whose reads stay pending. */
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<IteratorResult<number>>(() => {}) }) }

  it.each<[how: string, use: (ctx: Context) => Promise<unknown>]>([
    [
      'read to their end',
      async (ctx) => {
        for await (const _ of stream(ctx, [1], { first: 60_000, idle: 60_000 })) continue
      },
    ],
    [
      'left with a read pending',
      async (ctx) => {
        const chunks = stream(ctx, silent, { first: 60_000 })
        const pending = chunks.next()
        await chunks.return()
        await pending
      },
    ],
    ['left before they are read', (ctx) => stream(ctx, () => [1]).return()],
  ])('%s', async (_, use) => {
    for (let count = 0; count < 1_000; count++) await use(ctx)
    const before = await heap()
    for (let count = 0; count < COUNT; count++) {
      await use(ctx)
      if (count % 1_000 === 0) await task()
    }
    // A retained stream takes more than a thousand bytes.
    expect((await heap()) - before).toBeLessThan(10 * COUNT)
    expect(ctx.err).toBeUndefined()
  })
})
