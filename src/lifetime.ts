/**
 * Changes to a context after it was made: it can be linked to a parent later, its own deadline can move, and it can be
 * disarmed. Nothing here revives a context: the first end is final.
 */

import { assertFunction, assertNumber, invalid, isDate } from './arguments.ts'
import { attach, createCancel, createNode, DISARMED } from './context.ts'
import { end, labelOf, LINK, resolve, settled } from './context.ts'
import type { Cancel, Context, ContextLike, DeriveOptions, Limit, Source } from './context.ts'
import { clockOf, Deadline } from './deadlines.ts'
import { attempt } from './listeners.ts'
import { watch } from './observer.ts'

/** Options of {@link withLink}. */
export interface LinkOptions extends DeriveOptions {
  /** Replaces `withLink` in `toString()`, which omits a context that has neither a `kind` nor a `label`. */
  readonly kind?: string | undefined
}

/**
 * Derives a context in two steps, for frameworks in which creating an object must have no side effects. Before `link`,
 * the context has the parent's values and ends only by `cancel`; nothing retains it, so it can be dropped without
 * clean-up. After `link`, it also ends with `target` (by default its parent), inherits the deadline of `target`, and
 * can get its own by {@link rearm}. A second call of `link` does nothing.
 *
 * @throws TypeError if `parent` is not a context. `link` throws one if `target` is not a context, or is derived from
 * this one.
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
  options?: LinkOptions,
): [ctx: Context, cancel: Cancel, link: (target?: ContextLike) => void] {
  const above = resolve(parent, 'parent')
  // The parent's state is not read: that could end it, and rendering must not have such an effect.
  const node = createNode(above, options?.kind ?? LINK, labelOf(options))
  node.ended = node.deadlines = undefined
  // Set before `link`: contexts derived until then reach the deadlines and signals of `target` through these two.
  const own = (node.deadlines = new Deadline(node, Infinity))
  const through: Source = (node.sources = { hub: undefined, node, outer: undefined })
  let isLinked = false
  const link = (target: ContextLike = above): void => {
    const parent = resolve(target, 'target')
    const { clock, deadlines: outer, ended, sources } = settled(parent)
    if (node.ended || isLinked) return
    for (let one: typeof parent | undefined = parent; one; one = one.parent) {
      if (one.node === node) throw invalid('target', 'a context that is not derived from this one', target)
    }
    isLinked = true
    node.own ??= own
    through.outer = sources
    Object.assign(node, { parent, clock, values: parent.values })
    Object.assign(own, { outer, born: clockOf(node).now(), began: undefined })
    if (watch.observer) watch.observer.made(node)
    if (ended) end(node, ended)
    else attach(node)
    move(own, Infinity, own.born)
  }
  return [node, createCancel(node), link]
}

/**
 * Moves the deadline that `ctx` itself has: to `limit` milliseconds from now on the context's clock, or to a Date. For
 * an idle timeout, call it whenever data arrives. Zero or less, or a time in the past, ends `ctx` at once; Infinity
 * means never. The parent's deadline still applies. Does nothing once `ctx` has ended or was disarmed.
 *
 * @throws TypeError if `ctx` was not made by `withTimeout`, `withDeadline` or a linked `withLink`, or if `limit` is
 * neither a number nor a valid Date
 * @example
 * const [ctx, cancel] = withTimeout(background(), 1_000, { label: 'idle' })
 * rearm(ctx, 60_000)
 * Math.ceil((remaining(ctx) ?? 0) / 1_000) // => 60
 * cancel()
 * @see Go's `time.Timer.Reset`
 */
export function rearm(ctx: Context, limit: number | Date): void {
  const clock = clockOf(resolve(ctx).node)
  // The wall clock is read at most once: a second read could be a millisecond later.
  const wall = isDate(limit) ? clock.wall() : undefined
  const ms = isDate(limit) ? limit.getTime() - (wall ?? 0) : limit
  assertNumber('limit', ms, limit)
  const own = ownDeadline(ctx)
  if (own) move(own, ms, clock.now(), wall)
}

/**
 * Moves the deadline that `ctx` itself has to the soonest of `limits`: each is a Date, or milliseconds since `ctx` was
 * last derived, linked or rearmed. For bindings in which a limit can change while the work is in progress. Otherwise
 * like {@link rearm}.
 *
 * @throws TypeError in the same cases as {@link rearm}
 */
export function rearmFromStart(ctx: Context, ...limits: readonly (number | Date)[]): void {
  const { own } = resolve(ctx)
  const since = own instanceof Deadline ? own.since() : 0
  let soonest = Infinity
  for (const limit of limits) {
    const ms = isDate(limit) ? limit.getTime() - since : limit
    assertNumber('limit', ms, limit)
    soonest = Math.min(soonest, ms)
  }
  const deadline = ownDeadline(ctx)
  if (deadline && deadline.ms !== soonest) move(deadline, soonest, deadline.born)
}

