/**
 * Many clients that leave at random times: before, during and after the response, over HTTP/1.1 and HTTP/2, with a FIN,
 * a reset or silently. Every context has to end, and nothing may be left behind.
 */

import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import * as http2 from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { background, sleep } from 'rescind'
import type { Context } from 'rescind'
import { statusOf, withRequest, withShutdown } from 'rescind/node'
import type { ServerResponse } from 'rescind/node'
import { describe, expect, it } from 'vitest'
import { task } from '../support.ts'
import { cleanUp, listen } from './sockets.ts'

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = http2.constants

/** How many clients there are at a time. */
const AT_ONCE = 100

/** Pseudo-random numbers in [0, 1), the same in each run (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Response extends ServerResponse {
  writeHead(status: number): { end(): void }
  write(chunk: string): unknown
  end(chunk?: string): unknown
  destroy(): unknown
}

/** Records what the handlers of requests see, without retaining their contexts. */
class Handlers {
  readonly #root: Context
  readonly #next: () => number
  readonly contexts: WeakRef<Context>[] = []
  readonly unfinished = new Set<number>()
  readonly statuses = new Map<number, number>()
  readonly listener = (req: object, res: object): void => {
    const id = this.contexts.length
    this.unfinished.add(id)
    const request = (req as IncomingMessage).on('error', () => {})
    void this.#handle(request, res as Response).finally(() => this.unfinished.delete(id))
  }

  constructor(root: Context, seed: number) {
    this.#root = root
    this.#next = random(seed)
  }

  async #handle(req: IncomingMessage, res: Response): Promise<void> {
    const [ctx, cancel] = withRequest(this.#root, req, res)
    using _ = cancel
    this.contexts.push(new WeakRef(ctx))
    try {
      const kind = this.#next()
      if (kind < 0.2) await sleep(ctx, 60_000)
      if (kind < 0.4) res.write('a part')
      if (kind < 0.6) await sleep(ctx, kind * 3)
      res.end('done')
      this.#count(200)
    } catch (error) {
      const status = statusOf(ctx, error)
      if (res.headersSent) res.destroy()
      else res.writeHead(status).end()
      this.#count(status)
    }
  }

  #count(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }
}

/** Makes `visits` visits, `AT_ONCE` at a time. */
async function crowd(visits: number, visit: () => Promise<void>): Promise<void> {
  let left = visits
  const visitor = async () => {
    while (left-- > 0) await visit()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, visitor))
}

function closeOf(emitter: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    emitter.once('close', resolve)
  })
}

const REQUESTS = [
  'GET /albums HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'GET /albums HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(3),
  'POST /albums HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf',
  'POST /albums HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nhalf',
  'GET /albums HTTP/1.1\r\nhost: localhost\r\nrescind-timeout-ms: 2\r\n\r\n',
  'GET /albums HTTP/1.1\r\nhost: localhost\r\nrescind-timeout-ms: soon\r\n\r\n',
  'GET /albums HTTP/1.1\r\nhost: loc',
  'no request\r\n\r\n',
]

async function visit1(port: number, next: () => number): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  const closed = closeOf(socket)
  const request = REQUESTS[Math.floor(next() * REQUESTS.length)] ?? ''
  const how = (['end', 'destroy', 'resetAndDestroy'] as const)[Math.floor(next() * 3)] ?? 'end'
  const ms = next() * 4
  socket.once('connect', () => {
    socket.resume().write(request)
    setTimeout(() => socket[how](), ms)
  })
  return closed
}

async function visit2(session: http2.ClientHttp2Session, next: () => number): Promise<void> {
  const method = next() < 0.5 ? 'GET' : 'POST'
  // Not NO_ERROR: Node 20 keeps a stream that is reset with it while a write is under way, and its session, forever.
  const code = next() < 0.5 ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL
  const [ms, isLast] = [next() * 4, next() < 0.01]
  const stream = session.request({ ':method': method, ':path': '/albums' }).on('error', () => {})
  const closed = closeOf(stream)
  const leave = () => setTimeout(() => (isLast ? session.destroy() : stream.close(code)), ms)
  stream.resume()
  if (stream.pending) stream.once('ready', leave)
  else leave()
  return closed
}

describe('a crowd of clients that leave at random', () => {
  it.each([
    ['HTTP/1.1', 300],
    ['HTTP/2', 500],
  ])('over %s, %i of them, leave no context alive and no socket', async (version, visits) => {
    const next = random(1)
    const server = version === 'HTTP/2' ? http2.createServer() : createServer()
    server.on('sessionError', () => {})
    const [root, shutDown, closed] = withShutdown(background(), server, { grace: Infinity, signals: [] })
    const handlers = new Handlers(root, 2)
    server.on('request', handlers.listener)
    const sockets = new Set<WeakRef<Socket>>()
    server.on('connection', (socket: Socket) => sockets.add(new WeakRef(socket)))
    const port = await listen(server)
    if (version === 'HTTP/2') {
      const sessions: http2.ClientHttp2Session[] = []
      const sessionOf = () => {
        const index = Math.floor(next() * 10)
        const before = sessions[index]
        if (before && !before.destroyed && !before.closed) return before
        const session = http2.connect(`http://localhost:${port}`).on('error', () => {})
        cleanUp(() => session.destroy())
        return (sessions[index] = session)
      }
      await crowd(visits, () => visit2(sessionOf(), next))
      for (const session of sessions) session.destroy()
    } else await crowd(visits, () => visit1(port, next))
    // They end because clients leave: the longest work takes longer than the test may.
    while (handlers.unfinished.size > 0) await task()
    // The grace time is infinite: no connection is cut.
    shutDown()
    expect(await closed).toBe('finished')
    // How many requests arrived before their clients left depends on the machine.
    expect(handlers.contexts.length).toBeGreaterThan(0)
    expect(handlers.statuses.get(499)).toBeGreaterThan(0)
    for (let round = 0; round < 10; round++) {
      await task()
      globalThis.gc?.()
    }
    const kept = [...handlers.contexts, ...sockets].filter((ref) => ref.deref()).length
    // Some may still be on a stack.
    expect(kept).toBeLessThan(10)
  })
})
