/**
 * Values of contexts in headers. Keys are compared by identity, which no header can carry, so both sides assign a
 * header to each key, in shared code or separately.
 */

import { invalid } from '../arguments.ts'
import { assertKey } from '../context.ts'
import type { Key } from '../context.ts'
import { isOneLine } from '../shown.ts'

/** Converts values to and from the text of a header. */
export interface Codec<T> {
  /** Returns printable ASCII; undefined to send no header. */
  encode(value: T): string | undefined
  /** Returns undefined to ignore the header; throws to refuse it. */
  decode(text: string): T | undefined
}

/** A key of contexts and its header; see {@link carry}. */
export interface Carried<T> extends Codec<T> {
  readonly key: Key<T>
  /** The name of the header, in lower case. */
  readonly header: string
  /** Another value without which this one is neither sent nor read; it must be in the same list `values`. */
  readonly needs?: Carried<unknown> | undefined
}

/**
 * Assigns `header` to `key`: `headers` and `fromHeaders` carry its values there. The default codec is {@link text}.
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
 * Text in a header. Percent signs, spaces at the ends and characters other than printable ASCII are percent-encoded.
 * Both sides refuse control characters, line separators and bidirectional overrides: in a log, such a value could look
 * like several lines or like another value. No error message shows the value, which may be a secret.
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

/** @throws TypeError without `text`, which may be a secret or untrusted */
export function assertOneLine(name: string, text: string): void {
  if (!isOneLine(text)) throw new TypeError(`rescind: ${name} must be text of one line`)
}

/** Percent-encodes `text`. Lone surrogates, which have no encoding, become the replacement character. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, '\ufffd'))
}

/** The syntax of a header's name, by RFC 9110. */
export const TOKEN: RegExp = /^[!#$%&'*+.^_`|~\w-]+$/
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/gu
