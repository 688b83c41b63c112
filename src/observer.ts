/**
 * The observer: the single hook of an inspector in the core. Without an inspector there is no observer, and an event
 * costs one check. Contexts have the type `object` here, since this file is below `context.ts`. An observer only takes
 * notes: it is called while contexts are being marked, so it must not throw, and must not call user code.
 */

/** How a context ended, for endings that look the same in the tree. */
export type Hint = 'canceled' | 'completed' | 'disposed'

export interface Observer {
  /** `node` was derived or linked. */
  made(node: object): void
  /** `cancel` was made for `node`. */
  handed(node: object, cancel: object): void
  /** `node` is being marked, as part of the end of `head`. `hint` and `failure` are the arguments of `finish`. */
  ended(node: object, head: object, ending: object, hint: Hint | undefined, failure: unknown): void
  /** The deadline of `node` has moved, or `node` was linked. */
  changed(node: object): void
  /** The work of `node` has succeeded; `node` stays live. */
  completed(node: object): void
  /** `waiter` waits for the end of `node`, in a function called `name`. */
  waits(node: object, waiter: object, name: string): void
  /** `waiter` no longer waits. */
  left(waiter: object): void
  /** A function called `name` runs under `node`, until the returned function is called. */
  works(node: object, name: string): () => void
  /** Text for the stack of an error, after the path of `node`, where the end began. */
  explain(node: object): string
}

/** `hint` and `failure` apply to the next end, and only during {@link finish}. */
export const watch: { observer: Observer | undefined; hint: Hint | undefined; failure: unknown } = {
  observer: undefined,
  hint: undefined,
  failure: undefined,
}

/** Notifies `observer` of an end. Clears the hint first: listeners may end other contexts. */
export function noteEnd(observer: Observer, node: object, head: object, ending: object): void {
  const { failure, hint } = watch
  watch.hint = watch.failure = undefined
  observer.ended(node, head, ending, hint, failure)
}

/** Notes that a function called `name` waits under `node`. Returns a function to call when it no longer waits. */
export function waiting(node: object, name: string): (() => void) | undefined {
  const { observer } = watch
  if (!observer) return undefined
  const waiter = {}
  observer.waits(node, waiter, name)
  return () => observer.left(waiter)
}

/** Calls `end`, which ends at most one context and its descendants, and tells the observer how it ended. */
export function finish(end: () => void, hint: Hint, failure?: unknown): void {
  if (!watch.observer) return end()
  watch.hint = hint
  watch.failure = failure
  try {
    end()
  } finally {
    watch.hint = watch.failure = undefined
  }
}
