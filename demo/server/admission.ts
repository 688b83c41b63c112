/**
 * Which requests are let in, before any endpoint or file sees them. Whatever a client sends, it gets an answer of the
 * 4xx class with the reason in words, and nothing here throws.
 */

import type { ServerRequest } from 'rescind/node'
import { sendText } from './exchange.ts'
import type { DemoResponse } from './exchange.ts'

/** The endpoints that take a body. */
const TAKES_BODY: ReadonlySet<string> = new Set(['/api/save', '/api/upload'])

/** In bytes: of one request, and of all that are under way. */
export const MAX_BODY: number = 2 ** 16
const MAX_BODIES: number = 2 ** 22

/** The bytes of all bodies that were let in and whose responses are open. */
let admitted = 0

/**
 * The address that `req` asks for. Undefined if the request was refused here: its target cannot be read, or it has a
 * body that its endpoint does not take. A body counts by its announced length until the response is closed.
 */
export function admit(req: ServerRequest, res: DemoResponse): URL | undefined {
  const url = addressOf(req.url ?? '')
  if (url === undefined) sendText(res, 400, 'the target of the request cannot be read')
  else if (!hasBody(req)) return url
  else {
    const length = Number(req.headers['content-length'] ?? NaN)
    const [status, why] = faultOf(url, length) ?? []
    if (status === undefined) {
      admitted += length
      res.once('close', () => (admitted -= length))
      return url
    }
    sendText(res, status, why ?? '', { connection: 'close' })
  }
  return undefined
}

/** Why a body of `length` bytes is refused; undefined if it is not. */
function faultOf({ pathname }: URL, length: number): [status: number, why: string] | undefined {
  if (!TAKES_BODY.has(pathname)) return [413, 'no request may have a body here']
  if (Number.isNaN(length)) return [411, 'the length of the body must be announced']
  if (length > MAX_BODY) return [413, `a body may have no more than ${MAX_BODY} bytes`]
  if (admitted + length > MAX_BODIES) return [503, 'too much is being sent at once']
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
