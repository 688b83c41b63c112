/**
 * A pooler as bad as they come: it has numbers of its own for its clients, and closes the line of a cancel before it
 * has passed the cancel on, which then comes late. What the server says comes in pieces: first the result, or the
 * error, then that it is ready. Each client has a connection of its own to the server.
 */

import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Access } from '../../scripts/postgres.ts'

const CANCEL = 80_877_102

/** The length of the message that the server is ready. */
const READY = 6

export interface Pooler {
  readonly access: Access
  /** How many cancels have come, and how many connections. */
  readonly counts: { cancels: number; connections: number }
  close(): Promise<void>
}

/**
 * @param lateness the milliseconds after which a cancel is passed on
 * @param latency the milliseconds after which anything else of a client is
 */
export async function startPooler(target: Access, lateness: () => number, latency = 0): Promise<Pooler> {
  const counts = { cancels: 0, connections: 0 }
  const sockets = new Set<Socket>()
  /** Those of the server's processes by ours. */
  const backends = new Map<number, number>()
  const open = (): Socket => {
    const socket = connect(target.port, target.host)
    keep(socket)
    return socket
  }
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const passOn = (request: Buffer) => {
    const backend = backends.get(request.readInt32BE(8))
    if (backend === undefined) return
    request.writeInt32BE(backend, 8)
    const line = open()
    // Not closed from here: PgBouncer 1.18 does not survive that.
    line.write(request)
    line.resume()
  }
  const server = createServer((client) => {
    keep(client)
    client.once('data', (first) => {
      if (first.readInt32BE(4) === CANCEL) {
        counts.cancels++
        client.end()
        setTimeout(passOn, lateness(), first)
        return
      }
      counts.connections++
      const upstream = open()
      const own = 1_000_000 + counts.connections
      upstream.write(first)
      client.on('data', (data) => {
        if (latency === 0) upstream.write(data)
        else setTimeout(() => upstream.write(data), latency)
      })
      client.on('close', () => {
        backends.delete(own)
        upstream.destroy()
      })
      upstream.on('close', () => client.destroy())
      let isStarted = false
      let pending: Buffer = Buffer.alloc(0)
      upstream.on('data', (data) => {
        if (isStarted) {
          // Nothing comes after that until the client has asked again.
          const isReady = data.length >= READY && data[data.length - READY] === 0x5a
          client.write(isReady ? data.subarray(0, -READY) : data)
          if (isReady) setTimeout(() => client.write(data.subarray(-READY)), 1)
          return
        }
        pending = Buffer.concat([pending, data])
        const end = endOfComplete(pending)
        const key = keyIn(pending, end)
        if (key !== undefined) {
          isStarted = true
          backends.set(own, pending.readInt32BE(key))
          pending.writeInt32BE(own, key)
        }
        client.write(isStarted ? pending : pending.subarray(0, end))
        pending = pending.subarray(end)
      })
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  return {
    access: { ...target, port: typeof address === 'object' && address ? address.port : 0 },
    counts,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

/** Where the number of the process is in the messages of the server, if it is among those before `end`. */
function keyIn(messages: Buffer, end: number): number | undefined {
  for (let at = 0; at < end; at += 1 + messages.readInt32BE(at + 1)) if (messages[at] === 0x4b) return at + 5
  return undefined
}

/** Where the last message ends that is there as a whole. */
function endOfComplete(messages: Buffer): number {
  let end = 0
  while (end + 5 <= messages.length) {
    const next = end + 1 + messages.readInt32BE(end + 1)
    if (next > messages.length) break
    end = next
  }
  return end
}
