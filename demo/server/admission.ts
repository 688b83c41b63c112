/**
 * Which requests are let in, before any endpoint or file sees them. Whatever a client sends, it gets an answer of the
 * 4xx class with the reason in words, and nothing here throws.
 */

import type { ServerRequest } from 'rescind/node'
import { sendText } from './exchange.ts'
import type { Answer } from './exchange.ts'

/**
 * The address that `req` asks for. Undefined if the request was refused here: its target cannot be read, or it has a
 * body, which no endpoint takes.
 */
export function admit(req: ServerRequest, res: Answer): URL | undefined {
  const url = addressOf(req.url ?? '')
  if (url === undefined) sendText(res, 400, 'the target of the request cannot be read')
  else if (!hasBody(req)) return url
  else sendText(res, 413, 'no request may have a body here', { connection: 'close' })
  return undefined
}

/**
 * Whether a page of another origin has sent `req`. Browsers say so themselves; older ones name the origin. What comes
 * from no browser at all is not foreign.
 */
export function isForeign({ headers }: ServerRequest): boolean {
  const { host, origin, 'sec-fetch-site': site } = headers
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && parse(String(origin))?.host !== host
}

/** What the target of a request, with a host or without, asks for; undefined if it cannot be read. */
export function addressOf(target: string): URL | undefined {
  // Two slashes would begin a host for one reader and a path for the next.
  if (target.startsWith('//')) return undefined
  const url = parse(target.startsWith('/') ? `http://localhost${target}` : target)
  return url !== undefined && /^https?:$/.test(url.protocol) && isReadable(url.pathname) ? url : undefined
}

function parse(url: string): URL | undefined {
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}

function isReadable(pathname: string): boolean {
  try {
    return !decodeURIComponent(pathname).includes('\0')
  } catch {
    return false
  }
}

function hasBody({ headers }: ServerRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
