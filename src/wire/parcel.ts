/**
 * Errors between threads. Errors are recognized by name, but structured cloning drops the name of an error that is not
 * built in. So errors are sent as plain data and rebuilt on the other side. The sender stays within the limits below;
 * the reader refuses data that exceeds them or has a wrong field. Reading any data yields a value or a PortError, in
 * bounded time.
 */

import { isObject, tagOf } from '../arguments.ts'
import { CanceledError, DeadlineExceededError, isContextError } from '../errors.ts'
import { shown } from '../shown.ts'
import { sizeOf } from './size.ts'

/** The largest depth of causes that is sent: a chain of causes can be a cycle. */
const MAX_DEPTH = 20
/** The largest number of errors in a message, counting causes and the members of an AggregateError. */
const MAX_ERRORS = 100
/** In characters, as are the next two. */
const MAX_NAME = 200
const MAX_MESSAGE = 8_192
const MAX_STACK = 16_384
/** The largest size of a cause that is not an error, as {@link sizeOf} counts. */
const MAX_DATA = 65_536

/** The error for invalid data from a port, or in {@link deserializeError}; `message` says what is wrong. */
export class PortError extends Error {
  override get name(): 'PortError' {
    return 'PortError'
  }
}

/** The plain data that {@link serializeError} returns for an error, or for any other thrown value. It can be cloned. */
export type SerializedError =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'error' | 'canceled' | 'exceeded'
      readonly name: string
      readonly message: string
      readonly stack: string | undefined
      readonly cause: SerializedError
      /** Only for an AggregateError. */
      readonly errors?: readonly SerializedError[] | undefined
      /** Only for the error of a context. */
      readonly label?: string | undefined
      /** Only for a DeadlineExceededError. */
      readonly ms?: number | undefined
    }

/**
 * Converts an error, or any other thrown value, to plain data for `postMessage`. A {@link CanceledError} and a
 * {@link DeadlineExceededError} keep their kind, `label`, `ms` and `cause`; every other error keeps its name, message,
 * stack, cause and, for an AggregateError, its errors. Other properties are dropped, and long texts are cut. A value
 * that cannot be cloned, contains a context or is larger than 65,536 bytes becomes text. Never throws.
 *
 * @example
 * const failure = new DeadlineExceededError({ label: 'search', ms: 5_000 })
 * const received = deserializeError(structuredClone(serializeError(failure)))
 * isDeadlineExceeded(received) // => true
 * isDeadlineExceeded(structuredClone(failure)) // => false
 */
export function serializeError(error: unknown): SerializedError {
  return write(error, 0, { left: MAX_ERRORS })
}

/**
 * Rebuilds the error from the data of {@link serializeError}. For an error of a context, `instanceof`, `isCanceled` and
 * `isDeadlineExceeded` work as for the original; any other error becomes an `Error` with the original name. Returns a
 * {@link PortError} for invalid data. Never throws.
 */
export function deserializeError(data: unknown): unknown {
  try {
    return readError(data)
  } catch (error) {
    return error instanceof PortError ? error : new PortError('the error cannot be read', { cause: error })
  }
}

/** @throws PortError if `data` does not have the format of {@link serializeError} */
export function readError(data: unknown): unknown {
  return read(data, 0, { left: MAX_ERRORS })
}

/** The number of errors that still fit. */
interface Budget {
  left: number
}

function write(value: unknown, depth: number, budget: Budget): SerializedError {
  try {
    if (!isError(value)) {
      if (sizeOf(value, MAX_DATA) <= MAX_DATA) return { kind: 'value', value: structuredClone(value) }
    } else if (depth < MAX_DEPTH && budget.left > 0) {
      budget.left--
      return writeError(value, depth + 1, budget)
    }
  } catch {
    // Sent as text below.
  }
  return { kind: 'value', value: textOf(value) }
}

function writeError(error: Error, depth: number, budget: Budget): SerializedError {
  const { cause, message, name, stack } = error
  const { errors, label, ms } = error as Partial<AggregateError & DeadlineExceededError>
  const written = {
    kind: 'error' as const,
    name: cut(textOf(name), MAX_NAME),
    message: textOf(message),
    stack: typeof stack === 'string' ? cut(stack, MAX_STACK) : undefined,
    cause: write(cause, depth, budget),
  }
  if (!isContextError(error)) {
    if (name !== 'AggregateError' || !Array.isArray(errors)) return written
    return { ...written, errors: errors.slice(0, MAX_ERRORS).map((one) => write(one, depth, budget)) }
  }
  const labeled = { ...written, label: cutLabel(label) }
  if (error.name === 'AbortError') return { ...labeled, kind: 'canceled' }
  return { ...labeled, kind: 'exceeded', ms: Number.isFinite(ms) ? ms : undefined }
}

