/**
 * `AsyncLocalStorage`, for work that runs more than once: each run sees the stores of the code that gave the work,
 * never those of the caller that happened to start the run. `afterFunc`, whose function runs once, has a cheaper way.
 */

/** Calls a function in the stores that were captured. */
type InStores = <R>(fn: () => R) => R

/** Captures the stores of the calling code. Where there are none, as in browsers, functions are called as they are. */
export function captureStores(): InStores {
  const { process } = globalThis as ProcessGlobals
  return process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage?.snapshot?.() ?? ((fn) => fn())
}

/** Asked for at runtime: an import of `node:async_hooks` would fail in browsers. */
interface ProcessGlobals {
  readonly process?: {
    getBuiltinModule?(id: 'node:async_hooks'): { readonly AsyncLocalStorage?: { snapshot?(): InStores } } | undefined
  }
}
