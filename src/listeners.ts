/**
 * Calls listeners in isolation: an error in one is reported as uncaught, and the others are still called. AbortSignals
 * of the platform do the same; polyfilled ones may not.
 */

/** Notified when a context has ended or a timer has expired. */
export interface Listener {
  tell(): void
}

/** Notifies all in order, including those added meanwhile. */
export function tellAll(audience: readonly Listener[]): void {
  for (const listener of audience) {
    try {
      listener.tell()
    } catch (error) {
      report(error)
    }
  }
}

/** Returns the result of `fn`; undefined if it throws. */
export function attempt<T>(fn: () => T): T | undefined {
  try {
    return fn()
  } catch (error) {
    report(error)
    return undefined
  }
}

/** Hands an error to the platform as uncaught. */
function report(error: unknown): void {
  if (typeof reportError === 'function') return reportError(error)
  queueMicrotask(() => {
    throw error
  })
}
