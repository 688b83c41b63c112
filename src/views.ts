/**
 * Views: contexts that share one lifetime and differ in values. A binding to a framework tells by them whether a
 * context that changed is another lifetime, or has other values only.
 */

import { createNode, resolve } from './context.ts'
import type { Context, ContextLike } from './context.ts'

/**
 * An object that stands for the lifetime of `ctx`: the same one for every context that differs from `ctx` in values
 * only. For comparisons, and as the key of a WeakMap.
 *
 * @param parameter what the error calls `ctx`
 * @throws TypeError if `ctx` is not a context
 */
export function lifetimeOf(ctx: ContextLike, parameter = 'ctx'): object {
  return resolve(ctx, parameter).node
}

/**
 * Derives a context that lives exactly as long as `ctx` and has the values of `from` in place of its own.
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
