/**
 * Random steps on random trees, the source against the model: which contexts are done, with which err and cause, which
 * listeners ran and in which order, what an inspector shows, and what is left behind. On a fake clock, and on the
 * system's clock under fake timers.
 */

import {
  afterFunc,
  background,
  cause,
  createKey,
  DeadlineExceededError,
  disarm,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Cancel, Context, ContextLike } from 'rescind'
import { inspect } from 'rescind/inspect'
import { fakeClock } from 'rescind/testing'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { baseOf, Model } from './model.ts'
import type { Action, Ending, Node } from './model.ts'
import { countListeners, microtask } from './support.ts'

/** Where the time comes from. */
interface Time {
  readonly root: Context
  /** Whether foreign parents are on the same clock. */
  readonly isGlobal: boolean
  wall(): number
  advance(ms: number): Promise<unknown>
  /** How many platform timers there are; undefined if this clock needs none. */
  timers(): number | undefined
}

type Step =
  | {
      readonly step: 'derive'
      readonly kind: 'withCancel' | 'withTimeout' | 'withDeadline' | 'withSignal' | 'withValue' | 'withoutCancel'
      readonly parent: number
      readonly ms: number
      readonly why: unknown
      readonly signals: readonly number[]
    }
  | { readonly step: 'cancel'; readonly target: number; readonly why: unknown }
  | { readonly step: 'abort'; readonly signal: number; readonly reason: 'none' | 'text' | 'timeout' | 'context' }
  | { readonly step: 'afterFunc' | 'listen'; readonly target: number; readonly action: Action }
  | { readonly step: 'stop' | 'disarm'; readonly target: number }
  | { readonly step: 'advance'; readonly ms: number }
  | { readonly step: 'look' }

