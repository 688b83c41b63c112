/** Reads the body of a request. */

import { MAX_BODY } from './admission.ts'
import type { Request } from './exchange.ts'

/**
 * Resolves to the whole body; undefined if it is too long. A service worker does not know the length before it reads.
 */
export async function readBody(req: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of req) {
    length += chunk.byteLength
    if (length > MAX_BODY) return undefined
    chunks.push(chunk)
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.byteLength
  }
  return body
}
