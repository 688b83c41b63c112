/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Contexts: a tree in which the end of a context ends everything derived from it. Semantics: Go's `context` package.
 *
 * The invariant: ending is one step. `end` first marks the whole subtree and only then notifies listeners, so no
 * listener ever finds a live child under a done parent, and the first cause is final. A node is linked into its
 * parent's children exactly while both are live and the parent can end. A node that ends or is stopped retains nothing.
 */

import { assertOptions, invalid, isObject } from './arguments.ts'
import { CanceledError, DeadlineExceededError, explained } from './errors.ts'
import { isContextError, property, reason } from './errors.ts'
import { tellAll } from './listeners.ts'
import type { Listener } from './listeners.ts'
import { finish, noteEnd, watch } from './observer.ts'
import { shown } from './shown.ts'
import type { Clock } from './timers.ts'

/**
 * The lifetime of a piece of work, the reason for its end, and the values of its request. Pass it as the first
 * parameter to every function that works for the same request, and pass its `signal` to every API that takes one.
 *
 * @see Go's `context.Context`
 */
export interface Context {
  /** Aborts when the context ends, with `err` as its reason. Made on first read. Go's `Done()`. */
  readonly signal: AbortSignal
  /** The latest time at which the context ends, in epoch milliseconds; undefined if it has none. Go's `Deadline()`. */
  readonly deadline: number | undefined
  /** Why the context ended; undefined while it lives. Reading it after the deadline ends the context. Go's `Err()`. */
  readonly err: CanceledError | DeadlineExceededError | undefined
  /**
   * The value of the nearest `withValue` with this key, else the key's fallback. Go's `Value()`.
   *
   * @throws TypeError if `key` is not from {@link createKey}
   */
  value<T, F extends T | undefined>(key: Key<T, F>): T | F
  /** Throws `err` if the context has ended. */
  throwIfDone(): void
  /**
   * How the context was derived, `background.withCancel(search).withTimeout(5s, 3.2s left)`, and once it has ended,
   * where and why: `background.withCancel(search, canceled: the reader pressed Stop).withTimeout(5s)`.
   */
  toString(): string
}

/**
 * Anything that can be a parent: a context, or another object with a `signal`, such as a context of another library, an
 * AbortController or a Request. Its `value` and `deadline` are used if it has them.
 */
export type ContextLike = Context | { readonly signal: AbortSignal }

/**
 * Ends its context and everything derived from it, before it returns. Only the first call has an effect; an omitted or
 * undefined cause means none. `using _ = cancel` ends the context at the end of the block, like Go's `defer cancel()`.
 *
 * @see Go's `context.CancelCauseFunc`
 */
export type Cancel = ((cause?: unknown) => void) & Disposable

/** Options of every function that derives a context. */
export interface DeriveOptions {
  /** A name for people: in `toString()`, and the `label` of the error when the end begins at this context. */
  readonly label?: string | undefined
}

const keyBrand: unique symbol = /* @__PURE__ */ Symbol.for('rescind.key') as never

/** Identifies a value of contexts; see {@link createKey}. `F` is the type of its fallback. */
export interface Key<T, F extends T | undefined = T | undefined> {
  /** A name for logs and tools. Two keys with the same name are different keys. */
  readonly name: string
  /** Returned by `value` if no context has a value for this key. */
  readonly fallback: F
  /** Carries the type of the values. */
  readonly [keyBrand]: T | true
}

/**
 * Returns the root context. It never ends, and has no deadline and no values.
 *
 * @see Go's `context.Background`
 */
export function background(): Context {
  return (backgroundContext ??= createRoot('background'))
}

/**
 * Returns a root like {@link background}, for code that should take a context from its caller but does not yet.
 *
 * @see Go's `context.TODO`
 */
export function todo(): Context {
  return (todoContext ??= createRoot('todo'))
}

let backgroundContext: Context | undefined
let todoContext: Context | undefined

