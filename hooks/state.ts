/**
 * What a context says, as React state. Rendering asks only what ends nothing: reading `err` after a deadline ends the
 * context there and then, and tells everybody, which belongs in an effect.
 */

import { useMemo, useSyncExternalStore } from 'react'
import { afterFunc, cause, onMove, remaining, sleep, withCancel } from '../src/index.ts'
import type { CanceledError, Context, DeadlineExceededError } from '../src/index.ts'

/** What {@link useContextState} returns; the same object until something changes. */
export interface ContextState {
  readonly done: boolean
  /** Why it ended; undefined while it lives. */
  readonly err: CanceledError | DeadlineExceededError | undefined
  /** What `cause(ctx)` says. */
  readonly cause: unknown
  /** When it ends at the latest, in epoch milliseconds; undefined if never. */
  readonly deadline: number | undefined
}

const LIVE: ContextState = { done: false, err: undefined, cause: undefined, deadline: undefined }

/**
 * The state of `ctx`; renders again when it ends or its deadline moves. On a server, and while a page is hydrated,
 * every context is live and has no deadline.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function useContextState(ctx: Context): ContextState {
  const store = useMemo(() => new StateStore(ctx), [ctx])
  return useSyncExternalStore(store.subscribe, store.read, readLive)
}

/** Options of {@link useRemaining}. */
export interface RemainingOptions {
  /** Milliseconds between two changes; 1000 if left out. */
  readonly interval?: number | undefined
}

/**
 * The milliseconds that `ctx` still has, for countdowns and progress bars: rounded up to whole intervals, and changed
 * whenever another one is over; 0 once `ctx` has ended. Undefined without a deadline, on a server, and while a page is
 * hydrated.
 *
 * @throws TypeError if `ctx` is not a context; RangeError if `interval` is not a positive, finite number
 */
export function useRemaining(ctx: Context, { interval = 1_000 }: RemainingOptions = {}): number | undefined {
  if (!(interval > 0 && interval < Infinity)) {
    throw new RangeError(`rescind: interval must be a positive, finite number, got ${String(interval)}`)
  }
  const store = useMemo(() => new RemainingStore(ctx, interval), [ctx, interval])
  return useSyncExternalStore(store.subscribe, store.read, readNothing)
}

function readLive(): ContextState {
  return LIVE
}

function readNothing(): undefined {
  return undefined
}

class StateStore {
  readonly #ctx: Context
  #state: ContextState

  constructor(ctx: Context) {
    this.#ctx = ctx
    const { deadline } = ctx
    // Nothing left without a deadline means that it has ended; with one it may be due, and then asking would end it.
    const isDone = deadline === undefined && remaining(ctx) === 0
    this.#state = isDone ? snapshot(ctx) : { ...LIVE, deadline }
  }

  readonly read = (): ContextState => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    const update = () => {
      const state = snapshot(this.#ctx)
      if (state.err === this.#state.err && state.deadline === this.#state.deadline) return
      this.#state = state
      listener()
    }
    const stops = [follow(this.#ctx, update), afterFunc(this.#ctx, update)]
    return () => stops.forEach((stop) => stop())
  }
}

/** Calls `update` now and whenever a deadline has moved, until the returned function is called. */
function follow(ctx: Context, update: () => void): () => void {
  let stop: (() => void) | undefined
  const restart = () => {
    stop?.()
    // Anew each time: what was linked meanwhile has more above it than before.
    stop = onMove(ctx, restart)
    update()
  }
  restart()
  return () => stop?.()
}

function snapshot(ctx: Context): ContextState {
  const { deadline, err } = ctx
  return { done: err !== undefined, err, cause: cause(ctx), deadline }
}

class RemainingStore {
  readonly #ctx: Context
  readonly #interval: number
  #left: number | undefined

  constructor(ctx: Context, interval: number) {
    this.#ctx = ctx
    this.#interval = interval
    this.#left = this.#measure()
  }

  readonly read = (): number | undefined => this.#left

  readonly subscribe = (listener: () => void): (() => void) => {
    let stop: (() => void) | undefined
    const stopFollowing = follow(this.#ctx, () => {
      stop?.()
      const [watch, cancel] = withCancel(this.#ctx)
      stop = cancel
      void this.#tick(watch, listener)
    })
    return () => {
      stopFollowing()
      stop?.()
    }
  }

  /** Tells `listener` at every multiple of the interval, and at the end, until `watch` ends. */
  async #tick(watch: Context, listener: () => void): Promise<void> {
    const update = () => {
      const left = this.#measure()
      if (left === this.#left) return
      this.#left = left
      listener()
    }
    try {
      for (;;) {
        update()
        const left = remaining(watch) ?? Infinity
        await sleep(watch, left < Infinity ? left % this.#interval || this.#interval : Infinity)
      }
    } catch {
      update()
    }
  }

  #measure(): number | undefined {
    const left = remaining(this.#ctx)
    return left === undefined ? undefined : Math.ceil(left / this.#interval) * this.#interval
  }
}
