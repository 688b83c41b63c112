/**
 * How long an engine may take to answer. Real time, whatever clock the context has: an engine does not know that clock.
 * Infinity is no limit.
 */

import { invalid } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import type { ContextLike } from '../context.ts'

/** How long an engine may take, by default, to say that it has stopped. */
export const GRACE = 1_000

/** The longest delay that platform timers take; a longer one fires at once. */
export const MAX_DELAY = 0x7fff_ffff

export function assertGrace(grace: number): void {
  if (typeof grace === 'number' && grace >= 0) return
  throw invalid('grace', 'a number of milliseconds, at least 0, or Infinity', grace)
}

/** Calls `fn` once `ms` milliseconds have passed. Returns what stops that. */
export function after(ms: number, fn: () => void): () => void {
  if (ms === Infinity) return () => {}
  const timer = setTimeout(fn, Math.min(ms, MAX_DELAY))
  return () => clearTimeout(timer)
}

/** Whether `promise` settled, either way, within `ms` milliseconds. */
export function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = after(ms, () => resolve(false))
    const settle = () => {
      stop()
      resolve(true)
    }
    promise.then(settle, settle)
  })
}

/**
 * Whether `ctx` ends within `ms` milliseconds. An engine that watches a deadline by its own clock can be a moment ahead
 * of us.
 */
export function endsWithin(ctx: ContextLike, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const stopTimer = after(ms, () => resolve(!stop()))
    const stop = afterFunc(ctx, () => {
      stopTimer()
      resolve(true)
    })
  })
}

/** Whether `answer` comes, either way, before `ms` milliseconds have passed since the end of `ctx`. */
export function isAnswered(ctx: ContextLike, answer: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    let stopTimer: (() => void) | undefined
    const stop = afterFunc(ctx, () => {
      stopTimer = after(ms, () => resolve(false))
    })
    const settle = () => {
      stop()
      stopTimer?.()
      resolve(true)
    }
    answer.then(settle, settle)
  })
}
