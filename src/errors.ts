/**
 * The two errors with which a context ends, and how to tell them apart. The errors of every copy of the package have
 * the same symbol. Their `name` says which of the two it is, as with the platform's aborts: `instanceof DOMException`
 * fails across realms and engines. In a chain of causes, the first error of rescind takes precedence over errors of the
 * platform, so no error counts as both. Semantics: Go's `context.Canceled`, `DeadlineExceeded`, `errors.Is` and
 * `errors.As`.
 */

import { isObject } from './arguments.ts'
import { shown } from './shown.ts'

/** Marks the errors of every copy of this package. */
const brand = /* @__PURE__ */ Symbol.for('rescind.error')

interface Branded {
  [brand]?: true
}

/** How many causes are followed: a chain of causes can be a cycle. */
const MAX_CAUSES = 100

/** The base of both errors. `instanceof` accepts errors of every copy of this package; subclasses work as usual. */
class ContextError extends Error {
  /** The `label` of the context that was canceled, or whose deadline fired. */
  declare readonly label: string | undefined

  constructor(message: string, label: string | undefined, cause: unknown) {
    super(message + (cause === undefined ? '' : reason(cause)), cause === undefined ? undefined : { cause })
    // Set only if there is a label: loggers also show undefined properties.
    if (label !== undefined) this.label = label
    // On the prototype: loggers would show an own property.
    const prototype: Branded = ContextError.prototype as object
    prototype[brand] ??= true
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      if (super[Symbol.hasInstance](value)) return true
    } catch {
      // Reading the prototype of a revoked proxy throws.
      return false
    }
    return Object.hasOwn(this.prototype, 'name') && isContextError(value) && value.name === this.prototype.name
  }
}

/**
 * The error of a context that was canceled: `cancel` was called, or a signal aborted. The message has the label and the
 * cause, as in `context canceled (search): the reader pressed Stop`; the cause itself is in `cause`.
 *
 * @see Go's `context.Canceled`
 */
export class CanceledError extends ContextError {
  override get name(): 'AbortError' {
    return 'AbortError'
  }

  /**
   * @param cause why the context was canceled; if omitted, the error has no `cause`
   * @param label the label of the context that was canceled
   */
  constructor(cause?: unknown, label?: string) {
    super(`context canceled${parenthesized(label)}`, label, cause)
  }
}

/** Describes the deadline of a {@link DeadlineExceededError}. */
export interface ExceededDeadline {
  /** The `label` of the context whose deadline it was. */
  readonly label?: string | undefined
  /** The duration that this context was given, in milliseconds. */
  readonly ms?: number | undefined
  /** The `cause` option of this context. */
  readonly cause?: unknown
}

/**
 * The error of a context whose deadline has passed. `label` and `ms` are from the context that set the deadline, which
 * may be an ancestor of the one that was read. The message has both, as in `context deadline exceeded (search, 5s)`.
 *
 * @see Go's `context.DeadlineExceeded`
 */
export class DeadlineExceededError extends ContextError {
  /** The duration that this context was given, in milliseconds; undefined if a foreign signal timed out. */
  declare readonly ms: number | undefined

  override get name(): 'TimeoutError' {
    return 'TimeoutError'
  }

  constructor({ label, ms, cause }: ExceededDeadline = {}) {
    super(`context deadline exceeded${parenthesized(label, ms)}`, label, cause)
    if (ms !== undefined) this.ms = ms
  }
}

/**
 * Says whether `error` means that the work was canceled. Follows `cause`: the first {@link CanceledError} or
 * {@link DeadlineExceededError} decides; without one, the platform's `AbortError` counts. False for anything else.
 *
 * @see Go's `errors.Is(err, context.Canceled)`
 */
export function isCanceled(error: unknown): boolean {
  return decisiveName(error) === 'AbortError'
}

/**
 * Says whether `error` means that time ran out. Follows `cause`: the first {@link CanceledError} or
 * {@link DeadlineExceededError} decides; without one, the platform's `TimeoutError` counts. False for anything else.
 *
 * @see Go's `errors.Is(err, context.DeadlineExceeded)`
 */
