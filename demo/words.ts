/** Ends and errors in words, the same on both sides of the wire. */

import { contextError, isCanceled, isDeadlineExceeded } from 'rescind'

/** An error and its cause in words: `context canceled: Esc`. A cause with a name says it all: `client gone`. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  const message = kindOf(error)
  if (isBareAbort(error)) return 'aborted'
  if (!(cause instanceof Error)) return message
  return isNamed(cause) ? wordsOf(cause) : `${message}: ${cause.message}`
}

/** The message of an error; of a context's error without label, time and cause, which the page shows elsewhere. */
export function kindOf(error: Error): string {
  if (contextError(error) !== error) return error.message
  return isDeadlineExceeded(error) ? 'context deadline exceeded' : 'context canceled'
}

/** Why something ended, in a word or two, for where there is little room: `superseded`, `deadline`, `client gone`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (isDeadlineExceeded(error)) return 'deadline'
  if (isBareAbort(error)) return 'aborted'
  if (isCanceled(error)) return error.cause instanceof Error ? reasonOf(error.cause) : 'canceled'
  return isNamed(error) ? wordsOf(error) : error.message
}

/** What `abort()` says without a reason is another sentence in every engine. */
function isBareAbort(error: Error): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** What is only there to be told from others has a name of its own. One that came from a worker always has one. */
function isNamed(error: Error): boolean {
  return Object.hasOwn(error, 'name') && error.name !== 'Error'
}

function wordsOf({ name }: Error): string {
  return name.replaceAll(/\B[A-Z]/g, ' $&').toLowerCase()
}