const anyone = fc.nat({ max: 1_000 })
const why = fc.constantFrom(undefined, 'why', 'other', null, 0)

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ does: fc.constantFrom('nothing' as const, 'throw' as const) }),
  fc.record({ does: fc.constant('cancel' as const), target: anyone, cause: why }),
  fc.record({ does: fc.constantFrom('derive' as const, 'stop' as const), target: anyone }),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      step: fc.constant('derive' as const),
      kind: fc.constantFrom('withCancel', 'withTimeout', 'withDeadline', 'withSignal', 'withValue', 'withoutCancel'),
      parent: anyone,
      ms: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(-1, 0, Infinity)),
      why,
      signals: fc.array(fc.nat({ max: 1 }), { maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('cancel' as const), target: anyone, why }) },
  {
    weight: 1,
    arbitrary: fc.record({
      step: fc.constant('abort' as const),
      signal: fc.nat({ max: 1 }),
      reason: fc.constantFrom('none' as const, 'text' as const, 'timeout' as const, 'context' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ step: fc.constantFrom('afterFunc' as const, 'listen' as const), target: anyone, action }),
  },
  { weight: 2, arbitrary: fc.record({ step: fc.constantFrom('stop' as const, 'disarm' as const), target: anyone }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('advance' as const), ms: fc.nat({ max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('look' as const) }) },
)

const key = createKey<number>('key')

/** A tree of real contexts beside its model; `parents[n]` here is `nodes[n]` there. */
class Life {
  readonly #time: Time
  readonly #epoch: number
  readonly model = new Model()
  readonly log: string[] = []
  /** The root, two foreign signals, and everything derived from them. */
  readonly #parents: ContextLike[] = []
  readonly #cancels: (Cancel | undefined)[] = []
  readonly #stops: (() => boolean)[] = []
  readonly #controllers = [new AbortController(), new AbortController()]
  readonly #listeners: (() => number)[]
  readonly #inspector = inspect({ silence: 'all', size: 10_000 })
  /** True while time moves: a read would end deadlines that are due, and change the order. */
  #isMoving = false

  constructor(time: Time) {
    this.#time = time
    this.#epoch = time.wall()
    this.#add(time.root)
    this.model.derive({})
    for (const controller of this.#controllers) {
      // Runs before any listener of the source.
      controller.signal.addEventListener('abort', () => this.#expectOneStep())
      this.#add(controller)
      this.model.derive({})
    }
    this.#listeners = this.#controllers.map(({ signal }) => countListeners(signal))
    vi.stubGlobal('reportError', (error: Error) => this.log.push(`thrown by ${error.message}`))
  }

  /** Ends everything that can end. */
  lastSteps(): Step[] {
    return [
      ...this.#parents.map((_, target): Step => ({ step: 'cancel', target, why: undefined })),
      ...this.#controllers.map((_, signal): Step => ({ step: 'abort', signal, reason: 'none' })),
      { step: 'look' },
    ]
  }

  /** Applies `step` to both. Returns a promise only where time passes: microtasks must not run in between. */
  take(step: Step): Promise<void> | void {
    const { model } = this
    const { target } = { target: 0, ...step }
    const index = target % this.#parents.length
    const node = model.nodes[index] as Node
    const parent = this.#parents[index] as ContextLike
    switch (step.step) {
      case 'derive':
        return this.#derive(step)
      case 'cancel': {
        const cancel = this.#cancels[index]
        if (!cancel) return
        model.cancel(node, step.why)
        return cancel(step.why)
      }
      case 'abort': {
        const controller = this.#controllers[step.signal] as AbortController
        if (controller.signal.aborted) return
        const reason = reasonOf(step.reason)
        const name = step.reason === 'timeout' || step.reason === 'context' ? 'TimeoutError' : 'AbortError'
        const cause = step.reason === 'context' ? 'slow' : reason
        model.end(model.nodes[1 + step.signal] as Node, { name, cause, ms: step.reason === 'context' ? 5 : undefined })
        return controller.abort(reason)
      }
      case 'afterFunc': {
        const action = this.#resolve(step.action)
        const id = model.callbacks.length
        model.afterFunc(node, action)
        this.#stops.push(afterFunc(parent, () => this.#act(action, `callback ${id}`)))
        return
      }
      case 'listen': {
        // More than ten listeners on one signal make Node print a warning.
        if (index === 1 || index === 2 || baseOf(node).ended || baseOf(node).listeners.length === 9) return
        const action = this.#resolve(step.action)
        // The platform would take a listener that throws for uncaught.
        const harmless: Action = action.does === 'throw' ? { does: 'nothing' } : action
        const { id } = baseOf(node)
        model.listen(node, harmless)
        ;(parent as Context).signal.addEventListener('abort', () => {
          this.#expectOneStep()
          this.#act(harmless, `listener of ${id}`)
        })
        return
      }
      case 'stop': {
        const callback = model.callbacks[target % model.callbacks.length]
        if (!callback) return
        model.stop(callback)
        return this.#stop(callback.id)
      }
      case 'disarm':
        if (index <= 2) return
        model.disarm(node)
        return disarm(parent as Context)
      case 'advance':
        return this.#advance(step.ms)
      case 'look':
        return this.#flush()
    }
  }

  async #advance(ms: number): Promise<void> {
    this.#isMoving = true
    this.model.advance(ms)
    await this.#time.advance(ms)
    this.#isMoving = false
  }

  async #flush(): Promise<void> {
    this.model.flush()
    await settle()
  }

  #derive({ kind, parent: target, ms, why, signals }: Step & { step: 'derive' }): void {
    const index = target % this.#parents.length
    const parent = this.#parents[index] as ContextLike
    const node = this.model.nodes[index] as Node
    const isTimed = this.#time.isGlobal || !isForeign(node)
    const birth = { parent: node }
    if (kind === 'withValue') {
      this.model.derive({ ...birth, view: true })
      this.#add(withValue(parent, key, this.#parents.length))
    } else if (kind === 'withoutCancel') {
      this.model.derive({ ...birth, follows: false })
      this.#add(withoutCancel(parent))
    } else if (kind === 'withSignal') {
      this.model.derive({ ...birth, signals: signals.map((signal) => this.model.nodes[1 + signal] as Node) })
      const controllers = signals.map((signal) => this.#controllers[signal] as AbortController)
      const followed = controllers.map(({ signal }) => signal)
      this.#add(...withSignal(parent, followed, this.#named()))
    } else if (kind === 'withCancel' || !isTimed) {
      this.model.derive(birth)
      this.#add(...withCancel(parent, this.#named()))
    } else {
      this.model.derive({ ...birth, ms, cause: why })
      const options = { ...this.#named(), cause: why }
      const at = this.#time.wall() + ms
      this.#add(...(kind === 'withTimeout' ? withTimeout(parent, ms, options) : withDeadline(parent, at, options)))
    }
  }

  /** The label by which the next context is found in the inspector. */
  #named(): { label: string } {
    return { label: String(this.#parents.length) }
  }

  #add(parent: ContextLike, cancel?: Cancel): void {
    this.#parents.push(parent)
    this.#cancels.push(cancel)
  }

  /** The target of an action is fixed when the action is registered. */
  #resolve(action: Action): Action {
    if (!('target' in action)) return action
    if (action.does === 'stop') {
      const count = this.model.callbacks.length
      return count === 0 ? { does: 'nothing' } : { ...action, target: action.target % count }
    }
    const target = action.target % this.#parents.length
    if (action.does === 'cancel' && !this.#cancels[target]) return { does: 'nothing' }
    return { ...action, target }
  }

  #act(action: Action, who: string): void {
    this.log.push(who)
    if (action.does === 'throw') throw new Error(who)
    if (action.does === 'derive') this.#add(...withCancel(this.#parents[action.target] as ContextLike, this.#named()))
    if (action.does === 'cancel') this.#cancels[action.target]?.(action.cause)
    if (action.does === 'stop') this.#stop(action.target)
  }

  #stop(id: number): void {
    this.log.push(`stop ${id}: ${this.#stops[id]?.()}`)
  }

  /** Logs live children of parents that are done. */
  #expectOneStep(): void {
    if (this.#isMoving) return
    const broken = this.model.nodes.filter(({ id, parent, follows }) => {
      return parent && follows && id in this.#parents && this.#isDone(parent.id) && !this.#isDone(id)
    })
    if (broken.length > 0) this.log.push(`live under a parent that is done: ${broken.map(({ id }) => id).join()}`)
  }

  #isDone(id: number): boolean {
    const parent = this.#parents[id] as ContextLike
    return parent instanceof AbortController ? parent.signal.aborted : (parent as Context).err !== undefined
  }

  /** What can be read from the contexts, the signals and the platform. */
  seen(): unknown {
    const errors: unknown[] = []
    const contexts = this.#parents.map((parent, id) => {
      if (parent instanceof AbortController) return { id, cause: cause(parent) }
      const { err, deadline } = parent as Context
      const ms = err instanceof DeadlineExceededError ? err.ms : undefined
      const why = cause(parent)
      if (err && !errors.includes(err)) errors.push(err)
      const { heard } = baseOf(this.model.nodes[id] as Node)
      const reason = heard && parent.signal.aborted ? (parent.signal.reason as unknown) : undefined
      const shown = err && why === err ? 'err' : why
      return { id, name: err?.name, ms, cause: shown, deadline, err: errors.indexOf(err), reason }
    })
    const listeners = this.#listeners.map((count) => count())
    return { contexts, rows: this.#rows(), listeners, timers: this.#time.timers() }
  }

  /** What `seen` should return, by the model. */
  expected(): unknown {
    const { nodes } = this.model
    const endings: Ending[] = []
    const contexts = nodes.map((node, id) => {
      const { ended, heard } = baseOf(node)
      if (this.#parents[id] instanceof AbortController) return { id, cause: ended?.cause }
      if (ended && !endings.includes(ended)) endings.push(ended)
      return {
        id,
        name: ended?.name,
        ms: ended?.ms,
        cause: ended?.cause === undefined ? ended && 'err' : ended.cause,
        deadline: this.#deadlineOf(node),
        err: ended ? endings.indexOf(ended) : -1,
        reason: heard && ended ? (this.#parents[id] as Context).err : undefined,
      }
    })
    const listeners = this.#controllers.map((_, signal) => (this.model.isFollowed(nodes[1 + signal] as Node) ? 1 : 0))
    const timers = this.#time.timers() === undefined ? undefined : Math.min(this.model.pending().length, 1)
    const labeled = nodes.filter(isLabeled)
    const rows = labeled.map((node) => ({
      id: node.id,
      parent: labelOf(node.parent && baseOf(node.parent)),
      how: node.how,
      cause: node.how === 'completed' ? undefined : textOf(node.ended?.cause),
      deadline: node.how ? undefined : this.#deadlineOf(node),
    }))
    return { contexts, rows, listeners, timers }
  }

  /** The rows of contexts with a label; others may not be shown yet. */
  #rows(): unknown {
    const { rows } = this.#inspector
    const labels = new Map(rows.map(({ id, label }) => [id, label]))
    return rows
      .filter(({ label }) => label !== undefined)
      .map(({ cause, deadline, how, label, parent }) => ({
        id: Number(label),
        parent: parent === undefined ? undefined : labels.get(parent),
        how,
        cause,
        deadline: how ? undefined : deadline,
      }))
  }

  stop(): void {
    this.#inspector.detach()
  }

  #deadlineOf(node: Node): number | undefined {
    const due = this.model.deadlineOf(node)
    return due < Infinity ? this.#epoch + due : undefined
  }
}