export function isDeadlineExceeded(error: unknown): boolean {
  return decisiveName(error) === 'TimeoutError'
}

/**
 * Returns the first {@link CanceledError} or {@link DeadlineExceededError} among `error` and its causes; undefined if
 * there is none. Use it to read the label, the duration and the cause when a library has wrapped the error.
 *
 * @example
 * const [ctx] = withTimeout(background(), 0, { label: 'report' })
 * const failure = new Error('no report', { cause: ctx.err })
 * contextError(failure)?.label // => 'report'
 * @see Go's `errors.As`
 */
export function contextError(error: unknown): CanceledError | DeadlineExceededError | undefined {
  return findCause(error, isContextError) as CanceledError | DeadlineExceededError | undefined
}

/** Makes a cause to compare with, by identity or by `name`. It has no stack frames: it is made far from its uses. */
export function sentinel(name: string, message: string): Error {
  return withStack(
    withoutFrames(() => Object.defineProperty(new Error(message), 'name', { value: name })),
    `${name}: ${message}`,
  )
}

/**
 * Makes the error of an end. Its stack is the path of the context that ended: stack frames would show only the code
 * that happened to read the error first.
 */
export function explained<E extends CanceledError | DeadlineExceededError>(make: () => E, path: string): E {
  const error = withoutFrames(make)
  return withStack(error, `${error.name}: ${error.message}\n    in ${path}`)
}

/** Whether `value` is one of the two errors above, made by any copy of this package. */
export function isContextError(value: unknown): value is CanceledError | DeadlineExceededError {
  return isObject(value) && property(value, brand) === true
}

/** A property of any value; undefined if reading it throws, as with a revoked proxy. */
export function property(value: unknown, name: string | symbol): unknown {
  try {
    return (Object(value) as Record<string | symbol, unknown>)[name]
  } catch {
    return undefined
  }
}

/** `5s`, `3.2s`, `250ms`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(Math.max(ms, 0))}ms` : `${Math.round(ms / 100) / 10}s`
}

/** The first error that passes `test`, among `error` and its chain of causes. */
export function findCause(error: unknown, test: (link: unknown) => boolean): unknown {
  for (let hops = 0; hops < MAX_CAUSES && isObject(error); hops++) {
    if (test(error)) return error
    error = property(error, 'cause')
  }
  return undefined
}

/** The name of the error that decides how the work ended: an error of rescind in the chain, or else of the platform. */
function decisiveName(error: unknown): unknown {
  return property(contextError(error) ?? findCause(error, isPlatformError), 'name')
}

function isPlatformError(value: unknown): boolean {
  const name = property(value, 'name')
  return name === 'AbortError' || name === 'TimeoutError'
}

/** ` (search, 5s)`, or only the known part. */
function parenthesized(label: string | undefined, ms?: number): string {
  const known = [label && shown(label), ms !== undefined && duration(ms)].filter(Boolean)
  return known.length > 0 ? ` (${known.join(', ')})` : ''
}

/** The causes whose text is being read. */
const reading = /* @__PURE__ */ new Set<unknown>()

/**
 * `: the reader pressed Stop`. Empty for an object with neither message nor name: it would read `[object Object]`. Also
 * empty while the text of `cause` is being read: its getters may ask for the text of which it is a part.
 */
export function reason(cause: unknown): string {
  if (reading.has(cause)) return ''
  reading.add(cause)
  const text = isObject(cause) ? property(cause, 'message') || property(cause, 'name') : String(cause)
  reading.delete(cause)
  return typeof text === 'string' && text ? `: ${shown(text)}` : ''
}

/** Calls `make` without collecting stack frames, which takes V8 ten times as long as making the error. */
function withoutFrames<T>(make: () => T): T {
  const { stackTraceLimit } = Error as { stackTraceLimit?: unknown }
  // Missing in Firefox; read-only where intrinsics are frozen.
  const isSet = typeof stackTraceLimit === 'number' && Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return make()
  } finally {
    if (isSet) Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

function withStack<E extends Error>(error: E, stack: string): E {
  // An assignment is faster, but makes an enumerable property in Firefox.
  if (Object.hasOwn(error, 'stack')) error.stack = stack
  else Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return error
}
