/**
 * Runs a task: one run at a time, the newest. A newer one ends it, and what it has handed out, with `Superseded`; in
 * mode `first` a run of the same is joined instead. React is not needed here.
 *
 * The work and the listeners of its signal may call the runner from within: its own state is complete before it calls
 * either, and what it does after that holds for whatever they have made of it.
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
import type { Restorable } from './page.ts'
import { ignore, kept, IDLE, pending, Run } from './run.ts'
import type { End, RunListener, Outcome, Work } from './run.ts'

/** Where a task is, and what came out. `status` says what the others can be: `data` is there after a success. */
export type TaskState<T> = Outcome<T> & {
  /** What the latest run works under; undefined before the first one. */
  readonly context: Context | undefined
}

/** What a new run does to the one under way: ends it, or joins it if it is of the same arguments and deps. */
export type TaskMode = 'latest' | 'first'

/** What a runner is told to run, and how. */
export interface TaskSettings<T, A extends readonly unknown[]> extends Work<T, A> {
  readonly parent: Context
  /** What it depends on; undefined for what is only told to run. */
  readonly deps: readonly unknown[] | undefined
  /** What is asked; undefined while the task does not run by itself. */
  readonly key: RunKey | undefined
  readonly debounce: Debounce | undefined
  readonly mode: TaskMode
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/**
 * What a task that runs by itself is asked: another key is another run. Begins with the lifetime that it is asked
 * under and, in development, the edition of the code; the deps follow.
 */
export type RunKey = readonly unknown[]

/** A {@link TaskState}, and what it is the snapshot to: the last key, and the deps of the last run. */
export type TaskSnapshot<T, A extends readonly unknown[]> = TaskState<T> & {
  readonly runner: Runner<T, A>
  readonly key: RunKey
  readonly deps: readonly unknown[] | undefined
}

/** What the component that shows a task gets of its runner. */
export interface Controls<T, A extends readonly unknown[]> {
  /**
   * Starts a run. Settles as the run does: rejects with the context's error if it is canceled. A call that is not
   * awaited needs no `catch`; one that is awaited does, or take `action`.
   */
  readonly run: (...args: A) => Promise<T>
  /**
   * Starts a run, and resolves when it is over, however it went: its outcome is the state. For handlers that await,
   * `<form action>` and `startTransition`.
   */
  readonly action: (...args: A) => Promise<void>
  /** Starts now what waits for its debounce. */
  readonly flush: () => void
  /**
   * Cancels what is under way, and what a result has handed out. An event is no cause, so that `onClick={cancel}` does
   * what it says.
   */
  readonly cancel: (cause?: unknown) => void
  /** Cancels what is under way, and forgets what came out. */
  readonly reset: () => void
}

/** Nothing is asked. */
const NO_KEY: RunKey = []

/** The context of a run that has not started, for what is derived from it until then. */
interface Upcoming {
  readonly parent: Context
  readonly ctx: Context
  /** Links it, and returns how to end the run. */
  take(): End
}

export class Runner<T, A extends readonly unknown[]>
  extends Publisher<TaskSnapshot<T, A>>
  implements RunListener<T, A>, Restorable
{
  /** What the latest render says. */
  #settings: TaskSettings<T, A>
  readonly controls: Controls<T, A>
  #key: RunKey = NO_KEY
  #wasAutomatic = false
  /** The newest run. What an older one comes to is ignored. */
  #run: Run<T, A> | undefined
  #upcoming: Upcoming | undefined
  /** Why the component is gone, or hidden: whatever is run ends with that. */
  #away: Error | undefined
  /** Undefined until there is a debounce. */
  #gate: Gate | undefined

  constructor(settings: TaskSettings<T, A>) {
    super()
    this.#settings = settings
    this.controls = {
      run: (...args) => this.#launch(args).promise,
      action: (...args) => this.#launch(args).promise.then(ignore, ignore),
      flush: () => this.#gate?.open(),
      cancel: (cause) => {
        this.#gate?.stop()
        this.#run?.cancel(reasonOf(cause))
      },
      reset: () => this.#replace(IDLE),
    }
    this.#emit(IDLE)
  }

  configure(settings: TaskSettings<T, A>): void {
    this.#settings = settings
  }

  protected override get usesTransition(): boolean {
    return this.#settings.transition
  }

  protected override update(): void {
    const { deps, keepPrevious, key, timeout } = this.#settings
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
    else if (run && !run.outcome && !sameDeps(run.deps, deps)) {
      this.#replace(kept(keepPrevious ? data : undefined, true))
    }
    this.#wasAutomatic = key !== undefined
  }

  protected override show(): void {
    // What a scope has made follows the page through that, and begins again with it.
    if (!ownerOf(this.#settings.parent)) watchRestore(this)
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

  /** The page came back from where it was kept. */
  restored(): void {
    if (!this.#run || cause(this.#run.ctx) !== PageHidden) return
    this.#key = NO_KEY
    this.update()
  }

  /** Runs for another key: an snapshot to the one before will not do, so there is nothing to join. */
  #runFor(key: RunKey): void {
    this.#key = key
    this.#launch([] as unknown as A, 'latest')
  }

  /** Nothing is asked: ends what is under way, and shows what was kept of before. */
  #disable(): void {
    const { data, stale, status } = this.state
    if (this.#key === NO_KEY || status === 'success') return
    this.#key = NO_KEY
    if (this.#run && !this.#run.outcome) this.#replace(kept(data, stale))
    // What came to nothing is asked again.
    else this.#emit(this.state)
  }

  #launch(args: A, mode = this.#settings.mode): Run<T, A> {
    const settings = this.#settings
    const first = this.#run
    if (
      mode === 'first' &&
      first &&
      !first.outcome &&
      sameDeps(first.deps, settings.deps) &&
      sameItems(first.args, args) &&
      first.ctx.err === undefined
    ) {
      return first
    }
    const derived = this.#derive()
    // To derive ends what is overdue, and so may call out: all else is read afterwards.
    const before = this.#run
    const run = (this.#run = new Run(this, settings, args, settings.deps, derived, countRun(settings.parent)))
    // What is run by hand for other deps is no snapshot to what was asked.
    if (this.#key !== NO_KEY && !sameDeps(this.#key.slice(2), settings.deps)) this.#key = NO_KEY
    this.#emit(pending(settings.keepPrevious ? this.state.data : undefined))
    before?.cancel(Superseded)
    if (this.#away) run.cancel(this.#away)
    // A listener of the signal may have started other work: then this run was canceled, and is not called.
    const { debounce, parent } = settings
    if (this.#run === run && !this.#away && debounce && this.#gateway().close(parent, debounce)) run.wait()
    else run.start()
    return run
  }

  #gateway(): Gate {
    return (this.#gate ??= new Gate(() => this.#run?.start()))
  }

  #derive(): readonly [ctx: Context, end: End] {
    const { label, parent } = this.#settings
    const upcoming = this.#upcoming
    this.#upcoming = undefined
    if (upcoming && lifetimeOf(upcoming.parent) === lifetimeOf(parent)) return [upcoming.ctx, upcoming.take()]
    const [base, release] = baseOf(parent)
    const [ctx, cancel] = withTimeout(base, Infinity, { label })
    return [ctx, releasing(cancel, release)]
  }

  /**
   * The context that a component has of its task: that of the latest run or, if another one will run, of that. It is
   * the same before the run has started, so that what is derived from it starts once.
   */
  contextOf(snapshot: TaskSnapshot<T, A>, parent: Context, key: RunKey | undefined): Context {
    if (key && !sameItems(this.#key, key)) {
      if (!this.#upcoming || lifetimeOf(this.#upcoming.parent) !== lifetimeOf(parent)) {
        this.#upcoming = foresee(parent, this.#settings.label)
      }
      return this.#upcoming.ctx
    }
    const { context } = key ? this.state : snapshot
    // What is derived from it belongs to what is above it, too.
    if (context && !ownerOf(context)) own(context, { parent, lives: lifetimeOf(context), arm: ignore })
    return context ?? parent
  }

  yielded(run: Run<T, A>, data: T): void {
    if (run === this.#run && !run.outcome) this.#emit({ ...pending(data), stale: false, slow: run.isSlow })
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

  #emit({ status, data, error, cause, stale, slow }: Outcome<T>): void {
    const key = this.#key
    const { deps } = this.#run ?? this.state ?? {}
    const context = this.#run?.ctx
    const snapshot = { status, data, error, cause, stale, slow, runner: this, key, deps, context }
    this.publish(snapshot as TaskSnapshot<T, A>)
  }

  /** What was canceled with a life that another one follows runs again: to show the cancel would be to flicker. */
  protected override whenReady(state: TaskSnapshot<T, A>, tell: () => void): void {
    if (state.status !== 'canceled' || state.key === NO_KEY) return tell()
    const { parent } = this.#settings
    const isLeft = state.cause === PageHidden && !ownerOf(parent) && parent.err === undefined
    if (!isLeft) whenFinal(parent, tell)
  }
}

/** Where runs under `parent` are derived: it follows the page, by itself or through the scope that it belongs to. */
function baseOf(parent: Context): [ctx: Context, release?: () => void] {
  arm(parent)
  return ownerOf(parent) ? [parent] : retainPage(parent)
}

/** Ends a run, and leaves its place when it does so first. */
function releasing(end: End, release: (() => void) | undefined): End {
  if (!release) return end
  return (cause) => {
    end(cause)
    release?.()
    release = undefined
  }
}

function foresee(parent: Context, label: string | undefined): Upcoming {
  const [ctx, cancel, link] = withLink(parent, { label })
  let end: End | undefined
  const take = () => {
    if (!end) {
      const [base, release] = baseOf(parent)
      end = releasing(cancel, release)
      link(base)
    }
    return end
  }
  own(ctx, { parent, lives: lifetimeOf(ctx), arm: take })
  return { parent, ctx, take }
}
