/**
 * Causes, labels and values as one short line. They are untrusted: they may be huge, throw when they are read, or be
 * revoked proxies. Reading them may run user code, so nothing here is called while contexts are being marked.
 */

import { isObject, tagOf } from '../arguments.ts'
import { property } from '../errors.ts'
import { shown } from '../shown.ts'

/** `value` in one line; for an object only its tag, such as `[object Map]`. */
export function textOf(value: unknown): string {
  return shown(isObject(value) ? tagOf(value) : String(value))
}

/** A name; undefined if there is none. */
export function nameText(value: unknown): string | undefined {
  return value === undefined ? undefined : textOf(value)
}

/** The message of an error, with its name in front unless that is `Error`; the text of any other value. */
export function causeText(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  const message = isObject(cause) && property(cause, 'message')
  const name = isObject(cause) && property(cause, 'name')
  const isNamed = typeof name === 'string' && name !== '' && name !== 'Error'
  if (typeof message !== 'string' || message === '') return isNamed ? shown(name) : textOf(cause)
  return shown(isNamed ? `${name.slice(0, 100)}: ${message.slice(0, 200)}` : message)
}
