/**
 * Three servers in a process of their own: one with a bare handler, one whose handler makes a signal for each request
 * by hand, and one whose handler derives a context. And a client that costs little: it writes the bytes of a request
 * and counts those of the response.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { background } from 'rescind'
import { withRequest } from 'rescind/node'
import { receive } from './by-hand.ts'

const root = background()
const BODY = 'Blue Train'

const HANDLERS: Readonly<Record<string, RequestListener>> = {
  bare: (_, res) => void res.end(BODY),
  byHand: (req, res) => {
    const { signal, end } = receive(req, res)
    try {
      if (!signal.aborted) res.end(BODY)
    } finally {
      end()
    }
  },
  rescind: (req, res) => {
    const [ctx, cancel] = withRequest(root, req, res)
    try {
      if (!ctx.err) res.end(BODY)
    } finally {
      cancel()
    }
  },
}

/** In the process of the servers: tells the other one their ports, and goes with it. */
export async function serve(): Promise<void> {
  const ports: Record<string, number> = {}
  for (const [name, handler] of Object.entries(HANDLERS)) {
    const server = createServer(handler).listen(0, '127.0.0.1')
    // The other measurements take longer than a server waits by default.
    server.keepAliveTimeout = 0
    await once(server, 'listening')
    ports[name] = (server.address() as AddressInfo).port
  }
  process.once('disconnect', () => process.exit())
  process.send?.(ports)
}

const CONNECTIONS = 16
const REQUEST = 'GET /albums/17 HTTP/1.1\r\nHost: bench.test\r\n\r\n'

export interface Clients extends Disposable {
  readonly bare: Client
  readonly byHand: Client
  readonly rescind: Client
}

/** The clients of the three servers, which `program` starts with `argument`. */
export async function openClients(program: string, argument: string): Promise<Clients> {
  const child = fork(program, [argument])
  const [ports] = (await once(child, 'message')) as [Record<string, number>]
  const bare = await Client.open(ports['bare'] ?? 0)
  const byHand = await Client.open(ports['byHand'] ?? 0)
  const rescind = await Client.open(ports['rescind'] ?? 0)
  return {
    bare,
    byHand,
    rescind,
    [Symbol.dispose]() {
      bare.close()
      byHand.close()
      rescind.close()
      child.disconnect()
    },
  }
}

class Client {
  readonly #sockets: readonly Socket[]
  /** How many bytes a response has. */
  #size = 0

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets
  }

  static async open(port: number): Promise<Client> {
    const sockets = Array.from({ length: CONNECTIONS }, () => connect(port, '127.0.0.1').setNoDelay())
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const client = new Client(sockets)
    const [socket] = sockets as [Socket]
    socket.write(REQUEST)
    const [data] = (await once(socket, 'data')) as [Buffer]
    if (!data.toString().endsWith(BODY)) throw new Error(`The server answered: ${data.toString()}`)
    client.#size = data.length
    return client
  }

  /** Sends `count` requests, one after the other on each connection. */
  async send(count: number): Promise<void> {
    let left = count
    await Promise.all(
      this.#sockets.map(
        (socket) =>
          new Promise<void>((resolve) => {
            let bytes = 0
            const next = () => {
              if (left-- > 0) socket.write(REQUEST)
              else {
                socket.off('data', read)
                resolve()
              }
            }
            const read = (data: Buffer) => {
              bytes += data.length
              if (bytes < this.#size) return
              bytes = 0
              next()
            }
            socket.on('data', read)
            next()
          }),
      ),
    )
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
