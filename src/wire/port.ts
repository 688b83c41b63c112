/**
 * Contexts into workers, through a message port each. The sender tells how long is left, what the values are and, when
 * it ends, why; the receiver has a deadline of its own for the time left, so that it holds even in a computation that
 * reads no messages. Where threads share memory, a flag there says to such a computation that the context has ended.
 * The port belongs to the two of them: when either is done, both are, and it is closed.
 */

import { assertNumber, assertOptions, invalid } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import {
  assertKey,
  createCancel,
  derive,
  DISARMED,
  end,
  errorAt,
  mark,
  resolve,
  withCancel,
  withValue,
} from '../context.ts'
import type { Cancel, Context, ContextLike, ContextNode, DeriveOptions, Key, Limit } from '../context.ts'
import { clockOf, Deadline } from '../deadlines.ts'
import { CanceledError, DeadlineExceededError, sentinel } from '../errors.ts'
import { createFlag, raiseFlag, watchFlag } from './flag.ts'
import { onMove, rearm } from '../lifetime.ts'
import type { Listener } from '../listeners.ts'
import { MAX_VALUES, readMessage, written } from './message.ts'
import type { Message, Time } from './message.ts'
import { cutLabel, PortError, serializeError } from './parcel.ts'
import type { SerializedError } from './parcel.ts'
import { sizeOf } from './size.ts'
import { systemClock } from '../timers.ts'

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
  /**
   * How large the values may be together, as their names and data take about 2 bytes a character and 8 a number;
   * 1,048,576 bytes if left out.
   */
  readonly maxSize?: number | undefined
}

const DEFAULT_MAX_SIZE = 1_048_576

/**
 * Lets a context on the other side of `port` end with `ctx`: at its deadline, and as soon as a message arrives. What is
 * there to receive it is {@link fromPort}. Use a `MessageChannel` of its own for every context: one end is for `port`,
 * the other is transferred to the worker. The error crosses with its kind, label and cause; causes cross as
 * {@link serializeError} writes them.
 *
 * A loop there that reads no messages sees the deadline. It sees an earlier end only where threads share memory: in
 * Node, and in a page that is cross-origin isolated, with a worker of that page. A cause that JSON cannot hold, or
 * longer than 16 kB, is text for such a loop. Elsewhere let the loop `await pause(ctx)`.
 *
 * A worker that is terminated says nothing. In Node its port closes, and `ctx` here is released; in browsers nothing
 * tells, so call `cancel` together with `terminate()`, and in the `error` listener of the worker.
 *
 * @returns `cancel`: ends the context on the other side, and only that one. Call it when the work there is over.
 * @throws TypeError if `ctx` is not a context, `port` not a MessagePort, two keys have one name, there are more than
 * 1,000, or a value contains a context; RangeError if the values are larger than `maxSize`; the platform's
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
  const { keys, maxSize } = checked(options)
  const values = [...keys]
    .map(([name, key]) => [name, context.value(key)] as const)
    .filter(([, value]) => value !== undefined)
  if (sizeOf(values, maxSize) > maxSize) throw new RangeError(`rescind: values must be at most ${maxSize} bytes`)
  const [passed, cancel] = withCancel(context, { label: options.label ?? 'port' })
  const send = (message: Message<SerializedError>) => port.postMessage(written(message))
  const { err } = passed
  const memory = err ? undefined : createFlag()
  const isShared = memory !== undefined
  try {
    send({ rescind: 'begin', values, time: timeOf(passed), err: err && serializeError(err), isShared })
  } catch (error) {
    cancel()
    throw error
  }
  if (memory) {
    share(send, memory)
    send({ rescind: 'ready' })
  }
  const stop = onMove(passed, () => send({ rescind: 'move', time: timeOf(passed) }))
  let isBroken = false
  const listen = ({ type, data }: MessageEvent<unknown>) => {
    try {
      if (type === 'messageerror') throw new PortError('an answer cannot be read')
      const answer = type === 'message' ? readMessage(data, maxSize) : undefined
      if (type === 'message' && !answer) return
      if (answer && answer.rescind !== 'over') throw new PortError('an answer is out of order')
      unlisten()
      port.close()
      cancel()
    } catch (error) {
      isBroken = true
      unlisten()
      cancel(error)
    }
  }
  const unlisten = subscribe(port, listen)
  port.unref?.()
  afterFunc(passed, () => {
    stop()
    const error = serializeError(passed.err)
    if (memory) raiseFlag(memory, error)
    send({ rescind: 'end', err: error })
    // Else the other side answers and closes the port: closed here, it could no longer be transferred.
    if (isBroken) port.close()
  })
  return cancel
}

/**
 * Derives a context from the one that {@link toPort} has given to the other end of `port`: with its values, ending when
 * that one ends, at its deadline, or, with {@link PortClosed} as the cause, when the other side goes without a word. A
 * message that cannot be read ends it with a {@link PortError} as the cause: nothing that arrives is thrown.
 * Its end closes the port, so call `cancel` when the work is done. The port keeps no thread alive.
 *
 * @returns resolves when the context has arrived; rejects with `parent.err` if `parent` ends first, with a
 * {@link CanceledError} if nothing more can come or what comes cannot be read, with a TypeError if `parent` is not a
 * context, `port` not a MessagePort, or two keys have one name
 */
