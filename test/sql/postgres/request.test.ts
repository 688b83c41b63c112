/** The request that cancels a statement: where it is sent, its bytes, and when it is over. Needs no PostgreSQL. */

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { certificate, privateKey } from '../../../scripts/certificate.ts'
import { sendCancel } from '../../../src/sql/postgres/cancel.ts'
import type { PostgresClient } from '../../../src/sql/postgres/client.ts'
import { systemClock } from '../../../src/timers.ts'

/** What a server does with a connection: answers, closes after so many bytes, or neither. */
interface Manner {
  readonly path?: string
  readonly answer?: string
  readonly closesAfter?: number
}

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close()
    await once(server, 'close')
  }
})

/** A server that stores the bytes that it receives. */
async function listen({ path, answer, closesAfter = Infinity }: Manner = {}) {
  const received: number[] = []
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {})
    socket.on('data', (data) => {
      received.push(...data)
      if (answer !== undefined) socket.write(answer)
      if (received.length >= closesAfter) socket.destroy()
    })
  })
  servers.push(server)
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
  await once(server, 'listening')
  const { port } = (path === undefined ? server.address() : {}) as AddressInfo
  return { port, received, connections: () => connections }
}

/** A server with TLS, from the start or after it was asked. It notes the names of each handshake. */
async function listenTls(isDirect: boolean) {
  const received: number[] = []
  const names: unknown[] = []
  const options = { cert: certificate, key: privateKey, ALPNProtocols: ['postgresql'] }
  const secure = createTlsServer(options, (socket) => {
    socket.on('error', () => {})
    names.push(socket.servername, socket.alpnProtocol)
    socket.on('data', (data) => {
      received.push(...data)
      socket.destroy()
    })
  })
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (isDirect) return void secure.emit('connection', socket)
    socket.once('data', () => {
      socket.write('S')
      secure.emit('connection', socket)
    })
  })
  servers.push(server)
  server.listen({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { stream: { remoteAddress: '127.0.0.1', remotePort: port }, received, names }
}

/** A client of node-postgres, as far as a cancel reads it. */
const client = (fields: object): PostgresClient =>
  ({ host: '127.0.0.1', processID: 258, secretKey: 772, ...fields }) as unknown as PostgresClient

const REQUEST = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 1, 2, 0, 0, 3, 4]
const running = () => false

describe('a cancel', () => {
  it.each([
    ['closed its connection', undefined],
    ['said something and closed its connection', 'E'],
  ])('is over when the server has %s, and leaves no timer', async (_, answer) => {
    const { port, received } = await listen({ closesAfter: REQUEST.length, ...(answer && { answer }) })
    expect(await sendCancel(client({ port }), running, 20_000)).toBe(true)
    expect(received).toEqual(REQUEST)
    expect(systemClock.next()).toBe(Infinity)
  })

  it('has a key of any length', async () => {
    const secretKey = Uint8Array.from({ length: 32 }, (_, index) => 100 + index)
    const { port, received } = await listen({ closesAfter: 44 })
    expect(await sendCancel(client({ port, secretKey }), running, 20_000)).toBe(true)
    expect(received).toEqual([0, 0, 0, 44, ...REQUEST.slice(4, 12), ...secretKey])
  })

  it('is sent to the socket of a folder if the host is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescind-'))
    const { received } = await listen({ path: join(folder, '.s.PGSQL.5433'), closesAfter: REQUEST.length })
    expect(await sendCancel(client({ host: folder, port: 5433 }), running, 20_000)).toBe(true)
    expect(received).toEqual(REQUEST)
    rmSync(folder, { recursive: true, force: true })
  })

  it('is sent to the address of the connection: a host name can have several', async () => {
    const { port, received } = await listen({ closesAfter: REQUEST.length })
    const stream = { remoteAddress: '127.0.0.1', remotePort: port }
    const elsewhere = client({ host: 'nowhere.invalid', port: 1, connection: { stream } })
    expect(await sendCancel(elsewhere, running, 20_000)).toBe(true)
    expect(received).toEqual(REQUEST)
  })

  it('may still be in flight if the server has not closed its connection in time', async () => {
    const { port } = await listen()
    expect(await sendCancel(client({ port }), running, 30)).toBe(false)
  })

  it('is not sent if the statement is over when the connection is open', async () => {
    const { port, received, connections } = await listen()
    expect(await sendCancel(client({ port }), () => true, 20_000)).toBe(true)
    await expect.poll(connections).toBe(1)
    expect(received).toEqual([])
  })

  it.each([
    ['no process ID', { processID: null }],
    ['no key', { secretKey: null }],
  ])('is not sent for a connection with %s', async (_, fields) => {
    const { port, connections } = await listen()
    expect(await sendCancel(client({ port, ...fields }), running, 20_000)).toBe(true)
    expect(connections()).toBe(0)
  })

  it('is not sent if the server cannot be reached', async () => {
    const { port } = await listen()
    servers.pop()?.close()
    expect(await sendCancel(client({ port }), running, 20_000)).toBe(true)
  })

  it('is not sent in plain text if the server refuses TLS, or breaks it off', async () => {
    for (const manner of [{ answer: 'N' }, { closesAfter: 8 }, { answer: 'SN' }]) {
      const { port, received } = await listen(manner)
      expect(await sendCancel(client({ port, ssl: true }), running, 20_000)).toBe(true)
      expect(received.slice(0, 8)).toEqual([0, 0, 0, 8, 4, 210, 22, 47])
      expect(String(received)).not.toContain(String(REQUEST.slice(4)))
    }
  })

  const unverified = { rejectUnauthorized: false, servername: 'db' }
  it.each<[what: string, fields: object, servername: unknown, protocol: unknown]>([
    ['the name of the host', { host: 'localhost', ssl: { ca: certificate } }, 'localhost', false],
    ['no name for an address', { ssl: { ca: certificate } }, false, false],
    ['the name that the user has given', { host: 'localhost', ssl: unverified }, 'db', false],
    ['its protocol if TLS starts at once', { ssl: { ca: certificate }, sslNegotiation: 'direct' }, false, 'postgresql'],
  ])('is encrypted as the connection is, and tells the server %s', async (_, fields, servername, protocol) => {
    const { stream, received, names } = await listenTls('sslNegotiation' in fields)
    expect(await sendCancel(client({ ...fields, connection: { stream } }), running, 20_000)).toBe(true)
    expect(received).toEqual(REQUEST)
    expect(names).toEqual([servername, protocol])
  })

  it.each<[fault: string, ssl: unknown]>([
    ['is not trusted', true],
    ['is not one that the user trusts', { ca: [] }],
    ['is for another name', { ca: certificate, servername: 'elsewhere' }],
  ])('is not sent to a server whose certificate %s', async (_, ssl) => {
    const { stream, received } = await listenTls(false)
    const suspicious = client({ host: 'localhost', ssl, connection: { stream } })
    expect(await sendCancel(suspicious, running, 20_000)).toBe(true)
    expect(received).toEqual([])
  })

  it('was not sent if the server does not answer the question for TLS in time', async () => {
    const { port } = await listen()
    expect(await sendCancel(client({ port, ssl: true }), running, 30)).toBe(true)
  })
})
