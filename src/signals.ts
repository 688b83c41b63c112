/**
 * Foreign signals: contexts that end with their parent or with any of several signals. All contexts that follow a
 * signal are linked to one hub. When the signal aborts, `mark` ends the hub and, through its links, all these contexts
 * in the same step.
 */

import { invalid } from './arguments.ts'
import { attach, createCancel, derive, detach, end, hubOf, isSignal, settled } from './context.ts'
import type {
  Cancel,
  Child,
  Context,
  ContextLike,
  ContextNode,
  DeriveOptions,
  Ending,
  Hub,
  Resource,
} from './context.ts'
import { attempt } from './listeners.ts'

/** A signal, or none: `RequestInit.signal` and React's `cacheSignal()` may be null. */
export type MaybeSignal = AbortSignal | null | undefined

/**
 * Derives a context that also ends when a signal, or any of several, aborts; the reason of the signal becomes the
 * cause. If the reason is a `TimeoutError`, as with `AbortSignal.timeout`, `err` is a {@link DeadlineExceededError}. If
 * it is the error of another context, that error and its cause are used unchanged. When the context ends, its listeners
 * are removed from the signals.
 *
 * @param signals one signal or a list; null and undefined are skipped
 * @throws TypeError if `parent` is not a context, or if one of `signals` is not an AbortSignal
 * @example
 * const controller = new AbortController()
 * const [ctx] = withSignal(background(), [controller.signal, undefined], { label: 'report' })
 * controller.abort('the reader pressed Stop')
 * cause(ctx) // => 'the reader pressed Stop'
 */
export function withSignal(
  parent: ContextLike,
  signals: MaybeSignal | readonly MaybeSignal[],
  options?: DeriveOptions,
): [ctx: Context, cancel: Cancel] {
  const list: readonly MaybeSignal[] = isList(signals) ? signals : [signals]
  return following(
    parent,
    'withSignal',
    list.filter((signal) => signal !== null && signal !== undefined),
    options,
  )
}

function isList(signals: unknown): signals is readonly MaybeSignal[] {
  return Array.isArray(signals)
}

/**
 * Derives a context that follows `signals`.
 *
 * @param kind the name of the deriving function, for `toString()`
 * @param leave called in a microtask when the context no longer follows them: it has ended, or was disarmed
 */
export function following(
  parent: ContextLike,
  kind: string,
  signals: readonly AbortSignal[],
  options?: DeriveOptions,
  leave?: () => void,
): [ctx: Context, cancel: Cancel] {
  for (const signal of signals) if (!isSignal(signal)) throw invalid('signal', 'an AbortSignal', signal)
  const node = derive(parent, kind, options)
  const links = [...new Set(signals)].map((signal) => new Link(hubOf(signal), node))
  for (const { parent: hub } of links) {
    const { ended } = settled(hub)
    if (ended) end(node, ended)
    node.sources = { hub, node, outer: node.sources }
  }
  if (!node.ended) {
    for (const link of links) attach(link)
    node.own = {
      release() {
        links.forEach(detach)
        if (leave) void Promise.resolve(leave).then(attempt)
      },
    }
  }
  return [node, createCancel(node)]
}

/** A child of a hub that ends its `target`, a context whose parent is another node. */
class Link implements Child {
  readonly parent: Hub
  readonly target: ContextNode
  declare readonly controller: undefined
  ended: Ending | undefined
  first: Child | undefined
  previous: Child | undefined
  next: Child | undefined

  constructor(hub: Hub, target: ContextNode) {
    this.parent = hub
    this.target = target
  }

  get own(): Resource {
    return this
  }

  /**
   * Adds the target to the chain that is ending, as if it were a child. If the parent of the target has ended, the
   * target is already in the chain.
   */
  release(): void {
    const { target } = this
    if (target.parent?.node.ended) return
    detach(target)
    this.first = target.previous = target
  }

  tell(): void {}
}
