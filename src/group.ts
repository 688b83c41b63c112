/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Functions that work on parts of one task under one context. The first error cancels the others, and `wait` returns
 * when all have settled. Semantics: golang.org/x/sync/errgroup.
 */

import { assertFunction, assertOptions, invalid } from './arguments.ts'
import { afterFunc, waitFor } from './callbacks.ts'
import { createCancel, derive } from './context.ts'
import type { Context, ContextLike, DeriveOptions } from './context.ts'
import { findCause, isContextError, property } from './errors.ts'
import { finish, watch } from './observer.ts'
import type { Work } from './tasks.ts'

/** Options of {@link group}. */
export interface GroupOptions extends DeriveOptions {
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
  /** The context of the functions: ends with the parent, with the first error, and once `wait` is over. */
  readonly ctx: Context
  /**
   * Runs `fn`, as soon as `limit` allows. Needs no `await`; awaiting it keeps a producer from running ahead.
   *
   * @returns true when `fn` was started, false when the group ended first and `fn` will never run; never rejects
   * @throws TypeError if `fn` is not a function
   */
  go(fn: Work<unknown>): PromiseLike<boolean>
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
   * @returns rejects with the first error; with `supervise` and several errors, with an `AggregateError` of all in the
   * order of failing. Where no function failed but the parent's end left work undone, rejects with `ctx.err`. An error
   * that only reports the abort, by its name, its code or its causes, counts as that.
   */
  wait(): Promise<void>
}

/**
 * Runs several functions that work on parts of one task. The first that fails cancels the others, with its error as the
 * cause; with `supervise` they go on. `wait` settles when all have.
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
  const ctx = derive(parent, 'group', options)
  const cancel = createCancel(ctx)
  let running = 0
  /** What waits for a slot, in the order of coming; nothing once the group has ended. */
  let first: QueuedFunction | undefined
  let last: QueuedFunction | undefined
  /** A promise for each function that runs or waits for a slot. */
  const tasks = new Map<object, Promise<void>>()
  const failures: unknown[] = []
  let isReported = false
  /** The end of the block has begun: what is canceled from now on has not failed. */
  let isClosing = false
  /** Work was left undone, because the group was canceled. */
  let isCut = false
  /** The same, before the end of the block. */
  let isCutEarly = false

  function start(fn: Work<unknown>, tell?: (started: boolean) => void, slot?: Promise<boolean>): void {
    const key = {}
    tasks.set(key, run(fn, key, tell, slot))
  }

  async function run(
    fn: Work<unknown>,
    key: object,
    tell: ((started: boolean) => void) | undefined,
    slot: Promise<boolean> | undefined,
  ): Promise<void> {
    const isAdmitted = !slot || (await slot)
    const isStarted = isAdmitted && !ctx.err
    tell?.(isStarted)
    const done = isStarted ? watch.observer?.works(ctx, 'group') : undefined
    try {
      // In a function of its own, so that one that throws at once is not done before `start` has noted it.
      if (isStarted) await call(fn)
      else cut()
    } catch (error) {
      fail(error)
    }
    done?.()
    tasks.delete(key)
    if (isAdmitted) running--
    admit()
  }

  async function call(fn: Work<unknown>): Promise<void> {
    await fn(ctx)
  }

  function fail(error: unknown): void {
    const { err } = ctx
    const isCanceled = (link: unknown) => isAbort(link, err)
    // At the end of the block only the abort itself: an error around it would be lost there.
    if (err && (isClosing ? isCanceled(error) : findCause(error, isCanceled))) cut()
    else failures.push(error)
    if (!supervise) cancel(error)
  }

  function cut(): void {
    isCut = true
    if (!isClosing) isCutEarly = true
  }

  function slot(): Promise<boolean> {
    return new Promise((resume) => {
      const waiting: QueuedFunction = { resume, next: undefined }
      if (first) (last as QueuedFunction).next = waiting
      else first = waiting
      last = waiting
    })
  }

  /** Resumes what waits, as far as there are slots; all of it once the group has ended. */
  function admit(): void {
    for (; first && (running < limit || ctx.err); first = first.next) {
      if (!ctx.err) running++
      first.resume(!ctx.err)
    }
  }

  async function settled(): Promise<void> {
    const stop = waitFor(ctx, 'group', () => {})
    // Repeatedly: a function may have started another one. Through `all`, V8 finds the callers of failed work.
    while (tasks.size > 0) await Promise.all(tasks.values())
    stop()
  }

  afterFunc(ctx, admit)
  return {
    ctx,
    go(fn) {
      assertFunction('fn', fn)
      return new Promise((tell) => {
        const isFree = running < limit && !first && !ctx.err
        if (isFree) running++
        start(fn, tell, isFree ? undefined : slot())
        admit()
      })
    },
    tryGo(fn) {
      assertFunction('fn', fn)
      if (running >= limit || ctx.err) return false
      running++
      start(fn)
      return true
    },
    async wait() {
      await settled()
      if (failures.length > 0) finish(cancel, 'canceled', failure(failures))
      else finish(cancel, 'completed')
      isReported = true
      if (failures.length > 0) throw supervise ? failure(failures) : failures[0]
      if (isCut) throw ctx.err
    },
    async [ASYNC_DISPOSE]() {
      isClosing = true
      finish(cancel, 'disposed')
      await settled()
      if (isReported) return
      if (failures.length > 0) throw supervise ? failure(failures) : failures[0]
      if (isCutEarly) throw ctx.err
    },
  }
}

function failure(failures: readonly unknown[]): unknown {
  if (failures.length === 1) return failures[0]
  return new AggregateError(failures, `${failures.length} functions of the group failed`)
}

/** What libraries call an abort, by `name` or by `code`. */
const ABORTS = /* @__PURE__ */ new Set<unknown>([
  'AbortError',
  'ABORT_ERR',
  'CanceledError',
  'CancelError',
  'ERR_CANCELED',
])

/** Whether `error` only reports that the group ended with `err`. */
function isAbort(error: unknown, err: Context['err']): boolean {
  const name = property(error, 'name')
  // Our own timeout of another context, such as that of a `shield`, is a failure.
  if (error === err || ABORTS.has(name) || ABORTS.has(property(error, 'code'))) return true
  return name === err?.name && !isContextError(error)
}

interface QueuedFunction {
  /** Whether there is a slot, or the group has ended. */
  readonly resume: (isAdmitted: boolean) => void
  /** The next in line. A list, since taking the first out of a long array costs as much as the array is long. */
  next: QueuedFunction | undefined
}
const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')
