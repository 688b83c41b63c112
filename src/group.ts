/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Functions that work on parts of one task under one context. The first error cancels the others, and `wait` returns
 * when all have settled. Semantics: golang.org/x/sync/errgroup.
 */

import { assertFunction, assertOptions, invalid } from './arguments.ts'
import { afterFunc } from './callbacks.ts'
import { withCancel } from './context.ts'
import type { Context, ContextLike } from './context.ts'
import { property } from './errors.ts'
import type { Work } from './tasks.ts'

/** Options of {@link group}. */
export interface GroupOptions {
  /** How many functions may run at once; no limit if left out. */
  readonly limit?: number | undefined
  /** Keeps the others running when one fails. */
  readonly supervise?: boolean | undefined
}

/**
 * Functions that work on parts of one task; see {@link group}. `await using` cancels what is still running at the end
 * of the block and waits until it has stopped; a failure that no `wait` has reported is thrown there.
 */
export interface Group extends AsyncDisposable {
  /** What the functions work under: ends with the parent, with the first error, and once `wait` is over. */
  readonly ctx: Context
  /**
   * Runs `fn`, as soon as `limit` allows. Needs no `await`; awaiting it keeps a producer from running ahead.
   *
   * @returns true when `fn` was started, false when the group ended first and `fn` will never run; never rejects
   * @throws TypeError if `fn` is not a function
   */
  go(fn: Work<unknown>): Promise<boolean>
  /**
   * Runs `fn` if `limit` allows it now.
   *
   * @returns whether it was started
   * @throws TypeError if `fn` is not a function
   */
  tryGo(fn: Work<unknown>): boolean
  /**
   * Waits until every function has settled, clean-up included.
   *
   * @returns rejects with the first error, or with `ctx.err` where the parent ended and work was left undone
   */
  wait(): Promise<void>
}

/**
 * Runs several functions that work on parts of one task. The first that fails cancels the others, with its error as the
 * cause (with `supervise` they go on); `wait` tells when all are through.
 *
 * @throws TypeError if `parent` is not a context, or `limit` not a positive whole number or Infinity
 * @example
 * const g = group(background())
 * g.go(() => Promise.reject(new Error('operation 1 failed')))
 * g.go((ctx) => sleep(ctx, 60_000))
 * await g.wait().catch((error) => error.message) // => 'operation 1 failed'
 * @see Go's `errgroup.WithContext`
 */
export function group(parent: ContextLike, options: GroupOptions = {}): Group {
  assertOptions(options)
  const { limit = Infinity, supervise } = options
  if (limit !== Infinity && !(Number.isInteger(limit) && limit > 0)) {
    throw invalid('limit', 'a positive whole number or Infinity', limit)
  }
  const [ctx, cancel] = withCancel(parent, { label: 'group' })
  let running = 0
  /** Who waits for a slot, in the order of coming; nobody once the group has ended. */
  let first: Waiting | undefined
  let last: Waiting | undefined
  /** The first error, boxed because any value can be thrown. */
  let failure: { readonly error: unknown } | undefined
  let isReported = false
  /** The block is at its end: to be canceled is no failure any more. That a clean-up throws is one. */
  let isClosing = false
  /** The end of the block has left work undone: only `wait` tells. */
  let isCut = false
  /** Called when nothing runs and nothing waits for a slot. */
  const idle: (() => void)[] = []

  function start(fn: Work<unknown>): void {
    running++
    const done = () => {
      running--
      admit()
    }
    new Promise((settle) => settle(fn(ctx))).then(done, (error: unknown) => {
      fail(error)
      done()
    })
  }

  function fail(error: unknown): void {
    // When the parent ended, every engine has its own error for the aborted work: the context's is the honest one.
    const { err } = ctx
    // By its own name: what only has the abort for its cause, as a failed clean-up may, is another error.
    const name = property(error, 'name')
    const isAbort = err && (name === 'AbortError' || name === 'TimeoutError')
    if (isAbort && isClosing) isCut = true
    else failure ??= { error: isAbort ? err : error }
    if (!supervise) cancel(error)
  }

  /** Starts who waits, as far as there are slots, and says so when nothing is left. */
  function admit(): void {
    if (ctx.err) turnAway()
    while (first && running < limit) {
      const { fn, tell, next } = first
      first = next
      start(fn)
      tell(true)
    }
    if (!running) for (const resolve of idle.splice(0)) resolve()
  }

  /** The group has ended: whoever still waits for a slot will never run, and that is a failure if nothing else was. */
  function turnAway(): void {
    let left = first
    if (!left) return
    first = undefined
    if (isClosing) isCut = true
    else failure ??= { error: ctx.err }
    for (; left; left = left.next) left.tell(false)
  }

  async function settled(): Promise<void> {
    // Again and again: whoever was told first may have started something.
    while (running || first) await new Promise<void>((resolve) => idle.push(resolve))
  }

  afterFunc(ctx, turnAway)
  return {
    ctx,
    go(fn) {
      assertFunction('fn', fn)
      return new Promise((tell) => {
        const waiting: Waiting = { fn, tell, next: undefined }
        if (first) (last as Waiting).next = waiting
        else first = waiting
        last = waiting
        admit()
      })
    },
    tryGo(fn) {
      assertFunction('fn', fn)
      if (running >= limit || ctx.err) return false
      start(fn)
      return true
    },
    async wait() {
      await settled()
      cancel()
      isReported = true
      if (failure) throw failure.error
      if (isCut) throw ctx.err
    },
    async [ASYNC_DISPOSE]() {
      isClosing = true
      cancel()
      await settled()
      if (failure && !isReported) throw failure.error
    },
  }
}

interface Waiting {
  readonly fn: Work<unknown>
  /** Whether it was started. */
  readonly tell: (started: boolean) => void
  /** Who came next. A list, since taking the first out of a long array costs as much as the array is long. */
  next: Waiting | undefined
}

const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')
