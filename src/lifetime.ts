/**
 * What can change in the life of a context after it was made: it can be linked late, its own deadline can move, and
 * it can give up what is its own. Nothing here revives a context: the first end stands for ever.
 */

import { assertNumber, attach, createCancel, Deadline, DISARMED, end, prepare, resolve, settled } from './context.ts'
import type { Cancel, Context, ContextLike, DeriveOptions } from './context.ts'
import { invalid } from './errors.ts'

/**
 * Derives a context in two steps, for frameworks in which making something must have no effects. At first it has the
 * parent's values and ends only by `cancel`; nobody refers to it, so it may simply be dropped. From the call of
 * `link` on it ends with `target` too, by default its parent, has the deadline of that, and can be given one of its
 * own by {@link rearm}. A second call of `link` does nothing.
 *
 * @throws TypeError if `parent` is not a context; `link` throws it if `target` is not
 * @example
 * const [parent, cancelParent] = withCancel(background())
 * const [ctx, cancel, link] = withLink(parent)
 * cancelParent('left')
 * ctx.err // => undefined
 * link()
 * cause(ctx) // => 'left'
 */
export function withLink(
  parent: ContextLike,
  options?: DeriveOptions,
): [ctx: Context, cancel: Cancel, link: (target?: ContextLike) => void] {
  const node = prepare(parent, 'withLink', options)
  const above = node.parent
  node.ended = node.deadlines = node.sources = undefined
  const link = (target: ContextLike | undefined = above): void => {
    const parent = resolve(target as ContextLike, 'target')
    const { clock, deadlines, ended, sources } = settled(parent)
    if (node.ended || node.own) return
    Object.assign(node, { parent, clock, deadlines, sources, values: parent.values })
    node.deadlines = node.own = new Deadline(node, Infinity)
    if (ended) end(node, ended)
    else attach(node)
  }
  return [node, createCancel(node), link]
}

/**
 * Moves the own deadline of `ctx` to `ms` milliseconds after it was derived (or linked), or to the time `ms` if that
 * is a Date. A time that has passed ends it at once, Infinity never. The parent's deadline still holds. Does nothing
 * once `ctx` has ended or was disarmed.
 *
 * @throws TypeError if `ctx` was not made by `withTimeout`, `withDeadline` or a linked `withLink`, or if `ms` is
 * neither a number nor a valid Date
 * @example
 * const [ctx, cancel] = withTimeout(background(), 1_000)
 * rearm(ctx, 60_000)
 * Math.ceil((remaining(ctx) ?? 0) / 1_000) // => 60
 * cancel()
 */
export function rearm(ctx: Context, ms: number | Date): void {
  const node = resolve(ctx)
  const { own } = node
  const time = ms instanceof Date ? ms.getTime() : ms
  assertNumber('ms', time, ms)
  if (own instanceof Deadline) {
    if (settled(node).ended) return
    own.move(ms === time ? time : time - own.since())
    own.start()
    settled(node)
  } else if (own !== DISARMED) throw invalid('ctx', 'a context with a deadline of its own', ctx)
}

/**
 * Makes `ctx` give up its own deadline, its own signals and its own cancel: from now on it only follows its parent.
 * For work that succeeded while its result, such as a streaming body, is still being read. Does nothing once `ctx`
 * has ended.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function disarm(ctx: Context): void {
  const node = resolve(ctx)
  if (settled(node) !== node || node.ended) return
  if (node.own instanceof Deadline) node.own.move(Infinity)
  node.own?.release()
  node.own = DISARMED
}

/**
 * The milliseconds that `ctx` still has, by its own clock: what to hand on to a server. Zero once it has ended,
 * undefined while it has no deadline. Unlike reading `err`, this ends nothing.
 *
 * @throws TypeError if `ctx` is not a context
 * @see Go's `time.Until(deadline)`
 */
export function remaining(ctx: ContextLike): number | undefined {
  const { node } = resolve(ctx)
  if (node.ended) return 0
  let due = Infinity
  for (let { deadlines } = node; deadlines; deadlines = deadlines.outer) due = Math.min(due, deadlines.due)
  return due < Infinity ? Math.max(due - node.clock.now(), 0) : undefined
}
