/**
 * How long an engine may take to answer. Real time, whatever clock the context has: an engine does not know that clock.
 */

import { afterFunc } from '../callbacks.ts'
import type { ContextLike } from '../context.ts'

/** How long an engine may take, by default, to say that it has stopped. */
export const GRACE = 1_000

/** Whether `promise` settled, either way, within `ms` milliseconds. */
export function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms)
    const settle = () => {
      clearTimeout(timer)
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
    const timer = setTimeout(() => resolve(!stop()), ms)
    const stop = afterFunc(ctx, () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

/** Whether `answer` comes, either way, before `ms` milliseconds have passed since the end of `ctx`. */
export function isAnswered(ctx: ContextLike, answer: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = afterFunc(ctx, () => {
      timer = setTimeout(() => resolve(false), ms)
    })
    const settle = () => {
      stop()
      clearTimeout(timer)
      resolve(true)
    }
    answer.then(settle, settle)
  })
}
