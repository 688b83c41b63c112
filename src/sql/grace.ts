/**
 * The time that an engine has to confirm that it has stopped a statement or ended a transaction. It is real time even
 * if the context has a fake clock, which the engine does not know. Infinity means no limit.
 */

import { invalid } from '../arguments.ts'
import { after, afterFunc } from '../callbacks.ts'
import { background } from '../context.ts'
import type { ContextLike } from '../context.ts'

/** The default time for an engine to confirm that it has stopped a statement, in milliseconds. */
export const GRACE = 1_000

export function assertGrace(grace: number): void {
  if (typeof grace === 'number' && grace >= 0) return
  throw invalid('grace', 'a number of milliseconds, at least 0, or Infinity', grace)
}

/** Calls `fn` after `ms` milliseconds of real time, in a later turn. Returns a function that prevents the call. */
export function inRealTime(ms: number, fn: () => void): () => void {
  return after(background(), Math.max(ms, 1), fn)
}

/** Resolves to true when `promise` settles, or to false after `ms` milliseconds. */
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
 * Resolves to true when `ctx` ends, or to false after `ms` milliseconds. For engines that watch a deadline by their own
 * clock, which can be slightly ahead of ours.
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

/** Resolves to true when `answer` settles, or to false when `ms` milliseconds have passed since the end of `ctx`. */
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
