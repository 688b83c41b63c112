/** Describes ends and errors in words. The page and the server use the same words. */

import { contextError, isCanceled, isDeadlineExceeded } from 'rescind'

/**
 * An error and its cause in words: `context canceled: Esc`. A cause with a name of its own stands alone: `client gone`.
 */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  const message = kindOf(error)
  if (isBareAbort(error)) return 'aborted'
  if (!(cause instanceof Error)) return message
  return isNamed(cause) ? wordsOf(cause) : `${message}: ${cause.message}`
}

/**
 * The message of an error. For a context’s error, the message without label, time and cause, which the page shows
 * elsewhere.
 */
export function kindOf(error: Error): string {
  if (contextError(error) !== error) return error.message
  return isDeadlineExceeded(error) ? 'context deadline exceeded' : 'context canceled'
}

/** The reason for an end in a word or two, where there is little room: `superseded`, `deadline`, `client gone`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (isDeadlineExceeded(error)) return 'deadline'
  if (isBareAbort(error)) return 'aborted'
  if (isCanceled(error)) return error.cause instanceof Error ? reasonOf(error.cause) : 'canceled'
  return isNamed(error) ? wordsOf(error) : error.message
}

/** Whether it is the error of `abort()` without a reason. Its message differs between engines. */
function isBareAbort(error: Error): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** Whether the error has a name of its own, as sentinel errors do. An error that came from a worker always has one. */
function isNamed(error: Error): boolean {
  return Object.hasOwn(error, 'name') && error.name !== 'Error'
}

function wordsOf({ name }: Error): string {
  return name.replaceAll(/\B[A-Z]/g, ' $&').toLowerCase()
}
