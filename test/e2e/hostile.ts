/** Hostile input to a server of the demo: it answers with a reason, keeps its limits, and stays up. */

import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { beforeAll, expect, it } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'
import { patiently } from './demo.ts'
import type { Server } from './servers.ts'

export const HOST = 'Host: localhost\r\n'
const LONG = 'a'.repeat(40_000)
/** The parameters of every request for work. */
const ORDER = 'id=a&name=a&latency=1'

export type Fault = readonly [name: string, status: number, text: string]

/** Invalid requests, with the status of the answer. */
export const READ_BY_THE_DEMO: readonly Fault[] = [
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
export const READ_BY_NODE: readonly Fault[] = [
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

/** Connects, and sends `text`. */
export async function open(url: string, text = ''): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), 'localhost')
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return socket
}

/** Reads until the end of an answer's text, or of the connection. */
export async function answer(url: string, text: string): Promise<string> {
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
export async function ask(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
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

/** Matches an answer that says why, in one line. */
export const refusal = (status: number): RegExp => new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n(?:.*\r\n)?.*\\w.*\n`)
const plain = /\r\ncontent-type: text\/plain; charset=utf-8\r\n/i
const nosniff = /\r\nx-content-type-options: nosniff\r\n/i

/** This machine's address in its network; undefined if it has none. */
export const address: string | undefined = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

/**
 * Tests a server that the caller closes.
 *
 * @param faults the requests that it must refuse
 */
export function withstands(start: () => Promise<Server>, faults: readonly Fault[]): void {
  let server: Server
  beforeAll(async () => {
    server = await start()
  })

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

  it.skipIf(address === undefined)('listens on localhost only', async () => {
    const socket = connect(Number(new URL(server.url).port), address)
    await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
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
}
