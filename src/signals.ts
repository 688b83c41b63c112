/**
 * Foreign signals: a context that ends with its parent or with any of them. All contexts that follow a signal hang on
 * one hub, and a link there takes its target into the chain that ends, so a signal too ends everything in one step.
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

/** A signal that may be missing, as `RequestInit.signal` and React's `cacheSignal()` may. */
/** A signal, or none: `RequestInit.signal` may be null. */
export type MaybeSignal = AbortSignal | null | undefined

/**
 * Derives a context that also ends when a signal aborts, or any of several; the signal's reason becomes the cause. A
 * `TimeoutError` as reason, as `AbortSignal.timeout` has it, ends the context with a {@link DeadlineExceededError};
 * the reason of another context's signal is taken over as it is, cause included. The signals carry no listener after
 * the context's end.
 *
 * @param signals one signal or a list; null and undefined are skipped
 * @throws TypeError if `parent` is not a context, or one of `signals` not an AbortSignal
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
 * Derives a context that follows `signals` under the name `kind`.
 *
 * @param leave called in a microtask when it no longer follows them: it has ended, or was disarmed
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
    // Not again for a signal that the level above follows: every read looks at all of them.
    if (node.sources?.hub === hub) continue
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

/** Waits for a hub's end on behalf of a context that has its own parent, and takes that context along. */
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
   * Puts its target into the chain that is ending, as if it were a child. If the target's parent ended, it is there.
   */
  release(): void {
    const { target } = this
    if (target.ended || target.parent?.node.ended) return
    detach(target)
    this.first = target.previous = target
  }

  tell(): void {}
}
