/**
 * The public list of `rescind/bindings`: what a binding to a framework needs beyond `rescind`. In a framework, making
 * something must have no effects, and limits and values change while work is under way.
 *
 * @module rescind/bindings
 */

export { sentinel } from './errors.ts'
export { completed, onMove, rearmFromStart, withLink } from './lifetime.ts'
export type { LinkOptions } from './lifetime.ts'
export { lifetimeOf, withValuesOf } from './views.ts'
