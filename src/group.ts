/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Functions that work on parts of one task under one context. The first error cancels the others, and `wait` settles
 * when all of them have settled. Semantics: golang.org/x/sync/errgroup.
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
  /** The largest number of functions that run at the same time; by default there is no limit. */
  readonly limit?: number | undefined
  /** If true, an error of one function does not cancel the others. */
  readonly supervise?: boolean | undefined
}

/**
 * Functions that work on parts of one task; see {@link group}. At the end of its block, `await using` cancels functions
 * that still run, waits until they have settled, and throws an error that no `wait` has reported.
 */
export interface Group extends AsyncDisposable {
  /** The context of the functions. It ends when the parent ends, at the first error, and when `wait` settles. */
  readonly ctx: Context
  /**
   * Runs `fn` as soon as `limit` allows. Awaiting the result is optional; it gives a producer backpressure.
   *
   * @returns resolves to true when `fn` is started, or to false if the group ended first and `fn` will never run; never
   * rejects
   * @throws TypeError if `fn` is not a function
   */
  go(fn: Work<unknown>): PromiseLike<boolean>
  /**
   * Runs `fn` if `limit` allows that now.
   *
   * @returns whether `fn` was started
   * @throws TypeError if `fn` is not a function
   */
  tryGo(fn: Work<unknown>): boolean
  /**
   * Waits until every function has settled, including its clean-up.
   *
   * @returns rejects with the first error; with `supervise` and several errors, with an `AggregateError` of all of them
   * in the order in which they occurred. If no function failed, but the end of the parent cut work short, rejects with
   * `ctx.err`. An error that only reports the abort, by its name, code or causes, is not a failure.
   */
  wait(): Promise<void>
}

/**
 * Makes a group, which runs several functions that work on parts of one task. The first error cancels the others and
 * becomes their cause; with `supervise`, the others continue. `wait` settles when all of them have settled.
 *
 * @throws TypeError if `parent` is not a context, or if `limit` is neither a positive integer nor Infinity
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
    throw invalid('limit', 'a positive integer or Infinity', limit)
  }
  const ctx = derive(parent, 'group', options)
  const cancel = createCancel(ctx)
  let running = 0
  /** The queue of functions that wait for a slot; empty once the group has ended. */
  let first: QueuedFunction | undefined
  let last: QueuedFunction | undefined
  /** A promise for each function that runs or waits for a slot. */
  const tasks = new Map<object, Promise<void>>()
  const failures: unknown[] = []
  let isReported = false
  /** True after the end of the `await using` block was reached: later aborts are not failures. */
  let isClosing = false
  /** True if a cancel of the group interrupted a function, or prevented its start. */
  let isCut = false
  /** True if that happened before the end of the block was reached. */
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
      // `call` is async, so that an `fn` that throws synchronously is removed from `tasks` only after `start` added it.
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
    // At the end of the block, an error that wraps an abort is a failure: `await using` has to throw it.
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

  /** Starts queued functions while slots are free. Once the group has ended, resumes all of them without a slot. */
  function admit(): void {
    for (; first && (running < limit || ctx.err); first = first.next) {
      if (!ctx.err) running++
      first.resume(!ctx.err)
    }
  }

  async function settled(): Promise<void> {
    const stop = waitFor(ctx, 'group', () => {})
    // In a loop: a function may start another. `Promise.all` keeps the callers of failed work in V8's stack traces.
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

/** The `name` or `code` of abort errors in common libraries. */
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
  // A timeout of another context of ours, such as in `shield`, is a failure.
  if (error === err || ABORTS.has(name) || ABORTS.has(property(error, 'code'))) return true
  return name === err?.name && !isContextError(error)
}

interface QueuedFunction {
  /** Called with true when there is a slot, with false when the group has ended. */
  readonly resume: (isAdmitted: boolean) => void
  /** A linked list: removing the first element of an array takes time proportional to its length. */
  next: QueuedFunction | undefined
}

const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')
