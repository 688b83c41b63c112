/**
 * Fetches with `keepalive`. In Chromium they go on after their signal has aborted, so no context ends them. That can be
 * seen only by a look at the calls of `fetch`, so an inspector that is asked for it puts a function in the place of
 * `fetch`. That function calls the original with the same arguments and returns its promise.
 */

import { isObject } from '../arguments.ts'

/**
 * Calls `found` with the signal of each fetch that has `keepalive` among its options.
 *
 * @returns stops that, and puts the original back, unless `fetch` has been replaced by something else meanwhile
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