function reasonOf(reason: 'none' | 'text' | 'timeout' | 'context'): unknown {
  if (reason === 'text') return 'reason'
  if (reason === 'timeout') return new DOMException('too slow', 'TimeoutError')
  if (reason === 'context') return new DeadlineExceededError({ ms: 5, cause: 'slow' })
  return new DOMException('aborted', 'AbortError')
}

/** Whether it was derived with a label, as all are that have an end of their own. */
function isLabeled({ follows, parent, view }: Node): boolean {
  return parent !== undefined && follows && !view
}

function labelOf(node: Node | undefined): string | undefined {
  return node && isLabeled(node) ? String(node.id) : undefined
}

function textOf(why: unknown): string | undefined {
  if (why === undefined) return undefined
  return why instanceof DOMException ? `${why.name}: ${why.message}` : String(why)
}

/** Whether a foreign signal is at its root. */
function isForeign({ id, parent }: Node): boolean {
  return parent ? isForeign(parent) : id > 0
}

/** Waits until callbacks have run, and those that they cause. */
async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) await microtask()
}

function fakeClockTime(): Time {
  const clock = fakeClock(1_000)
  return {
    root: clock.root,
    isGlobal: false,
    wall: () => clock.at,
    advance: (ms) => clock.advance(ms),
    timers: () => undefined,
  }
}

