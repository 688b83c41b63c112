/**
 * The observer: the one place in the core at which an inspector looks on. There is none in production, and then all it
 * costs is to ask for it. What is observed goes in as objects, since this file is below contexts. An observer only
 * takes notes: it is called in the middle of an end, so it must not throw or call code of users.
 */

/** How a context ends for its own reasons, as far as its ending does not say it. */
export type Hint = 'canceled' | 'completed' | 'disposed'

export interface Observer {
  /** `node` was derived or linked. */
  made(node: object): void
  /** `cancel` was made for `node`. */
  handed(node: object, cancel: object): void
  /** `node` is being marked, along with everything below `head`. `hint` and `failure` are what `finish` was given. */
  ended(node: object, head: object, ending: object, hint: Hint | undefined, failure: unknown): void
  /** The deadline of `node` has moved, or what it knows of is above it now. */
  changed(node: object): void
  /** The work of `node` went well; `node` itself lives on. */
  completed(node: object): void
  /** `waiter` waits for the end of `node`, in a function called `name`. */
  waits(node: object, waiter: object, name: string): void
  /** `waiter` no longer waits. */
  left(waiter: object): void
  /** A function called `name` works under `node`, until the function that is returned is called. */
  works(node: object, name: string): () => void
  /** What the stack of the error says after the path of `node`, where the end began. */
  explain(node: object): string
}

/** `hint` and `failure` hold for the next end that begins, and only within {@link finish}. */
export const watch: { observer: Observer | undefined; hint: Hint | undefined; failure: unknown } = {
  observer: undefined,
  hint: undefined,
  failure: undefined,
}

/** Has `observer` note an end; its hint is spent before listeners end something else. */
export function noteEnd(observer: Observer, node: object, head: object, ending: object): void {
  const { failure, hint } = watch
  watch.hint = watch.failure = undefined
  observer.ended(node, head, ending, hint, failure)
}

/** Notes that a function called `name` waits under `node`. Returns what to call when it no longer does. */
export function waiting(node: object, name: string): (() => void) | undefined {
  const { observer } = watch
  if (!observer) return undefined
  const waiter = {}
  observer.waits(node, waiter, name)
  return () => observer.left(waiter)
}

/** Calls `end`, which ends a context at most, and tells the observer how. */
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
