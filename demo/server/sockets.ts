/** Refusals on sockets for which Node has no response: input that is not HTTP, or asks for another protocol. */

import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Answers with one line of text, and closes. */
export function refuseSocket(socket: Duplex, status: number, text: string): void {
  // There is no other listener, and an error without one would end the process.
  socket.on('error', () => socket.destroy())
  if (!socket.writable) return void socket.destroy()
  const headers = ['content-type: text/plain; charset=utf-8', 'x-content-type-options: nosniff', 'connection: close']
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, `content-length: ${text.length + 1}`]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}\n`, () => socket.destroy())
}
