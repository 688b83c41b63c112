/** Types of `rescind/wire` and `rescind/node` that the compiler must accept and refuse; see core.ts. */

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import * as net from 'node:net'
import { MessageChannel as ThreadChannel, Worker as ThreadWorker } from 'node:worker_threads'
import { background, createKey } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { withRequest, withShutdown } from 'rescind/node'
import {
  baggage,
  carry,
  fromHeaders,
  fromPort,
  headers,
  job,
  serveJobs,
  text,
  toPort,
  traceparent,
  tracestate,
} from 'rescind/wire'
import type { BaggageEntry, Carried } from 'rescind/wire'

const root = background()
const id = createKey<string>('id')
const count = createKey<number>('count')
const whole = { encode: String, decode: Number }

// Text needs no codec, everything else one of its own type.
export const carried: [Carried<string>, Carried<string>, Carried<number>] = [
  carry(id, 'x-id'),
  carry(id, 'x-id', text),
  carry(count, 'x-count', whole),
]
// @ts-expect-error -- a number is not text
carry(count, 'x-count')
// @ts-expect-error -- the codec of text does not write it either
carry(count, 'x-count', text)

// Values of different types can be combined.
const values = [...carried, traceparent, tracestate, baggage]
export const sent: Record<string, string> = headers(root, { to: '/', values })
export const found: ReadonlyMap<string, BaggageEntry> | undefined = root.value(baggage.key)
// @ts-expect-error -- `to` is not optional
headers(root, { values })

export const pairs: [ctx: Context, cancel: Cancel][] = [
  fromHeaders(root, new Headers(), { values, limit: 5 }),
  fromHeaders(root, new Request('/').headers),
  fromHeaders(root, { 'x-id': 'one', 'x-list': ['one', 'two'], 'x-none': undefined }),
]
// @ts-expect-error -- a header is text
fromHeaders(root, { 'x-count': 5 })

// All requests and servers of Node.
createServer((req, res) => withRequest(root, req, res)).on('upgrade', (req, socket) => withRequest(root, req, socket))
http2.createServer((req, res) => withRequest(root, req, res))
export function handle(req: IncomingMessage, res: ServerResponse): void {
  withRequest(root, req, res, { label: 'handle', timeout: null })
}
const plain = [createServer(), http2.createServer(), net.createServer()]
const servers = [...plain, https.createServer(), http2.createSecureServer()]
for (const server of servers) withShutdown(root, server, { grace: 5, signals: ['SIGTERM'] })
// @ts-expect-error -- only the user knows the right grace time
withShutdown(root, createServer(), {})

// Ports of the platform and of Node; keys of all types.
export const release: Cancel = toPort(root, new MessageChannel().port1, { keys: [id, count] })
export const received: Promise<[Context, Cancel]> = fromPort(root, new ThreadChannel().port2, { keys: [id] })
// @ts-expect-error -- a worker is not a port
toPort(root, new Worker('worker.js'))

// Jobs: any worker, and a port that leads to one.
export const jobs: [Promise<number>, Promise<unknown>, Promise<string>] = [
  job<number>(root, new Worker('worker.js'), [1, 2], { transfer: [new ArrayBuffer(1)], keys: [id] }),
  job(root, new ThreadWorker('./worker.js'), undefined),
  job<string, number>(root, new MessageChannel().port1, 'any', { onProgress: (done) => done.toFixed() }),
]
// @ts-expect-error -- progress has the given type
job<string, number>(root, new Worker('worker.js'), 'any', { onProgress: (done: string) => done })
export const stop: Cancel = serveJobs(
  async (ctx, size: number, progress: (done: number) => void) => {
    progress(0)
    return new Uint8Array(ctx.deadline ?? size)
  },
  { transfer: ({ buffer }) => [buffer], keys: [id], port: new MessageChannel().port1 },
)
// @ts-expect-error -- a handler takes one message
serveJobs((_ctx: Context, _one: number, _progress: () => void, _other: number) => {})
