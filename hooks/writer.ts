/**
 * Runs an action: its runs are derived from the values of the scope, not from its life, so nothing but `cancel`, their
 * timeout and an explicit parent ends them. They go on, and the next ones begin, after the component is unmounted.
 * React is not needed here.
 *
 * As in a runner, the work and the listeners of its signal may call the writer from within.
 */

import { withoutCancel, withTimeout } from '../src/index.ts'
import type { Cancel, Context } from '../src/index.ts'
import { Publisher } from './publisher.ts'
import { Busy, reasonOf, Superseded, Unmounted } from './causes.ts'
import { sameItems } from './deps.ts'
import { Gate } from './gate.ts'
import type { Debounce } from './gate.ts'
import { arm } from './life.ts'
import { countRun } from './pending.ts'
import { ignore, IDLE, pending, Run } from './run.ts'
import type { RunListener, Outcome, Work } from './run.ts'
import type { Controls } from './runner.ts'

/**
 * What a new run does while others are under way: waits for its turn (`queue`), takes the place of the one that waits
 * (`keepLatest`), joins the one of equal arguments or is refused (`drop`), or runs beside them (`all`).
 */
export type ActionMode = 'queue' | 'keepLatest' | 'drop' | 'all'

/** A run that waits or is pending. */
export interface ActionRun<A extends readonly unknown[]> {
  /** The arguments it was run with. */
  readonly args: A
  /** `waiting` for its debounce or its turn; `pending` from when its work was called. */
  readonly status: 'waiting' | 'pending'
  /** The context of this run. */
  readonly context: Context
  /** Cancels this run alone. An event is no cause. */
  readonly cancel: (cause?: unknown) => void
}

