/**
 * One run for all concurrent calls with the same arguments. Runs are found by their arguments, in a tree. The
 * invariant: a run stays in the tree until it has settled or was forgotten. Its context ends when it has settled, when
 * the last caller has left, or when the parent ends. No caller joins a run whose context has ended. Only runs in flight
 * are shared: neither results nor errors are cached. Semantics: golang.org/x/sync/singleflight, with contexts.
 */

import { assertFunction, assertOptions } from './arguments.ts'
import { contextOf, createCancel, derive, resolve } from './context.ts'
import type { Cancel, Context, ContextLike, ContextNode, DeriveOptions } from './context.ts'
import { sentinel } from './errors.ts'
import { finish } from './observer.ts'
import type { Hint } from './observer.ts'
import { captureStores } from './stores.ts'
import { wait } from './tasks.ts'

/** The cause of a shared run that was canceled because its last caller left. */
export const Unused: Error = /* @__PURE__ */ sentinel('Unused', 'the last caller left')

/** Options of {@link share}. */
export interface ShareOptions<A extends readonly unknown[]> extends DeriveOptions {
  /**
   * Returns the key of a run from its arguments: a value, or an array whose elements are compared one by one. By
   * default, the key is the arguments themselves. Needed if an argument is an object that callers create for each call.
   */
  readonly key?: ((...args: A) => unknown) | undefined
}

/** Shared work; see {@link share}. */
export interface Shared<A extends readonly unknown[], T> {
  /**
   * Joins the run in flight for `args`, or starts one.
   *
   * @returns settles as the work does; rejects with `ctx.err` when `ctx` ends first, with the error of the run's own
   * context when the parent ends, with a TypeError if `ctx` is not a context, and with an Error if the run would wait
   * for itself
   */
  (ctx: ContextLike, ...args: A): Promise<T>
  /**
   * Makes the next call for `args` start a new run. Use it after a write, which the run in flight may not have seen.
   * That run continues for its current callers.
   *
   * @see Go's `singleflight.Group.Forget`
   */
  forget(...args: A): void
}

/** A run in flight. */
interface Run<T> {
  readonly ctx: ContextNode
  readonly cancel: Cancel
  readonly branch: Branch<T>
  /** Undefined while the work is being called. */
  result: Promise<T> | undefined
  /** How many calls wait for the result. */
  callers: number
}

/** A node in the tree of runs. A branch with neither a run nor branches is removed. */
interface Branch<T> {
  /** Undefined once the run has settled or was forgotten. */
  run: Run<T> | undefined
  readonly branches: Map<unknown, Branch<T>>
  readonly parent: Branch<T> | undefined
  /** The element of the key under which the parent has this branch. */
  readonly element: unknown
}

/**
 * Makes a function that runs `work` once for all concurrent callers with the same arguments: a call joins the run in
 * flight, if there is one. A caller whose context ends gets the error of that context and leaves. When the last caller
 * has left, the run is canceled with the cause {@link Unused}. Results and errors are not cached: the next call after
 * the run has settled starts a new one.
 *
 * Each run has a context derived from `parent`, with the parent's values and deadline, never those of a caller. In
 * Node, Deno and Bun, it also has the `AsyncLocalStorage` stores of the code that called `share`. Arguments are
 * compared like the keys of a `Map`. Return the data rather than a `Response`, whose body can be read only once.
 *
 * @throws TypeError if `parent` is not a context, or if `work` or `key` is not a function
 * @example
 * let requests = 0
 * const title = share(background(), async (ctx, id: number) => {
 *   requests++
 *   await sleep(ctx, 1)
 *   return `Album ${id}`
 * })
 * const titles = await Promise.all([title(background(), 1), title(background(), 1), title(background(), 2)])
 * titles // => ['Album 1', 'Album 1', 'Album 2']
 * requests // => 2
 * @see Go's `singleflight.Group.Do`
 */
export function share<A extends readonly unknown[], T>(
  parent: ContextLike,
  work: (ctx: Context, ...args: A) => T | PromiseLike<T>,
  options: ShareOptions<A> = {},
): Shared<A, T> {
  const above = resolve(parent, 'parent')
  assertFunction('work', work)
  assertOptions(options)
  const { key } = options
  if (key !== undefined) assertFunction('key', key)
  const inStores = captureStores()
  const root: Branch<T> = { run: undefined, branches: new Map(), parent: undefined, element: undefined }

  async function call(ctx: ContextLike, ...args: A): Promise<T> {
    const context = contextOf(ctx)
    context.throwIfDone()
    const branch = branchOf(args)
    const run = joinable(branch, context) ?? start(branch, args)
    run.callers++
    try {
      return await wait(context, 'share', run.result as Promise<T>)
    } finally {
      if (--run.callers === 0) run.cancel(Unused)
    }
  }

  /** Returns the branch for `args`, adding it to the tree if needed. */
  function branchOf(args: A): Branch<T> {
    const made = key ? key(...args) : args
    let branch = root
    for (const element of Array.isArray(made) ? (made as unknown[]) : [made]) {
      let next = branch.branches.get(element)
      if (!next) {
        next = { run: undefined, branches: new Map(), parent: branch, element }
        branch.branches.set(element, next)
      }
      branch = next
    }
    return branch
  }

  function start(branch: Branch<T>, args: A): Run<T> {
    const ctx = derive(above, 'share', options)
    const run: Run<T> = { ctx, cancel: createCancel(ctx), branch, result: undefined, callers: 0 }
    // Before the call of the work, which may call `forget`.
    branch.run = run
    run.result = perform(run, args)
    return run
  }

  async function perform(run: Run<T>, args: A): Promise<T> {
    let settled: [hint: Hint, failure?: unknown] = ['completed']
    try {
      return await inStores(() => wait(run.ctx, 'share', (ctx) => work(ctx, ...args)))
    } catch (error) {
      settled = ['canceled', error]
      throw error
    } finally {
      // The branch may have another run, if this one was forgotten, or if its context ended before it settled.
      if (run.branch.run === run) forget(run.branch)
      finish(run.cancel, ...settled)
    }
  }

  return Object.assign(call, { forget: (...args: A) => forget(branchOf(args)) })
}

/** The run at `branch`, unless its context has ended: it stays in the tree until it has settled. */
function joinable<T>({ run }: Branch<T>, context: Context): Run<T> | undefined {
  if (!run || run.ctx.err) return undefined
  const isWithin = run.ctx === ancestor(context, run.ctx)
  if (isWithin || !run.result) throw new Error('rescind: shared work must not wait for its own result')
  return run
}

/** Returns `node` if `context` is derived from it, or else undefined. */
function ancestor(context: Context, node: ContextNode): ContextNode | undefined {
  let one = context as ContextNode | undefined
  while (one && one.node !== node) one = one.parent
  return one?.node
}

/** Removes the run of `branch`, and then all branches that are empty. */
function forget<T>(branch: Branch<T>): void {
  branch.run = undefined
  for (let { parent, element } = branch; parent && isEmpty(branch); { parent, element } = branch) {
    parent.branches.delete(element)
    branch = parent
  }
}

function isEmpty<T>({ run, branches }: Branch<T>): boolean {
  return !run && branches.size === 0
}
