/** Real sockets for the tests of servers: servers that listen, and clients that write bytes. */

import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterFunc, cause } from 'rescind'
import type { Context } from 'rescind'
import { afterEach } from 'vitest'

const closers: (() => unknown)[] = []

/** Runs `fn` after the test; the last one added runs first. */
export function cleanUp(fn: () => unknown): void {
  closers.push(fn)
}

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** Lets `server` listen on a port of its own until the end of the test. */
export async function listen(server: Server & { closeAllConnections?(): void }): Promise<number> {
  server.listen(0)
  await once(server, 'listening')
  cleanUp(() => {
    server.close()
    server.closeAllConnections?.()
  })
  return (server.address() as AddressInfo).port
}

/** A connection that writes `text`, and stays open when the other side closes. */
export async function open(port: number, text = ''): Promise<Socket> {
  const socket = connect({ port, allowHalfOpen: true })
  cleanUp(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (text) socket.write(text)
  return socket
}

/** Reads from `socket` until the text contains `end`, or the other side closes. */
export async function readUntil(socket: Socket, end: string): Promise<string> {
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += String(chunk)
    if (text.includes(end)) break
  }
  return text
}

/** Resolves to the cause when `ctx` has ended. */
export function ended(ctx: Context): Promise<unknown> {
  return new Promise((resolve) => {
    afterFunc(ctx, () => resolve(cause(ctx)))
  })
}

/** Items in order, for tests that wait for them. */
export class Queue<Item> {
  readonly #items: Item[] = []
  readonly #waiting: ((item: Item) => void)[] = []

  put(item: Item): void {
    const next = this.#waiting.shift()
    if (next) next(item)
    else this.#items.push(item)
  }

  next(): Promise<Item> {
    const item = this.#items.shift()
    if (item !== undefined) return Promise.resolve(item)
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  take(count: number): Promise<Item[]> {
    return Promise.all(Array.from({ length: count }, () => this.next()))
  }
}