/**
 * Derives a context that ends when `cancel` is called or when its parent ends, whichever is first. Always call `cancel`
 * when the work is over, also after success: the parent retains the context until then.
 *
 * @throws TypeError if `parent` is not a context
 * @example
 * const [ctx, cancel] = withCancel(background())
 * cancel('no longer needed')
 * ctx.signal.aborted // => true
 * cause(ctx) // => 'no longer needed'
 * @see Go's `context.WithCancelCause`
 */
export function withCancel(parent: ContextLike, options?: DeriveOptions): [ctx: Context, cancel: Cancel] {
  const node = derive(parent, 'withCancel', options)
  return [node, createCancel(node)]
}

/**
 * Derives a context in which `key` has `value`. It ends exactly when its parent ends. Use values for data of a request
 * that many functions need, such as an id for logs, not in place of parameters.
 *
 * @throws TypeError if `parent` is not a context, or `key` is not from {@link createKey}
 * @example
 * const requestId = createKey<string>('requestId')
 * const ctx = withValue(background(), requestId, 'r-17')
 * ctx.value(requestId) // => 'r-17'
 * @see Go's `context.WithValue`
 */
export function withValue<T>(parent: ContextLike, key: Key<T>, value: NoInfer<T>): Context {
  const above = resolve(parent, 'parent')
  assertKey(key)
  const context = createNode(above, 'withValue', key.name)
  context.node = above.node
  context.values = { key, held: value, outer: above.values }
  return context
}

/**
 * Makes a key for {@link withValue}. Keys are compared by identity: two keys with the same name are different keys.
 * A context without a value for the key returns `fallback`.
 *
 * @throws TypeError if `name` is not a string
 */
export function createKey<T>(name: string, fallback?: undefined): Key<T, undefined>
export function createKey<T>(name: string, fallback: T): Key<T, T>
export function createKey<T>(name: string, fallback?: T): Key<T> {
  if (typeof name !== 'string') throw invalid('name', 'a string', name)
  return { name, fallback, [keyBrand]: true }
}

/**
 * Derives a context that has the parent's values, never ends, and has no deadline. For work that must outlive its
 * caller.
 *
 * @throws TypeError if `parent` is not a context
 * @see Go's `context.WithoutCancel`
 */
export function withoutCancel(parent: ContextLike): Context {
  const node = createNode(resolve(parent, 'parent'), 'withoutCancel')
  node.ended = node.deadlines = node.sources = undefined
  node.first = null
  return node
}

/**
 * Returns why `ctx` ended: the cause given to `cancel`, to the deadline or by the signal; `ctx.err` if none was given;
 * undefined while `ctx` lives.
 *
 * @throws TypeError if `ctx` is not a context
 * @see Go's `context.Cause`
 */
export function cause(ctx: ContextLike): unknown {
  const { ended } = settled(resolve(ctx))
  return ended && (ended.cause === undefined ? ended.error : ended.cause)
}

// The tree: nodes, what they inherit, and how they are made.

/** A child of a node: a derived context, or a leaf that waits for the node's end. */
export interface Child extends Listener {
  readonly parent: ContextNode | undefined
  /** Set once, by `mark`, or at birth under a done parent. */
  ended: Ending | undefined
  /**
   * The oldest live child, whose `previous` is the youngest. Null if nothing can end the node: children are not linked.
   */
  first: Child | undefined | null
  /** The next older sibling; undefined exactly while not linked. */
  previous: Child | undefined
  /** The next younger sibling. */
  next: Child | undefined
  /** What the child has registered elsewhere, such as a timer. It is released when the child ends. */
  readonly own: Resource | undefined
  /** Truthy if `tell` has something to do. */
  readonly controller: unknown
}

export interface Resource {
  release(): void
  /** Text for the path, after the name of the node. */
  details?(): readonly string[]
}

interface Value {
  /** Undefined if `held` is a foreign context, which looks up its own values. */
  readonly key: Key<unknown> | undefined
  readonly held: unknown
  readonly outer: Value | undefined
}

