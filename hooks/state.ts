/**
 * What a context says, as React state. Rendering asks only what ends nothing: reading `err` after a deadline ends the
 * context there and then, and tells everybody, which belongs in an effect.
 */

import { useMemo, useSyncExternalStore } from 'react'
import { afterFunc, cause, onMove, remaining, sleep, withCancel } from '../src/index.ts'
import type { Cancel, CanceledError, Context, DeadlineExceededError } from '../src/index.ts'
import { check } from './misuse.ts'

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
  const store = useMemo(() => stateStore(ctx), [ctx])
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
 * @throws TypeError if `ctx` is not a context, or `interval` not a positive, finite number
 */
export function useRemaining(ctx: Context, { interval = 1_000 }: RemainingOptions = {}): number | undefined {
  check(Number.isFinite(interval) && interval > 0, 'interval', 'a positive, finite number', interval)
  const store = useMemo(() => remainingStore(ctx, interval), [ctx, interval])
  return useSyncExternalStore(store.subscribe, store.read, readNothing)
}

function readLive(): ContextState {
  return LIVE
}

function readNothing(): undefined {
  return undefined
}

interface Store<T> {
  read(): T
  subscribe(listener: () => void): () => void
}

function stateStore(ctx: Context): Store<ContextState> {
  const left = remaining(ctx)
  const { deadline } = ctx
  // Nothing left without a deadline means that it has ended; with one it may be due, and then asking would end it.
  let state = deadline === undefined && left === 0 ? snapshot(ctx) : { ...LIVE, deadline }
  return {
    read: () => state,
    subscribe(listener) {
      const update = () => {
        const next = snapshot(ctx)
        if (next.err === state.err && next.deadline === state.deadline) return
        state = next
        listener()
      }
      const stops = [follow(ctx, update), afterFunc(ctx, update)]
      return () => stops.forEach((stop) => stop())
    },
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

function remainingStore(ctx: Context, interval: number): Store<number | undefined> {
  const measure = () => {
    const ms = remaining(ctx)
    return ms === undefined ? undefined : Math.ceil(ms / interval) * interval
  }
  let left = measure()
  return {
    read: () => left,
    subscribe(listener) {
      const update = () => {
        const next = measure()
        if (next === left) return
        left = next
        listener()
      }
      let stop: Cancel | undefined
      const stopFollowing = follow(ctx, () => {
        stop?.()
        const [watch, cancel] = withCancel(ctx)
        stop = cancel
        void tick(watch, interval, update)
      })
      return () => {
        stopFollowing()
        stop?.()
      }
    },
  }
}

/** Calls `update` at every multiple of the interval, and at the end, until `watch` ends. */
async function tick(watch: Context, interval: number, update: () => void): Promise<void> {
  try {
    for (;;) {
      update()
      const left = remaining(watch) ?? Infinity
      await sleep(watch, left < Infinity ? left % interval || interval : Infinity)
    }
  } catch {
    update()
  }
}
