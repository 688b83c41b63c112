/**
 * Errors on their way to another thread. Structured cloning drops the name of an error that is not built in, and errors
 * are recognised by name; so an error travels as plain data and is rebuilt on the other side. The sender keeps within
 * the bounds below, and the reader refuses what exceeds them or has a wrong field: whatever arrives, reading it yields
 * a value or a PortError, in bounded time.
 */

import { isObject, tagOf } from '../arguments.ts'
import { CanceledError, DeadlineExceededError, isContextError } from '../errors.ts'
import { shown } from '../shown.ts'
import { sizeOf } from './size.ts'

/** How deep a chain of causes is followed: it can lead back to itself. */
const MAX_DEPTH = 20
/** How many errors one message holds, counting causes and the members of an AggregateError. */
const MAX_ERRORS = 100
/** In characters, as are the next two. */
const MAX_NAME = 200
const MAX_MESSAGE = 8_192
const MAX_STACK = 16_384
/** The size of a cause that is no error, as {@link sizeOf} counts. */
const MAX_DATA = 65_536

/** What came through a port, or was given to {@link deserializeError}, cannot be read; `message` says what is wrong. */
export class PortError extends Error {
  override get name(): 'PortError' {
    return 'PortError'
  }
}

/** An error, or any other value that was thrown, as {@link serializeError} writes it: plain data that can be cloned. */
export type SerializedError =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'error' | 'canceled' | 'exceeded'
      readonly name: string
      readonly message: string
      readonly stack: string | undefined
      readonly cause: SerializedError
      /** Of an AggregateError only. */
      readonly errors?: readonly SerializedError[] | undefined
      /** Of the error of a context only. */
      readonly label?: string | undefined
      /** Of a DeadlineExceededError only. */
      readonly ms?: number | undefined
    }

/**
 * Turns what work rejected with into plain data for `postMessage`. A {@link CanceledError} and a
 * {@link DeadlineExceededError} keep their kind, `label`, `ms` and `cause`; every other error keeps its name, message,
 * stack, cause and, for an AggregateError, its errors. Other fields do not cross. Long texts are cut. What cannot be
 * cloned, refers to a context or is larger than 65,536 bytes becomes text. Never throws.
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
 * The error that {@link serializeError} wrote on the other side. An error of a context is one here too, for
 * `instanceof`, `isCanceled` and `isDeadlineExceeded`; any other error is an `Error` with the name it had.
 * Data that cannot be read yields a {@link PortError}. Never throws.
 */
export function deserializeError(data: unknown): unknown {
  try {
    return readError(data)
  } catch (error) {
    return error instanceof PortError ? error : new PortError('the error cannot be read', { cause: error })
  }
}

/** @throws PortError if `data` is not as {@link serializeError} writes it */
export function readError(data: unknown): unknown {
  return read(data, 0, { left: MAX_ERRORS })
}

/** How many more errors fit. */
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
    // As text.
  }
  return { kind: 'value', value: textOf(value) }
}

function writeError(error: Error, depth: number, budget: Budget): SerializedError {
  const { cause, message, name, stack } = error
  const { errors, label, ms } = error as Partial<AggregateError & DeadlineExceededError>
  const written = {
    kind: 'error' as const,
    name: cut(String(name), MAX_NAME),
    message: cut(String(message), MAX_MESSAGE),
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
  if (kind !== 'error' && kind !== 'canceled' && kind !== 'exceeded') throw new PortError('an error is of no kind')
  if (depth >= MAX_DEPTH || budget.left <= 0) throw new PortError('there are too many errors in one')
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

/** The label of a deadline, which is shown wherever its error is. */
export function readLabel(label: unknown): string | undefined {
  return label === undefined ? undefined : shown(readText('label', label, MAX_NAME))
}

/** A time that may be unknown. */
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

/** The length is checked first: a list of 4,000,000,000 holes is a short message. */
export function readList(field: string, value: unknown, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new PortError(`${field} is not a list`)
  if (value.length > max) throw new PortError(`${field} has more than ${max} members`)
  return [...(value as readonly unknown[])]
}

/** `label` as {@link readLabel} accepts it. */
export function cutLabel(label: string | undefined): string | undefined {
  return label === undefined ? undefined : cut(String(label), MAX_NAME)
}

function define(error: Error, name: string, value: string): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true })
}

/** By its tag: `instanceof` fails across realms, and for the platform's own aborts in some. */
function isError(value: unknown): value is Error {
  if (!isObject(value)) return false
  const tag = tagOf(value)
  return value instanceof Error || tag === '[object Error]' || tag === '[object DOMException]'
}

/** Never throws, whatever traps `value` has. */
export function textOf(value: unknown): string {
  try {
    return cut(String(value), MAX_MESSAGE)
  } catch {
    return tagOf(value)
  }
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text
}
