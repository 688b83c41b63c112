/**
 * Contexts into workers, through a message port each. The sender tells how long is left, what the values are and, when
 * it ends, why; the receiver has a deadline of its own for the time left, so that it holds even in a computation that
 * reads no messages. The port belongs to the two of them: when either is done, both are, and it is closed.
 */

import { invalid, isObject } from './arguments.ts'
import { afterFunc } from './callbacks.ts'
import {
  assertKey,
  Canceled,
  createCancel,
  Deadline,
  derive,
  end,
  mark,
  resolve,
  withCancel,
  withValue,
} from './context.ts'
import type { Cancel, Context, ContextLike, ContextNode, DeriveOptions, Key, Limit } from './context.ts'
import { CanceledError, DeadlineExceededError, sentinel } from './errors.ts'
import { onMove, rearm } from './lifetime.ts'
import type { Listener } from './listeners.ts'
import { pack, unpack } from './parcel.ts'
import type { Parcel } from './parcel.ts'
import { systemClock } from './timers.ts'

/**
 * The cause of what ended because the other side of its port is gone: closed, or its thread at an end. Node tells of
 * that; most browsers do not.
 */
export const PortClosed: Error = /* @__PURE__ */ sentinel('PortClosed', 'the other side of the port is gone')

/** A `MessagePort`, of the platform or of `node:worker_threads`. */
export interface Port {
  postMessage(message: unknown): void
  start(): void
  close(): void
}

/** Options of {@link toPort} and {@link fromPort}. */
export interface PortOptions extends DeriveOptions {
  /** The keys whose values cross, matched by name: the same list on both sides. None if left out. */
  readonly keys?: readonly Key<unknown>[] | undefined
}

/** The deadline that is the first to come. */
interface Time {
  readonly left: number
  /** When that was, in milliseconds that all threads have in common; undefined for a clock of its own. */
  readonly at: number | undefined
  readonly label: string | undefined
  readonly ms: number | undefined
  readonly cause: Parcel
}

/** What is said over the port. */
type Message =
  | {
      readonly rescind: 'begin'
      readonly values: readonly (readonly [name: string, value: unknown])[]
      readonly time: Time | undefined
      readonly err: Parcel | undefined
    }
  | { readonly rescind: 'move'; readonly time: Time | undefined }
  | { readonly rescind: 'end'; readonly err: Parcel }
  /** The answer: the receiver's context has ended, and the port is closed. */
  | { readonly rescind: 'over' }

/**
 * Lets a context on the other side of `port` end with `ctx`: at its deadline, and as soon as a message arrives. What is
 * there to receive it is {@link fromPort}. Use a `MessageChannel` of its own for every context: one end is for `port`,
 * the other is transferred to the worker. The error crosses with its kind, label and cause; causes that are errors keep
 * their name, message, stack and cause, and what cannot be cloned becomes text.
 *
 * @returns `cancel`: ends the context on the other side, and only that one. Call it when the work there is over.
 * @throws TypeError if `ctx` is not a context, `port` not a MessagePort, or two keys have one name; the platform's
 * `DataCloneError` if a value cannot be cloned
 * @example
 * const { port1, port2 } = new MessageChannel()
 * const [ctx, cancel] = withTimeout(background(), 5_000)
 * const release = toPort(ctx, port1) // and worker.postMessage({ job, port: port2 }, [port2])
 * const [received] = await fromPort(background(), port2) // in the worker
 * Math.ceil((remaining(received) ?? 0) / 1_000) // => 5
 * release()
 * cancel()
 */
export function toPort(ctx: ContextLike, port: Port, options: PortOptions = {}): Cancel {
  const context = resolve(ctx)
  assertPort(port)
  const keys = byName(options)
  const [passed, cancel] = withCancel(context, { label: options.label ?? 'port' })
  const send = (message: Message) => port.postMessage(message)
  const values = [...keys]
    .map(([name, key]) => [name, context.value(key)] as const)
    .filter(([, value]) => value !== undefined)
  try {
    send({ rescind: 'begin', values, time: timeOf(passed), err: passed.err && pack(passed.err) })
  } catch (error) {
    cancel()
    throw error
  }
  const stop = onMove(passed, () => send({ rescind: 'move', time: timeOf(passed) }))
  const listen = ({ type, data }: MessageEvent<unknown>) => {
    if (type === 'message' && !(isMessage(data) && data.rescind === 'over')) return
    unlisten()
    port.close()
    cancel()
  }
  const unlisten = subscribe(port, listen)
  port.unref?.()
  afterFunc(passed, () => {
    stop()
    // The other side answers and closes the port: closed here, it could not be transferred any more.
    send({ rescind: 'end', err: pack(passed.err) })
  })
  return cancel
}

/**
 * Derives a context from the one that {@link toPort} has given to the other end of `port`: with its values, ending when
 * that one ends, at its deadline, or, with {@link PortClosed} as the cause, when the other side goes without a word.
 * Its end closes the port, so call `cancel` when the work is done. The port keeps no thread alive.
 *
 * @returns resolves when the context has arrived; rejects with `parent.err` if `parent` ends first, with a
 * {@link CanceledError} if nothing can come any more, with a TypeError if `parent` is not a context, `port` not a
 * MessagePort, or two keys have one name
 */
