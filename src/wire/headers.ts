/**
 * Contexts in headers: the remaining time and selected values. Never a point in time, since clocks differ: the receiver
 * starts a new timeout with the remaining time. Received headers are untrusted: an invalid one is refused with a
 * HeaderError or ignored, and none can lengthen or remove a limit. Sent values may be secret: no error shows them.
 */

import { assertNumber, assertOptions, invalid, isObject } from '../arguments.ts'
import type { Carried, Codec } from './carry.ts'
import { derive, resolve, withValue } from '../context.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from '../context.ts'
import { limited } from '../deadlines.ts'
import { remaining } from '../lifetime.ts'
import { shown } from '../shown.ts'
import { assertMaxSize, byteLength } from './size.ts'
import { timeoutHeader } from './timeouts.ts'
import type { TimeoutHeader } from './timeouts.ts'

/** The headers of a context. Use the same format on both sides. */
export interface WireFormat {
  /** The header for the remaining time; by default {@link timeoutHeader}, null for none. */
  readonly timeout?: TimeoutHeader | null | undefined
  /** The values to carry; by default none. */
  readonly values?: readonly Carried<unknown>[] | undefined
  /** The largest total size of these headers with their names, in bytes of UTF-8; by default 16,384. */
  readonly maxSize?: number | undefined
}

/** Options of {@link headers}. */
export interface HeadersOptions extends WireFormat {
  /** The URL of the request. */
  readonly to: string | URL
  /**
   * The other origins that may receive the headers: a list, or a function that returns true for them. Required where
   * the code has no origin itself, as on a server.
   */
  readonly allow?: readonly (string | URL)[] | ((to: URL) => boolean) | undefined
}

/** Options of {@link fromHeaders}. */
export interface FromHeadersOptions extends WireFormat, DeriveOptions {
  /**
   * The longest timeout, in milliseconds; it also applies if the headers ask for a longer one or for none. By default
   * there is no limit.
   */
  readonly limit?: number | undefined
}

/** Received headers: of the Fetch API, of `node:http` and `node:http2`, or a plain record. */
export type IncomingHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/**
 * The error for an invalid header of a request, or for headers that are too large. `status` is the HTTP status to
 * answer with: 400 (Bad Request) or 431 (Request Header Fields Too Large). `message` shows at most 40 characters of the
 * header. `cause` is the error of the codec; those of the package's codecs do not show the header.
 */
