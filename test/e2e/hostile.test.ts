/** Hostile input to the demo's server: it answers with a reason, keeps its limits, and stays up. */

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { background, withCancel } from 'rescind'
import { inspect } from 'rescind/inspect'
import { withRequest } from 'rescind/node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openDatabases } from '../../demo/server/databases.ts'
import { events } from '../../demo/server/events.ts'
import { Log } from '../../demo/server/log.ts'
import type { Entry } from '../../demo/server/log.ts'
import { demoUrl, patiently, visit } from './demo.ts'
import { serveDemo, serveDev } from './servers.ts'
import type { Server } from './servers.ts'

const HOST = 'Host: localhost\r\n'
const LONG = 'a'.repeat(40_000)
/** The parameters of every request for work. */
const ORDER = 'id=a&name=a&latency=1'

/** Invalid requests, with the status of the answer. */
const READ_BY_THE_DEMO: readonly (readonly [fault: string, status: number, text: string])[] = [
  ['two slashes', 400, `GET // HTTP/1.1\r\n${HOST}\r\n`],
  ['a host in the path', 400, `GET //evil.example/api/clock HTTP/1.1\r\n${HOST}\r\n`],
  ['an invalid host', 400, `GET http://[ HTTP/1.1\r\n${HOST}\r\n`],
  ['an asterisk', 400, `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
  ['an invalid escape', 400, `GET /%zz HTTP/1.1\r\n${HOST}\r\n`],
  ['an incomplete character', 400, `GET /api/%E0%A4%A HTTP/1.1\r\n${HOST}\r\n`],
  ['an escaped null character', 400, `GET /a%00b HTTP/1.1\r\n${HOST}\r\n`],
  ['a long body', 413, `POST /api/unwanted HTTP/1.1\r\n${HOST}Content-Length: 99999999\r\n\r\n${LONG}`],
  ['a body in chunks', 413, `POST /api/unwanted HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`],
  ['an upload that is too long', 413, `POST /api/upload HTTP/1.1\r\n${HOST}Content-Length: 65537\r\n\r\n${LONG}`],
  ['an upload without a length', 411, `POST /api/upload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`],
  ['a body to another address', 413, `POST /api/upload/x HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`],
  ['an empty upload', 400, `POST /api/upload?${ORDER} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`],
  ['a note without a name', 400, `POST /api/save?${ORDER} HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`],
  ['a silence of invalid length', 400, `GET /api/answer?${ORDER}&silence=soon HTTP/1.1\r\n${HOST}\r\n`],
  [
    'a trouble that is too long',
    400,
    `GET /api/trouble?${ORDER}&run=a&from=0&trouble=1e9&capacity=1 HTTP/1.1\r\n${HOST}\r\n`,
  ],
  ['a trouble without a run', 400, `GET /api/trouble?${ORDER}&from=0&trouble=1&capacity=1 HTTP/1.1\r\n${HOST}\r\n`],
  ['an unknown endpoint', 404, `GET /api/constructor HTTP/1.1\r\n${HOST}\r\n`],
  ['the wrong method', 405, `DELETE /api/work HTTP/1.1\r\n${HOST}\r\n`],
  ['a POST to a read-only endpoint', 405, `POST /api/work HTTP/1.1\r\n${HOST}\r\n`],
  [
    'an upgrade to an unknown protocol',
    404,
    `GET /api/socket HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: foo\r\n\r\n`,
  ],
]

/** Requests that Node refuses before the demo sees them. */
const READ_BY_NODE: readonly (readonly [fault: string, status: number, text: string])[] = [
  ['a null character', 400, `GET /a\0b HTTP/1.1\r\n${HOST}\r\n`],
  ['long headers', 431, `GET / HTTP/1.1\r\n${HOST}X: ${LONG}\r\n\r\n`],
  ['another protocol', 400, '\x16\x03\x01\x02\r\n\r\n'],
  ['HTTP/2', 400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an unknown method', 400, `BREW / HTTP/1.1\r\n${HOST}\r\n`],
  ['an unknown expectation', 417, `GET / HTTP/1.1\r\n${HOST}Expect: a pony\r\n\r\n`],
  ['a tunnel', 405, `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`],
  ['a path outside of the files', 404, `GET /..%2f..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n${HOST}\r\n`],
  ['a method that would delete a file', 405, `DELETE / HTTP/1.1\r\n${HOST}\r\n`],
]

async function open(url: string, text = ''): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), 'localhost')
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return socket
}

/** Reads until the end of an answer's text, or of the connection. */
async function answer(url: string, text: string): Promise<string> {
  const socket = await open(url, text)
  let answer = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    answer += String(chunk)
    // Every refusal is one line.
    if (/\r\n\r\n(?:.*\r\n)?.*\n/.test(answer)) break
  }
  return answer
}

/** @param headers may name an origin, which `fetch` does not allow */
async function ask(url: string, method: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const [response] = await once(request(url, { method, headers }).end(), 'response')
  response.resume()
  return response.statusCode
}

/** The head of an upload with a body of `length` bytes. */
function uploadOf(length: number): string {
  return `POST /api/upload?${ORDER} HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: ${length}\r\n\r\n`
}

async function isAlive({ url }: Server): Promise<boolean> {
  return (await fetch(`${url}api/clock`)).ok
}

const refusal = (status: number) => new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n(?:.*\r\n)?.*\\w.*\n`)
const plain = /\r\ncontent-type: text\/plain; charset=utf-8\r\n/i
const nosniff = /\r\nx-content-type-options: nosniff\r\n/i

describe.each([
  ['the built server', serveDemo, [...READ_BY_THE_DEMO, ...READ_BY_NODE]],
  ['the dev server', serveDev, READ_BY_THE_DEMO],
] as const)('%s', (_, serve, faults) => {
  let server: Server
  beforeAll(async () => {
    server = await serve()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it.each(faults)('refuses a request, says why, and stays up: %s', async (_, status, text) => {
    const answered = await answer(server.url, text)
    expect(answered).toMatch(refusal(status))
    expect(answered).toMatch(plain)
    expect(answered).toMatch(nosniff)
    expect(await isAlive(server)).toBe(true)
  })

  it('survives clients that reset their connections', async () => {
    const heads = ['', ...faults.map(([, , text]) => text), `GET /api/events HTTP/1.1\r\n${HOST}\r\nGARBAGE\r\n\r\n`]
    const sockets = await Promise.all(heads.map((text) => open(server.url, text)))
    for (const socket of sockets) socket.resetAndDestroy()
    expect(await isAlive(server)).toBe(true)
  })

  const address = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

  it.skipIf(address === undefined)('listens on localhost only', async () => {
    const socket = connect(Number(new URL(server.url).port), address)
    await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it.skipIf(address === undefined || serve === serveDev)('listens on all interfaces with --host', async () => {
    await using opened = await serveDemo(0, {}, ['--host'])
    const socket = connect(Number(new URL(opened.url).port), address)
    await expect(once(socket, 'connect')).resolves.toEqual([])
    socket.destroy()
  })

  it('refuses pages of other origins', async () => {
    const url = `${server.url}api/unwanted?id=a&at=0`
    const { origin } = new URL(server.url)
    expect(await ask(url, 'POST', { 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await ask(url, 'POST', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' })).toBe(403)
    expect(await ask(url, 'POST', { origin: 'http://evil.example' })).toBe(403)
    expect(await ask(url, 'POST', { origin: 'null' })).toBe(403)
    expect(await ask(`${server.url}api/events`, 'GET', { 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await ask(url, 'POST', { 'sec-fetch-site': 'same-origin' })).toBe(204)
    expect(await ask(url, 'POST', { origin })).toBe(204)
    expect(await ask(url, 'POST')).toBe(204)
  })

  it('refuses invalid numbers, invalid ids, and too many of them', async () => {
    const url = `${server.url}api/unwanted`
    for (const at of ['soon', '', 'NaN', '1e999']) expect(await ask(`${url}?id=a&at=${at}`, 'POST')).toBe(400)
    expect(await ask(`${url}?id=a`, 'POST')).toBe(400)
    expect(await ask(`${url}?id=a/b&at=1`, 'POST')).toBe(400)
    expect(await ask(`${url}?${'id=a&at=1&'.repeat(101)}`, 'POST')).toBe(400)
    const long = 'a'.repeat(99)
    for (const query of [
      'work?id=a&name=%0a&latency=1',
      `work?id=a&name=${long}&latency=1`,
      'work?id=a&name=b&latency=soon',
      `query?id=a&name=b&latency=1&statement=albums&engine=${long}`,
      `events?page=${long}`,
    ]) {
      expect(await ask(`${server.url}api/${query}`, 'GET')).toBe(400)
    }
    expect(await (await fetch(`${server.url}api/log`)).text()).not.toContain('null')
  })

  it('refuses bodies beyond its limit, and accepts more when others have ended', async () => {
    // Each announces a body of the maximal length, and sends none of it.
    const sockets = await Promise.all(Array.from({ length: 64 }, () => open(server.url, uploadOf(2 ** 16))))
    const ask = (length: number) => answer(server.url, uploadOf(length) + 'a'.repeat(length))
    await expect.poll(() => ask(1), patiently).toMatch(refusal(503))
    expect(await isAlive(server)).toBe(true)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => ask(1), patiently).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('refuses a note that is too long', async () => {
    const { status } = await fetch(`${server.url}api/save?${ORDER}&note=long`, { method: 'POST', body: LONG })
    expect(status).toBe(400)
    expect(await (await fetch(`${server.url}api/note?note=long`)).json()).toEqual({ text: '', isPinned: false })
  })

  it('cuts long tags', async () => {
    const headers = { 'x-request-id': 'x'.repeat(5000) }
    expect(await ask(`${server.url}api/work?id=tagged&name=a&latency=0`, 'GET', headers)).toBe(200)
    const log = (await (await fetch(`${server.url}api/log?page=tagged`)).json()) as Entry[]
    expect(log[0]?.tag).toHaveLength(64)
    for (const { text } of log[0]?.lines ?? []) expect(text.length).toBeLessThan(200)
  })

  it('keeps a report of a canceled request that arrives first, among thousands of false ones', async () => {
    const junk = Array.from({ length: 60 }, (_, batch) =>
      Array.from({ length: 100 }, (_, index) => `id=junk${batch}.${index}&at=1`).join('&'),
    )
    for (const query of junk) expect(await ask(`${server.url}api/unwanted?${query}`, 'POST')).toBe(204)
    expect(await ask(`${server.url}api/unwanted?id=honest&at=1`, 'POST')).toBe(204)
    for (const query of junk.slice(0, 20)) await ask(`${server.url}api/unwanted?${query}`, 'POST')
    await ask(`${server.url}api/work?id=honest&name=a&latency=20&rescind=off`, 'GET')
    const log = (await (await fetch(`${server.url}api/log?page=honest`)).json()) as Entry[]
    expect(log).toMatchObject([{ id: 'honest', unwanted: 0 }])
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