export function fromPort(
  parent: ContextLike,
  port: Port,
  options: PortOptions = {},
): Promise<[ctx: Context, cancel: Cancel]> {
  return new Promise((admit, refuse) => {
    const above = resolve(parent, 'parent')
    assertPort(port)
    const keys = byName(options)
    let node: ContextNode | undefined
    const close = () => {
      unlisten()
      port.postMessage({ rescind: 'over' } satisfies Message)
      port.close()
    }
    const fail = (cause: unknown) => {
      if (node) return end(node, new Canceled(node, cause))
      if (!stop()) return
      close()
      refuse(new CanceledError(cause))
    }
    const listen = ({ type, data }: MessageEvent<unknown>) => {
      if (type !== 'message') return fail(type === 'close' ? PortClosed : new Error('a message cannot be read'))
      if (!isMessage(data)) return
      if (data.rescind !== 'begin') return node && obey(node, data)
      if (node || !stop()) return
      node = admitted(above, data, keys, options)
      afterFunc(node, close)
      port.unref?.()
      admit([node, createCancel(node)])
    }
    const stop = afterFunc(above, () => {
      close()
      refuse(above.err)
    })
    const unlisten = subscribe(port, listen)
  })
}

/** Calls `listen` for whatever there is to hear of `port`, until what it returns is called. */
function subscribe(port: EventPort, listen: (event: MessageEvent<unknown>) => void): () => void {
  const types = ['message', 'messageerror', 'close']
  for (const type of types) port.addEventListener(type, listen)
  port.start()
  return () => types.forEach((type) => port.removeEventListener(type, listen))
}

type Begin = Extract<Message, { rescind: 'begin' }>

function admitted(
  above: Context,
  message: Begin,
  keys: ReadonlyMap<string, Key<unknown>>,
  options: DeriveOptions,
): ContextNode {
  let context = above
  for (const [name, value] of message.values) {
    const key = keys.get(name)
    if (key) context = withValue(context, key, value)
  }
  const node = derive(context, 'fromPort', options)
  const deadline = new PassedDeadline(node, message.time)
  node.deadlines = node.own = deadline
  if (message.err) obey(node, { rescind: 'end', err: message.err })
  else deadline.start()
  return node
}

/** Ends as the deadline on the other side does, whichever of the two is first to notice. */
class PassedDeadline extends Deadline {
  time: Time | undefined

  constructor(node: ContextNode, time: Time | undefined) {
    super(node, leftOf(time, node))
    this.time = time
  }

  override expire(audience: Listener[]): void {
    const { label, ms, cause } = this.time ?? this
    const why = this.time ? unpack(cause as Parcel) : cause
    mark(this.node, { cause: why, error: new DeadlineExceededError({ label, ms, cause: why }) }, audience)
  }
}

function obey(node: ContextNode, message: Exclude<Message, Begin>): void {
  if (message.rescind === 'end') {
    const error = unpack(message.err) as CanceledError
    return end(node, { cause: error.cause, error })
  }
  const { own } = node
  if (message.rescind !== 'move' || !(own instanceof PassedDeadline)) return
  own.time = message.time
  rearm(node, leftOf(message.time, node))
}

/** Now, for threads that run on the same clock. */
function instant({ clock }: ContextNode): number | undefined {
  return clock === systemClock ? performance.timeOrigin + performance.now() : undefined
}

/**
 * What is left of `time` by now: a thread may have been busy when the message came. Never nothing, so that it is this
 * deadline that expires, by which it is known whose it was.
 */
function leftOf(time: Time | undefined, node: ContextNode): number {
  if (!time) return Infinity
  const elapsed = (instant(node) ?? NaN) - (time.at ?? NaN)
  return Math.max(time.left - (elapsed > 0 ? elapsed : 0), Number.MIN_VALUE)
}

/** The first of the deadlines in sight; undefined if there is none. */
function timeOf(ctx: Context): Time | undefined {
  const { node } = resolve(ctx)
  let first: Limit | undefined
  let left = Infinity
  for (let { deadlines } = node; deadlines; deadlines = deadlines.outer) {
    if (deadlines.left >= left) continue
    first = deadlines
    left = deadlines.left
  }
  return first && { left, at: instant(node), label: first.label, ms: first.ms, cause: pack(first.cause) }
}

function byName({ keys = [] }: PortOptions): Map<string, Key<unknown>> {
  keys.forEach(assertKey)
  const named = new Map(keys.map((key) => [key.name, key]))
  if (named.size < keys.length) throw invalid('keys', 'a list of different names', keys)
  return named
}

/** What both kinds of ports have, whatever their types say. */
interface EventPort extends Port {
  addEventListener(type: string, listener: (event: MessageEvent<unknown>) => void): void
  removeEventListener(type: string, listener: (event: MessageEvent<unknown>) => void): void
  /** Lets a thread of Node end although the port is open. */
  unref?(): void
}

/** A Worker, or the global object of one, is none: it cannot be closed without closing everything. */
function assertPort(port: Port): asserts port is EventPort {
  const { addEventListener, close, postMessage, start } = (port ?? {}) as Partial<EventPort>
  for (const method of [addEventListener, close, postMessage, start]) {
    if (typeof method !== 'function') throw invalid('port', 'a MessagePort', port)
  }
}

function isMessage(data: unknown): data is Message {
  return isObject(data) && ['begin', 'move', 'end', 'over'].includes((data as { rescind?: string }).rescind ?? '')
}
