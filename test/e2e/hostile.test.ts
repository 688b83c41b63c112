/** Hostile input to the demo's server, and to its event stream. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { background, withCancel } from 'rescind'
import { inspect } from 'rescind/inspect'
import { withRequest } from 'rescind/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openDatabases } from '../../demo/server/databases.ts'
import { events } from '../../demo/server/events.ts'
import { Log } from '../../demo/server/log.ts'
import type { Entry } from '../../demo/server/log.ts'
import { demoUrl, patiently, visit } from './demo.ts'
import { address, answer, ask, HOST, open, READ_BY_NODE, READ_BY_THE_DEMO, refusal, withstands } from './hostile.ts'
import { serveDemo } from './servers.ts'
import type { Server } from './servers.ts'

describe('the built server', () => {
  let server: Promise<Server>
  beforeAll(() => {
    server = serveDemo()
  })
  afterAll(async () => (await server)[Symbol.asyncDispose]())

  withstands(() => server, [...READ_BY_THE_DEMO, ...READ_BY_NODE])

  it.skipIf(address === undefined)('listens on all interfaces with --host', async () => {
    await using opened = await serveDemo(0, {}, ['--host'])
    const socket = connect(Number(new URL(opened.url).port), address)
    await expect(once(socket, 'connect')).resolves.toEqual([])
    socket.destroy()
  })
})

describe('a page of another origin', () => {
  it('is refused in a browser', async () => {
    await using server = await serveDemo()
    await using demo = await visit('', demoUrl)
    const { page } = demo
    const post = (url: string) => page.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors' }), url)
    await post(`${server.url}api/unwanted?id=foreign&at=1`)
    await page.evaluate((url) => void new EventSource(url), `${server.url}api/events`)
    await ask(`${server.url}api/work?id=foreign&name=a&latency=0&rescind=off`, 'GET')
    const log = (await (await fetch(`${server.url}api/log?page=foreign`)).json()) as Entry[]
    expect(log).toHaveLength(1)
    expect(log[0]).not.toHaveProperty('unwanted')
  })
})

interface Stream extends AsyncDisposable {
  readonly url: string
  readonly log: Log
  readonly answers: readonly ServerResponse[]
}

/** The event stream alone, with a log for the test. */
async function serveEvents(): Promise<Stream> {
  const log = new Log()
  const answers: ServerResponse[] = []
  const inspector = inspect({ silence: 'all' })
  const [root, stop] = withCancel(background())
  const server = createServer((req, res) => {
    answers.push(res)
    const [ctx, cancel] = withRequest(root, req, res)
    const url = new URL(req.url ?? '', 'http://localhost')
    events(ctx, { req, res, url, log, databases: openDatabases(), inspector })
      .catch(() => {})
      .finally(() => cancel())
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    log,
    answers,
    async [Symbol.asyncDispose]() {
      stop()
      inspector.detach()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const LISTEN = `GET /api/events HTTP/1.1\r\n${HOST}\r\n`

describe('the event stream', () => {
  it('drops a slow reader, and tells it why', async () => {
    await using stream = await serveEvents()
    const { answers, log } = stream
    const keen = (await open(stream.url, LISTEN)).resume()
    await expect.poll(() => log.readers, patiently).toBe(1)
    const late = (await open(stream.url, LISTEN)).pause()
    const lazy = (await open(stream.url, LISTEN)).pause()
    await expect.poll(() => log.readers, patiently).toBe(3)
    const dropped = () => answers.filter(({ writableEnded }) => writableEnded).length
    let most = 0
    // Connections buffer some megabytes themselves.
    for (let entry = 0; entry < 5000 && dropped() < 2; entry++) {
      log.open({ id: `id${entry}`, name: 'name', latency: 0 }, 'arrived'.padEnd(4000))
      log.end(`id${entry}`, 'finished', 'finished')
      most = Math.max(most, ...answers.map(({ writableLength }) => writableLength))
      do await new Promise((resolve) => setImmediate(resolve))
      while ((answers[0]?.writableLength ?? 0) > 2 ** 17)
    }
    expect(dropped()).toBe(2)
    expect(most).toBeLessThan(2 ** 20 + 10_000)
    let last = ''
    for await (const chunk of late as AsyncIterable<Buffer>) {
      last = last.slice(-200) + String(chunk)
      if (last.includes('event: dropped\ndata: too much of the log was left unread\n\n')) break
    }
    expect(last).toContain('event: dropped')
    // The lazy reader is disconnected without having read the reason.
    await expect.poll(() => log.readers, patiently).toBe(1)
    expect(keen.destroyed).toBe(false)
    for (const socket of [keen, lazy]) socket.destroy()
  })

  it('accepts at most 64 readers, and another when one leaves', async () => {
    await using stream = await serveEvents()
    const sockets = await Promise.all(Array.from({ length: 64 }, () => open(stream.url, LISTEN)))
    await expect.poll(() => stream.log.readers, patiently).toBe(64)
    expect(await answer(stream.url, LISTEN)).toMatch(refusal(429))
    sockets[0]?.destroy()
    await expect.poll(() => stream.log.readers, patiently).toBe(63)
    sockets.push(await open(stream.url, LISTEN))
    await expect.poll(() => stream.log.readers, patiently).toBe(64)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => stream.log.readers, patiently).toBe(0)
  })
})

describe('a report of a canceled request that has not arrived', () => {
  it('is kept for ten seconds', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const log = new Log()
      const arrive = (id: string) => log.open({ id, name: 'name', latency: 100 }, 'arrived')
      log.unwanted('soon', 'unwanted')
      log.unwanted('late', 'unwanted')
      vi.advanceTimersByTime(9000)
      arrive('soon')
      vi.advanceTimersByTime(2000)
      arrive('late')
      const unwanted = log.entries('').map(({ id, unwanted }) => [id, unwanted])
      expect(unwanted).toEqual([
        ['soon', 0],
        ['late', undefined],
      ])
    } finally {
      vi.useRealTimers()
    }
  })
})
