/**
 * The public list of `rescind`: everything that can be imported from the package's main entry, and nothing else.
 *
 * @module rescind
 */

export { afterFunc } from './callbacks.ts'
export { background, cause, createKey, todo, withCancel, withoutCancel, withValue } from './context.ts'
export type { Cancel, Context, ContextLike, DeriveOptions, Key } from './context.ts'
export { withDeadline, withTimeout } from './deadlines.ts'
export type { DeadlineOptions } from './deadlines.ts'
export { CanceledError, contextError, DeadlineExceededError, isCanceled, isDeadlineExceeded } from './errors.ts'
export { group } from './group.ts'
export type { Group, GroupOptions } from './group.ts'
export { disarm, rearm, remaining } from './lifetime.ts'
export { PageHidden, withPage } from './page.ts'
export { retry, retryBudget } from './retry.ts'
export type { Retried, RetryBudget, RetryBudgetOptions, RetryOptions } from './retry.ts'
export { Navigated, withRoute } from './routes.ts'
export type { RouteOptions, RouteSource } from './routes.ts'
export { semaphore } from './semaphore.ts'
export type { Semaphore, Slot } from './semaphore.ts'
export { share, Unused } from './share.ts'
export type { Shared, ShareOptions } from './share.ts'
export { withSignal } from './signals.ts'
export type { MaybeSignal } from './signals.ts'
export { stream } from './stream.ts'
export type { Stream, StreamOptions, StreamSource } from './stream.ts'
export { pause, shield, sleep, until, within } from './tasks.ts'
export type { Limits, Work } from './tasks.ts'
