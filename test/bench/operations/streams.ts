/**
 * Readers of an answer that arrives in parts, over HTTP: server-sent events from a local server, which counts closed
 * answers. Each contender is used as in its documentation. Errors are distinguished by what a program can read of them:
 * the name and the label, or the message where there is no label.
 */

import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { streamText } from 'ai'
import type { LanguageModel } from 'ai'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { background, contextError, stream, withSignal, withTimeout } from 'rescind'
import { pass } from './pass.ts'

interface Limits {
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly first: number
  readonly idle: number
  readonly total: number
}

export interface Reader {
  readonly name: string
  /** The words of the answer at `url`. */
  readonly words: (url: string, limits: Limits) => AsyncIterable<string>
}

async function open(url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { body } = await fetch(url, { signal })
  if (!body) throw new Error('no body')
  return body
}

async function events(url: string, signal: AbortSignal) {
  const body = await open(url, signal)
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
}

export const readers: readonly Reader[] = [
  {
    name: 'rescind `stream`',
    words: (url, { signal, first, idle, total }) => {
      const [stoppable] = withSignal(background(), signal)
      const [ctx] = withTimeout(stoppable, total, { label: 'answer' })
      return data(stream(ctx, (ctx) => events(url, ctx.signal), { first, idle }))
    },
  },
  {
    name: 'AI SDK `streamText`, `timeout`',
    words: (url, { signal, idle, total }) => {
      const timeout = { totalMs: total, chunkMs: idle }
      const { fullStream } = streamText({
        model: modelAt(url),
        prompt: 'Which album?',
        maxRetries: 0,
        abortSignal: signal,
        timeout,
        onError: () => {},
      })
      return map(fullStream, (part) => {
        if (part.type === 'abort') throw new Error(part.reason)
        if (part.type === 'error') throw part.error
        return part.type === 'text-delta' ? part.text : undefined
      })
    },
  },
  {
    name: "the body's own iterator, `AbortSignal.any`",
    words: (url, { signal, total }) => {
      const either = AbortSignal.any([signal, AbortSignal.timeout(total)])
      const opened = lazily(async () => (await events(url, either)) as unknown as AsyncIterable<{ data: string }>)
      return data(opened)
    },
  },
  { name: 'a generator over a reader, with timers, by hand', words: byHand },
]

/** Written by hand: a timer that each chunk restarts, and a generator that cleans up. */
async function* byHand(url: string, { signal, idle, total }: Limits): AsyncGenerator<string> {
  const controller = new AbortController()
  const stop = () => controller.abort(signal.reason)
  signal.addEventListener('abort', stop)
  const abort = (why: string) => () => controller.abort(new Error(why))
  const totalTimer = setTimeout(abort('total'), total)
  let idleTimer = setTimeout(abort('idle'), idle)
  try {
    const body = await open(url, controller.signal)
    const reader = body.getReader()
    const decoder = new TextDecoder()
    for (let rest = ''; ;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(idleTimer)
      idleTimer = setTimeout(abort('idle'), idle)
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) yield line.slice(6)
    }
  } finally {
    clearTimeout(totalTimer)
    clearTimeout(idleTimer)
    signal.removeEventListener('abort', stop)
    controller.abort()
  }
}

/** The words in `source`. Their `return()` calls that of `source`, and settles with it. */
function map<T>(source: AsyncIterable<T>, wordOf: (part: T) => string | undefined): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = source[Symbol.asyncIterator]()
      return {
        async next() {
          for (;;) {
            const { done, value } = await iterator.next()
            if (done) return { done: true, value: undefined }
            const word = wordOf(value)
            if (word !== undefined) return { done: false, value: word }
          }
        },
        async return() {
          await iterator.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

const data = (source: AsyncIterable<{ readonly data: string }>) => map(source, (event) => event.data)

/** Calls `make` at the first `next`. */
function lazily<T>(make: () => Promise<AsyncIterable<T>>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      let made: Promise<AsyncIterator<T>> | undefined
      const iterator = () => (made ??= make().then((source) => source[Symbol.asyncIterator]()))
      return {
        next: async () => (await iterator()).next(),
        return: async () => (await (await made)?.return?.()) ?? { done: true, value: undefined },
      }
    },
  }
}

type Model = Exclude<LanguageModel, string> & { readonly specificationVersion: 'v3' }
type Answer = Awaited<ReturnType<Model['doStream']>>['stream']
type Part = Answer extends ReadableStream<infer P> ? P : never

function toParts(): TransformStream<{ readonly data: string }, Part> {
  return new TransformStream({
    start: (controller) => controller.enqueue({ type: 'text-start', id: '1' }),
    transform: ({ data }, controller) => controller.enqueue({ type: 'text-delta', id: '1', delta: data }),
  })
}

/** A provider whose model answers with the events at `url`, like those of the SDK. */
function modelAt(url: string): Model {
  return {
    specificationVersion: 'v3',
    provider: 'bench',
    modelId: 'events',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('streams only')),
    doStream: async ({ abortSignal = new AbortController().signal }) => ({
      stream: (await events(url, abortSignal)).pipeThrough(toParts()),
    }),
  }
}

