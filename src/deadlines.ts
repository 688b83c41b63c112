/**
 * Deadlines: contexts that end at a time, measured by the clock of their root. The core reaches deadlines only through
 * the `Limit` interface, so this file and the clock are bundled only with code that uses deadlines.
 */

import { assertNumber, isDate } from './arguments.ts'
import { createCancel, derive, end, errorAt, mark, settled } from './context.ts'
import type { Cancel, Context, ContextLike, ContextNode, DeriveOptions, Ending, Limit, Resource } from './context.ts'
import { DeadlineExceededError, duration } from './errors.ts'
import type { Listener } from './listeners.ts'
import { systemClock, Timer } from './timers.ts'
import type { Clock } from './timers.ts'

/** Options of functions that derive a context with a deadline. */
export interface DeadlineOptions extends DeriveOptions {
  /** Becomes the cause if, and only if, this deadline ends the context. */
  readonly cause?: unknown
}

/**
 * Derives a context that also ends after `ms` milliseconds, with a {@link DeadlineExceededError}. Zero or less ends it
 * at once. Infinity, or any time after the parent's deadline, has no effect. There is no upper limit.
 *
 * @throws TypeError if `parent` is not a context, or `ms` is not a number
 * @example
 * const [ctx, cancel] = withTimeout(background(), 5_000)
 * ctx.err // => undefined
 * cancel()
 * isCanceled(ctx.err) // => true
 * @see Go's `context.WithTimeoutCause`
 */
export function withTimeout(
  parent: ContextLike,
  ms: number,
  options?: DeadlineOptions,
): [ctx: Context, cancel: Cancel] {
  assertNumber('ms', ms)
  const node = derive(parent, 'withTimeout', options)
  return limited(node, ms, options)
}

/**
 * Derives a context that also ends at the time `at`: a Date, or milliseconds since the epoch. A time in the past ends
 * it at once; Infinity means never. The wall clock is read only once, by this call: setting it later does not move the
 * deadline.
 *
 * @throws TypeError if `parent` is not a context, or if `at` is neither a number nor a valid Date
 * @see Go's `context.WithDeadlineCause`
 */
export function withDeadline(
  parent: ContextLike,
  at: number | Date,
  options?: DeadlineOptions,
): [ctx: Context, cancel: Cancel] {
  const time = isDate(at) ? at.getTime() : at
  assertNumber('at', time, at)
  const node = derive(parent, 'withDeadline', options)
  const now = clockOf(node).wall()
  return limited(node, time - now, options, now)
}

/** The kind of a timer: inspectors do not show it. */
export const TIMER = 'timer'

/**
 * Derives a timer for the internal use of a binding, as a context that ends after `ms` milliseconds; Infinity means
 * never. It works like {@link withTimeout}, but inspectors do not show it, since the user has not made it.
 */
export function withTimer(parent: ContextLike, ms: number): [ctx: Context, cancel: Cancel] {
  return limited(derive(parent, TIMER), ms)
}

/** The clock that `node` inherited from its root. */
export function clockOf({ clock }: ContextNode): Clock {
  return clock ?? systemClock
}

/** Gives a new node its own deadline, `ms` milliseconds from now. `now` is the wall clock, if it was read already. */
export function limited(
  node: ContextNode,
  ms: number,
  options?: DeadlineOptions,
  now?: number,
): [ctx: Context, cancel: Cancel] {
  const deadline = new Deadline(node, ms, options?.cause, now)
  node.deadlines = node.own = deadline
  deadline.start()
  return [node, createCancel(node)]
}

/** A deadline that a node sets, as opposed to one that it inherits. */
export class Deadline extends Timer implements Ending, Limit, Resource {
  readonly node: ContextNode
  readonly outer: Limit | undefined
  /** The start of the duration, in monotonic milliseconds. */
  born: number
  /** `born` in epoch milliseconds, computed on first read: reading a clock costs as much as deriving. */
  began: number | undefined
  /** The duration; Infinity once disarmed. */
  ms: number
  readonly label: string | undefined
  readonly cause: unknown
  #error: DeadlineExceededError | undefined

  constructor(node: ContextNode, ms: number, cause?: unknown, began?: number) {
    const born = clockOf(node).now()
    super(born + ms)
    this.node = node
    this.outer = node.deadlines
    this.born = born
    this.began = began
    this.ms = ms
    this.label = node.label
    this.cause = cause
  }

  /** The error of the contexts that this deadline ended; read only after it has expired. */
  get error(): DeadlineExceededError {
    const error = this.#error ?? errorAt(this.node, () => new DeadlineExceededError(this))
    // A getter of the cause may have read it meanwhile.
    return (this.#error ??= error)
  }

  /** In epoch milliseconds. */
  get at(): number {
    return this.since() + this.ms
  }

  get left(): number {
    return this.due - clockOf(this.node).now()
  }

  /** The start of the duration, in epoch milliseconds. */
  since(): number {
    const clock = clockOf(this.node)
    return (this.began ??= clock.wall() - Math.round(clock.now() - this.born))
  }

  /** Starts the timer, unless the duration is Infinity. Ends the node if there is no time. */
  start(): void {
    const { node } = this
    // A foreign signal that has already aborted takes precedence: `settled` checks those first.
    if (this.ms <= 0) end(settled(node), this)
    else if (this.ms < Infinity && !node.ended) clockOf(node).start(this)
  }

  expire(audience: Listener[], _?: Listener[]): void {
    mark(this.node, this, audience)
  }

  check(): void {
    clockOf(this.node).check()
  }

  details(): readonly string[] {
    const { left, ms, node } = this
    if (ms === Infinity) return []
    return node.ended ? [duration(ms)] : [duration(ms), `${duration(left)} left`]
  }

  release(): void {
    clockOf(this.node).stop(this)
  }
}
