/**
 * What causes, labels and values are called in one short line. They are of strangers: they may be huge, throw when they
 * are read, or be proxies that were revoked. Asking them may run code of users, so nothing here is called while a
 * context ends.
 */

import { isObject, tagOf } from '../arguments.ts'
import { property } from '../errors.ts'
import { shown } from '../shown.ts'

/** `value` in one line: text as it is, and of an object only what it is. */
export function textOf(value: unknown): string {
  return shown(isObject(value) ? tagOf(value) : String(value))
}

/** A name; undefined if there is none. */
export function nameText(value: unknown): string | undefined {
  return value === undefined ? undefined : textOf(value)
}

/** The message of an error, after its name where that says something; of anything else, what it is. */
export function causeText(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  const message = isObject(cause) && property(cause, 'message')
  const name = isObject(cause) && property(cause, 'name')
  const isNamed = typeof name === 'string' && name !== '' && name !== 'Error'
  if (typeof message !== 'string' || message === '') return isNamed ? shown(name) : textOf(cause)
  return shown(isNamed ? `${name.slice(0, 100)}: ${message.slice(0, 200)}` : message)
}