/** How the server answers; see {@link serve}. */
type Kind = 'silent' | 'stalls' | 'pings' | 'talks'

const kinds: Readonly<Record<Kind, (response: ServerResponse) => void>> = {
  silent: (response) => response.flushHeaders(),
  stalls: (response) => void response.write('data: word\n\n'),
  pings: (response) => repeat(response, 'data: word\n\n', ': alive\n\n'),
  talks: (response) => repeat(response, 'data: word\n\n', 'data: word\n\n'),
}

function repeat(response: ServerResponse, first: string, then: string): void {
  response.write(first)
  const timer = setInterval(() => response.write(then), 20)
  response.on('close', () => clearInterval(timer))
}

/** A server of endless answers, with the number of closed ones. */
async function serve() {
  let closed = 0
  const server = createServer(({ url = '' }, response) => {
    response.on('close', () => closed++)
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    kinds[url.slice(1) as Kind](response)
  })
  await new Promise<void>((resolve) => void server.listen(0, resolve))
  const { port } = server.address() as AddressInfo
  return {
    at: (kind: Kind) => `http://localhost:${port}/${kind}`,
    closed: () => closed,
    close: () => (server.closeAllConnections(), server.close()),
  }
}

/** How long to wait for an end that should come after a tenth of this. */
const PATIENCE = 1_000
const SHORT = 100
const LONG = 60_000

/** What a program can read of the end of an answer; undefined if it has not ended. */
async function endOf(words: AsyncIterable<string>): Promise<string | undefined> {
  const reading = (async () => {
    for await (const _ of words);
    return 'ended well'
  })().catch((error: unknown) => {
    const { name, message } = error as Error
    return `${name}: ${contextError(error)?.label ?? message}`
  })
  return Promise.race([reading, pass(PATIENCE).then(() => undefined)])
}

export async function streamRow({ name, words }: Reader): Promise<string[]> {
  const server = await serve()
  const limits = { first: LONG, idle: LONG, total: LONG, signal: new AbortController().signal }

  const stop = new AbortController()
  const first = await endOf(words(server.at('silent'), { ...limits, first: SHORT }))
  const idle = await endOf(words(server.at('stalls'), { ...limits, idle: SHORT }))
  const total = await endOf(words(server.at('talks'), { ...limits, total: SHORT }))
  setTimeout(() => stop.abort(), SHORT)
  const ends = Object.entries({
    first,
    idle,
    total,
    Stop: await endOf(words(server.at('talks'), { ...limits, signal: stop.signal })),
  })
  const apart = ends.filter(([, end]) => end !== undefined && ends.filter(([, other]) => other === end).length === 1)
  const kept = await endOf(words(server.at('pings'), { ...limits, idle: SHORT }))
  const left = await leaves(words, server)
  const isClosed = await closes(words, server)
  server.close()
  return [
    name,
    apart.map(([what]) => what).join(', ') || 'none',
    idle === undefined ? 'hangs' : 'ends',
    kept === undefined ? 'hangs' : 'ends',
    left ? 'settles' : 'hangs',
    isClosed.join(', ') || 'none',
  ]
}

type Server = Awaited<ReturnType<typeof serve>>

/** Whether `return()` settles while a read is pending. */
async function leaves(words: Reader['words'], server: Server): Promise<boolean> {
  const stop = new AbortController()
  const limits = { first: LONG, idle: LONG, total: LONG, signal: stop.signal }
  const iterator = words(server.at('stalls'), limits)[Symbol.asyncIterator]()
  await iterator.next()
  iterator.next().catch(() => {})
  const returned = iterator.return?.().then(
    () => true,
    () => true,
  )
  const isLeft = await Promise.race([returned ?? false, pass(PATIENCE).then(() => false)])
  stop.abort()
  return isLeft
}

/** The ways to leave the loop that closed the answer of the server. */
async function closes(words: Reader['words'], server: Server): Promise<string[]> {
  const seen: string[] = []
  for (const way of ['break', 'throw', 'Stop', 'return()'] as const) {
    const stop = new AbortController()
    const limits = { first: LONG, idle: LONG, total: LONG, signal: stop.signal }
    // Until earlier answers are closed, so that they do not count.
    await pass(100)
    const before = server.closed()
    void leave(words(server.at('stalls'), limits), way, () => stop.abort()).catch(() => {})
    for (let waited = 0; waited < PATIENCE && server.closed() === before; waited += 50) await pass(50)
    if (server.closed() > before) seen.push(way)
    stop.abort()
  }
  return seen
}

async function leave(words: AsyncIterable<string>, way: string, stop: () => void): Promise<void> {
  if (way === 'return()') {
    const iterator = words[Symbol.asyncIterator]()
    await iterator.next()
    iterator.next().catch(() => {})
    await iterator.return?.()
    return
  }
  for await (const _ of words) {
    if (way === 'break') break
    if (way === 'throw') throw new Error('thrown')
    setTimeout(stop, 20)
  }
}
