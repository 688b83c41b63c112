/**
 * Runs a task: one run at a time. A newer run ends the previous one, and the context of its result, with `Superseded`.
 * In mode `first`, a call with the same arguments and deps joins the run in flight. This file does not need React.
 *
 * The runner is re-entrant: the work and the listeners of its signal may call it. It updates its own state before it
 * calls either, and reads that state again afterwards.
 */

import { lifetimeOf, withLink } from '../src/bindings.ts'
import { cause, PageHidden, withTimeout } from '../src/index.ts'
import type { Context } from '../src/index.ts'
import { Publisher } from './publisher.ts'
import { reasonOf, Superseded } from './causes.ts'
import { sameDeps, sameItems } from './deps.ts'
import { Gate } from './gate.ts'
import type { Debounce } from './gate.ts'
import { arm, own, ownerOf, whenFinal } from './life.ts'
import { countRun } from './pending.ts'
import { retainPage, unwatchRestore, watchRestore } from './page.ts'
import type { PageContext, Restorable } from './page.ts'
import { ignore, kept, IDLE, pending, Run } from './run.ts'
import type { Controls, Outcome, RunContext, RunListener, Work } from './run.ts'
import { View } from './view.ts'
import type { RunKey, ViewOwner } from './view.ts'

/** The state of a task. `status` tells the types of the other fields: with `success`, `data` is the result. */
export type TaskState<T> = Outcome<T> & {
  /** The context of the latest run; undefined before the first run. */
  readonly context: Context | undefined
}

/**
 * What a new run does to the run in flight: ends it (`latest`), or joins it if it has the same arguments and deps
 * (`first`).
 */
export type TaskMode = 'latest' | 'first'

/** The settings of a task, from the latest render. */
export interface TaskSettings<T, A extends readonly unknown[]> extends Work<T, A> {
  readonly parent: Context
  /** The deps; undefined for a task without deps. */
  readonly deps: readonly unknown[] | undefined
  /** The key of the automatic run; undefined while automatic runs are off. */
  readonly key: RunKey | undefined
  readonly debounce: Debounce | undefined
  readonly mode: TaskMode
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/** A {@link TaskState} as the view of a runner. */
export type TaskSnapshot<T, A extends readonly unknown[]> = TaskState<T> & View<T, A>

/** The key while no automatic run counts. */
const NO_KEY: RunKey = []

/** The arguments of automatic runs. */
const NO_ARGS: readonly [] = []

/** The context of a run that has not started. A component may already derive from it. */
interface Upcoming {
  readonly parent: Context
  readonly ctx: Context
  /** Links the context to its parents. */
  take(): RunContext
}

export class Runner<T, A extends readonly unknown[]>
  extends Publisher<TaskSnapshot<T, A>, TaskSettings<T, A>>
  implements RunListener<T, A>, Restorable, ViewOwner<T, A>
{
  /** Made on first read. */
  #controls: Controls<T, A> | undefined
  #key: RunKey = NO_KEY
  #wasAutomatic = false
  /** The newest run. Outcomes of older runs are ignored. */
  #run: Run<T, A> | undefined
  /** The deps of the last run. */
  #deps: readonly unknown[] | undefined
  #upcoming: Upcoming | undefined
  /** `Unmounted` or `Hidden`, which cancels every new run; undefined while the component is shown. */
  #away: Error | undefined
  /** Made on the first run with a debounce. */
  #gate: Gate | undefined

  constructor(settings: TaskSettings<T, A>) {
    super(settings)
    this.#emit(IDLE)
  }

  /** Returns the runner that has made `view`. */
  static of<T, A extends readonly unknown[]>(view: View<T, A>): Runner<T, A> {
    return View.ownerOf(view) as Runner<T, A>
  }

  get controls(): Controls<T, A> {
    return (this.#controls ??= {
      run: (...args) => this.#launch(args).promise,
      action: (...args) => this.#launch(args).promise.then(ignore, ignore),
      flush: () => this.#gate?.open(),
      cancel: (cause) => {
        this.#gate?.stop()
        this.#run?.cancel(reasonOf(cause))
      },
      reset: () => this.#replace(IDLE),
    })
  }

