/**
 * Who is told when something is over, and what is called on behalf of users: each alone. What one throws is reported
 * like any uncaught error, and keeps nobody else from being told. The platform's signals do the same, stand-ins of them
 * may not.
 */

/** Who wants to know that something is over. */
export interface Listener {
  tell(): void
}

/** Tells everybody, in order; who is added meanwhile, too. */
export function tellAll(audience: readonly Listener[]): void {
  for (const listener of audience) {
    try {
      listener.tell()
    } catch (error) {
      report(error)
    }
  }
}

/** What `fn` returns; undefined if it throws. */
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
