/**
 * The public list of `rescind/bindings`: functions that a binding to a framework needs in addition to `rescind`. In a
 * framework, creating an object must have no side effects, and limits and values change while work is in progress.
 *
 * @module rescind/bindings
 */

export { withTimer } from './deadlines.ts'
export { sentinel } from './errors.ts'
export { completed, hasEnded, onMove, rearmFromStart, withLink } from './lifetime.ts'
export type { LinkOptions } from './lifetime.ts'
export { lifetimeOf, withValuesOf } from './views.ts'
