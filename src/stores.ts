/**
 * `AsyncLocalStorage`, for work that can run several times: each run sees the stores of the code that passed the work
 * in, not those of the caller that started the run. `afterFunc`, whose function runs once, has a cheaper way.
 */

/** Calls a function in the captured stores. */
type InStores = <R>(fn: () => R) => R

/** Captures the stores of the calling code. Without `AsyncLocalStorage`, as in browsers, calls functions directly. */
export function captureStores(): InStores {
  const { process } = globalThis as ProcessGlobals
  return process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage?.snapshot?.() ?? ((fn) => fn())
}

/** Looked up at run time: an import of `node:async_hooks` would fail in browsers. */
interface ProcessGlobals {
  readonly process?: {
    getBuiltinModule?(id: 'node:async_hooks'): { readonly AsyncLocalStorage?: { snapshot?(): InStores } } | undefined
  }
}
