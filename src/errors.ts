/**
 * The two ways a context ends, and how to tell them apart. Errors are recognised by `name`, which they share with the
 * platform's own aborts: `instanceof DOMException` fails across realms and engines. The nearest context error in a
 * chain of causes decides, so nothing is ever both. Semantics: Go's `context.Canceled`, `DeadlineExceeded` and
 * `errors.Is`.
 */

import { isObject } from './arguments.ts'

/** Marks the errors of every copy of this package. */
const brand = /* @__PURE__ */ Symbol.for('rescind.error')

/** How far `isCanceled` and `isDeadlineExceeded` follow `cause`: a chain of causes can lead back to itself. */
const MAX_CAUSES = 100

/** What both errors share. `instanceof` knows them from every copy of this package, and subclasses as usual. */
class ContextError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    Object.defineProperty(this, brand, { value: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (super[Symbol.hasInstance](value)) return true
    return Object.hasOwn(this.prototype, 'name') && isContextError(value) && value.name === this.prototype.name
  }
}

/**
 * The work is no longer wanted: somebody called `cancel`, or a signal aborted. What was given as the cause is in
 * `cause`. All cancels without a cause share one instance, so do not write to it.
 *
 * @see Go's `context.Canceled`
 */
export class CanceledError extends ContextError {
  override get name(): 'AbortError' {
    return 'AbortError'
  }

  /** @param cause why; left out, the error has no `cause` */
  constructor(cause?: unknown) {
    super('context canceled', cause)
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
 * ancestor of the one that was read.
 *
 * @see Go's `context.DeadlineExceeded`
 */
export class DeadlineExceededError extends ContextError {
  /** The `label` of the context whose deadline fired. */
  readonly label: string | undefined
  /** The time that context was given, in milliseconds; undefined when a foreign signal timed out. */
  readonly ms: number | undefined

  override get name(): 'TimeoutError' {
    return 'TimeoutError'
  }

  constructor({ label, ms, cause }: ExceededDeadline = {}) {
    super('context deadline exceeded', cause)
    this.label = label
    this.ms = ms
  }
}

/**
 * Says whether `error` means that the work was canceled. Follows `cause`; the first context error found decides. The
 * platform's `AbortError` counts. False for anything else, whatever its type.
 *
 * @see Go's `errors.Is(err, context.Canceled)`
 */
export function isCanceled(error: unknown): boolean {
  return nearestName(error) === 'AbortError'
}

/**
 * Says whether `error` means that time ran out. Follows `cause`; the first context error found decides. The platform's
 * `TimeoutError` counts. False for anything else, whatever its type.
 *
 * @see Go's `errors.Is(err, context.DeadlineExceeded)`
 */
export function isDeadlineExceeded(error: unknown): boolean {
  return nearestName(error) === 'TimeoutError'
}

/** A cause that everybody shares: compare it, by identity or by `name`. It has no stack, since nobody throws it. */
export function sentinel(name: string, message: string): Error {
  const error = new Error(message)
  return Object.defineProperties(error, { name: { value: name }, stack: { value: `${name}: ${message}` } })
}

/** Whether `value` is one of the two errors above, made by any copy of this package. */
export function isContextError(value: unknown): value is CanceledError | DeadlineExceededError {
  return isObject(value) && brand in value
}

/** A property of whatever was thrown; undefined if asking for it throws, as a revoked proxy does. */
export function property(thrown: unknown, name: string): unknown {
  try {
    return (Object(thrown) as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

function nearestName(error: unknown): unknown {
  for (let hops = 0; hops < MAX_CAUSES && isObject(error); hops++) {
    const name = property(error, 'name')
    if (name === 'AbortError' || name === 'TimeoutError') return name
    error = property(error, 'cause')
  }
  return undefined
}
