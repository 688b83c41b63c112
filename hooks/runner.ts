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
import { Board } from './board.ts'
import { reasonOf, Superseded } from './causes.ts'
import { sameDeps, sameItems } from './deps.ts'
import { Gate } from './gate.ts'
import type { Debounce } from './gate.ts'
import { arm, own, ownerOf, whenFinal } from './life.ts'
import { countIn } from './pending.ts'
import { awaitReturn, enter, forgetReturn } from './place.ts'
import type { Returning } from './place.ts'
import { ignore, kept, NOTHING, pending, Run } from './run.ts'
import type { End, Host, Outcome, Work } from './run.ts'

/** Where a task is, and what came out. `status` says what the others can be: `data` is there after a success. */
export type TaskState<T> = Outcome<T> & {
  /** What the latest run works under; undefined before the first one. */
  readonly context: Context | undefined
}

/** What a new run does to the one under way: ends it, or joins it if it is of the same arguments and deps. */
export type TaskMode = 'latest' | 'first'

/** What a runner is told to run, and how. */
export interface Job<T, A extends readonly unknown[]> extends Work<T, A> {
  readonly parent: Context
  /** What it depends on; undefined for what is only told to run. */
  readonly deps: readonly unknown[] | undefined
  /** What is asked; undefined while the task does not run by itself. */
  readonly question: Question | undefined
  readonly debounce: Debounce | undefined
  readonly mode: TaskMode
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/**
 * What a task that runs by itself is asked: another question is another run. Begins with the lifetime that it is asked
 * under and, in development, the edition of the code; the deps follow.
 */
export type Question = readonly unknown[]

/** A {@link TaskState}, and what it is the answer to: the last question, and the deps of the last run. */
export type Answer<T, A extends readonly unknown[]> = TaskState<T> & {
  readonly runner: Runner<T, A>
  readonly question: Question
  readonly deps: readonly unknown[] | undefined
}

/** What the component that shows a task gets of its runner. */
export interface Steering<T, A extends readonly unknown[]> {
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
const NONE: Question = []

/** The context of a run that has not started, for what is derived from it until then. */
interface Upcoming {
  readonly parent: Context
  readonly ctx: Context
  /** Links it, and returns how to end the run. */
  take(): End
}

export class Runner<T, A extends readonly unknown[]> extends Board<Answer<T, A>> implements Host<T, A>, Returning {
  /** What the latest render says. */
  #job: Job<T, A>
  readonly steering: Steering<T, A>
  #question: Question = NONE
  #wasAutomatic = false
  /** The newest run. What an older one comes to is ignored. */
  #run: Run<T, A> | undefined
  #upcoming: Upcoming | undefined
  /** Why the component is gone, or hidden: whatever is run ends with that. */
  #away: Error | undefined
  /** Undefined until there is a debounce. */
  #gate: Gate | undefined

  constructor(job: Job<T, A>) {
    super()
    this.#job = job
    this.steering = {
      run: (...args) => this.#launch(args).promise,
      action: (...args) => this.#launch(args).promise.then(ignore, ignore),
      flush: () => this.#gate?.open(),
      cancel: (cause) => {
        this.#gate?.stop()
        this.#run?.cancel(reasonOf(cause))
      },
      reset: () => this.#replace(NOTHING),
    }
    this.#emit(NOTHING)
  }

  configure(job: Job<T, A>): void {
    this.#job = job
  }

  protected override get isGentle(): boolean {
    return this.#job.transition
  }

