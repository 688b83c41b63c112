/** The public list of `rescind`: everything that can be imported from the package's main entry, and nothing else. */

export {
  afterFunc,
  background,
  cause,
  createKey,
  disarm,
  todo,
  withCancel,
  withDeadline,
  withoutCancel,
  withTimeout,
  withValue,
} from './context.ts'
export type { Cancel, Context, ContextLike, DeadlineOptions, DeriveOptions, Key } from './context.ts'
export { CanceledError, DeadlineExceededError, isCanceled, isDeadlineExceeded } from './errors.ts'
export { withSignal } from './signals.ts'
export { group, pause, shield, sleep, until } from './tasks.ts'
export type { Group, GroupOptions, Work } from './tasks.ts'
