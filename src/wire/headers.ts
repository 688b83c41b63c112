/**
 * Contexts in headers: what is left of the time, and chosen values. Never a point in time, since clocks differ: the
 * receiver gives the time left anew, so every hop has what is left after the one before. What comes in is a stranger's:
 * it is refused with a HeaderError or ignored, and can neither lengthen a limit nor remove one. What is sent may be a
 * secret: no error shows it.
 */

import { assertNumber, assertOptions, invalid, isObject } from '../arguments.ts'
import type { Carried, Codec } from './carry.ts'
import { derive, resolve, withValue } from '../context.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from '../context.ts'
import { limited } from '../deadlines.ts'
import { remaining } from '../lifetime.ts'
import { shown } from '../shown.ts'
import { byteLength } from './size.ts'
import { timeoutHeader } from './timeouts.ts'
import type { TimeoutHeader } from './timeouts.ts'

/** What crosses, and how; the same on both sides. */
export interface WireFormat {
  /** The header for the time left; {@link timeoutHeader} if left out, none if null. */
  readonly timeout?: TimeoutHeader | null | undefined
  /** The values that cross; none if left out. */
  readonly values?: readonly Carried<unknown>[] | undefined
  /** How long all these headers may be together, names included, in bytes of UTF-8; 16,384 if left out. */
  readonly maxSize?: number | undefined
}

/** Options of {@link headers}. */
export interface HeadersOptions extends WireFormat {
  /** Where the headers will be sent. */
  readonly to: string | URL
  /**
   * Which other origins may have them, as a list or as a function that says so. Where there is no origin of one's own,
   * as on a server, there are only others, and it must be given.
   */
  readonly allow?: readonly (string | URL)[] | ((to: URL) => boolean) | undefined
}

/** Options of {@link fromHeaders}. */
export interface FromHeadersOptions extends WireFormat, DeriveOptions {
  /**
   * The longest time to give, in milliseconds, whatever the headers say: to who asks for more, and to who asks for
   * nothing. No limit if left out.
   */
  readonly limit?: number | undefined
}

/** Headers as they arrive: of the Fetch API, of `node:http` and `node:http2`, or a plain record. */
export type IncomingHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/**
 * A header of a request that cannot be read, or too much of them. `status` is the HTTP status to answer with: 400 (Bad
 * Request), or 431 (Request Header Fields Too Large). `message` shows 40 characters of the header at most, and `cause`,
 * the error of the codec, none of it, unless a codec of your own says it.
 */
export class HeaderError extends Error {
  /** The status to answer with. */
  readonly status: 400 | 431
  /** The name of the header; the largest, if it is about the size of them all. */
  readonly header: string

  override get name(): 'HeaderError' {
    return 'HeaderError'
  }

  constructor(header: string, problem: string, { status = 400, cause }: { status?: 400 | 431; cause?: unknown } = {}) {
    super(`${header} ${problem}`, cause === undefined ? undefined : { cause })
    this.header = header
    this.status = status
  }
}

const DEFAULT_MAX_SIZE = 16_384
const PRINTABLE = /^[\t\x20-\x7e]*$/

/** Of a stranger's header, what an error shows. */
const MAX_SHOWN = 40

/**
 * The headers that carry `ctx` to `to`: the milliseconds left, and `values`. None at all if `to` is another origin
 * that `allow` does not name: what is in a context is nobody else's business, and in browsers each of these headers
 * costs a preflight there. A redirect takes them along, as it does all headers of a request.
 *
 * @throws `ctx.err` if `ctx` has ended: there is nothing to ask for any more; TypeError if `ctx` is not a context, if
 * `to` or `allow` is wrong or missing, or if a value cannot be written; RangeError if it is more than `maxSize`
 * @example
 * const requestId = carry(createKey<string>('requestId'), 'x-request-id')
 * const [ctx, cancel] = withTimeout(withValue(background(), requestId.key, 'r-17'), 5_000)
 * const sent = headers(ctx, { to: 'https://api.example', allow: ['https://api.example'], values: [requestId] })
 * sent['x-request-id'] // => 'r-17'
 * Number(sent['rescind-timeout-ms']) > 4_000 // => true
 * cancel()
 */
export function headers(ctx: ContextLike, options: HeadersOptions): Record<string, string> {
  const context = resolve(ctx)
  assertOptions(options)
  const { to, allow, timeout = timeoutHeader, values = [], maxSize = DEFAULT_MAX_SIZE } = options
  const isAllowed = mayHave(to, allow)
  context.throwIfDone()
  const sent = new Map<string, string>()
  const send = <T>(header: string, codec: Codec<T>, value: T) => {
    if (sent.has(header)) throw invalid('values', 'in a header each', header)
    const text = codec.encode(value)
    if (text === undefined) return
    if (typeof text !== 'string') throw invalid(header, 'printable ASCII', text)
    if (!PRINTABLE.test(text)) throw new TypeError(`rescind: ${header} must be printable ASCII`)
    sent.set(header, text)
  }
  if (!isAllowed) return {}
  const ms = timeout ? remaining(context) : undefined
  if (timeout && ms !== undefined) send(timeout.header, timeout, ms)
  for (const carried of values) {
    const { header, key, needs } = carried
    const value = context.value(key)
    const isComplete = !needs || (values.includes(needs) && context.value(needs.key) !== undefined)
    if (value === undefined || !isComplete) continue
    send(header, carried, value)
  }
  const size = sizeOf(sent)
  if (size > maxSize) throw new RangeError(`rescind: headers must be at most ${maxSize} bytes, got ${size}`)
  return Object.fromEntries(sent)
}

