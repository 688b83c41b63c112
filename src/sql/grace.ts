/**
 * How long an engine may take to answer. Real time, whatever clock the context has: an engine does not know that clock.
 * Infinity is no limit.
 */

import { invalid } from '../arguments.ts'
import { after, afterFunc } from '../callbacks.ts'
import { background } from '../context.ts'
import type { ContextLike } from '../context.ts'

/** How long an engine may take, by default, to say that it has stopped. */
export const GRACE = 1_000

export function assertGrace(grace: number): void {
  if (typeof grace === 'number' && grace >= 0) return
  throw invalid('grace', 'a number of milliseconds, at least 0, or Infinity', grace)
}

/** Calls `fn` once `ms` milliseconds of real time have passed, in a turn of its own. Returns what stops that. */
export function inRealTime(ms: number, fn: () => void): () => void {
  return after(background(), Math.max(ms, 1), fn)
}

/** Whether `promise` settled, either way, within `ms` milliseconds. */
export function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = inRealTime(ms, () => resolve(false))
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
    const stopTimer = inRealTime(ms, () => resolve(!stop()))
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
      stopTimer = inRealTime(ms, () => resolve(false))
    })
    const settle = () => {
      stop()
      stopTimer?.()
      resolve(true)
    }
    answer.then(settle, settle)
  })
}