/** A time by which a node ends. */
export interface Limit {
  /** In epoch milliseconds; Infinity if never. */
  readonly at: number
  /** Milliseconds from now until `at`; negative if it has passed. */
  readonly left: number
  /** Ends every context of the same clock whose deadline has passed. */
  check(): void
  readonly outer?: Limit | undefined
  readonly label?: string | undefined
  /** The duration that was given, if known. */
  readonly ms?: number
  readonly cause?: unknown
}

/** A foreign signal that can end a node: its own, or one of an ancestor. */
export interface Source {
  /** Undefined for a link: its sources are in `outer`. */
  readonly hub: Hub | undefined
  /** The node that follows the signal, unless it was disarmed. */
  readonly node: ContextNode
  outer: Source | undefined
}

/** The root of everything that ends when a foreign signal, its `source`, aborts. */
export interface Hub extends ContextNode {
  source: AbortSignal
  /** A function: polyfilled signals refuse objects as listeners. */
  listener: () => void
  /** The owner of the signal. A context of another copy of the package checks its deadlines when its signal is read. */
  from: ContextLike | undefined
}

/** The methods that loggers call for JSON, and the console of Node for text. */
interface Loggable {
  toJSON?: () => string
  [inspect]?: () => string
}

const inspect: unique symbol = /* @__PURE__ */ Symbol.for('nodejs.util.inspect.custom') as never

/** A node of the tree; or, if `node` is another object, a view of that node with different values. */
export class ContextNode implements Context, Child, Ending {
  parent: ContextNode | undefined
  node: ContextNode
  /** Hubs only: the foreign signal that ends it. Has our listener while the hub has children or a controller. */
  declare source?: AbortSignal
  declare listener?: () => void
  /** The name of the function that made the node. */
  readonly kind: string
  readonly label: string | undefined
  /** Undefined for the platform's clock, which is bundled only with code that has deadlines. */
  clock: Clock | undefined
  /** The innermost value: lookups walk the chain of values, never the nodes. */
  values: Value | undefined
  /** The innermost deadline, of this node or of an ancestor. */
  deadlines: Limit | undefined
  /** The innermost foreign signal, of this node or of an ancestor. */
  sources: Source | undefined
  /** Undefined while the node lives. After a cancel without a cause: the node itself, until the error is read. */
  ended: Ending | undefined
  /** Made when the signal is first read. */
  controller: AbortController | undefined
  first: Child | undefined | null
  previous: Child | undefined
  next: Child | undefined
  own: Resource | undefined

  constructor(parent: ContextNode | undefined, kind: string, label?: string) {
    const node = parent?.node
    this.parent = parent
    this.node = this
    this.kind = kind
    this.label = label
    this.clock = node?.clock
    this.values = parent?.values
    this.deadlines = node?.deadlines
    this.sources = node?.sources
    this.ended = node?.ended
    this.controller = undefined
    this.first = undefined
    this.previous = undefined
    this.next = undefined
    this.own = undefined
  }

  get signal(): AbortSignal {
    const node = settled(this)
    if (!node.controller) {
      node.controller = new AbortController()
      listen(node)
    }
    const { signal } = node.controller
    if (node.ended && !signal.aborted) tellAll([node])
    return signal
  }

  get deadline(): number | undefined {
    let at = Infinity
    for (let { deadlines } = this.node; deadlines; deadlines = deadlines.outer) at = Math.min(at, deadlines.at)
    return at < Infinity ? at : undefined
  }

  get err(): CanceledError | DeadlineExceededError | undefined {
    const { node } = this
    // Fast path for loops that read `err`: most contexts have neither a deadline nor a foreign signal to check.
    if (node.ended === undefined && node.deadlines === undefined && node.sources === undefined) return undefined
    return settled(node).ended?.error
  }

  /** Makes the node usable as its own ending, after a cancel without a cause. */
  get cause(): undefined {
    return undefined
  }

  /** As {@link cause}. */
  get error(): CanceledError | DeadlineExceededError {
    if (this.ended === this) this.ended = new Canceled(this)
    return (this.ended as Ending).error
  }

