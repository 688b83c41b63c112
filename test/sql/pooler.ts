/**
 * A deliberately bad pooler: it gives its clients process numbers of its own, and closes the connection of a cancel
 * before it passes the cancel on, which then arrives late. Answers arrive in pieces: first the result or the error,
 * then ReadyForQuery. Each client has its own connection to the server.
 */

import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Access } from '../../scripts/postgres.ts'

const CANCEL = 80_877_102

/** The length of the message ReadyForQuery. */
const READY = 6

export interface Pooler {
  readonly access: Access
  /** The number of cancels and of connections so far. */
  readonly counts: { cancels: number; connections: number }
  /** Whether it drops what its clients send, and leaves the connections of cancels open. */
  silent: boolean
  close(): Promise<void>
}

/** Passes a cancel on. Resolves when the server has handled it, or at once if the connection to cancel is gone. */
export type Pass = () => Promise<void>

/** @param onCancel called for each cancel, with the function that passes it on */
export async function startPooler(target: Access, onCancel: (pass: Pass) => void): Promise<Pooler> {
  const counts = { cancels: 0, connections: 0 }
  const sockets = new Set<Socket>()
  /** The server's process numbers by ours. */
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
  const passOn = async (request: Buffer) => {
    const backend = backends.get(request.readInt32BE(8))
    if (backend === undefined) return
    request.writeInt32BE(backend, 8)
    const line = open()
    // Not closed on this side: PgBouncer 1.18 would crash.
    line.write(request)
    line.resume()
    await new Promise((resolve) => {
      line.once('close', resolve)
    })
  }
  const server = createServer((client) => {
    keep(client)
    client.once('data', (first) => {
      if (first.readInt32BE(4) === CANCEL) {
        counts.cancels++
        if (!pooler.silent) client.end()
        onCancel(() => passOn(first))
        return
      }
      counts.connections++
      const upstream = open()
      const own = 1_000_000 + counts.connections
      upstream.write(first)
      client.on('data', (data) => pooler.silent || upstream.write(data))
      client.on('close', () => {
        backends.delete(own)
        upstream.destroy()
      })
      upstream.on('close', () => client.destroy())
      let isStarted = false
      let pending: Buffer = Buffer.alloc(0)
      upstream.on('data', (data) => {
        if (isStarted) {
          // Nothing follows until the client sends another statement.
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
  const pooler: Pooler = {
    access: { ...target, port: typeof address === 'object' && address ? address.port : 0 },
    counts,
    silent: false,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
  return pooler
}

/** The position of the process number, if the server has sent that before `end`. */
function keyIn(messages: Buffer, end: number): number | undefined {
  for (let at = 0; at < end; at += 1 + messages.readInt32BE(at + 1)) if (messages[at] === 0x4b) return at + 5
  return undefined
}

/** The end of the last complete message. */
function endOfComplete(messages: Buffer): number {
  let end = 0
  while (end + 5 <= messages.length) {
    const next = end + 1 + messages.readInt32BE(end + 1)
    if (next > messages.length) break
    end = next
  }
  return end
}
