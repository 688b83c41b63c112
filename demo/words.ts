/** Ends and errors in words, the same on both sides of the wire. */

/** An error and its cause in words: `context canceled: Esc`. A cause with a name says it all: `client gone`. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause, message } = error
  // What `abort()` says without a reason is another sentence in every engine.
  if (error instanceof DOMException && error.name === 'AbortError') return 'aborted'
  if (!(cause instanceof Error)) return message
  return isNamed(cause) ? wordsOf(cause) : `${message}: ${cause.message}`
}

/** Why something ended, in words. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return isNamed(cause) ? wordsOf(cause) : cause.message
}

/** What is only there to be told from others has a name of its own, and its class has not. */
function isNamed(error: Error): boolean {
  return Object.hasOwn(error, 'name')
}

function wordsOf({ name }: Error): string {
  return name.replaceAll(/\B[A-Z]/g, ' $&').toLowerCase()
}
