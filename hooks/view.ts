/**
 * Views: the return values of `useTask`. A view is one state of a task, with the functions that control the task. React
 * retains the views of the last two renders, so a view is also the state that React stores, and what most components
 * never read is made when it is read: the functions, and the context of a run that has not started.
 */

import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { sameDeps, sameItems } from './deps.ts'
import { own, ownerOf } from './life.ts'
import { ignore, kept, pending } from './run.ts'
import type { Controls, Outcome } from './run.ts'

/**
 * Identifies an automatic run: when the key changes, the task runs again. Contains the lifetime of the parent, in
 * development an object for the edition of the code, and then the deps.
 */
export type RunKey = readonly unknown[]

/** What a view reads of its runner. */
export interface ViewOwner<T, A extends readonly unknown[]> {
  readonly controls: Controls<T, A>
  /** Returns the context of the run for `key` under `parent`, which may not have started. */
  upcoming(parent: Context, key: RunKey): Context
}

/** The settings of a render that decide what it shows. */
interface RenderSettings {
  readonly deps: readonly unknown[] | undefined
  readonly keepPrevious: boolean
  readonly key: RunKey | undefined
  readonly parent: Context
}

export class View<T, A extends readonly unknown[]> {
  readonly status: Outcome<T>['status']
  readonly data: T | undefined
  readonly error: unknown
  readonly cause: unknown
  readonly stale: boolean
  readonly slow: boolean
  readonly #owner: ViewOwner<T, A>
  /** The key of the last automatic run, or of the one that will start; undefined if none will. */
  readonly #key: RunKey | undefined
  /** The deps of the last run. */
  readonly #deps: readonly unknown[] | undefined
  readonly #parent: Context
  /** The context of the last run; without a run, the parent. Undefined until it is read if a run will start. */
  #context: Context | undefined
  /** The view that was shown last in place of this one. */
  #other: View<T, A> | undefined

  constructor(
    { status, data, error, cause, stale, slow }: Outcome<T>,
    owner: ViewOwner<T, A>,
    key: RunKey | undefined,
    deps: readonly unknown[] | undefined,
    parent: Context,
    context: Context | undefined,
  ) {
    this.status = status
    this.data = data
    this.error = error
    this.cause = cause
    this.stale = stale
    this.slow = slow
    this.#owner = owner
    this.#key = key
    this.#deps = deps
    this.#parent = parent
    this.#context = context
    // On the object, not on the prototype, so that a spread copies them.
    Object.defineProperties(this, LAZY)
  }

  static ownerOf<T, A extends readonly unknown[]>(view: View<T, A>): ViewOwner<T, A> {
    return view.#owner
  }

  static keyOf<T, A extends readonly unknown[]>(view: View<T, A>): RunKey | undefined {
    return view.#key
  }

  static contextOf<T, A extends readonly unknown[]>(view: View<T, A>): Context {
    const parent = view.#parent
    const context = (view.#context ??= view.#owner.upcoming(parent, view.#key as RunKey))
    // Registers the parent: contexts below `context` are armed, counted and renewed through it.
    if (context !== parent && !ownerOf(context)) own(context, { parent, lives: lifetimeOf(context), arm: ignore })
    return context
  }

  /**
   * Returns what a render with `settings` shows of the state `view`: the view itself, unless a run will start, the deps
   * are not those of the last run, or the parent is another one. The same object as long as nothing changes.
   */
  static shown<T, A extends readonly unknown[]>(view: View<T, A>, settings: RenderSettings): View<T, A> {
    const { deps, keepPrevious, key, parent } = settings
    const willRun = key !== undefined && !sameItems(view.#key as RunKey, key)
    const isForOtherDeps = !sameDeps(view.#deps, deps)
    if (!willRun && !isForOtherDeps && parent === view.#parent) return view
    const data = keepPrevious ? view.data : undefined
    const outcome = willRun ? pending(data) : isForOtherDeps ? kept(data, true) : (view as Outcome<T>)
    const other = view.#other
    const nextKey = willRun ? key : undefined
    // The data is that of `view`, or none, as `status` and `stale` tell.
    if (
      other &&
      other.#parent === parent &&
      sameDeps(other.#key, nextKey) &&
      other.status === outcome.status &&
      other.stale === outcome.stale
    ) {
      return other
    }
    if (nextKey) return (view.#other = new View(outcome, view.#owner, nextKey, deps, parent, undefined))
    // Read now, since the parent may be another: the context of a run belongs to the parent under which it started.
    const context = view.#context === view.#parent ? parent : View.contextOf(view)
    return (view.#other = new View(outcome, view.#owner, undefined, deps, parent, context))
  }
}

/** Shared by all views: with getters of its own, each view would have its own hidden class in the engine. */
const LAZY: PropertyDescriptorMap = /* @__PURE__ */ getters()

type AnyView = View<unknown, readonly unknown[]>

function getters(): PropertyDescriptorMap {
  const all: PropertyDescriptorMap = { context: getter(View.contextOf) }
  for (const name of ['run', 'action', 'flush', 'cancel', 'reset'] as const) {
    all[name] = getter((view) => View.ownerOf(view).controls[name])
  }
  return all
}

function getter(read: (view: AnyView) => unknown): PropertyDescriptor {
  return {
    enumerable: true,
    get(this: AnyView) {
      return read(this)
    },
  }
}
