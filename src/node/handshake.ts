/**
 * The closing handshake of a WebSocket (RFC 6455, 5.5.1 and 7.1.1), observed outside the library that performs it. One
 * side sends a close frame, the other answers with one, and then the server ends the connection, whichever side began.
 * So only the order of the close frames tells which side closed the WebSocket.
 */

interface Socket {
  readonly bytesWritten?: number | undefined
  off(event: string, listener: (...args: unknown[]) => void): unknown
  prependListener?(event: string, listener: (...args: unknown[]) => void): unknown
}

export interface Handshake {
  stop(): void
  /** Which side sent its close frame first; undefined without a close frame of the client. */
  first(): 'client' | 'server' | undefined
}

/** Observes the handshake on the server's `socket`. Call it before the first frame is read. */
export function watchHandshake(socket: Socket): Handshake {
  const isClosedBy = frameReader()
  let isClosing = false
  let written = 0
  const read = (chunk: unknown) => {
    if (isClosing) return
    written = socket.bytesWritten ?? 0
    isClosing = isClosedBy(chunk as ArrayLike<number>)
  }
  // Before the library's listener, which answers at once. Unlike `on`, `prependListener` does not make the socket flow.
  socket.prependListener?.('data', read)
  return {
    stop: () => void socket.off('data', read),
    first() {
      if (!isClosing) return undefined
      return (socket.bytesWritten ?? 0) > written ? 'client' : 'server'
    },
  }
}

const CLOSE = 8

/** Returns a function that reads the chunks of a client in order, and returns true once its close frame has begun. */
function frameReader(): (chunk: ArrayLike<number>) => boolean {
  let head: number[] = []
  let rest = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (rest > 0) {
        const step = Math.min(rest, chunk.length - at)
        at += step
        rest -= step
        continue
      }
      head.push(chunk[at++] ?? 0)
      if ((head[0] ?? 0) % 16 === CLOSE) return true
      rest = restOf(head)
      if (rest >= 0) head = []
    }
    return false
  }
}

/** How many bytes follow the `head` of a frame; -1 if it is not complete. */
function restOf(head: readonly number[]): number {
  const [, second = 0] = head
  const short = second % 128
  const extended = short === 127 ? 8 : short === 126 ? 2 : 0
  if (head.length < 2 + extended) return -1
  const mask = second >= 128 ? 4 : 0
  return mask + (extended ? head.slice(2).reduce((length, byte) => length * 256 + byte) : short)
}
