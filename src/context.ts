/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Contexts: a tree in which everything derived from a context ends when that one ends. Semantics: Go's `context`
 * package.
 *
 * The invariant: ending is one step. `end` first marks the whole subtree and only then notifies listeners, so no
 * listener ever finds a live child under a done parent, and the first cause is final. A node is linked into its
 * parent's children exactly while both are live and the parent can end; a node that ends or is stopped leaves nothing
 * behind.
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
 * Says how long a piece of work may live, why it ended, and what belongs to the request. Pass it as the first parameter
 * through every call; give its `signal` to everything that takes one.
 *
 * @see Go's `context.Context`
 */
export interface Context {
  /** Aborts when the context ends, with `err` as its reason. Made on first read. Go's `Done()`. */
  readonly signal: AbortSignal
  /** When the context ends at the latest, in milliseconds since the epoch; undefined if never. Go's `Deadline()`. */
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
 * What can be a parent: a context, or anything else with a `signal`, such as a context of another library, an
 * AbortController or a Request. Its `value` and `deadline` are used where it has them.
 */
export type ContextLike = Context | { readonly signal: AbortSignal }

/**
 * Ends its context, now and with everything derived from it. Only the first call counts; a cause that is left out (or
 * undefined) means none. `using _ = cancel` ends the context at the end of the block, as Go's `defer cancel()` does.
 *
 * @see Go's `context.CancelCauseFunc`
 */
export type Cancel = ((cause?: unknown) => void) & Disposable

/** Options of everything that derives a context. */
export interface DeriveOptions {
  /** A name for people: appears in `toString()` and, on a deadline, as the `label` of the error. */
  readonly label?: string | undefined
}

const keyBrand: unique symbol = /* @__PURE__ */ Symbol.for('rescind.key') as never

/** Identifies a value of contexts; see {@link createKey}. `F` is the type of its fallback. */
export interface Key<T, F extends T | undefined = T | undefined> {
  /** A name for logs and tools. Two keys of one name are different keys. */
  readonly name: string
  /** What `value` returns where no context has a value for this key. */
  readonly fallback: F
  /** Carries the type of the values. */
  readonly [keyBrand]: T | true
}

/**
 * Why a subtree ended: one for all its nodes. The error is built on first read, since most often it is never read: that
 * costs many times as much as to derive and cancel.
 */
export interface Ending {
  readonly cause: unknown
  readonly error: CanceledError | DeadlineExceededError
}

/** The ending by a cancel. A cancel without a cause allocates none until its error is read: the node stands for it. */
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
    return (this.#error ??= errorAt(node, () => new CanceledError(cause, node.label)))
  }
}

/** What is linked into a node: a derived context, or a leaf that waits for the node's end. */
export interface Child extends Listener {
  readonly parent: ContextNode | undefined
  /** Set once, by `mark`, or at birth under a done parent. */
  ended: Ending | undefined
  /**
   * The oldest live child, whose `previous` is the youngest; null where nothing can ever end the node: it links nobody.
   */
  first: Child | undefined | null
  /** The next older sibling; undefined exactly while not linked. */
  previous: Child | undefined
  /** The next younger sibling. */
  next: Child | undefined
  /** What it holds elsewhere, to be released when it ends. */
  readonly own: Resource | undefined
  /** Truthy if `tell` has something to do. */
  readonly controller: unknown
}

export interface Resource {
  release(): void
  /** What the path of its node says of it. */
  details?(): readonly string[]
}

interface Value {
  /** Undefined for all the values of a foreign context, which is `held`. */
  readonly key: Key<unknown> | undefined
  readonly held: unknown
  readonly outer: Value | undefined
}

/** A time by which a node ends. */
export interface Limit {
  /** In epoch milliseconds; Infinity if never. */
  readonly at: number
  /** How many milliseconds that is from now, below zero if it has passed. */
  readonly left: number
  /** Ends what is over by now. */
  check(): void
  readonly outer?: Limit | undefined
  readonly label?: string | undefined
  /** The time that was given, where that is known. */
  readonly ms?: number
  readonly cause?: unknown
}