  protected override update(): void {
    const { deps, keepPrevious, question, timeout } = this.#job
    const run = this.#run
    if (this.#away) {
      this.#away = undefined
      this.#question = NONE
    }
    run?.limit(timeout)
    const { data } = this.state
    if (question) {
      if (!sameItems(this.#question, question)) this.#ask(question)
    } else if (this.#wasAutomatic) this.#halt()
    else if (run && !run.outcome && !sameDeps(run.deps, deps)) {
      this.#replace(kept(keepPrevious ? data : undefined, true))
    }
    this.#wasAutomatic = question !== undefined
  }

  protected override show(): void {
    // What a scope has made follows the page through that, and begins again with it.
    if (!ownerOf(this.#job.parent)) awaitReturn(this)
    this.tell()
  }

  protected override pause(): void {
    forgetReturn(this)
  }

  protected override leave(why: Error): void {
    this.#away = why
    this.#gate?.stop()
    this.#run?.cancel(why)
  }

  /** The page came back from where it was kept. */
  returned(): void {
    if (!this.#run || cause(this.#run.ctx) !== PageHidden) return
    this.#question = NONE
    this.update()
  }

  /** Runs for another question: an answer to the one before will not do, so there is nothing to join. */
  #ask(question: Question): void {
    this.#question = question
    this.#launch([] as unknown as A, 'latest')
  }

  /** Nothing is asked: ends what is under way, and shows what was kept of before. */
  #halt(): void {
    const { data, stale, status } = this.state
    if (this.#question === NONE || status === 'success') return
    this.#question = NONE
    if (this.#run && !this.#run.outcome) this.#replace(kept(data, stale))
    // What came to nothing is asked again.
    else this.#emit(this.state)
  }

  #launch(args: A, mode = this.#job.mode): Run<T, A> {
    const job = this.#job
    const first = this.#run
    if (
      mode === 'first' &&
      first &&
      !first.outcome &&
      sameDeps(first.deps, job.deps) &&
      sameItems(first.args, args) &&
      first.ctx.err === undefined
    ) {
      return first
    }
    const derived = this.#derive()
    // To derive ends what is overdue, and so may call out: all else is read afterwards.
    const before = this.#run
    const run = (this.#run = new Run(this, job, args, job.deps, derived, countIn(job.parent)))
    // What is run by hand for other deps is no answer to what was asked.
    if (this.#question !== NONE && !sameDeps(this.#question.slice(2), job.deps)) this.#question = NONE
    this.#emit(pending(job.keepPrevious ? this.state.data : undefined))
    before?.cancel(Superseded)
    if (this.#away) run.cancel(this.#away)
    // A listener of the signal may have started other work: then this run was canceled, and is not called.
    const { debounce, parent } = job
    if (this.#run === run && !this.#away && debounce && this.#gateway().close(parent, debounce)) run.wait()
    else run.start()
    return run
  }

  #gateway(): Gate {
    return (this.#gate ??= new Gate(() => this.#run?.start()))
  }

  #derive(): readonly [ctx: Context, end: End] {
    const { label, parent } = this.#job
    const upcoming = this.#upcoming
    this.#upcoming = undefined
    if (upcoming && lifetimeOf(upcoming.parent) === lifetimeOf(parent)) return [upcoming.ctx, upcoming.take()]
    const [place, leave] = placeOf(parent)
    const [ctx, cancel] = withTimeout(place, Infinity, { label })
    return [ctx, leaving(cancel, leave)]
  }

  /**
   * The context that a component has of its task: that of the latest run or, if another one will run, of that. It is
   * the same before the run has started, so that what is derived from it starts once.
   */
  contextOf(answer: Answer<T, A>, parent: Context, question: Question | undefined): Context {
    if (question && !sameItems(this.#question, question)) {
      if (!this.#upcoming || lifetimeOf(this.#upcoming.parent) !== lifetimeOf(parent)) {
        this.#upcoming = foresee(parent, this.#job.label)
      }
      return this.#upcoming.ctx
    }
    const { context } = question ? this.state : answer
    // What is derived from it belongs to what is above it, too.
    if (context && !ownerOf(context)) own(context, { parent, home: lifetimeOf(context), arm: ignore })
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
    const question = this.#question
    const { deps } = this.#run ?? this.state ?? {}
    const context = this.#run?.ctx
    const answer = { status, data, error, cause, stale, slow, runner: this, question, deps, context }
    this.publish(answer as Answer<T, A>)
  }

  /** What was canceled with a life that another one follows runs again: to show the cancel would be to flicker. */
  protected override whenShown(state: Answer<T, A>, tell: () => void): void {
    if (state.status !== 'canceled' || state.question === NONE) return tell()
    const { parent } = this.#job
    const isLeft = state.cause === PageHidden && !ownerOf(parent) && parent.err === undefined
    if (!isLeft) whenFinal(parent, tell)
  }
}

/** Where runs under `parent` are derived: it follows the page, by itself or through the scope that it belongs to. */
function placeOf(parent: Context): [ctx: Context, leave?: () => void] {
  arm(parent)
  return ownerOf(parent) ? [parent] : enter(parent)
}

/** Ends a run, and leaves its place when it does so first. */
function leaving(end: End, leave: (() => void) | undefined): End {
  if (!leave) return end
  return (cause) => {
    end(cause)
    leave?.()
    leave = undefined
  }
}

function foresee(parent: Context, label: string | undefined): Upcoming {
  const [ctx, cancel, link] = withLink(parent, { label })
  let end: End | undefined
  const take = () => {
    if (!end) {
      const [place, leave] = placeOf(parent)
      end = leaving(cancel, leave)
      link(place)
    }
    return end
  }
  own(ctx, { parent, home: lifetimeOf(ctx), arm: take })
  return { parent, ctx, take }
}