  value<T, F extends T | undefined>(key: Key<T, F>): T | F {
    assertKey(key)
    let last: Value | undefined
    for (let { values } = this; values; values = values.outer) {
      if (values.key === key) return values.held as T
      last = values
    }
    // The chain may end at a foreign context, which has values too.
    const foreign = last?.key ? undefined : (last?.held as ForeignContext | undefined)
    const held: unknown = typeof foreign?.value === 'function' ? foreign.value(key) : undefined
    return held === undefined ? key.fallback : (held as T)
  }

  throwIfDone(): void {
    const { err } = this
    if (err) throw err
  }

  toString(): string {
    return pathOf(this, beginning(this.node.ended))
  }

  tell(): void {
    this.controller?.abort(this.ended?.error)
  }
}

/** Contains a function, so that a structured clone of a context throws instead of copying its values. */
const ROOTED: Resource = { release() {} }

/**
 * Makes the first node of a tree, which never ends. Loggers print the path of a node instead of its fields: through
 * these they would print the whole tree, values included.
 */
export function createRoot(kind: string): ContextNode {
  const { prototype }: { prototype: Context & Loggable } = ContextNode
  prototype.toJSON ??= prototype[inspect] = prototype.toString
  const root = createNode(undefined, kind)
  root.first = null
  root.own = ROOTED
  return root
}

/**
 * Makes a node that is not linked yet; all nodes are made here. It does not notify the observer: callers do, when a new
 * lifetime begins. Views have none of their own, `withLink` has one after `link`, and a root is noted with its child.
 */
export function createNode(parent: ContextNode | undefined, kind: string, label?: string): ContextNode {
  return new ContextNode(parent, kind, label)
}

export function derive(parent: ContextLike, kind: string, options?: DeriveOptions): ContextNode {
  const above = resolve(parent, 'parent')
  const label = labelOf(options)
  const { node: base } = above
  // Other foreign signals are not checked here: they end the new context by their event, or at its first read.
  if (!base.ended) {
    base.deadlines?.check()
    if (base.source) lookAt(base as Hub)
  }
  const node = createNode(above, kind, label)
  if (!node.ended) attach(node)
  if (watch.observer) watch.observer.made(node)
  return node
}

export function labelOf(options: DeriveOptions | undefined): string | undefined {
  if (options === undefined) return undefined
  assertOptions(options)
  return options.label
}

/** Marks a context that was disarmed. */
export const DISARMED: Resource = { release() {} }

/** `ctx` itself, or for a foreign object the context that represents it. */
export function contextOf(ctx: ContextLike): Context {
  return resolve(ctx)
}

export function assertKey(key: unknown): asserts key is Key<unknown> {
  if (!isObject(key) || !(keyBrand in key)) throw invalid('key', 'made by createKey', key)
}

// The end: marking the subtree, then calling its listeners.

/**
 * Why a subtree ended, shared by all its nodes. The error is built on first read: most errors are never read, and
 * building one costs many times as much as deriving and canceling.
 */
export interface Ending {
  readonly cause: unknown
  readonly error: CanceledError | DeadlineExceededError
}

/** The ending by a cancel. Without a cause, the node itself serves as its ending until the error is read. */
class Canceled implements Ending {
  readonly node: ContextNode
  readonly cause: unknown
  #error: CanceledError | undefined

  constructor(node: ContextNode, cause?: unknown) {
    this.node = node
    this.cause = cause
  }