/** A foreign signal in sight. */
export interface Source {
  /** Undefined where a link may bring in others later: they are `outer` then. */
  readonly hub: Hub | undefined
  /** Who ends with it, and everything below, unless that gave up what was its own. */
  readonly node: ContextNode
  outer: Source | undefined
}

/** The root of everything that ends with a foreign signal, which is its `source`. */
export interface Hub extends ContextNode {
  source: AbortSignal
  /** A function: polyfilled signals refuse objects as listeners. */
  listener: () => void
  /** The owner of that signal. A context of another copy brings itself up to date when its signal is read. */
  from: ContextLike | undefined
}

/** A node of the tree, or, where `node` is another one, a view of that node that differs in values. */
export class ContextNode implements Context, Child, Ending {
  parent: ContextNode | undefined
  node: ContextNode
  /** Of a hub only: the foreign signal that ends it. Carries our listener while there are children or a controller. */
  declare source?: AbortSignal
  declare listener?: () => void
  /** The name of the function that made it. */
  readonly kind: string
  readonly label: string | undefined
  /** Undefined for that of the platform, which is there only where something has a deadline. */
  clock: Clock | undefined
  /** The innermost value in sight: lookups walk the values, never the nodes. */
  values: Value | undefined
  /** The innermost deadline in sight. */
  deadlines: Limit | undefined
  /** The innermost foreign signals in sight. */
  sources: Source | undefined
  /** The node itself once it was canceled without a cause, until the error is read. */
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
    // Loops read it all the time. Most contexts have no deadline and no signal to be asked.
    if (node.ended === undefined && node.deadlines === undefined && node.sources === undefined) return undefined
    return settled(node).ended?.error
  }

  /** As the ending of what was canceled without a cause. */
  get cause(): undefined {
    return undefined
  }

  /** The error of the same. */
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
    // At the end of the chain there may be a foreign context with values of its own.
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

/** The error of an end that began at `node`, with the path of that for its stack. */
export function errorAt<E extends CanceledError | DeadlineExceededError>(node: ContextNode, make: () => E): E {
  return explained(make, pathOf(node) + (watch.observer?.explain(node) ?? ''))
}

/** How many of the innermost contexts a path shows. The root and the place of the end are always shown. */
const MAX_PATH = 20

/** How `context` was derived. `ending` is shown where it began. */
function pathOf(context: ContextNode, ending?: Ending): string {
  let path = ''
  let count = 0
  for (let one: ContextNode | undefined = context; one; one = one.parent) {
    const { kind, label, node, own, parent }: ContextNode = one
    const isBeginning = ending && beginning(node.ended) === ending && beginning(parent?.node.ended) !== ending
    const details = label ? [shown(label)] : []
    if (own?.details) details.push(...own.details())
    if (isBeginning) details.push(describe(ending))
    // A node that only links says nothing.
    if (kind === LINK && details.length === 0) continue
    const segment = kind + (details.length > 0 ? `(${details.join(', ')})` : '')
    if (count++ < MAX_PATH || isBeginning || !parent) path = segment + (path && `.${path}`)
    else if (!path.startsWith('…')) path = `….${path}`
  }
  return path
}

/** The kind of a node that links what is below it to what is above it. */
export const LINK = 'withLink'

/** One object for each ending: a node that stands for its own is replaced when its error is read. */
function beginning(ended: Ending | undefined): Ending | undefined {
  return ended instanceof ContextNode ? ended.ended : ended
}

function describe({ cause, error }: Ending): string {
  const how = property(error, 'name') === 'TimeoutError' ? 'deadline exceeded' : 'canceled'
  return how + (cause === undefined ? '' : reason(cause))
}

/** One hub for each foreign context or signal, however many contexts follow it. */
const hubs = /* @__PURE__ */ new WeakMap<object, Hub>()

