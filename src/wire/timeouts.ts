/**
 * Headers with the remaining time: integers without a sign, of a limited number of digits. The sent number is rounded
 * up, at least to 1, since a context without time left sends no request. A time that needs more digits becomes the
 * longest possible.
 */

import type { Codec } from './carry.ts'

/** A header with the remaining time, in milliseconds. */
export interface TimeoutHeader extends Codec<number> {
  /** The name of the header, in lower case. */
  readonly header: string
}

/** The header of this package: `rescind-timeout-ms`, milliseconds of at most 10 digits (115 days). */
export const timeoutHeader: TimeoutHeader = /* @__PURE__ */ milliseconds('rescind-timeout-ms')

/**
 * The header of the Connect protocol: `connect-timeout-ms`, milliseconds of at most 10 digits.
 *
 * @see https://connectrpc.com/docs/protocol
 */
export const connectTimeout: TimeoutHeader = /* @__PURE__ */ milliseconds('connect-timeout-ms')

/**
 * The header of gRPC: `grpc-timeout`, at most 8 digits and a unit, such as `250m` for 250 milliseconds.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export const grpcTimeout: TimeoutHeader = {
  header: 'grpc-timeout',
  encode(ms) {
    const [unit, length] = SENT_UNITS.find(([, length]) => ms / length <= 99_999_999) ?? HOURS
    return whole(ms / length, 99_999_999) + unit
  },
  decode(text) {
    const [, count, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
    if (unit === undefined) throw unreadable('at most 8 digits and one of H, M, S, m, u and n')
    return Number(count) * (UNITS[unit] as number)
  },
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
const HOURS = ['H', 3_600_000] as const
/** From fine to coarse. Units below a millisecond are read, but never sent. */
const SENT_UNITS = [['m', 1], ['S', 1_000], ['M', 60_000], HOURS] as const

function milliseconds(header: string): TimeoutHeader {
  return {
    header,
    encode: (ms) => whole(ms, 9_999_999_999),
    decode(text) {
      if (!/^\d{1,10}$/.test(text)) throw unreadable('at most 10 digits')
      return Number(text)
    },
  }
}

/** Does not repeat the text: the HeaderError around this error shows its beginning. */
function unreadable(expected: string): TypeError {
  return new TypeError(`rescind: timeout must be ${expected}`)
}

function whole(count: number, max: number): string {
  return String(Math.min(Math.max(Math.ceil(count), 1), max))
}
