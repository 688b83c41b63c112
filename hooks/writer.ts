/**
 * Runs an action. Its runs have the values of the scope, but not its lifetime: only `cancel`, `reset`, the timeout and
 * an explicit parent end them. After the component is unmounted, runs continue and queued runs still start. This file
 * does not need React.
 *
 * The writer is re-entrant: the work and the listeners of its signal may call it.
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
import type { Controls, RunListener, Outcome, Work } from './run.ts'

/**
 * What a new run does while others wait or are in flight: waits for its turn (`queue`), replaces the waiting run
 * (`keepLatest`), joins the run with the same arguments or is refused (`drop`), or runs concurrently (`all`).
 */
export type ActionMode = 'queue' | 'keepLatest' | 'drop' | 'all'

/** A run that waits or is pending. */
export interface ActionRun<A extends readonly unknown[]> {
  /** The arguments of `run`. */
  readonly args: A
  /** `waiting` for its debounce or its turn; `pending` after its work was called. */
  readonly status: 'waiting' | 'pending'
  /** The context of this run. */
  readonly context: Context
  /** Cancels only this run. An event is not used as the cause. */
  readonly cancel: (cause?: unknown) => void
}

/** The settings of an action, from the latest render. */
export interface ActionSettings<T, A extends readonly unknown[]> extends Work<T, A> {
  /** The context whose values runs get. */
  readonly scope: Context
  /** The context that ends runs; undefined for none. */
  readonly parent: Context | undefined
  readonly debounce: Debounce | undefined
  readonly mode: ActionMode
  /** The maximum number of concurrent runs in mode `all`. */
  readonly limit: number
  /** What happens to debounced runs when the component is unmounted or hidden, or the page is left. */
  readonly onLeave: 'flush' | 'cancel'
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/** The state of an action: that of its latest run, and a list of all that wait or are pending. */
export type ActionState<T, A extends readonly unknown[]> = Outcome<T> & {
  /** The context of the latest run; undefined before the first run. */
  readonly context: Context | undefined
  /** The runs that wait or are pending, oldest first. */
  readonly runs: readonly ActionRun<A>[]
}

/** An {@link ActionState} with the writer that made it. */
export type ActionSnapshot<T, A extends readonly unknown[]> = ActionState<T, A> & { readonly writer: Writer<T, A> }

export class Writer<T, A extends readonly unknown[]>
  extends Publisher<ActionSnapshot<T, A>, ActionSettings<T, A>>
  implements RunListener<T, A>
{
  readonly controls: Controls<T, A>
  /** The runs that wait or are pending, oldest first. An immutable array. */
  #runs: readonly Run<T, A>[] = []
  /** Numbers runs in the order of their calls: the outcome of the later call is shown. */
  readonly #numbers = new WeakMap<Run<T, A>, number>()
  #count = 0
  /** The outcome of the latest run that is over; `#shown` is the number of that run. */
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
    super(settings)
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

  protected override update(): void {
    for (const run of this.#runs) run.limit(this.settings.timeout)
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
    // No code runs after this event, so the last run does not wait for its turn either.
    if (this.settings.mode === 'keepLatest') this.#pump(Infinity)
  }

  /** A hidden page may be frozen or discarded without another event. Cancels nothing, since it may be shown again. */
  #hidePage(): void {
    if (this.settings.onLeave === 'flush') this.#gate.open()
  }

  /** Ends the debounce: starts the runs that wait for it, or cancels them with `why`. */
  #release(why: Error): void {
    if (this.settings.onLeave === 'flush') return this.#gate.open()
    this.#gate.stop()
    for (const run of this.#runs) if (run.isHeld) run.cancel(why)
  }

  #launch(args: A): Run<T, A> {
    const settings = this.settings
    const { debounce, label, mode, parent, scope } = settings
    const base = parent ? arm(parent) : withoutCancel(scope)
    const derived: readonly [Context, Cancel] = withTimeout(base, Infinity, { label })
    const live = mode === 'drop' ? this.#runs.filter(({ ctx }) => ctx.err === undefined) : []
    const same = live.find((run) => sameItems(run.args, args))
    if (same) return same
    const run = new Run(this, settings, args, derived, countRun(parent ?? scope))
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
    // A hidden or unmounted component gets no further input, so a debounce would only delay the run.
    run.isHeld = debounce !== undefined && !this.#isAway && this.#gate.close(base, debounce)
    this.#emit()
    for (const one of dropped) one.cancel(Superseded)
    this.#pump()
    return run
  }

  /** Starts the waiting runs for which there is a free slot. */
  #pump(slots = this.settings.mode === 'all' ? this.settings.limit : 1): void {
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
    // Of two runs, the outcome of the later call is shown, even if it settled first.
    if (number > this.#shown) {
      this.#shown = number
      this.#outcome = outcome
    }
    this.#emit()
    this.#pump()
  }

  #take(run: Run<T, A>, data: T): void {
    const number = this.#numberOf(run)
    if (number < this.#dataOf) return
    this.#dataOf = number
    this.#data = data
  }

  #numberOf(run: Run<T, A>): number {
    return this.#numbers.get(run) as number
  }

  #emit(): void {
    const runs = this.#runs
    const isBusy = runs.length > 0
    const outcome = isBusy ? pending(undefined) : this.#outcome
    const waiting = runs.filter(({ isStarted }) => !isStarted)
    // Listens to the page while runs wait, so that the last edit is saved when the page is left.
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

function viewOf<T, A extends readonly unknown[]>(run: Run<T, A>): ActionRun<A> {
  const { args, ctx, isStarted } = run
  return {
    args,
    status: isStarted ? 'pending' : 'waiting',
    context: ctx,
    cancel: (why) => run.cancel(reasonOf(why)),
  }
}