/**
 * The root of everything that is not part of a larger operation. Never ends, has no deadline and no values.
 *
 * @see Go's `context.Background`
 */
export function background(): Context {
  return (backgroundContext ??= createRoot('background'))
}

/**
 * A root like {@link background}, for code that should take a context from its caller but does not yet.
 *
 * @see Go's `context.TODO`
 */
export function todo(): Context {
  return (todoContext ??= createRoot('todo'))
}

let backgroundContext: Context | undefined
let todoContext: Context | undefined

/** The methods by which loggers ask for JSON and the console of Node for text. */
interface Loggable {
  toJSON?: () => string
  [inspect]?: () => string
}

const inspect: unique symbol = /* @__PURE__ */ Symbol.for('nodejs.util.inspect.custom') as never

/** Has a function, so that a structured clone of a context throws instead of copying its values. */
const ROOTED: Resource = { release() {} }

/**
 * The first node of a tree: one that never ends. What is logged of any node is its path, since in its fields it has the
 * whole tree, values included.
 */
export function createRoot(kind: string): ContextNode {
  const { prototype }: { prototype: Context & Loggable } = ContextNode
  prototype.toJSON ??= prototype[inspect] = prototype.toString
  const root = new ContextNode(undefined, kind)
  root.first = null
  root.own = ROOTED
  return root
}

/**
 * Derives a context that ends when `cancel` is called or when its parent ends, whichever is first. Call `cancel` when
 * the work is over, however it went: that is what releases the context.
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
 * Derives a context in which `key` has `value`. It lives exactly as long as its parent. Use values for what belongs
 * to a request and travels with it, not for parameters.
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
  const context = new ContextNode(above, 'withValue', key.name)
  context.node = above.node
  context.values = { key, held: value, outer: above.values }
  return context
}

/**
 * Makes a key for {@link withValue}. Identity is the key, never the name: two keys of one name are two keys.
 * `fallback` is what a context answers in which the key was never set.
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
 * A context with the parent's values and nothing else: it does not end with its parent and has no deadline. For work
 * that must outlive its caller.
 *
 * @throws TypeError if `parent` is not a context
 * @see Go's `context.WithoutCancel`
 */
export function withoutCancel(parent: ContextLike): Context {
  const node = new ContextNode(resolve(parent, 'parent'), 'withoutCancel')
  node.ended = node.deadlines = node.sources = undefined
  node.first = null
  return node
}

/**
 * Why `ctx` ended: the cause given to `cancel`, to the deadline or by the signal, and where none was given, `ctx.err`.
 * Undefined while it lives.
 *
 * @throws TypeError if `ctx` is not a context
 * @see Go's `context.Cause`
 */
export function cause(ctx: ContextLike): unknown {
  const { ended } = settled(resolve(ctx))
  return ended && (ended.cause === undefined ? ended.error : ended.cause)
}

/** Marks a context that was disarmed. */
export const DISARMED: Resource = { release() {} }

/** `ctx` itself, or for something foreign a context that stands for it. */
export function contextOf(ctx: ContextLike): Context {
  return resolve(ctx)
}

export function derive(parent: ContextLike, kind: string, options?: DeriveOptions): ContextNode {
  const above = resolve(parent, 'parent')
  const label = labelOf(options)
  const { node: base } = above
  // Only a hub's own signal: those further up end the new context by their events, or at its first read.
  if (!base.ended) {
    base.deadlines?.check()
    if (base.source) lookAt(base as Hub)
  }
  const node = new ContextNode(above, kind, label)
  if (!node.ended) attach(node)
  if (watch.observer) watch.observer.made(node)
  return node
}

export function labelOf(options: DeriveOptions | undefined): string | undefined {
  if (options === undefined) return undefined
  assertOptions(options)
  return options.label
}

const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')

/** A bound function, as in `afterFunc`: it takes half the memory of a closure. */
export function createCancel(node: ContextNode): Cancel {
  const bound = cancel.bind(node) as Cancel
  bound[DISPOSE] = dispose
  if (watch.observer) watch.observer.handed(node, bound)
  return bound
}

