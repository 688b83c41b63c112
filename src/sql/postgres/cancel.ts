/// <reference types="node" />

/**
 * The cancel of PostgreSQL: a request of at least sixteen bytes on a separate connection. The server closes this
 * connection when it has signaled the backend; there is no other answer. Until then, the cancel may still be in flight,
 * and would hit whatever statement runs when it arrives.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */

import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { inRealTime } from '../grace.ts'
import type { PostgresClient } from './client.ts'

const CANCEL = 80_877_102
const TLS = 80_877_103

/** Fields of a client of node-postgres that its types omit. */
interface Internals {
  readonly processID?: number | null
  readonly secretKey?: number | Uint8Array | null
  readonly host?: string
  readonly port?: number
  readonly ssl?: boolean | ConnectionOptions
  readonly sslNegotiation?: string
  readonly connection?: { readonly stream?: Socket }
  readonly _ending?: boolean
}

/** The socket of a client. */
export function socketOf(client: PostgresClient): Socket | undefined {
  return (client as Internals).connection?.stream
}

/** The process ID that the server, or a pooler, has sent to the client. */
export function backendOf(client: PostgresClient): number | null | undefined {
  return (client as Internals).processID
}

/** Whether `end` of a client was called: it sends nothing from then on, but reports that only at the next query. */
export function isEnding(client: PostgresClient): boolean {
  const { _ending: ending = false } = client as Internals
  return ending
}

/**
 * Cancels the statement that `client` runs.
 *
 * @returns resolves to true when no cancel can be in flight: the server has closed the connection, or none was sent;
 * to false if that is still unknown after `ms` milliseconds
 */
export function sendCancel(client: PostgresClient, isOver: () => boolean, ms: number): Promise<boolean> {
  const { processID, secretKey } = client as Internals
  return new Promise((resolve) => {
    if (typeof processID !== 'number' || !secretKey) return resolve(true)
    let sent = false
    const plain = dial(client as Internals)
    const finish = (ended: boolean) => {
      stopTimer()
      plain.destroy()
      resolve(ended)
    }
    const stopTimer = inRealTime(ms, () => finish(!sent))
    plain.on('error', () => {})
    plain.on('close', () => finish(true))
    void secured(client as Internals, plain).then((socket) => {
      if (isOver()) return finish(true)
      sent = true
      socket.write(cancelRequest(processID, secretKey))
      socket.resume()
    })
  })
}

/** Connects to the address to which the client is connected: a host name can have several. */
function dial({ host = 'localhost', port = 5432, connection }: Internals): Socket {
  if (host.startsWith('/')) return connect(`${host}/.s.PGSQL.${port}`)
  const { remoteAddress = host, remotePort = port } = connection?.stream ?? {}
  return connect(remotePort, remoteAddress)
}

/** Resolves to the socket to write to, encrypted if the client's connection is. If that fails, `plain` is closed. */
function secured({ host = 'localhost', ssl, sslNegotiation }: Internals, plain: Socket): Promise<Socket> {
  return new Promise((resolve) => {
    plain.once('connect', () => {
      if (!ssl) return resolve(plain)
      const encrypt = () => {
        const options: ConnectionOptions = { host, ...(ssl === true ? {} : ssl), socket: plain }
        if (isIP(host) === 0) options.servername ??= host
        if (sslNegotiation === 'direct') options.ALPNProtocols = ['postgresql']
        const encrypted = connectTls(options, () => resolve(encrypted))
        encrypted.on('error', () => plain.destroy())
        encrypted.on('close', () => plain.destroy())
      }
      if (sslNegotiation === 'direct') return encrypt()
      plain.once('data', (answer) => (String(answer) === 'S' ? encrypt() : plain.destroy()))
      plain.write(message(TLS))
    })
  })
}

function cancelRequest(processID: number, secretKey: number | Uint8Array): Uint8Array {
  if (typeof secretKey === 'number') return message(CANCEL, processID, secretKey)
  // Since protocol 3.2, a key can have more than four bytes.
  const start = message(CANCEL, processID)
  const request = new Uint8Array(start.length + secretKey.length)
  request.set(start)
  request.set(secretKey, start.length)
  new DataView(request.buffer).setUint32(0, request.length)
  return request
}

/** Makes a message without a type: its length, and numbers of four bytes. */
function message(...numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + 4 * numbers.length))
  view.setUint32(0, view.byteLength)
  for (const [index, number] of numbers.entries()) view.setInt32(4 + 4 * index, number)
  return new Uint8Array(view.buffer)
}
