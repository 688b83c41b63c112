/** Messages that no sender of ours would post, shared memory with other content, and causes that throw when read. */

import { setTimeout as delay } from 'node:timers/promises'
import {
  background,
  CanceledError,
  cause,
  createKey,
  DeadlineExceededError,
  isCanceled,
  isDeadlineExceeded,
  rearm,
  withCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { deserializeError, fromPort, PortError, serializeError, toPort } from 'rescind/wire'
import type { Port } from 'rescind/wire'
import type { Random } from './random.ts'
import { isHarmless, Tally } from './tally.ts'
import type { Fuzzer } from './tally.ts'

const requestId = createKey<unknown>('requestId')
const keys = [requestId]

/** The number of channels that are open at a time. */
const BATCH = 100
/** How long to wait for the messages of a batch, in milliseconds: nothing else shows that they have arrived. */
const PATIENCE = 5
/** No message may give a context more time than this, which is its parent's. */
const LIMIT = 60_000

export const receivers: Fuzzer = {
  name: 'messages to a receiver',
  rounds: 20_000,
  async run(random, rounds) {
    const tally = new Tally()
    await inBatches(rounds, async (count) => {
      const open = Array.from({ length: count }, () => receive(random))
      await delay(PATIENCE)
      open.forEach((round) => round.stop())
      await delay(PATIENCE)
      for (const round of open) judge(round, tally)
    })
    return tally
  },
}

export const senders: Fuzzer = {
  name: 'answers to a sender',
  rounds: 5_000,
  async run(random, rounds) {
    const tally = new Tally()
    await inBatches(rounds, async (count) => {
      const open = Array.from({ length: count }, () => {
        const [ctx, cancel] = withCancel(background())
        const { port1, port2 } = new MessageChannel()
        toPort(ctx, port1, { keys })
        post(port2, stream(random))
        return { ctx, cancel, port1, port2 }
      })
      await delay(PATIENCE)
      for (const { ctx, cancel, port1, port2 } of open) {
        tally.assert(ctx.err === undefined, `an answer ended the context of the sender: ${String(cause(ctx))}`)
        tally.count('contexts that all answers left alive')
        cancel()
        port1.close()
        port2.close()
      }
    })
    return tally
  },
}

export const memory: Fuzzer = {
  name: 'shared memory that others write to',
  rounds: 5_000,
  async run(random, rounds) {
    const tally = new Tally()
    await inBatches(rounds, async (count) => {
      const messages = recorded()
      const shared = messages.find((message) => 'memory' in message) as { memory: SharedArrayBuffer }
      for (let round = 0; round < count; round++) {
        const { port1, port2 } = new MessageChannel()
        post(port1, messages.slice(0, 3))
        const [ctx] = await fromPort(background(), port2, { keys })
        const bytes = new Uint8Array(shared.memory)
        const json = jsonOf(random.mutated(serializeError(new CanceledError('why'))))
        bytes.set(new TextEncoder().encode(json).subarray(0, bytes.length - 4), 4)
        const length = random.chance(0.7) ? Math.min(json.length, bytes.length) : random.below(2 ** 32)
        Atomics.store(new Int32Array(shared.memory), 0, length || 1)
        judgeError(ctx.err, tally, 'polled')
        Atomics.store(new Int32Array(shared.memory), 0, 0)
        port1.close()
        port2.close()
      }
    })
    return tally
  },
}

export const traps: Fuzzer = {
  name: 'causes with traps',
  rounds: 5_000,
  async run(random, rounds) {
    const tally = new Tally()
    await inBatches(rounds, async (count) => {
      const open = Array.from({ length: count }, () => {
        const [ctx, cancel] = withCancel(background())
        const { port1, port2 } = new MessageChannel()
        toPort(ctx, port1)
        const waiting = fromPort(background(), port2)
        const why = trapped(random)
        cancel(why)
        return { ctx, why, waiting, port1, port2 }
      })
      await delay(PATIENCE)
      for (const { ctx, why, waiting, port1, port2 } of open) {
        const [received] = await waiting
        judgeError(ctx.err, tally, 'here')
        judgeError(received.err, tally, 'there')
        const { err } = withSignal(background(), AbortSignal.abort(why))[0]
        // An error of a context is taken over unchanged, traps included.
        if (err !== why) judgeError(err, tally, 'from a signal')
        tally.assert(typeof isCanceled(why) === 'boolean', 'isCanceled did not return a boolean')
        tally.assert(typeof isDeadlineExceeded(why) === 'boolean', 'isDeadlineExceeded did not return a boolean')
        port1.close()
        port2.close()
      }
    })
    return tally
  },
}

export const errors: Fuzzer = {
  name: 'errors as data',
  rounds: 50_000,
  async run(random, rounds) {
    const tally = new Tally()
    for (let round = 0; round < rounds; round++) {
      const written = serializeError(new DeadlineExceededError({ label: random.text(), cause: trapped(random) }))
      let data: unknown = written
      for (let times = random.below(4); times > 0; times--) data = random.mutated(data)
      const error = deserializeError(data)
      tally.count(error instanceof PortError ? 'refused' : 'read')
      if (error instanceof PortError) tally.assert(isHarmless(error.message), `unsafe text: ${error.message}`)
    }
    return tally
  },
}

async function inBatches(rounds: number, run: (count: number) => Promise<void>): Promise<void> {
  for (let left = rounds; left > 0; left -= BATCH) await run(Math.min(left, BATCH))
}

/** Empty for data that JSON cannot represent. */
function jsonOf(data: unknown): string {
  try {
    return JSON.stringify(data) ?? ''
  } catch {
    return ''
  }
}

/** The messages of a real sender. */
function recorded(): object[] {
  const messages: object[] = []
  const port = {
    postMessage: (message: object) => messages.push(message),
    start() {},
    close() {},
    addEventListener() {},
    removeEventListener() {},
  } as Port
  const parent = withValue(background(), requestId, 'r-17')
  const [ctx, cancel] = withTimeout(parent, 60_000, { label: 'search', cause: new RangeError('slow') })
  toPort(ctx, port, { keys })
  rearm(ctx, 5_000)
  cancel(new Error('left'))
  messages.push({ rescind: 'end', err: serializeError(ctx.err) })
  // The sender has written the end into its memory. A receiver of that reads no messages, so send a new memory.
  const fresh = { rescind: 'memory', memory: new SharedArrayBuffer(16_384) }
  return messages.map((message) => ('memory' in message ? fresh : message))
}

/** Recorded only once, since no round changes it. */
let sample: readonly object[] | undefined

/** Messages, most of which are valid. */
function stream(random: Random): unknown[] {
  const honest = (sample ??= recorded())
  const messages: unknown[] = random.chance(0.9) ? [...honest] : [random.data()]
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(messages.length)
    const change = random.below(7)
    if (change === 0) messages.splice(at, 1)
    else if (change === 1) messages.splice(at, 0, random.pick(messages))
    else if (change === 2) messages.splice(at, 0, random.data())
    else if (change < 5) messages[at] = random.grafted(messages[at], random.pick(honest))
    else messages[at] = random.mutated(messages[at])
  }
  if (random.chance(0.5)) messages.splice(1 + random.below(messages.length))
  return messages
}

