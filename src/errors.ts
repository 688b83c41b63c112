/**
 * The two ways a context ends, and how to tell them apart. Errors are recognized by `name`, which they share with the
 * platform's own aborts: `instanceof DOMException` fails across realms and engines. Our own error anywhere in a chain
 * of causes decides over a platform's error around it, so nothing is ever both. Semantics: Go's `context.Canceled`,
 * `DeadlineExceeded`, `errors.Is` and `errors.As`.
 */

import { isObject } from './arguments.ts'
import { shown } from './shown.ts'

/** Marks the errors of every copy of this package. */
const brand = /* @__PURE__ */ Symbol.for('rescind.error')

interface Branded {
  [brand]?: true
}

/** How far a chain of causes is followed: it can lead back to itself. */
const MAX_CAUSES = 100

/** What both errors share. `instanceof` knows them from every copy of this package, and subclasses as usual. */
class ContextError extends Error {
  /** The `label` of the context that was canceled, or whose deadline fired. */
  declare readonly label: string | undefined

  constructor(message: string, label: string | undefined, cause: unknown) {
    super(message + (cause === undefined ? '' : reason(cause)), cause === undefined ? undefined : { cause })
    // What is not known is not there: loggers show each property.
    if (label !== undefined) this.label = label
    // On the prototype, where no logger shows it.
    const prototype: Branded = ContextError.prototype as object
    prototype[brand] ??= true
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      if (super[Symbol.hasInstance](value)) return true
    } catch {
      // A revoked proxy has no prototype to ask for.
      return false
    }
    return Object.hasOwn(this.prototype, 'name') && isContextError(value) && value.name === this.prototype.name
  }
}

/**
 * The work is no longer wanted: `cancel` was called, or a signal aborted. The message has the label and the cause, as
 * in `context canceled (search): the reader pressed Stop`; the cause itself is in `cause`.
 *
 * @see Go's `context.Canceled`
 */
export class CanceledError extends ContextError {
  override get name(): 'AbortError' {
    return 'AbortError'
  }

  /**
   * @param cause why; left out, the error has no `cause`
   * @param label the label of the context that was canceled
   */
  constructor(cause?: unknown, label?: string) {
    super(`context canceled${parenthesized(label)}`, label, cause)
  }
}

/** What a {@link DeadlineExceededError} says about the deadline that fired. */
export interface ExceededDeadline {
  /** The `label` of the context whose deadline it was. */
  readonly label?: string | undefined
  /** The time that context was given, in milliseconds. */
  readonly ms?: number | undefined
  /** The `cause` option of that context. */
  readonly cause?: unknown
}

/**
 * The time ran out. `label` and `ms` say whose time: they belong to the context that set the deadline, which may be an
 * ancestor of the one that was read. The message has them, too, as in `context deadline exceeded (search, 5s)`.
 *
 * @see Go's `context.DeadlineExceeded`
 */
export class DeadlineExceededError extends ContextError {
  /** The time that context was given, in milliseconds; undefined when a foreign signal timed out. */
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
 * The {@link CanceledError} or {@link DeadlineExceededError} in `error` or its causes, the first one if there are
 * several: it has the label, the time and the cause that a library's own error around it hides. Undefined if there is
 * none.
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

/** A shared cause: compare it, by identity or by `name`. It has no frames, since it is thrown in other places. */
export function sentinel(name: string, message: string): Error {
  return withStack(
    withoutFrames(() => Object.defineProperty(new Error(message), 'name', { value: name })),
    `${name}: ${message}`,
  )
}

/**
 * An error for an end that happened elsewhere. The frames of the code that asks for it first would point at a
 * stranger, so its stack says the path of the context that ended.
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

/** The first of `error`, its cause, the cause of that and so on that passes `test`. */
export function findCause(error: unknown, test: (link: unknown) => boolean): unknown {
  for (let hops = 0; hops < MAX_CAUSES && isObject(error); hops++) {
    if (test(error)) return error
    error = property(error, 'cause')
  }
  return undefined
}

/** The name by which `error` says how the work ended: that of our own error in it, else that of the platform's. */
function decisiveName(error: unknown): unknown {
  return property(contextError(error) ?? findCause(error, isPlatformError), 'name')
}

function isPlatformError(value: unknown): boolean {
  const name = property(value, 'name')
  return name === 'AbortError' || name === 'TimeoutError'
}

/** ` (search, 5s)`, with what is known. */
function parenthesized(label: string | undefined, ms?: number): string {
  const known = [label && shown(label), ms !== undefined && duration(ms)].filter(Boolean)
  return known.length > 0 ? ` (${known.join(', ')})` : ''
}

/** `: the reader pressed Stop`. Nothing for an object that has no message: its text would say nothing. */
export function reason(cause: unknown): string {
  const text = isObject(cause) ? property(cause, 'message') || property(cause, 'name') : String(cause)
  return typeof text === 'string' && text ? `: ${shown(text)}` : ''
}

/** V8 takes ten times as long to collect frames as to make the error. */
function withoutFrames<T>(make: () => T): T {
  const { stackTraceLimit } = Error as { stackTraceLimit?: unknown }
  // Missing in Firefox, and frozen where intrinsics are.
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
