/**
 * What can change in the life of a context after it was made: it can be linked late, its own deadline can move, and
 * it can give up what is its own. Nothing here revives a context: the first end stands for ever.
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
  /** What stands in `toString()` in place of `withLink`; a context with neither this nor a label is not shown there. */
  readonly kind?: string | undefined
}

/**
 * Derives a context in two steps, for frameworks in which making something must have no effects. At first it has the
 * parent's values and ends only by `cancel`; nobody refers to it, so it may simply be dropped. From the call of
 * `link` on it ends with `target` too, by default its parent, has the deadline of that, and can be given one of its
 * own by {@link rearm}. A second call of `link` does nothing.
 *
 * @throws TypeError if `parent` is not a context; `link` throws it if `target` is not, or is derived from this one
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
  // The parent is not asked for anything: rendering ends nothing, not even what is over.
  const node = createNode(above, options?.kind ?? LINK, labelOf(options))
  node.ended = node.deadlines = undefined
  // There before `link`: what is derived meanwhile sees what is above through these two.
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
 * Gives `ctx` another deadline of its own: `limit` milliseconds from now on the context's clock, or a Date. Call it at
 * each sign of life for an idle timeout. Zero, less, and a time that has passed end `ctx` at once; Infinity means
 * never. The parent's deadline still holds. Does nothing once `ctx` has ended or was disarmed.
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
  // The clock on the wall is read only for a Date, and then kept: read again, it could have passed a millisecond.
  const wall = isDate(limit) ? clock.wall() : undefined
  const ms = isDate(limit) ? limit.getTime() - (wall ?? 0) : limit
  assertNumber('limit', ms, limit)
  const own = ownDeadline(ctx)
  if (own) move(own, ms, clock.now(), wall)
}

/**
 * Moves the own deadline of `ctx` to the soonest of `limits`: milliseconds from when its time began, or a Date. Its
 * time begins when it is derived, linked or rearmed. For bindings in which a limit changes while the work is under way.
 * All else is as in {@link rearm}.
 *
 * @throws TypeError as {@link rearm} does
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

/** The deadline that can be moved; undefined once `ctx` has ended or was disarmed. */
function ownDeadline(ctx: Context): Deadline | undefined {
  const { node, own } = resolve(ctx)
  if (own === DISARMED) return undefined
  if (!(own instanceof Deadline)) throw invalid('ctx', 'a context with a deadline of its own', ctx)
  return settled(node).ended ? undefined : own
}

/**
 * Makes `ctx` give up its own deadline, its own signals and its own cancel: from now on it only follows its parent.
 * For work that succeeded while its result, such as a streaming body, is still being read. Does nothing once `ctx`
 * has ended.
 *
 * @throws TypeError if `ctx` is not a context, or not one of this copy of the package: it could not be disarmed
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
 * Tells an inspector that the work of `ctx` went well. `ctx` itself lives on, and whatever ends it later is no cancel
 * of that work. Does nothing else.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function completed(ctx: ContextLike): void {
  const { node } = resolve(ctx)
  if (watch.observer) watch.observer.completed(node)
}

/** Who wants to know when a deadline moves. */
const watchers = /* @__PURE__ */ new WeakMap<Limit, Set<() => void>>()

/**
 * Calls `fn` whenever a deadline that holds for `ctx` has moved: its own, or one above, by `rearm`, `disarm` or the
 * `link` of `withLink`. What `fn` throws is reported like any uncaught error. For views that show the time left.
 *
 * @returns `stop`: from then on `fn` is not called
 * @throws TypeError if `ctx` is not a context, or `fn` not a function
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
    // Another one may just have stopped it.
    if (!isOn) return
    unwatch()
    // Anew: a link has more above it than before.
    watch()
    fn()
  }
  watch()
  return () => {
    isOn = false
    unwatch()
  }
}

/** Gives a deadline another time, counted from `born`, which was `began` on the wall, and tells its watchers. */
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
 * The milliseconds that `ctx` still has, by its own clock: what to hand on to a server. Zero once it has ended,
 * undefined while it has no deadline. Unlike reading `err`, this ends nothing.
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