/** One for all: it is called on the function that cancels. */
function dispose(this: Cancel): void {
  finish(this, 'disposed')
}

function cancel(this: ContextNode, reason?: unknown): void {
  if (this.own !== DISARMED) end(this, reason === undefined ? this : new Canceled(this, reason))
}

/** The node of `context`, brought up to date: passed deadlines and aborted signals count before any event tells us. */
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

export function resolve(value: ContextLike, parameter = 'ctx'): ContextNode {
  // Cheaper than `instanceof`, which is a call until the code is optimized.
  if (value?.constructor === ContextNode) return value as ContextNode
  if (isSignal(value?.signal)) return adopt(value)
  throw invalid(parameter, `a context${isSignal(value as object) ? ' from withSignal(parent, signal)' : ''}`, value)
}

/** By its shape: every realm has an `AbortSignal` of its own. */
export function isSignal(value: Partial<AbortSignal> | undefined): value is AbortSignal {
  return typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function'
}

type ForeignContext = ContextLike & { readonly deadline?: unknown; readonly value?: unknown }

/** A context that stands for a foreign one: a view of its hub, with its values. */
function adopt(foreign: ForeignContext): ContextNode {
  // Without a deadline there is nothing but its signal to end it, and it shares the hub of that.
  const hub = hubOf(foreign.signal, 'deadline' in foreign ? foreign : undefined)
  const context = new ContextNode(hub, LINK)
  context.node = hub
  context.values = { key: undefined, held: foreign, outer: undefined }
  return context
}

/** The hub of a foreign context, or else of the signal alone. */
export function hubOf(signal: AbortSignal, foreign?: ForeignContext): Hub {
  const key = foreign ?? signal
  let hub = hubs.get(key)
  // A foreign context may have got another signal.
  if (hub?.source !== signal) {
    const made = createRoot(foreign ? 'foreign' : 'signal') as Hub
    hubs.set(key, (hub = made))
    // A root like the others, but its signal can end it.
    hub.first = undefined
    hub.listener = () => void settled(made)
    hub.source = signal
    hub.from = foreign
    hub.sources = { hub, node: hub, outer: undefined }
    if (foreign) hub.deadlines = deadlineOf(foreign)
  }
  return hub
}

/** The deadline of a foreign context: known, but not ours to watch. It may move. */
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

/** Does nothing for a child that is not linked, or whose parent is just taking it along. */
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

const ONCE = { once: true }

/** Has a hub hear of its signal; does nothing for other nodes, or a second time. */
function listen({ listener, source }: ContextNode): void {
  if (listener) source?.addEventListener('abort', listener, ONCE)
}

/** Ends a live node for its own reasons; does nothing for one that has ended. */
export function end(node: ContextNode, ending: Ending): void {
  if (node.ended) return
  if (node.first || node.own || node.controller || watch.observer) {
    const audience = mark(node, ending)
    if (audience) tellAll(audience)
  } else {
    // As `mark` does: most nodes are leaves that nothing listens to.
    detach(node)
    node.ended = ending
  }
}

/**
 * Marks a live node and all below it as ended. Takes them one after the other from a chain, to which each appends its
 * children: parents before children, unless a signal ends both, and siblings in the order of their birth.
 *
 * @returns `audience`, with those who have somebody to tell added to it in that order; undefined if there are none
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

/** The ending of what follows the aborted signal of `hub`. */
function endingOf(hub: Hub, cause: unknown): Ending {
  if (isContextError(cause)) return { cause: property(cause, 'cause'), error: cause }
  if (property(cause, 'name') !== 'TimeoutError') return new Canceled(hub, cause)
  return { cause, error: errorAt(hub, () => new DeadlineExceededError({ cause })) }
}

export function assertKey(key: unknown): asserts key is Key<unknown> {
  if (!isObject(key) || !(keyBrand in key)) throw invalid('key', 'made by createKey', key)
}
