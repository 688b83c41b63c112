/**
 * Contexts as React state. A render must not read `err`: after the deadline, reading it ends the context and notifies
 * all listeners, which belongs in an effect. So a render reads `err` only of a context that has ended.
 */

import { useMemo, useSyncExternalStore } from 'react'
import { invalid } from '../src/arguments.ts'
import { hasEnded, onMove, withTimer } from '../src/bindings.ts'
import { afterFunc, cause, remaining, sleep } from '../src/index.ts'
import type { CanceledError, Context, DeadlineExceededError } from '../src/index.ts'
import { whenFinal } from './life.ts'
import { counterOf } from './pending.ts'
import { useScope } from './scope.tsx'

/** What {@link useContextState} returns; the same object until something changes. */
export interface ContextState {
  /** True if it has ended. */
  readonly done: boolean
  /** Why it ended; undefined while it lives. */
  readonly err: CanceledError | DeadlineExceededError | undefined
  /** The value of `cause(ctx)`; undefined while it lives. */
  readonly cause: unknown
  /** The latest time at which it ends, in epoch milliseconds; undefined if it has no deadline. */
  readonly deadline: number | undefined
}

const LIVE: ContextState = { done: false, err: undefined, cause: undefined, deadline: undefined }

/**
 * Returns the state of `ctx`, and renders the component again when `ctx` ends or its deadline moves. On a server and
 * during hydration, the state is always that of a live context without a deadline.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function useContextState(ctx: Context): ContextState {
  return useMeasured(ctx, Infinity, measureState, LIVE)
}

/** Options of {@link useRemaining}. */
export interface RemainingOptions {
  /** Milliseconds between two updates, by default 1000. */
  readonly interval?: number | undefined
}

/**
 * Returns the milliseconds until the deadline of `ctx`, for countdowns and progress bars. They are rounded up to a
 * multiple of `interval`, and the component renders again after every interval. 0 after `ctx` has ended; undefined
 * without a deadline, on a server and during hydration.
 *
 * @throws TypeError if `ctx` is not a context, or `interval` is not a positive, finite number
 */
export function useRemaining(ctx: Context, { interval = 1_000 }: RemainingOptions = {}): number | undefined {
  if (!(Number.isFinite(interval) && interval > 0)) throw invalid('interval', 'a positive, finite number', interval)
  return useMeasured(ctx, interval, measureRemaining, undefined)
}

/**
 * Reads a value of `ctx`. Returns `before` if nothing changed. Without `before`, in a render, it never ends `ctx`.
 */
type Measure<T> = (ctx: Context, before: T | undefined, interval: number) => T

/** Returns the latest value of `measure`; on a server and during hydration, `atFirst`. */
function useMeasured<T>(ctx: Context, interval: number, measure: Measure<T>, atFirst: T): T {
  const store = useMemo(() => createStore(ctx, interval, measure), [ctx, interval, measure])
  return useSyncExternalStore(store.subscribe, store.read, () => atFirst)
}

interface Store<T> {
  read(): T
  subscribe(listener: () => void): () => void
}

/**
 * Makes a store for `useSyncExternalStore` with the value of `measure`. It measures again when `ctx` ends, when a
 * deadline moves, and whenever the time left is a multiple of `interval`.
 */
function createStore<T>(ctx: Context, interval: number, measure: Measure<T>): Store<T> {
  let kept = measure(ctx, undefined, interval)
  return {
    read: () => kept,
    subscribe(listener) {
      let cancel: (() => void) | undefined
      let stopWaiting: (() => void) | undefined
      const tell = () => {
        kept = measure(ctx, kept, interval)
        listener()
      }
      // While a successor waits, the end of `ctx` is not shown.
      const update = () => {
        stopWaiting?.()
        stopWaiting = whenFinal(ctx, tell)
      }
      const restart = () => {
        cancel?.()
        const [watch, end] = withTimer(ctx, Infinity)
        cancel = end
        void tick(watch, interval, update)
      }
      const stops = [onMove(ctx, restart), afterFunc(ctx, update), () => cancel?.(), () => stopWaiting?.()]
      restart()
      return () => stops.forEach((stop) => stop())
    },
  }
}

/** Calls `update` whenever the time left is a multiple of `interval`, until `watch` ends. */
async function tick(watch: Context, interval: number, update: () => void): Promise<void> {
  try {
    for (;;) {
      update()
      const left = remaining(watch)
      await sleep(watch, left === undefined ? Infinity : left % interval || interval)
    }
  } catch {
    // `watch` has ended.
  }
}

function measureState(ctx: Context, before: ContextState | undefined): ContextState {
  if (!before && !hasEnded(ctx)) return { ...LIVE, deadline: ctx.deadline }
  const { deadline, err } = ctx
  if (before && before.err === err && before.deadline === deadline) return before
  return { done: err !== undefined, err, cause: cause(ctx), deadline }
}

function measureRemaining(ctx: Context, _: unknown, interval: number): number | undefined {
  const ms = remaining(ctx)
  return ms === undefined ? ms : Math.ceil(ms / interval) * interval
}

/**
 * Returns how many runs of tasks and actions wait or are in flight below `ctx`, by default below the nearest scope. Use
 * it for one spinner or one warning for a whole part of the page. 0 on a server and during hydration.
 *
 * @throws TypeError if `ctx` is not a context
 */
export function usePending(ctx?: Context): number {
  const scope = useScope()
  const counter = counterOf(ctx ?? scope)
  return useSyncExternalStore(
    (listener) => {
      counter.listeners.add(listener)
      return () => void counter.listeners.delete(listener)
    },
    () => counter.count,
    () => 0,
  )
}
