/**
 * What a context says, as React state. Rendering asks only what ends nothing: reading `err` after a deadline ends the
 * context there and then, and tells everybody, which belongs in an effect.
 */

import { useMemo, useSyncExternalStore } from 'react'
import { invalid } from '../src/arguments.ts'
import { onMove, withTimer } from '../src/bindings.ts'
import { afterFunc, cause, remaining, sleep } from '../src/index.ts'
import type { CanceledError, Context, DeadlineExceededError } from '../src/index.ts'
import { whenFinal } from './life.ts'
import { counterOf } from './pending.ts'
import { useScope } from './scope.tsx'

/** What {@link useContextState} returns; the same object until something changes. */
export interface ContextState {
  /** Whether it has ended. */
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
  return useMeasured(ctx, Infinity, measureState, LIVE)
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
  if (!(Number.isFinite(interval) && interval > 0)) throw invalid('interval', 'a positive, finite number', interval)
  return useMeasured(ctx, interval, measureRemaining, undefined)
}

/** Says something of `ctx`. Nothing new is `before` itself; where there is none, in render, asking ends nothing. */
type Measure<T> = (ctx: Context, before: T | undefined, interval: number) => T

/** What `measure` says, while the page is hydrated `atFirst`; see {@link createStore}. */
function useMeasured<T>(ctx: Context, interval: number, measure: Measure<T>, atFirst: T): T {
  const store = useMemo(() => createStore(ctx, interval, measure), [ctx, interval, measure])
  return useSyncExternalStore(store.subscribe, store.read, () => atFirst)
}

interface Store<T> {
  read(): T
  subscribe(listener: () => void): () => void
}

/**
 * Keeps what `measure` says of `ctx`: asks again when `ctx` ends, when a deadline moves, and at every multiple of
 * `interval` that is left.
 */
function createStore<T>(ctx: Context, interval: number, measure: Measure<T>): Store<T> {
  let kept = measure(ctx, undefined, interval)
  return {
    read: () => kept,
    subscribe(listener) {
      let cancel: (() => void) | undefined
      let stopWaiting: (() => void) | undefined
      const tell = () => {
        const before = kept
        kept = measure(ctx, before, interval)
        if (kept !== before) listener()
      }
      // A successor that waits is shown instead of the end.
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

/** Calls `update` at every multiple of the interval, until `watch` ends. */
async function tick(watch: Context, interval: number, update: () => void): Promise<void> {
  try {
    for (;;) {
      update()
      const left = remaining(watch) ?? Infinity
      await sleep(watch, left < Infinity ? left % interval || interval : Infinity)
    }
  } catch {
    // It has ended.
  }
}

function measureState(ctx: Context, before: ContextState | undefined): ContextState {
  const left = remaining(ctx)
  const { deadline } = ctx
  // Nothing left without a deadline means that it has ended; with one it may be due, and then asking would end it.
  if (!before && (left !== 0 || deadline !== undefined)) return { ...LIVE, deadline }
  const { err } = ctx
  if (before && before.err === err && before.deadline === deadline) return before
  return { done: err !== undefined, err, cause: cause(ctx), deadline }
}

function measureRemaining(ctx: Context, _: unknown, interval: number): number | undefined {
  const ms = remaining(ctx)
  return ms === undefined ? ms : Math.ceil(ms / interval) * interval
}

/**
 * How many runs of tasks and actions are under way below `ctx`, by default below the nearest scope: those that wait
 * count, too. For one spinner or one warning for a whole part of the page. On a server, and while a page is hydrated,
 * it is 0.
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
