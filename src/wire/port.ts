/**
 * Contexts in workers, each through a message port. The sender sends the remaining time, the values and, when it ends,
 * the error. The receiver sets its own deadline, so that this works even in a computation that receives no messages. If
 * threads share memory, a flag there tells such a computation that the context has ended. The port is used for nothing
 * else: when either side ends, the other ends, too, and the port is closed.
 */

import { assertOptions, invalid } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import { assertKey, createCancel, derive, end, errorAt, mark, resolve, withCancel, withValue } from '../context.ts'
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
import { assertMaxSize, sizeOf } from './size.ts'
import { systemClock } from '../timers.ts'

/**
 * The cause of contexts that ended because the other side closed the port, or because its thread ended. Node reports
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
  /** The keys whose values are sent; by default none. Keys are matched by name: use the same list on both sides. */
  readonly keys?: readonly Key<unknown>[] | undefined
  /**
   * The largest total size of the values, in bytes: about 2 for each character and 8 for each number, names included.
   * By default 1,048,576.
   */
  readonly maxSize?: number | undefined
}

const DEFAULT_MAX_SIZE = 1_048_576

/**
 * Sends `ctx` through `port`: the other side receives it with {@link fromPort}, and its context ends when `ctx` ends.
 * Use a new `MessageChannel` for every context: pass one end as `port`, and transfer the other to the worker. The error
 * keeps its kind, label and cause; a cause is sent as {@link serializeError} writes it.
 *
 * A loop in the worker that receives no messages sees the deadline. It sees an earlier end only if threads share
 * memory: in Node, and in workers of a page that is cross-origin isolated. Otherwise, let the loop `await pause(ctx)`.
 * Such a loop sees a cause as text if JSON cannot represent it or if it is longer than 16 kB.
 *
 * If the worker is terminated, its port closes in Node, and `ctx` no longer retains anything. Browsers report nothing:
 * call `cancel` together with `terminate()`, and in an `error` listener of the worker.
 *
 * @returns `cancel`, which ends only the context on the other side. Call it when the work there is over.
 * @throws TypeError if `ctx` is not a context, `port` is not a MessagePort, two keys have the same name, there are more
 * than 1,000 keys, or a value contains a context; RangeError if the values are larger than `maxSize`; the platform's
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
      if (type === 'messageerror') throw new PortError('an answer cannot be deserialized')
      if (type === 'message') {
        const answer = readMessage(data, maxSize)
        if (!answer) return
        if (answer.rescind !== 'over') throw new PortError('an answer is out of order')
      }
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
    // Otherwise the other side closes it. Closing it here would break a transfer of the other end that is in progress.
    if (isBroken) port.close()
  })
  return cancel
}

/**
 * Receives the context that {@link toPort} sends through the other end of `port`. The received context is derived from
 * `parent`, has the sender's values, and also ends when the sender's context ends. If the other side closes the port,
 * the cause is {@link PortClosed}. An invalid message ends the context with a {@link PortError} as the cause; no
 * message makes code throw. The end of the context closes the port, so call `cancel` when the work is done. The port
 * keeps no thread alive.
 *
 * @returns resolves when the context has arrived; rejects with `parent.err` if `parent` ends first, with a
 * {@link CanceledError} if the port closes first or a message is invalid, and with a TypeError if `parent` is not a
 * context, `port` is not a MessagePort, or two keys have the same name
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
      // It has arrived with its memory, or the parent has ended.
      if (!stop()) return
      node = admitted(above, begin, keys, options, memory)
      afterFunc(node, close)
      port.unref?.()
      admit([node, createCancel(node)])
    }
    const take = (message: Message) => {
      const { rescind } = message
      if (rescind === 'begin' && !begun) {
        begun = message
        // So one that has begun but has not arrived waits for its memory.
        if (!begun.isShared) arrive(begun)
      } else if (rescind === 'memory' && begun && !node) arrive(begun, message.memory)
      else if (rescind === 'ready' && begun?.isShared) arrive(begun)
      else if ((rescind === 'move' || rescind === 'end') && node) obey(node, message)
      else throw new PortError(`a message is out of order: ${rescind}`)
    }
    const listen = ({ type, data }: MessageEvent<unknown>) => {
      try {
        if (type === 'close') return fail(PortClosed)
        // Another agent cluster cannot deserialize the memory; the context works without it.
        if (type === 'messageerror' && begun && !node) return arrive(begun)
        if (type === 'messageerror') throw new PortError('a message cannot be deserialized')
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
 * Calls `listen` for each event of `port`, until the returned function is called. `start` is optional: the global
 * object of a worker does not have it.
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

/** Sends `memory` to the other side, if the platform can. */
function share(send: (message: Message<SerializedError>) => void, memory: SharedArrayBuffer): void {
  try {
    send({ rescind: 'memory', memory })
  } catch {
    // The context works without it.
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

/** The deadline of the other side: its end has the same error, whichever side notices it first. */
class PassedDeadline extends Deadline {
  /** For the next start; undefined if the other side has no deadline, or if a `rearm` here moves this one. */
  passed: Time | undefined
  #time: Time | undefined

  constructor(node: ContextNode, time: Time | undefined) {
    super(node, leftOf(time, node))
    this.passed = time
  }

  override start(): void {
    this.#time = this.passed
    this.passed = undefined
    super.start()
  }

  override expire(audience: Listener[]): void {
    const { label, ms, cause } = this.#time ?? this
    const error = errorAt(this.node, () => new DeadlineExceededError({ label, ms, cause }))
    mark(this.node, { cause, error }, audience)
  }
}

/** Applies a message. Does nothing for a context that was disarmed, which only follows its parent. */
function obey(node: ContextNode, message: Extract<Message, { rescind: 'move' | 'end' }>): void {
  const { own } = node
  if (!(own instanceof PassedDeadline)) return
  if (message.rescind === 'end') return end(node, { cause: message.err.cause, error: message.err })
  own.passed = message.time
  rearm(node, leftOf(message.time, node))
}

/** The current time, comparable between threads; undefined for a fake clock. */
function instant(node: ContextNode): number | undefined {
  return clockOf(node) === systemClock ? performance.timeOrigin + performance.now() : undefined
}

/**
 * The milliseconds that are left of `time` now: this thread may have been busy when the message arrived. Never zero, so
 * that the deadline expires in the usual way, with the label and the cause of the other side.
 */
function leftOf(time: Time | undefined, node: ContextNode): number {
  if (!time) return Infinity
  const elapsed = (instant(node) ?? NaN) - (time.at ?? NaN)
  return Math.max(time.left - (elapsed > 0 ? elapsed : 0), Number.MIN_VALUE)
}

/** The earliest deadline of `ctx` and its ancestors; undefined if there is none. */
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
  assertMaxSize(maxSize)
  keys.forEach(assertKey)
  const named = new Map(keys.map((key) => [key.name, key]))
  if (named.size < keys.length) throw invalid('keys', 'a list of keys with different names', keys)
  if (named.size > MAX_VALUES) throw invalid('keys', `at most ${MAX_VALUES}`, named.size)
  return { keys: named, maxSize }
}

/** The members that ports of browsers and of Node share, though their types differ. */
export interface EventPort extends Port {
  addEventListener(type: string, listener: (event: MessageEvent<unknown>) => void): void
  removeEventListener(type: string, listener: (event: MessageEvent<unknown>) => void): void
  /** Lets a thread of Node end although the port is open. */
  unref?(): void
}

/** A Worker, or the global object of one, is refused: a context closes its port, which would end the whole worker. */
function assertPort(port: unknown): asserts port is EventPort {
  if (!isPort(port)) throw invalid('port', 'a MessagePort', port)
}

/** Tests the shape. Cloned data has no functions, so in a message only a real port passes. */
export function isPort(value: unknown): value is EventPort {
  const { addEventListener, close, postMessage, start } = (value ?? {}) as Partial<EventPort>
  return [addEventListener, close, postMessage, start].every((method) => typeof method === 'function')
}