function post(port: MessagePort, messages: readonly unknown[]): void {
  for (const message of messages) {
    try {
      port.postMessage(message)
    } catch {
      // Cannot be cloned.
    }
  }
}

interface Round {
  readonly outcome: { ctx?: Context; error?: unknown }
  readonly stop: () => void
  readonly ports: readonly MessagePort[]
}

function receive(random: Random): Round {
  const [parent, stop] = withTimeout(background(), LIMIT)
  const { port1, port2 } = new MessageChannel()
  const outcome: Round['outcome'] = {}
  post(port1, stream(random))
  fromPort(parent, port2, { keys }).then(
    ([ctx]) => (outcome.ctx = ctx),
    (error: unknown) => (outcome.error = error),
  )
  return { outcome, stop, ports: [port1, port2] }
}

function judge({ outcome: { ctx, error }, ports }: Round, tally: Tally): void {
  if (ctx) {
    tally.assert((ctx.deadline ?? NaN) <= Date.now() + LIMIT + 1, 'a message extended the deadline of the parent')
    tally.assert(isHarmless(String(ctx)), `unsafe text: ${String(ctx)}`)
    judgeError(ctx.err, tally, 'arrived')
  } else judgeError(error, tally, 'refused')
  for (const port of ports) port.close()
}

function judgeError(error: unknown, tally: Tally, where: string): void {
  const isEnd = error instanceof CanceledError || error instanceof DeadlineExceededError
  tally.assert(isEnd, `${where}: neither of the two errors of contexts: ${typeof error}`)
  const why = isEnd ? error.cause : undefined
  // Errors that were sent arrive as plain errors, so an instance of these classes was thrown by rescind.
  const isFault = isInstance(why, TypeError) || isInstance(why, RangeError)
  tally.assert(where === 'here' || !isFault, `${where}: the cause is an error that rescind threw`)
  tally.count(isInstance(why, PortError) ? `${where}: PortError` : `${where}: ${isEnd ? error.name : 'no error'}`)
  if (isInstance(why, PortError)) tally.assert(isHarmless(why.message), `unsafe text: ${why.message}`)
}

/** Reads the prototype, which may throw. */
function isInstance<T>(value: unknown, type: new () => T): value is T {
  try {
    return value instanceof type
  } catch {
    return false
  }
}

function fail(): never {
  throw new Error('a trap')
}

/** A cause that throws when it is read, or contains one. */
function trapped(random: Random): unknown {
  const { proxy, revoke } = Proxy.revocable(random.chance(0.5) ? {} : new Error('why'), {})
  revoke()
  const traps = { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail }
  const name = random.pick(['name', 'message', 'stack', 'cause', 'label', 'ms', 'errors', 'signal', 'value'])
  const target = random.pick([new Error('why'), new CanceledError(), new AggregateError([]), {}])
  return random.pick<unknown>([
    proxy,
    new Proxy({}, traps),
    new Proxy(new Error('why'), { [random.pick(Object.keys(traps) as (keyof typeof traps)[])]: fail }),
    Object.defineProperty(target, name, random.chance(0.5) ? { get: fail } : { value: random.data(1) }),
    Object.defineProperty({}, Symbol.toStringTag, { get: fail }),
    Object.defineProperty({}, Symbol.toPrimitive, { get: fail }),
    Object.assign(new Error('why'), { cause: proxy }),
    { deep: [proxy, random.data()] },
    withValue(background(), requestId, 'secret'),
    random.data(),
  ])
}
