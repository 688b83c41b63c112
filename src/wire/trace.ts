/**
 * The headers of the W3C for tracing: the trace of a request, and its baggage. As their specifications require, an
 * invalid header is ignored and never makes a request fail. No error message shows a value.
 */

import { invalid } from '../arguments.ts'
import { assertOneLine, carry, percentEncode, TOKEN } from './carry.ts'
import type { Carried } from './carry.ts'
import { createKey } from '../context.ts'
import type { Key } from '../context.ts'
import { isOneLine } from '../shown.ts'
import { byteLength } from './size.ts'
import { traceKey } from '../trace-key.ts'

/**
 * The trace and the span of a request, as text: `00-<trace>-<span>-<flags>`. The received value is passed on unchanged;
 * code that makes its own spans puts them into the context under `traceparent.key`.
 *
 * @example
 * const ctx = withValue(background(), traceparent.key, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
 * const sent = headers(ctx, { to: 'https://api.example', allow: ['https://api.example'], values: [traceparent] })
 * sent.traceparent // => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export const traceparent: Carried<string> = /* @__PURE__ */ strict(traceKey, (text) => {
  const [, version, ids, flags, rest] = TRACEPARENT.exec(text) ?? []
  if (version === undefined || version === 'ff') return undefined
  if (version === '00') return rest === '' ? text : undefined
  // From a later version of the format, take the fields of this version.
  return `00-${ids}-0${parseInt(flags as string, 16) & KNOWN_FLAGS}`
})

/**
 * The data of tracing vendors beside a `traceparent`, as text. Neither sent nor read without one. A list with a
 * duplicate key is invalid and ignored as a whole.
 *
 * @see https://www.w3.org/TR/trace-context/#tracestate-header
 */
export const tracestate: Carried<string> = {
  .../* @__PURE__ */ strict(/* @__PURE__ */ createKey<string>('tracestate'), (text) => {
    const members = text
      .split(',')
      .map((member) => member.trim())
      .filter(Boolean)
    const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))))
    const isUnique = keys.size === members.length
    const isValid = members.length > 0 && members.length <= 32 && isUnique && members.every(isStateMember)
    return isValid ? members.join(',') : undefined
  }),
  needs: traceparent,
}

/** An entry of {@link baggage}. */
export interface BaggageEntry {
  readonly value: string
  /** The sender's properties of the value, exactly as in the header: `ttl=30;private`. */
  readonly properties?: string | undefined
}

/**
 * Names and values that travel with a request through all services. Every service can read them, so do not put secrets
 * there. Entries beyond the first 64, or beyond 8,192 bytes, are dropped. Values must be text of one line: sending
 * another value throws a TypeError, and a received one is ignored.
 *
 * @see https://www.w3.org/TR/baggage/
 */
export const baggage: Carried<ReadonlyMap<string, BaggageEntry>> = /* @__PURE__ */ carry(
  /* @__PURE__ */ createKey('baggage') as Key<ReadonlyMap<string, BaggageEntry>>,
  'baggage',
  {
    encode(entries) {
      if (!(entries instanceof Map)) throw invalid('baggage', 'a Map of entries', entries)
      return cut([...(entries as ReadonlyMap<string, BaggageEntry>)].map(writeEntry)).join(',') || undefined
    },
    decode(text) {
      const entries = new Map<string, BaggageEntry>()
      for (const member of cut(text.split(','))) {
        const [name, entry] = readEntry(member)
        if (entry) entries.set(name, entry)
      }
      return entries.size > 0 ? entries : undefined
    },
  },
)

const TRACEPARENT = /^([\da-f]{2})-((?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16})-([\da-f]{2})((?:-.*)?)$/
const KNOWN_FLAGS = 0b11
const TRACESTATE_KEY = /^(?:[a-z\d][a-z\d_*/-]{0,255}|[a-z\d][a-z\d_*/-]{0,240}@[a-z][a-z\d_*/-]{0,13})$/
const TRACESTATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const MAX_MEMBERS = 64
const MAX_SIZE = 8_192
const PROPERTIES = /^[\x20-\x2b\x2d-\x7e]*$/

/** A value whose text is the same in the context and in the header. */
function strict(key: Key<string, undefined>, read: (text: string) => string | undefined): Carried<string> {
  const header = key.name
  return carry(key, header, {
    encode(value) {
      if (typeof value !== 'string') throw invalid(header, `a ${header}`, value)
      if (read(value) === undefined) throw new TypeError(`rescind: ${header} must have the format of W3C Trace Context`)
      return value
    },
    decode: read,
  })
}

function isStateMember(member: string): boolean {
  const at = member.indexOf('=')
  return TRACESTATE_KEY.test(member.slice(0, at)) && TRACESTATE_VALUE.test(member.slice(at + 1))
}

function writeEntry([name, { value, properties }]: readonly [name: string, entry: BaggageEntry]): string {
  if (!TOKEN.test(name)) throw invalid('the name of an entry', 'an HTTP token', name)
  if (!PROPERTIES.test(properties ?? '')) throw new TypeError('rescind: properties must be ASCII without commas')
  if (typeof value !== 'string') throw invalid('the value of an entry', 'text of one line', value)
  assertOneLine('the value of an entry', value)
  return `${name}=${percentEncode(value)}${properties ? `;${properties}` : ''}`
}

function readEntry(member: string): [name: string, entry?: BaggageEntry] {
  const [pair = '', ...properties] = member.split(';').map((part) => part.trim())
  const [, name = '', written = ''] = /^([^=\s]*)\s*=\s*([!#-+\--:<-[\]-~]*)$/.exec(pair) ?? []
  const said = properties.join(';')
  if (!TOKEN.test(name) || !PROPERTIES.test(said)) return [name]
  try {
    const value = decodeURIComponent(written)
    if (!isOneLine(value)) return [name]
    return [name, said ? { value, properties: said } : { value }]
  } catch {
    return [name]
  }
}

/** The members within the limits that every platform must propagate. */
function cut(members: readonly string[]): string[] {
  let size = -1
  return members.slice(0, MAX_MEMBERS).filter((member) => (size += byteLength(member) + 1) <= MAX_SIZE)
}