function read(data: unknown, depth: number, budget: Budget): unknown {
  if (!isObject(data)) throw new PortError('an error is not an object')
  const { kind, value } = data as { kind?: unknown; value?: unknown }
  if (kind === 'value') {
    if (sizeOf(value, MAX_DATA) > MAX_DATA) throw new PortError('a cause is too large')
    return value
  }
  if (kind !== 'error' && kind !== 'canceled' && kind !== 'exceeded') throw new PortError('an error is of unknown kind')
  if (depth >= MAX_DEPTH || budget.left <= 0) throw new PortError('an error has too many causes or members')
  budget.left--
  const fields = data as { readonly [field: string]: unknown }
  const name = readText('name', fields.name, MAX_NAME)
  const message = readText('message', fields.message, MAX_MESSAGE)
  const stack = fields.stack === undefined ? undefined : readText('stack', fields.stack, MAX_STACK)
  const cause = read(fields.cause, depth + 1, budget)
  const members = fields.errors === undefined ? undefined : readList('errors', fields.errors, MAX_ERRORS)
  const errors = members?.map((one) => read(one, depth + 1, budget))
  const error = kind === 'error' ? plainError(message, cause, errors) : endError(kind, fields, cause)
  define(error, 'message', message)
  define(error, 'stack', stack ?? `${name}: ${message}`)
  if (kind === 'error') define(error, 'name', name)
  return error
}

function plainError(message: string, cause: unknown, errors: readonly unknown[] | undefined): Error {
  const options = cause === undefined ? undefined : { cause }
  return errors ? new AggregateError(errors, message, options) : new Error(message, options)
}

function endError(
  kind: 'canceled' | 'exceeded',
  { label, ms }: { readonly label?: unknown; readonly ms?: unknown },
  cause: unknown,
): CanceledError | DeadlineExceededError {
  if (kind === 'canceled') return new CanceledError(cause, readLabel(label))
  return new DeadlineExceededError({ label: readLabel(label), ms: readMs('ms', ms), cause })
}

/** Reads the label of a context, escaped: it is shown in messages. */
export function readLabel(label: unknown): string | undefined {
  return label === undefined ? undefined : shown(readText('label', label, MAX_NAME))
}

/** Reads a number of milliseconds that may be undefined. */
export function readMs(field: string, ms: unknown): number | undefined {
  return ms === undefined ? undefined : readFinite(field, ms)
}

export function readFinite(field: string, value: unknown): number {
  if (!Number.isFinite(value)) throw new PortError(`${field} is not a finite number`)
  return value as number
}

export function readText(field: string, value: unknown, max: number): string {
  if (typeof value !== 'string') throw new PortError(`${field} is not a string`)
  if (value.length > max) throw new PortError(`${field} is longer than ${max} characters`)
  return value
}

/** Checks the length before copying: a list of 4,000,000,000 holes is a short message. */
export function readList(field: string, value: unknown, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new PortError(`${field} is not a list`)
  if (value.length > max) throw new PortError(`${field} has more than ${max} members`)
  return [...(value as readonly unknown[])]
}

/** Cuts `label` to the length that {@link readLabel} accepts. */
export function cutLabel(label: string | undefined): string | undefined {
  return label === undefined ? undefined : cut(String(label), MAX_NAME)
}

function define(error: Error, name: string, value: string): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true })
}

/** Also tests the tag: `instanceof` fails across realms, and in some engines for a DOMException. */
function isError(value: unknown): value is Error {
  const tag = tagOf(value)
  return value instanceof Error || tag === '[object Error]' || tag === '[object DOMException]'
}

/**
 * `value` as text. Never throws, even if `value` is a proxy with traps that throw. Arrays are not joined: for an empty
 * one whose `length` is 4,000,000,000, WebKit takes minutes, and for 60,000,000 bytes, V8 takes seconds.
 */
export function textOf(value: unknown): string {
  try {
    return Array.isArray(value) || ArrayBuffer.isView(value) ? tagOf(value) : cut(String(value), MAX_MESSAGE)
  } catch {
    return tagOf(value)
  }
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text
}