/** What a writer is told to run, and how. */
export interface ActionSettings<T, A extends readonly unknown[]> extends Work<T, A> {
  /** Has the values that runs get. */
  readonly scope: Context
  /** What ends them, if it was given. */
  readonly parent: Context | undefined
  readonly debounce: Debounce | undefined
  readonly mode: ActionMode
  /** How many may run at once in mode `all`. */
  readonly limit: number
  /** What becomes of those that wait for their debounce when the component is unmounted or hidden, or the page left. */
  readonly onLeave: 'flush' | 'cancel'
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/** Where an action is, and what came out. */
export type ActionState<T, A extends readonly unknown[]> = Outcome<T> & {
  /** What the latest run works under; undefined before the first one. */
  readonly context: Context | undefined
  /** The runs that wait or are pending, oldest first. */
  readonly runs: readonly ActionRun<A>[]
}

/** An {@link ActionState}, and whose it is. */
export type ActionSnapshot<T, A extends readonly unknown[]> = ActionState<T, A> & { readonly writer: Writer<T, A> }

export class Writer<T, A extends readonly unknown[]>
  extends Publisher<ActionSnapshot<T, A>>
  implements RunListener<T, A>
{
  /** What the latest render says. */
  #settings: ActionSettings<T, A>
  readonly controls: Controls<T, A>
  /** Those that wait or are pending, oldest first. Never changed, but replaced. */
  #runs: readonly Run<T, A>[] = []
  /** The order in which runs were started, for which of two outcomes is the later one. */
  readonly #numbers = new WeakMap<Run<T, A>, number>()
  #count = 0
  /** The outcome of the latest of the runs that are over, and its number. */
  #outcome: Outcome<T> = IDLE
  #shown = 0
  #data: T | undefined
  /** The number of the run that `data` is from. */
  #dataOf = 0
  #context: Context | undefined
  #isAway = false
  readonly #gate = new Gate(() => {
    for (const run of this.#runs) run.isHeld = false
    this.#pump()
  })
  readonly #leavePage = ({ type }: Event): void => {
    if (type === 'pagehide') this.#leftPage()
    else if (document.hidden) this.#hidePage()
  }

  constructor(settings: ActionSettings<T, A>) {
    super()
    this.#settings = settings
    this.controls = {
      run: (...args) => this.#launch(args).promise,
      action: (...args) => this.#launch(args).promise.then(ignore, ignore),
      flush: () => this.#gate.open(),
      cancel: (cause) => this.#cancelAll(this.#runs, reasonOf(cause)),
      reset: () => {
        const runs = this.#runs
        this.#runs = []
        this.#forget()
        this.#context = undefined
        this.#emit()
        this.#cancelAll(runs, Superseded)
      },
    }
    this.#emit()
  }

  configure(settings: ActionSettings<T, A>): void {
    this.#settings = settings
  }

  protected override get usesTransition(): boolean {
    return this.#settings.transition
  }

  protected override update(): void {
    for (const run of this.#runs) run.limit(this.#settings.timeout)
    this.#pump()
  }

  protected override show(): void {
    this.#isAway = false
    this.tell()
  }

  protected override leave(why: Error): void {
    this.#isAway = true
    this.#release(why)
  }

  #leftPage(): void {
    this.#release(Unmounted)
    // There is no later, so the last one does not wait for its turn either.
    if (this.#settings.mode === 'keepLatest') this.#pump(Infinity)
  }

  /** A hidden page may be frozen or discarded without another event. It may be shown again, so nothing is dropped. */
  #hidePage(): void {
    if (this.#gate.isClosed && this.#settings.onLeave === 'flush') this.#gate.open()
  }

  /** Starts what waits for the debounce, or drops it. */
  #release(why: Error): void {
    if (!this.#gate.isClosed) return
    if (this.#settings.onLeave === 'flush') return this.#gate.open()
    this.#gate.stop()
    for (const run of this.#runs) if (run.isHeld) run.cancel(why)
  }

  #launch(args: A): Run<T, A> {
    const settings = this.#settings
    const { debounce, label, mode, parent, scope } = settings
    const base = parent ? arm(parent) : withoutCancel(scope)
    const derived: readonly [Context, Cancel] = withTimeout(base, Infinity, { label })
    const live = mode === 'drop' ? this.#runs.filter(({ ctx }) => ctx.err === undefined) : []
    const same = live.find((run) => sameItems(run.args, args))
    if (same) return same
    const run = new Run(this, settings, args, undefined, derived, countRun(parent ?? scope))
    if (live.length > 0) {
      run.cancel(Busy)
      run.start()
      return run
    }
    const dropped = mode === 'keepLatest' ? this.#runs.filter(({ isStarted }) => !isStarted) : []
    if (this.#runs.length === 0 && !settings.keepPrevious) this.#forget()
    this.#numbers.set(run, ++this.#count)
    this.#context = run.ctx
    this.#runs = [...this.#runs.filter((one) => !dropped.includes(one)), run]
    run.wait()
    // A component that is not shown gets no more input to wait for.
    run.isHeld = debounce !== undefined && !this.#isAway && this.#gate.close(base, debounce)
    this.#emit()
    for (const one of dropped) one.cancel(Superseded)
    this.#pump()
    return run
  }

  /** Starts those whose turn has come. */
  #pump(slots = this.#settings.mode === 'all' ? this.#settings.limit : 1): void {
    for (;;) {
      const next = this.#runs.find(({ isHeld, isStarted }) => !isStarted && !isHeld)
      if (!next || this.#runs.filter(({ isStarted }) => isStarted).length >= slots) return
      next.start()
      this.#emit()
    }
  }

  #cancelAll(runs: readonly Run<T, A>[], cause: unknown): void {
    this.#gate.stop()
    for (const run of runs) run.cancel(cause)
  }

  #forget(): void {
    this.#outcome = IDLE
    this.#data = undefined
  }

  yielded(run: Run<T, A>, data: T): void {
    this.#take(run, data)
    this.#emit()
  }

  slowed(): void {
    this.#emit()
  }

  settled(run: Run<T, A>, outcome: Outcome<T>): void {
    if (!this.#runs.includes(run)) return
    this.#runs = this.#runs.filter((one) => one !== run)
    const number = this.#numberOf(run)
    if (outcome.status === 'success') this.#take(run, outcome.data)
    // A run that was started later counts, though it may have settled earlier.
    if (number > this.#shown) {
      this.#shown = number
      this.#outcome = outcome
    }
    this.#emit()
    this.#pump()
  }

  #take(run: Run<T, A>, data: T): void {
    const number = this.#numberOf(run)
    if (number < this.#dataOf || !number) return
    this.#dataOf = number
    this.#data = data
  }

  /** Zero for one that was forgotten. */
  #numberOf(run: Run<T, A>): number {
    return this.#numbers.get(run) ?? 0
  }

  #emit(): void {
    const runs = this.#runs
    const isBusy = runs.length > 0
    const outcome = isBusy ? pending(undefined) : this.#outcome
    const waiting = runs.filter(({ isStarted }) => !isStarted)
    // A page that is left must not take the last edit with it.
    const change = waiting.length > 0 ? 'addEventListener' : 'removeEventListener'
    for (const type of ['pagehide', 'visibilitychange']) globalThis[change]?.(type, this.#leavePage)
    this.publish({
      ...outcome,
      data: this.#data,
      stale: this.#data !== undefined && this.#dataOf < this.#count,
      slow: runs.some(({ isSlow }) => isSlow),
      context: this.#context,
      writer: this,
      runs: runs.map(viewOf),
    } as ActionSnapshot<T, A>)
  }
}

function viewOf<T, A extends readonly unknown[]>({ args, cancel, ctx, isStarted }: Run<T, A>): ActionRun<A> {
  return {
    args,
    status: isStarted ? 'pending' : 'waiting',
    context: ctx,
    cancel: (why) => cancel(reasonOf(why)),
  }
}
