/**
 * Fetches with `keepalive`. In Chromium they continue after their signal has aborted, so no context ends them. Only a
 * wrapper can see the options of a `fetch`, so an inspector with the option `fetch` replaces the global `fetch` by one.
 * The wrapper calls the original with the same arguments and returns its promise.
 */

import { isObject } from '../arguments.ts'

/**
 * Calls `found` with the signal of each fetch that has `keepalive` among its options.
 *
 * @returns a function that stops this, and restores the original unless other code has replaced `fetch` meanwhile
 */
export function watchFetch(found: (signal: object) => void): () => void {
  const { fetch: original } = globalThis as Partial<typeof globalThis>
  if (typeof original !== 'function') return () => {}
  let look: typeof found | undefined = found
  const watching = function fetch(this: unknown, ...args: Parameters<typeof original>): Promise<Response> {
    try {
      const { keepalive, signal } = args[1] ?? {}
      if (keepalive && isObject(signal)) look?.(signal)
    } catch {
      // The original reads the same options, and throws what their getters throw.
    }
    return Reflect.apply(original, this, args)
  }
  Reflect.set(globalThis, 'fetch', watching)
  return () => {
    look = undefined
    if (globalThis.fetch === watching) Reflect.set(globalThis, 'fetch', original)
  }
}