  get error(): CanceledError {
    const { cause, node } = this
    const error = this.#error ?? errorAt(node, () => new CanceledError(cause, node.label))
    // A getter of the cause may have read it meanwhile.
    return (this.#error ??= error)
  }
}

export function attach(child: Child): void {
  const { node } = child.parent as ContextNode
  const { first } = node
  if (first) {
    const last = first.previous as Child
    last.next = first.previous = child
    child.previous = last
  } else if (first !== null) {
    node.first = child.previous = child
    listen(node)
  }
}

/** Does nothing for a child that is not linked, or whose parent is ending. */
export function detach(child: Child): void {
  const { previous, next } = child
  if (!previous) return
  const { node } = child.parent as ContextNode
  if (node.ended) return
  if (node.first === child) node.first = next
  else previous.next = next
  const follower = next ?? node.first
  if (follower) follower.previous = previous
  else if (!node.controller && node.listener) node.source?.removeEventListener('abort', node.listener)
  child.previous = child.next = undefined
}

/** Ends a live node for its own reasons; does nothing for one that has ended. */
export function end(node: ContextNode, ending: Ending): void {
  if (node.ended) return
  if (node.first || node.controller || watch.observer) {
    const audience = mark(node, ending)
    if (audience) tellAll(audience)
  } else {
    // The same as `mark`, in less time for the usual case: a leaf without listeners.
    detach(node)
    node.ended = ending
    node.own?.release()
  }
}

/**
 * Marks a live node and everything below it as ended. Walks a chain to which each node appends its children: parents
 * come before children, unless a signal ends both, and siblings in the order in which they were made.
 *
 * @returns `audience` with the nodes that have listeners appended, in that order; undefined if there are none
 */
export function mark(head: ContextNode, ending: Ending, audience?: Listener[]): Listener[] | undefined {
  const { observer } = watch
  let tail: Child = head
  detach(head)
  for (let node: Child | undefined = head; node;) {
    node.ended = ending
    if (observer) noteEnd(observer, node, head, ending)
    node.own?.release()
    const { first } = node
    if (first) {
      tail.next = first
      tail = first.previous as Child
      node.first = undefined
    }
    if (node.controller) (audience ??= []).push(node)
    const { next }: Child = node
    node.previous = node.next = undefined
    node = next
  }
  return audience
}

const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')

/** Returns a bound function: it takes half the memory of a closure. */
export function createCancel(node: ContextNode): Cancel {
  const bound = cancel.bind(node) as Cancel
  bound[DISPOSE] = dispose
  if (watch.observer) watch.observer.handed(node, bound)
  return bound
}

/** Shared by all cancel functions, which are its `this`. */
function dispose(this: Cancel): void {
  finish(this, 'disposed')
}

function cancel(this: ContextNode, reason?: unknown): void {
  if (this.own !== DISARMED) end(this, reason === undefined ? this : new Canceled(this, reason))
}

// Foreign signals and contexts: one hub follows each, for all nodes below it.

/** One hub for each foreign context or signal, however many contexts follow it. */
const hubs = /* @__PURE__ */ new WeakMap<object, Hub>()

type ForeignContext = ContextLike & { readonly deadline?: unknown; readonly value?: unknown }

export function resolve(value: ContextLike, parameter = 'ctx'): ContextNode {
  // Cheaper than `instanceof`, which is a call until the code is optimized.
  if (value?.constructor === ContextNode) return value as ContextNode
  if (isSignal(value?.signal)) return adopt(value)
  throw invalid(parameter, `a context${isSignal(value as object) ? ' from withSignal(parent, signal)' : ''}`, value)
}

/** Tests the shape: `instanceof` fails for the `AbortSignal` of another realm. */
export function isSignal(value: Partial<AbortSignal> | undefined): value is AbortSignal {
  return typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function'
}

/** A context that represents a foreign one: a view of its hub, with its values. */
function adopt(foreign: ForeignContext): ContextNode {
  // Without a deadline only the signal can end it, so it shares the signal's hub.
  const hub = hubOf(foreign.signal, 'deadline' in foreign ? foreign : undefined)
  const context = createNode(hub, LINK)
  context.node = hub
  context.values = { key: undefined, held: foreign, outer: undefined }
  return context
}

/** The hub of a foreign context, or else of the signal alone. */
export function hubOf(signal: AbortSignal, foreign?: ForeignContext): Hub {
  const key = foreign ?? signal
  let hub = hubs.get(key)
  // The signal of a foreign object can have been replaced.
  if (hub?.source !== signal) {
    const made = createRoot(foreign ? 'foreign' : 'signal') as Hub
    hubs.set(key, (hub = made))
    // Unlike other roots it can end, so it links children.
    hub.first = undefined
    hub.listener = () => void settled(made)
    hub.source = signal
    hub.from = foreign
    hub.sources = { hub, node: hub, outer: undefined }
    if (foreign) hub.deadlines = deadlineOf(foreign)
  }
  return hub
}

/** The deadline of a foreign context. It may move, so it is read each time; the foreign context enforces it. */
function deadlineOf(foreign: ForeignContext): Limit {
  return {
    get at() {
      const { deadline } = foreign
      return Number.isFinite(deadline) ? (deadline as number) : Infinity
    },
    get left() {
      return this.at - Date.now()
    },
    check() {},
  }
}

/** The node of `context`, after ending whatever a passed deadline or an aborted signal ends, even before its event. */
export function settled({ node }: ContextNode): ContextNode {
  if (!node.ended) {
    node.deadlines?.check()
    for (let { sources } = node; sources; sources = sources.outer) if (sources.hub) lookAt(sources.hub)
  }
  return node
}

/** Ends `hub` if its signal has aborted: listeners that were added before ours run before the event reaches us. */
function lookAt(hub: Hub): void {
  const { source, from } = hub
  const signal = source.aborted ? source : from?.signal
  if (signal?.aborted) end(hub, endingOf(hub, signal.reason))
}

const ONCE = { once: true }

/** Adds the listener of a hub to its signal. Idempotent; does nothing for other nodes. */
function listen({ listener, source }: ContextNode): void {
  if (listener) source?.addEventListener('abort', listener, ONCE)
}

/** The ending of everything that follows the signal of `hub`, whose reason is `cause`. */
function endingOf(hub: Hub, cause: unknown): Ending {
  if (isContextError(cause)) return { cause: property(cause, 'cause'), error: cause }
  if (property(cause, 'name') !== 'TimeoutError') return new Canceled(hub, cause)
  return { cause, error: errorAt(hub, () => new DeadlineExceededError({ cause })) }
}

// The text of errors: the path of the context that ended.

/** The kind of a node that only connects its descendants to its ancestors. */
export const LINK = 'withLink'

/** How many of the innermost contexts a path shows. The root, and the context where an end began, are always shown. */
const MAX_PATH = 20

/** The error of an end that began at `node`. Its stack shows the path of `node`. */
export function errorAt<E extends CanceledError | DeadlineExceededError>(node: ContextNode, make: () => E): E {
  return explained(make, pathOf(node) + (watch.observer?.explain(node) ?? ''))
}

/** How `context` was derived. `ending` is shown at the context where it began. */
function pathOf(context: ContextNode, ending?: Ending): string {
  let path = ''
  let count = 0
  for (let one: ContextNode | undefined = context; one; one = one.parent) {
    const { kind, label, node, own, parent }: ContextNode = one
    const isBeginning = ending && beginning(node.ended) === ending && beginning(parent?.node.ended) !== ending
    const details = label ? [shown(label)] : []
    if (own?.details) details.push(...own.details())
    if (isBeginning) details.push(describe(ending))
    // A link without details would tell the reader nothing.
    if (kind === LINK && details.length === 0) continue
    const segment = kind + (details.length > 0 ? `(${details.join(', ')})` : '')
    if (count++ < MAX_PATH || isBeginning || !parent) path = segment + (path && `.${path}`)
    else if (!path.startsWith('…')) path = `….${path}`
  }
  return path
}

/** The identity of an ending, also after reading the error has replaced a node that was its own ending. */
function beginning(ended: Ending | undefined): Ending | undefined {
  return ended instanceof ContextNode ? ended.ended : ended
}

function describe({ cause, error }: Ending): string {
  const how = property(error, 'name') === 'TimeoutError' ? 'deadline exceeded' : 'canceled'
  return how + (cause === undefined ? '' : reason(cause))
}
