/** The modes of a task against a naive model of them: any sequence of runs, answers, cancels and resets. */

import * as fc from 'fast-check'
import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Superseded } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { Runner } from '../../hooks/runner.ts'
import type { TaskMode } from '../../hooks/runner.ts'
import { microtask } from '../support.ts'

type Step =
  | { readonly type: 'run' | 'cancel' | 'reset' }
  | { readonly type: 'answer' | 'fail'; readonly nth: number }
  | { readonly type: 'mode'; readonly mode: TaskMode }

const modes = ['latest', 'first', 'queue', 'all'] as const

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ type: 'run' as const }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('answer', 'fail'), nth: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('cancel', 'reset') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('mode' as const), mode: fc.constantFrom(...modes) }) },
)

interface Expected {
  readonly order: number
  /** Whom it waits for. */
  readonly after: Expected | undefined
  state: 'waits' | 'runs' | 'success' | 'error' | 'canceled' | 'dropped'
  /** Whether what it has handed out, if anything, is still good. */
  isGood: boolean
}

/** What a task is expected to do, as simple as it can be said. */
class Model {
  runs: Expected[] = []
  mode: TaskMode
  readonly isKeeping: boolean
  data: string | undefined
  dataFrom = -1
  /** The newest run that has told its outcome since all was forgotten. */
  shown: Expected | undefined

  constructor(mode: TaskMode, isKeeping: boolean) {
    this.mode = mode
    this.isKeeping = isKeeping
  }

  get busy(): Expected[] {
    return this.runs.filter(({ state }) => state === 'waits' || state === 'runs')
  }

  get called(): Expected[] {
    return this.busy.filter(({ state }) => state === 'runs')
  }

  run(): void {
    const newest = this.busy.at(-1)
    if (this.mode === 'first' && newest) return
    if (this.mode === 'latest') this.drop()
    if (!this.isKeeping && this.busy.length === 0) this.data = undefined
    const after = this.mode === 'queue' ? newest : undefined
    this.runs.push({ order: this.runs.length, after, state: after ? 'waits' : 'runs', isGood: true })
  }

  drop(): void {
    for (const run of this.busy) run.state = 'dropped'
    for (const run of this.runs) run.isGood = false
    this.shown = undefined
  }

  reset(): void {
    this.drop()
    this.data = undefined
  }

  settle(run: Expected, state: 'success' | 'error' | 'canceled'): void {
    run.state = state
    const isLate = run.order < (this.shown?.order ?? -1)
    if (isLate || state !== 'success') run.isGood = false
    if (!isLate) {
      if (this.shown) this.shown.isGood = false
      this.shown = run
      if (state === 'success') [this.data, this.dataFrom] = [`answer ${run.order}`, run.order]
    }
    for (const { after } of this.busy) {
      for (const next of this.busy) if (after && next.after === run) next.state = 'runs'
    }
  }

  cancel(): void {
    for (const run of this.busy) this.settle(run, 'canceled')
    for (const run of this.runs) run.isGood = false
  }

  get state(): object {
    const newest = Math.max(this.busy.at(-1)?.order ?? 0, this.shown?.order ?? 0)
    return {
      status: this.busy.length > 0 ? 'pending' : (this.shown?.state ?? 'idle'),
      data: this.data,
      error: this.busy.length === 0 && this.shown?.state === 'error' ? `error ${this.shown.order}` : undefined,
      cause: this.busy.length === 0 && this.shown?.state === 'canceled' ? 'why' : undefined,
      stale: this.data !== undefined && this.dataFrom < newest,
    }
  }
}

interface Called {
  readonly ctx: Context
  readonly answer: (data: string) => void
  readonly fail: (error: unknown) => void
}

async function expectSame(mode: TaskMode, keepPrevious: boolean, steps: readonly Step[]): Promise<void> {
  const [parent, cancelParent] = withCancel(background())
  const model = new Model(mode, keepPrevious)
  const called = new Map<number, Called>()
  const work = (ctx: Context, order: number) =>
    new Promise<string>((answer, fail) => void called.set(order, { ctx, answer, fail }))
  const runner = new Runner(parent, work, { mode, keepPrevious })
  for (const step of steps) {
    if (step.type === 'mode') {
      model.mode = step.mode
      runner.configure(parent, work, { mode: step.mode, keepPrevious })
    } else if (step.type === 'answer' || step.type === 'fail') {
      const run = model.called[step.nth % model.called.length]
      if (!run) continue
      model.settle(run, step.type === 'answer' ? 'success' : 'error')
      called.get(run.order)?.[step.type](`${step.type === 'answer' ? 'answer' : 'error'} ${run.order}`)
    } else if (step.type === 'run') {
      void runner.run(model.runs.length)
      model.run()
    } else {
      model[step.type]()
      runner[step.type]('why')
    }
    for (let turn = 0; turn < 20; turn++) await microtask()
    expect(runner.state).toMatchObject(model.state)
    const isCalled = ({ order }: Expected) => called.has(order)
    const isLive = ({ order }: Expected) => called.get(order)?.ctx.err === undefined
    expect(model.busy.filter(isCalled)).toEqual(model.called)
    expect(model.runs.filter(isCalled).filter(isLive)).toEqual(model.runs.filter(isCalled).filter((run) => run.isGood))
  }
  const dropped = model.runs.filter(({ state }) => state === 'dropped').flatMap(({ order }) => called.get(order) ?? [])
  expect(dropped.map(({ ctx }) => cause(ctx))).toEqual(dropped.map(() => Superseded))
  cancelParent()
}

describe('a task of mode', () => {
  it.each(modes)('%s does what the naive model does', async (mode) => {
    const sequences = fc.array(step, { maxLength: 20 })
    const property = fc.asyncProperty(fc.boolean(), sequences, (isKeeping, steps) => expectSame(mode, isKeeping, steps))
    expect(fc.defaultReportMessage(await fc.check(property, { numRuns: 150 }))).toBeUndefined()
  })
})