/** The deadline that `ctx` itself has; undefined once `ctx` has ended or was disarmed. */
function ownDeadline(ctx: Context): Deadline | undefined {
  const { node, own } = resolve(ctx)
  if (own === DISARMED) return undefined
  if (!(own instanceof Deadline))
    throw invalid('ctx', 'a context from withTimeout, withDeadline or a linked withLink', ctx)
  return settled(node).ended ? undefined : own
}

/**
 * Disables the deadline, the signals and the `cancel` of `ctx`: from now on it ends only with its parent. For work that
 * has succeeded while its result, such as a streaming body, is still being read. Does nothing once `ctx` has ended.
 *
 * @throws TypeError if `ctx` is not a context of this copy of the package: contexts of other copies cannot be disarmed
 */
export function disarm(ctx: Context): void {
  const node = resolve(ctx)
  if (node !== ctx) throw invalid('ctx', 'a context of this copy of rescind', ctx)
  if (settled(node) !== node || node.ended || node.first === null) return
  const { own } = node
  own?.release()
  node.own = DISARMED
  completed(node)
  if (own instanceof Deadline) move(own, Infinity, own.born)
}

/**
 * Tells an inspector that the work of `ctx` has succeeded. `ctx` stays live; the inspector does not show its later end
 * as a cancel of the work. There is no other effect.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function completed(ctx: ContextLike): void {
  const { node } = resolve(ctx)
  if (watch.observer) watch.observer.completed(node)
}

/** Subscribers to deadline changes. */
const watchers = /* @__PURE__ */ new WeakMap<Limit, Set<() => void>>()

/**
 * Calls `fn` whenever the deadline of `ctx` or of an ancestor has moved: by `rearm`, by `disarm`, or by the `link` of
 * `withLink`. An error that `fn` throws is reported as uncaught. For views that show the remaining time.
 *
 * @returns `stop`, which ends the calls
 * @throws TypeError if `ctx` is not a context, or if `fn` is not a function
 */
export function onMove(ctx: ContextLike, fn: () => void): () => void {
  assertFunction('fn', fn)
  const { node } = resolve(ctx)
  const sets: Set<() => void>[] = []
  let isOn = true
  const watch = () => {
    for (let { deadlines } = node; deadlines; deadlines = deadlines.outer) {
      const set = watchers.get(deadlines) ?? new Set()
      watchers.set(deadlines, set.add(watcher))
      sets.push(set)
    }
  }
  const unwatch = () => sets.splice(0).forEach((set) => set.delete(watcher))
  const watcher = () => {
    // Another subscriber of the same change may have stopped this one.
    if (!isOn) return
    unwatch()
    // Subscribe again: a context that has just been linked has more ancestors than before.
    watch()
    fn()
  }
  watch()
  return () => {
    isOn = false
    unwatch()
  }
}

/** Moves a deadline to `ms` after `born`, which is `began` on the wall clock, and notifies its subscribers. */
function move(deadline: Deadline, ms: number, born: number, began?: number): void {
  deadline.release()
  if (born !== deadline.born || began !== undefined) deadline.began = began
  deadline.born = born
  deadline.ms = ms
  deadline.due = deadline.born + ms
  deadline.start()
  if (watch.observer) watch.observer.changed(deadline.node)
  settled(deadline.node)
  const watching = watchers.get(deadline)
  if (watching?.size) for (const watcher of new Set(watching)) attempt(watcher)
}

/**
 * Returns the milliseconds until the deadline of `ctx`, by its own clock: send them to a server as its timeout. Zero
 * once `ctx` has ended; undefined if it has no deadline. Unlike reading `err`, this never ends a context.
 *
 * @throws TypeError if `ctx` is not a context
 * @see Go's `time.Until(deadline)`
 */
export function remaining(ctx: ContextLike): number | undefined {
  const { node } = resolve(ctx)
  if (node.ended) return 0
  for (let { sources } = node; sources; sources = sources.outer) {
    if (sources.hub?.source.aborted && sources.node.own !== DISARMED) return 0
  }
  let left = Infinity
  for (let { deadlines } = node; deadlines; deadlines = deadlines.outer) left = Math.min(left, deadlines.left)
  return left < Infinity ? Math.max(left, 0) : undefined
}

/**
 * Whether `ctx` has ended. Unlike reading `err`, this never ends a context: it is false while the deadline has passed
 * and nothing has noticed. For code that must have no side effects, such as a render.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function hasEnded(ctx: ContextLike): boolean {
  return resolve(ctx).node.ended !== undefined
}