export function fromPort(
  parent: ContextLike,
  port: Port,
  options: PortOptions = {},
): Promise<[ctx: Context, cancel: Cancel]> {
  return new Promise((admit, refuse) => {
    const above = resolve(parent, 'parent')
    assertPort(port)
    const { keys, maxSize } = checked(options)
    let begun: Begin | undefined
    let node: ContextNode | undefined
    const close = () => {
      unlisten()
      port.postMessage(written({ rescind: 'over' }))
      port.close()
    }
    const fail = (cause: unknown) => {
      if (node) return createCancel(node)(cause)
      if (!stop()) return
      close()
      refuse(new CanceledError(cause))
    }
    const arrive = (begin: Begin, memory?: SharedArrayBuffer) => {
      if (!stop()) return
      node = admitted(above, begin, keys, options, memory)
      afterFunc(node, close)
      port.unref?.()
      admit([node, createCancel(node)])
    }
    const take = (message: Message) => {
      const { rescind } = message
      const awaitsMemory = begun?.isShared && !node
      if (rescind === 'begin' && !begun) {
        begun = message
        if (!begun.isShared) arrive(begun)
      } else if (rescind === 'memory' && begun && awaitsMemory) arrive(begun, message.memory)
      else if (rescind === 'ready' && begun?.isShared) {
        if (!node) arrive(begun)
      } else if ((rescind === 'move' || rescind === 'end') && node) obey(node, message)
      else throw new PortError(`a message is out of order: ${rescind}`)
    }
    const listen = ({ type, data }: MessageEvent<unknown>) => {
      try {
        if (type === 'close') return fail(PortClosed)
        // In another agent cluster the memory cannot be read, and the context comes without it.
        if (type === 'messageerror' && begun?.isShared && !node) return arrive(begun)
        if (type === 'messageerror') throw new PortError('a message cannot be read')
        const message = readMessage(data, maxSize)
        if (message) take(message)
      } catch (error) {
        fail(error)
      }
    }
    const stop = afterFunc(above, () => {
      close()
      refuse(above.err)
    })
    const unlisten = subscribe(port, listen)
  })
}

/**
 * Calls `listen` for each event of `port`, until the function that it returns is called. The global object of a
 * worker has no `start`.
 */
export function subscribe(
  port: Pick<EventPort, 'addEventListener' | 'removeEventListener'> & { start?(): void },
  listen: (event: MessageEvent<unknown>) => void,
): () => void {
  const types = ['message', 'messageerror', 'close']
  for (const type of types) port.addEventListener(type, listen)
  port.start?.()
  return () => types.forEach((type) => port.removeEventListener(type, listen))
}

/** Offers `memory` to the other side, if the platform lets it go there. */
function share(send: (message: Message<SerializedError>) => void, memory: SharedArrayBuffer): void {
  try {
    send({ rescind: 'memory', memory })
  } catch {
    // Without it.
  }
}

type Begin = Extract<Message, { rescind: 'begin' }>

function admitted(
  above: Context,
  { values, time, err }: Begin,
  keys: ReadonlyMap<string, Key<unknown>>,
  options: DeriveOptions,
  memory: SharedArrayBuffer | undefined,
): ContextNode {
  let context = above
  for (const [name, value] of values) {
    const key = keys.get(name)
    if (key) context = withValue(context, key, value)
  }
  const node = derive(context, 'fromPort', options)
  const deadline = new PassedDeadline(node, time)
  node.deadlines = node.own = deadline
  if (memory) watchFlag(memory, node)
  if (err) obey(node, { rescind: 'end', err })
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
    const error = errorAt(this.node, () => new DeadlineExceededError({ label, ms, cause }))
    mark(this.node, { cause, error }, audience)
  }
}

/** A context that was disarmed only follows its parent. */
function obey(node: ContextNode, message: Extract<Message, { rescind: 'move' | 'end' }>): void {
  const { own } = node
  if (own === DISARMED) return
  if (message.rescind === 'end') return end(node, { cause: message.err.cause, error: message.err })
  if (!(own instanceof PassedDeadline)) return
  own.time = message.time
  rearm(node, leftOf(message.time, node))
}

/** Now, for threads that run on the same clock. */
function instant(node: ContextNode): number | undefined {
  return clockOf(node) === systemClock ? performance.timeOrigin + performance.now() : undefined
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
  if (!first) return undefined
  const { cause, label, ms } = first
  return { left, at: instant(node), label: cutLabel(label), ms, cause: serializeError(cause) }
}

interface CheckedOptions {
  readonly keys: ReadonlyMap<string, Key<unknown>>
  readonly maxSize: number
}

function checked(options: PortOptions): CheckedOptions {
  assertOptions(options)
  const { keys = [], maxSize = DEFAULT_MAX_SIZE } = options
  assertNumber('maxSize', maxSize)
  keys.forEach(assertKey)
  const named = new Map(keys.map((key) => [key.name, key]))
  if (named.size < keys.length) throw invalid('keys', 'a list of different names', keys)
  if (named.size > MAX_VALUES) throw invalid('keys', `at most ${MAX_VALUES}`, named.size)
  return { keys: named, maxSize }
}

/** What both kinds of ports have, whatever their types say. */
export interface EventPort extends Port {
  addEventListener(type: string, listener: (event: MessageEvent<unknown>) => void): void
  removeEventListener(type: string, listener: (event: MessageEvent<unknown>) => void): void
  /** Lets a thread of Node end although the port is open. */
  unref?(): void
}

/** A Worker, or the global object of one, is none: it cannot be closed without closing everything. */
function assertPort(port: unknown): asserts port is EventPort {
  if (!isPort(port)) throw invalid('port', 'a MessagePort', port)
}

/** By its shape. A message that was cloned has no functions, so nothing in it but a port passes for one. */
export function isPort(value: unknown): value is EventPort {
  const { addEventListener, close, postMessage, start } = (value ?? {}) as Partial<EventPort>
  return [addEventListener, close, postMessage, start].every((method) => typeof method === 'function')
}