function fakeTimersTime(): Time {
  return {
    root: background(),
    isGlobal: true,
    wall: () => Date.now(),
    // By hand: the asynchronous form waits for a real timer at every step, and browsers make those late.
    async advance(ms) {
      for (let step = 0; step < ms; step++) {
        await settle()
        vi.advanceTimersByTime(1)
      }
      await settle()
    },
    timers: () => vi.getTimerCount(),
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe.each([
  ['a fake clock', fakeClockTime],
  ['fake timers', fakeTimersTime],
])('random trees on %s', { timeout: 60_000 }, (_, makeTime) => {
  it('end as the model says, and leave nothing behind', async () => {
    vi.useFakeTimers()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const life = new Life(makeTime())
        for (const step of [...steps, { step: 'look' } as const]) {
          const passing = life.take(step)
          if (passing) await passing
          const [seen, expected] = step.step === 'look' ? [life.seen(), life.expected()] : [life.log, life.model.log]
          expect(seen).toEqual(expected)
        }
        for (const step of life.lastSteps()) {
          const passing = life.take(step)
          if (passing) await passing
        }
        expect(life.log).toEqual(life.model.log)
        expect(life.seen()).toEqual(life.expected())
        expect(life.seen()).toMatchObject({ listeners: [0, 0] })
        expect(vi.getTimerCount()).toBe(0)
        life.stop()
      }),
      { numRuns: 300 },
    )
  })
})