/**
 * Derives a context for what came with these headers: with the values in them, and ending by itself when the sender's
 * time is over, or `limit` if that is sooner. Derive from it as from any other, and call `cancel` when the work is
 * done. A header that is not there changes nothing.
 *
 * @throws HeaderError if the header for the time is no number of milliseconds as that header has it, is there more
 * than once, or if a value's codec refuses it; TypeError if `parent` is not a context or `limit` not a number
 * @example
 * const [ctx, cancel] = fromHeaders(background(), new Headers({ 'rescind-timeout-ms': '5000' }), { limit: 2_000 })
 * Math.ceil((remaining(ctx) ?? 0) / 1_000) // => 2
 * cancel()
 */
export function fromHeaders(
  parent: ContextLike,
  headers: IncomingHeaders,
  options: FromHeadersOptions = {},
): [ctx: Context, cancel: Cancel] {
  return receive(parent, 'fromHeaders', headers, options)
}

/** `fromHeaders` under another name. */
export function receive(
  parent: ContextLike,
  kind: string,
  headers: IncomingHeaders,
  options: FromHeadersOptions,
): [ctx: Context, cancel: Cancel] {
  let context: Context = resolve(parent, 'parent')
  if (!isObject(headers)) throw invalid('headers', 'headers', headers)
  assertOptions(options)
  const { timeout = timeoutHeader, values = [], limit = Infinity, maxSize = DEFAULT_MAX_SIZE } = options
  assertNumber('limit', limit)
  const names = new Set(values.map(({ header }) => header))
  if (timeout) names.add(timeout.header)
  const received = read(headers, names)
  const size = sizeOf(received)
  if (size > maxSize) {
    const [header] = [...received].reduce((one, other) => (byteLength(one[1]) < byteLength(other[1]) ? other : one))
    throw new HeaderError(header, `is too long: ${size} bytes of at most ${maxSize} in all`, { status: 431 })
  }
  const ms = timeout ? decode(timeout, received) : undefined
  if (timeout && ms !== undefined && !(ms >= 0 && ms < Infinity)) {
    throw new HeaderError(timeout.header, 'must be a number of milliseconds, at least 0')
  }
  const accepted = new Map<Carried<unknown>, unknown>()
  for (const carried of values) {
    const value = decode(carried, received)
    if (value !== undefined) accepted.set(carried, value)
  }
  for (const [{ key, needs }, value] of accepted) {
    if (!needs || accepted.has(needs)) context = withValue(context, key, value)
  }
  return limited(derive(context, kind, options), Math.min(ms ?? Infinity, limit))
}

/** Whether the headers of a context may be sent to `to`. */
function mayHave(to: string | URL, allow: HeadersOptions['allow']): boolean {
  const { document, location } = globalThis as { document?: Document; location?: Location }
  const base = document?.baseURI ?? location?.href
  const url = parse('to', to, base)
  if (typeof allow !== 'function' && !(allow === undefined ? location : Array.isArray(allow))) {
    throw invalid('allow', 'a list of origins, or a function', allow)
  }
  if (!/^https?:$/.test(url.protocol)) return false
  if (url.origin === location?.origin) return true
  if (typeof allow === 'function') return allow(url)
  return allow?.some((origin) => parse('allow', origin).origin === url.origin) ?? false
}

function parse(parameter: string, url: string | URL, base?: string): URL {
  const href: unknown = typeof url === 'string' ? url : url?.href
  try {
    if (typeof href === 'string') return new URL(href, base)
  } catch {
    // No URL.
  }
  const expected = base === undefined ? 'an absolute URL' : 'a URL'
  throw invalid(parameter, expected, typeof url === 'string' ? withoutSecrets(url) : url)
}

/** Without what a URL, even one that cannot be parsed, has for a name, a password and a query. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/?#]*@/, '//').replace(/[?#].*$/s, '')
}

/** The headers called `names`, in lower case. Those of one name are one list, as HTTP has it. */
function read(headers: IncomingHeaders, names: ReadonlySet<string>): Map<string, string> {
  const received = new Map<string, string>()
  const add = (name: string, value: unknown) => {
    if (value === undefined || value === null || !names.has(name)) return
    const text = Array.isArray(value) ? value.join(', ') : value
    if (typeof text !== 'string') throw invalid(name, 'a string', value)
    const before = received.get(name)
    received.set(name, before === undefined ? text : `${before}, ${text}`)
  }
  const { get } = headers
  if (typeof get === 'function') for (const name of names) add(name, get.call(headers, name))
  else for (const [name, value] of Object.entries(headers)) add(name.toLowerCase(), value)
  return received
}

function decode<T>(
  codec: Codec<T> & { readonly header: string },
  received: ReadonlyMap<string, string>,
): T | undefined {
  const { header } = codec
  const text = received.get(header)
  if (text === undefined) return undefined
  try {
    return codec.decode(text)
  } catch (cause) {
    throw new HeaderError(header, `cannot be read: "${shown(text, MAX_SHOWN)}"`, { cause })
  }
}

function sizeOf(headers: Iterable<readonly [name: string, value: string]>): number {
  let size = 0
  for (const [name, value] of headers) size += byteLength(name) + byteLength(value)
  return size
}
