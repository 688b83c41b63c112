/**
 * Views: contexts that share a lifetime and differ only in values. A binding to a framework compares `lifetimeOf` of
 * two contexts, to find out whether a new context has another lifetime, or only other values.
 */

import { createNode, resolve } from './context.ts'
import type { Context, ContextLike } from './context.ts'

/**
 * Returns an object that identifies the lifetime of `ctx`: the same object for all contexts that differ only in values.
 * Compare it, or use it as the key of a WeakMap.
 *
 * @param parameter the name of `ctx` in the error
 * @throws TypeError if `ctx` is not a context
 */
export function lifetimeOf(ctx: ContextLike, parameter = 'ctx'): object {
  return resolve(ctx, parameter).node
}

/**
 * Derives a context that ends exactly when `ctx` ends and has the values of `from` instead of those of `ctx`.
 *
 * @throws TypeError if `ctx` or `from` is not a context
 */
export function withValuesOf(ctx: ContextLike, from: ContextLike): Context {
  const above = resolve(ctx)
  const view = createNode(above, 'withValuesOf')
  view.node = above.node
  view.values = resolve(from, 'from').values
  return view
}