export class HeaderError extends Error {
  /** The status to answer with. */
  readonly status: 400 | 431
  /** The name of the header; of the largest one if all together are too large. */
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

/** How many characters of a received header an error shows. */
const MAX_SHOWN = 40

/**
 * Returns the headers that carry `ctx` in a request to `to`: its remaining milliseconds, and `values`. Returns no
 * headers if `to` is another origin that `allow` does not name: values may be private, and in browsers custom headers
 * cause a preflight request. Note that redirects keep the headers of a request.
 *
 * @throws `ctx.err` if `ctx` has ended; TypeError if `ctx` is not a context, if `to` or `allow` is invalid or missing,
 * if `maxSize` is not a number, or if a value cannot be encoded; RangeError if the headers are larger than `maxSize`
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
  assertMaxSize(maxSize)
  const isAllowed = mayHave(to, allow)
  context.throwIfDone()
  const sent = new Map<string, string>()
  const send = <T>(header: string, codec: Codec<T>, value: T) => {
    if (sent.has(header)) throw invalid('values', 'in different headers', header)
    const text = codec.encode(value)
    if (text === undefined) return
    if (typeof text !== 'string') throw invalid(header, 'printable ASCII', text)
    if (!PRINTABLE.test(text)) throw new TypeError(`rescind: ${header} must be printable ASCII`)
    sent.set(header, text)
  }
  if (!isAllowed) return {}
  const ms = remaining(context)
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
 * Derives a context for a request with these headers: it has their values, and ends by itself after the sender's
 * remaining time, or after `limit` if that is shorter. Call `cancel` when the work is done. A missing header has no
 * effect.
 *
 * @throws HeaderError if the timeout header is invalid or occurs more than once, or if the codec of a value refuses
 * it; TypeError if `parent` is not a context, or `limit` or `maxSize` is not a number
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

/** Does what {@link fromHeaders} does; `kind` is the name of the deriving function, for `toString()`. */
export function receive(
  parent: ContextLike,
  kind: string,
  headers: IncomingHeaders,
  options: FromHeadersOptions,
  label: string | undefined = options?.label,
): [ctx: Context, cancel: Cancel] {
  let context: Context = resolve(parent, 'parent')
  if (!isObject(headers)) throw invalid('headers', 'an object of headers', headers)
  assertOptions(options)
  const { timeout = timeoutHeader, values = [], limit = Infinity, maxSize = DEFAULT_MAX_SIZE } = options
  assertNumber('limit', limit)
  assertMaxSize(maxSize)
  const received = read(headers, timeout ? [timeout, ...values] : values)
  assertSize(received, maxSize)
  const ms = timeout ? decodeTime(timeout, received) : undefined
  const decoded = values.map((carried) => decode(carried, received))
  for (const [index, { key, needs }] of values.entries()) {
    const value = decoded[index]
    if (value === undefined || (needs && decoded[values.indexOf(needs)] === undefined)) continue
    context = withValue(context, key, value)
  }
  return limited(derive(context, kind, { label }), Math.min(ms ?? Infinity, limit))
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
    // Refused below.
  }
  const expected = base === undefined ? 'an absolute URL' : 'a URL'
  throw invalid(parameter, expected, typeof url === 'string' ? withoutSecrets(url) : url)
}

/** Removes user name, password, query and fragment, even from a URL that cannot be parsed. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/?#]*@/, '//').replace(/[?#].*$/s, '')
}

interface Received {
  readonly header: string
  readonly text: string
}

/** The headers of these codecs. Those with the same name are joined to a list, as in HTTP. */
function read(headers: IncomingHeaders, codecs: readonly { readonly header: string }[]): readonly Received[] {
  const received: { header: string; text: string }[] = []
  const add = (header: string, value: unknown) => {
    if (value === undefined || value === null) return
    const text = Array.isArray(value) ? value.join(', ') : value
    if (typeof text !== 'string') throw invalid(header, 'a string', value)
    const before = find(received, header)
    if (before) before.text += `, ${text}`
    else received.push({ header, text })
  }
  const { get } = headers
  if (typeof get === 'function') {
    for (const { header } of codecs) if (!find(received, header)) add(header, get.call(headers, header))
  } else {
    for (const [name, value] of Object.entries(headers)) {
      const header = name.toLowerCase()
      if (find(codecs, header)) add(header, value)
    }
  }
  return received
}

/** A search is enough: a context has only a few headers, and most requests have none of them. */
function find<T extends { readonly header: string }>(list: readonly T[], header: string): T | undefined {
  return list.find((one) => one.header === header)
}

function assertSize(received: readonly Received[], maxSize: number): void {
  let size = 0
  let largest: Received | undefined
  for (const one of received) {
    size += byteLength(one.header) + byteLength(one.text)
    if (!largest || byteLength(one.text) > byteLength(largest.text)) largest = one
  }
  if (!largest || size <= maxSize) return
  const problem = `is too long: the headers have ${size} bytes, at most ${maxSize} are allowed`
  throw new HeaderError(largest.header, problem, { status: 431 })
}

function decodeTime(timeout: TimeoutHeader, received: readonly Received[]): number | undefined {
  const ms = decode(timeout, received)
  if (ms === undefined || (ms >= 0 && ms < Infinity)) return ms
  throw new HeaderError(timeout.header, 'must be a number of milliseconds, at least 0')
}

function decode<T>(codec: Codec<T> & { readonly header: string }, received: readonly Received[]): T | undefined {
  const { header } = codec
  const text = find(received, header)?.text
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