  protected override update(): void {
    const { deps, keepPrevious, key, timeout } = this.settings
    const run = this.#run
    if (this.#away) {
      this.#away = undefined
      this.#key = NO_KEY
    }
    run?.limit(timeout)
    const { data } = this.state
    if (key) {
      if (!sameItems(this.#key, key)) this.#runFor(key)
    } else if (this.#wasAutomatic) this.#disable()
    else if (run && !run.isOver && !sameDeps(this.#deps, deps)) {
      this.#replace(kept(keepPrevious ? data : undefined, true))
    }
    this.#wasAutomatic = key !== undefined
  }

  protected override show(): void {
    // A parent that a hook has made follows the page itself, and is renewed when the page is restored.
    if (!ownerOf(this.settings.parent)) watchRestore(this)
    this.tell()
  }

  protected override pause(): void {
    unwatchRestore(this)
  }

  protected override leave(why: Error): void {
    this.#away = why
    this.#gate?.stop()
    this.#run?.cancel(why)
  }

  /** The page was restored from the back/forward cache. */
  restored(): void {
    if (!this.#run || cause(this.#run.ctx) !== PageHidden) return
    this.#key = NO_KEY
    this.update()
  }

  /** Starts the automatic run for `key`. It never joins a run, since that has another key. */
  #runFor(key: RunKey): void {
    this.#key = key
    this.#launch(NO_ARGS as unknown as A, 'latest')
  }

  /** Turns automatic runs off: ends the run in flight, and shows earlier data, if any. */
  #disable(): void {
    const { data, stale, status } = this.state
    if (this.#key === NO_KEY || status === 'success') return
    this.#key = NO_KEY
    if (this.#run && !this.#run.isOver) this.#replace(kept(data, stale))
    // A run that failed or was canceled runs again when automatic runs are turned on.
    else this.#emit(this.state)
  }

  #launch(args: A, mode = this.settings.mode): Run<T, A> {
    const settings = this.settings
    const first = this.#run
    if (
      mode === 'first' &&
      first &&
      !first.isOver &&
      sameDeps(this.#deps, settings.deps) &&
      sameItems(first.args, args) &&
      first.ctx.err === undefined
    ) {
      return first
    }
    const derived = this.#derive()
    // Deriving ends contexts whose deadline has passed, which calls listeners, so `#run` is read afterwards.
    const before = this.#run
    const run = (this.#run = new Run(this, settings, args, derived, countRun(settings.parent)))
    this.#deps = settings.deps
    // A manual run for other deps does not replace the automatic run, which has to start again.
    if (this.#key !== NO_KEY && !sameDeps(this.#key.slice(2), settings.deps)) this.#key = NO_KEY
    this.#emit(pending(settings.keepPrevious ? this.state.data : undefined))
    before?.cancel(Superseded)
    if (this.#away) run.cancel(this.#away)
    // A listener of the signal may have started another run. Then this one was canceled, and does not call the work.
    const { debounce, parent } = settings
    if (this.#run === run && !this.#away && debounce && this.#gateway().close(parent, debounce)) run.wait()
    else run.start()
    return run
  }

  #gateway(): Gate {
    return (this.#gate ??= new Gate(() => this.#run?.start()))
  }

  #derive(): RunContext {
    const { label, parent } = this.settings
    const upcoming = this.#upcoming
    this.#upcoming = undefined
    if (upcoming && lifetimeOf(upcoming.parent) === lifetimeOf(parent)) return upcoming.take()
    const page = pageOf(parent)
    return [...withTimeout(page?.ctx ?? parent, Infinity, { label }), page]
  }

  /**
   * Returns the context of the run for `key`. It is the same before and after the start of the run, so that
   * work below it starts only once.
   */
  upcoming(parent: Context, key: RunKey): Context {
    if (sameItems(this.#key, key)) return View.contextOf(this.state)
    if (!this.#upcoming || lifetimeOf(this.#upcoming.parent) !== lifetimeOf(parent)) {
      this.#upcoming = prepare(parent, this.settings.label)
    }
    return this.#upcoming.ctx
  }

  yielded(run: Run<T, A>, data: T): void {
    if (run === this.#run && !run.isOver) this.#emit({ ...pending(data), stale: false, slow: run.isSlow })
  }

  slowed(run: Run<T, A>): void {
    const { data, stale } = this.state
    if (run === this.#run) this.#emit({ ...pending(data), stale, slow: true })
  }

  settled(run: Run<T, A>, outcome: Outcome<T>): void {
    if (run !== this.#run) return
    const { data, stale } = this.state
    this.#emit(outcome.status === 'success' ? outcome : ({ ...outcome, data, stale } as Outcome<T>))
  }

  #replace(outcome: Outcome<T>): void {
    const before = this.#run
    this.#run = undefined
    this.#gate?.stop()
    this.#emit(outcome)
    before?.cancel(Superseded)
  }

  #emit(outcome: Outcome<T>): void {
    const { parent } = this.settings
    const view = new View<T, A>(outcome, this, this.#key, this.#deps, parent, this.#run?.ctx ?? parent)
    this.publish(view as unknown as TaskSnapshot<T, A>)
  }

  /** Does not show the cancel of a run whose life has a successor: it runs again, so the cancel would only flicker. */
  protected override whenReady(state: TaskSnapshot<T, A>, tell: () => void): void {
    if (state.status !== 'canceled' || View.keyOf(state) === NO_KEY) return tell()
    const { parent } = this.settings
    const isLeft = state.cause === PageHidden && !ownerOf(parent) && parent.err === undefined
    if (!isLeft) whenFinal(parent, tell)
  }
}

/** Returns a context below `parent` that follows the page, to derive runs from; undefined if `parent` follows it. */
function pageOf(parent: Context): PageContext | undefined {
  arm(parent)
  return ownerOf(parent) ? undefined : retainPage(parent)
}

/** Makes the context of a run that will start in the next commit. */
function prepare(parent: Context, label: string | undefined): Upcoming {
  const [ctx, cancel, link] = withLink(parent, { label })
  let taken: RunContext | undefined
  const take = () => {
    if (!taken) {
      const page = pageOf(parent)
      taken = [ctx, cancel, page]
      link(page?.ctx ?? parent)
    }
    return taken
  }
  own(ctx, { parent, lives: lifetimeOf(ctx), arm: take })
  return { parent, ctx, take }
}
