/**
 * Values of contexts on their way through headers. Keys are known by identity, which no header can carry: both sides
 * name the header of a key, from one shared list or each for itself.
 */

import { invalid } from '../arguments.ts'
import { assertKey } from '../context.ts'
import type { Key } from '../context.ts'
import { isOneLine } from '../shown.ts'

/** How something is written in a header. */
export interface Codec<T> {
  /** Printable ASCII; undefined if there is nothing to send. */
  encode(value: T): string | undefined
  /** Undefined for what is to be ignored; throws for what is to be refused. */
  decode(text: string): T | undefined
}

/** A value of contexts and the header it travels in; see {@link carry}. */
export interface Carried<T> extends Codec<T> {
  readonly key: Key<T>
  /** Its name, in lower case. */
  readonly header: string
  /** What has to be among the values that cross, and there, or this one is neither sent nor read. */
  readonly needs?: Carried<unknown> | undefined
}

/**
 * Lets the values of `key` travel in `header`. Without a codec the values are {@link text}.
 *
 * @throws TypeError if `key` is not from `createKey`, or `header` cannot be the name of a header
 */
export function carry(key: Key<string>, header: string): Carried<string>
export function carry<T>(key: Key<T>, header: string, codec: Codec<T>): Carried<T>
export function carry<T>(key: Key<T>, header: string, codec?: Codec<T>): Carried<T> {
  assertKey(key)
  if (typeof header !== 'string' || !TOKEN.test(header)) throw invalid('header', 'the name of a header', header)
  const used = codec ?? (text as Codec<unknown> as Codec<T>)
  return {
    key,
    header: header.toLowerCase(),
    encode: (value) => used.encode(value),
    decode: (text) => used.decode(text),
  }
}

/**
 * Text in a header: as it is if it is plain ASCII, with percent signs, blanks at the ends and all other letters
 * percent-encoded. Control characters, line separators and bidirectional overrides are refused on both sides: in a log,
 * one value would pass for several lines, or for another one. No error shows the value, which may be a secret.
 */
export const text: Codec<string> = {
  encode(value) {
    if (typeof value !== 'string') throw invalid('value', 'text of one line', value)
    assertOneLine('value', value)
    const plain = value.replaceAll(NOT_PLAIN, percentEncode)
    const start = plain.trimStart()
    const middle = start.trimEnd()
    return '%20'.repeat(plain.length - start.length) + middle + '%20'.repeat(start.length - middle.length)
  },
  decode(text) {
    const value = decodeURIComponent(text)
    assertOneLine('value', value)
    return value
  },
}

/** @throws TypeError that does not show `text`: it may be a secret, or somebody else's */
export function assertOneLine(name: string, text: string): void {
  if (!isOneLine(text)) throw new TypeError(`rescind: ${name} must be text of one line`)
}

/** Half of a surrogate pair, which no encoding can express, becomes the replacement character. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, '\ufffd'))
}

/** What a header may be called, as RFC 9110 has it. */
export const TOKEN: RegExp = /^[!#$%&'*+.^_`|~\w-]+$/
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/gu
