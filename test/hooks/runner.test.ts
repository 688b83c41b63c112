/** The modes of a task against a naive model of them: any sequence of runs, answers, cancels and resets. */

import * as fc from 'fast-check'
import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Superseded } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { createRunner } from '../../hooks/runner.ts'
import type { Job, Runner, TaskMode, TaskState } from '../../hooks/runner.ts'
import { microtask } from '../support.ts'

type Step =
  | { readonly type: 'run' | 'cancel' | 'reset' }
  | { readonly type: 'answer' | 'fail'; readonly nth: number }
  | { readonly type: 'mode'; readonly mode: TaskMode }

const modes = ['latest', 'first', 'queue', 'all'] as const
/** In which newer work takes the place of older. */
const alone = ['latest', 'first'] as const

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
    const isAlone = this.mode === 'latest' || this.mode === 'first'
    if ((isLate && isAlone) || state !== 'success') run.isGood = false
    if (!isLate) {
      if (this.shown && isAlone) this.shown.isGood = false
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
  const rest = { deps: undefined, timeout: Infinity, debounce: 0, label: undefined }
  const job = { parent, fn: work, mode, keepPrevious, ...rest }
  const runner = createRunner(job)
  for (const step of steps) {
    if (step.type === 'mode') {
      model.mode = step.mode
      runner.configure({ ...job, mode: step.mode })
    } else if (step.type === 'answer' || step.type === 'fail') {
      const run = model.called[step.nth % model.called.length]
      if (!run) continue
      model.settle(run, step.type === 'answer' ? 'success' : 'error')
      called.get(run.order)?.[step.type](`${step.type === 'answer' ? 'answer' : 'error'} ${run.order}`)
    } else if (step.type === 'run') {
      void runner.steering.run(model.runs.length)
      model.run()
    } else {
      model[step.type]()
      runner.steering[step.type]('why')
    }
    for (let turn = 0; turn < 20; turn++) await microtask()
    expect(runner.read()).toMatchObject(model.state)
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

interface Watched {
  readonly runner: Runner<string, [name: string]>
  readonly calls: (Called & { readonly name: string })[]
  /** Whatever was shown, in order. */
  readonly shown: TaskState<string>[]
}

/** A runner whose work calls `within` before it waits for its answer. */
function watched(options: Partial<Job<string, [name: string]>>, within?: (name: string, it: Watched) => void): Watched {
  const calls: Watched['calls'] = []
  const shown: TaskState<string>[] = []
  const runner: Watched['runner'] = createRunner({
    parent: background(),
    deps: undefined,
    mode: 'latest',
    keepPrevious: false,
    timeout: Infinity,
    debounce: 0,
    label: undefined,
    ...options,
    fn: (ctx: Context, name: string) =>
      new Promise<string>((answer, fail) => {
        calls.push({ name, ctx, answer, fail })
        within?.(name, watch)
      }),
  })
  const watch = { runner, calls, shown }
  runner.subscribe(() => shown.push(runner.read()))
  return watch
}

async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await microtask()
}

/** Runs another as soon as the work `one` is aborted. */
function again(name: string, { runner, calls }: Watched): void {
  const listener = () => void runner.steering.run(`after ${name}`)
  if (name === 'one') calls.at(-1)?.ctx.signal.addEventListener('abort', listener)
}

/** Forgets everything as soon as the work `one` is aborted. */
function forget(name: string, { runner, calls }: Watched): void {
  if (name === 'one') calls.at(-1)?.ctx.signal.addEventListener('abort', () => runner.steering.reset())
}

describe('work that calls `run` itself', () => {
  it.each(modes)('in mode %s gets a promise, and the state is that of the run that lasts', async (mode) => {
    const inner: Promise<string>[] = []
    const { runner, calls, shown } = watched({ mode }, (name, { runner }) => {
      if (name === 'one') inner.push(runner.steering.run('two'))
    })
    const outer = runner.steering.run('one')
    void outer.catch(() => {})
    expect(inner[0]).toBeInstanceOf(Promise)
    expect(inner[0] === outer).toBe(mode === 'first')
    expect(calls.map(({ name }) => name)).toEqual(mode === 'latest' || mode === 'all' ? ['one', 'two'] : ['one'])
    expect(cause(calls[0]?.ctx ?? background())).toBe(mode === 'latest' ? Superseded : undefined)
    expect(runner.read()).toMatchObject({ status: 'pending', context: calls.at(-1)?.ctx })
    for (let nth = 0; nth < 2; nth++) {
      calls[nth]?.answer(`answer ${calls[nth]?.name}`)
      await rest()
    }
    const last = mode === 'first' ? 'answer one' : 'answer two'
    expect(await inner[0]).toBe(last)
    expect(runner.read()).toMatchObject({ status: 'success', data: last, stale: false })
    expect(shown.filter(({ status }) => status === 'success').map(({ data }) => data)).toEqual([last])
  })
})

describe('work that calls `cancel` itself', () => {
  it.each(modes)('in mode %s is canceled, and the next run is not', async (mode) => {
    const { runner, calls } = watched({ mode }, (name, { runner }) => name === 'one' && runner.steering.cancel('why'))
    const one = runner.steering.runAction('one')
    await rest()
    expect(await one).toBeUndefined()
    expect(runner.read()).toMatchObject({ status: 'canceled', cause: 'why', data: undefined })
    void runner.steering.run('two')
    calls.at(-1)?.answer('two')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'success', data: 'two' })
  })
})

describe('work that calls `reset` itself', () => {
  it.each(modes)('in mode %s is forgotten, whatever it returns', async (mode) => {
    const { runner, calls } = watched({ mode }, (_, { runner }) => runner.steering.reset())
    const one = runner.steering.runAction('one')
    expect(runner.read()).toMatchObject({ status: 'idle', context: undefined })
    calls[0]?.answer('one')
    await rest()
    expect(await one).toBeUndefined()
    expect(runner.read()).toMatchObject({ status: 'idle', data: undefined })
    expect(cause(calls[0]?.ctx ?? background())).toBe(Superseded)
  })
})

describe('a listener of the signal that calls `run`', () => {
  it('has the last word: its run is newer than the one that superseded the work', async () => {
    const { runner, calls } = watched({}, again)
    void runner.steering.run('one')
    const two = runner.steering.runAction('two')
    expect(calls.map(({ name }) => name)).toEqual(['one', 'after one'])
    expect(runner.read()).toMatchObject({ status: 'pending', context: calls[1]?.ctx })
    expect(await two).toBeUndefined()
    calls[1]?.answer('answer')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'success', data: 'answer' })
    expect(calls[1]?.ctx.err).toBeUndefined()
  })

  it.each(modes)('after a cancel, in mode %s, is shown as what it is', async (mode) => {
    const { runner, calls } = watched({ mode }, again)
    void runner.steering.run('one')
    runner.steering.cancel('why')
    await rest()
    expect(runner.read().status).toBe('pending')
    expect(calls.map(({ name }) => name)).toEqual(['one', 'after one'])
    calls[1]?.answer('answer')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'success', data: 'answer' })
  })

  it.each(modes)('after a reset, in mode %s, is not shown as idle', async (mode) => {
    const { runner, calls } = watched({ mode }, again)
    void runner.steering.run('one')
    runner.steering.reset()
    expect(runner.read()).toMatchObject({ status: 'pending', context: calls[1]?.ctx })
    calls[1]?.answer('answer')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'success', data: 'answer' })
  })

  it.each(alone)('when newer work has taken its place, in mode %s, is the newest', async (mode) => {
    const { runner, calls } = watched({ mode }, again)
    void runner.steering.run('one')
    calls[0]?.answer('one')
    await rest()
    expect(runner.read().data).toBe('one')
    // What is shown is ended by the next: at its start, or by its answer.
    void runner.steering.run('two')
    calls.find(({ name }) => name === 'two')?.answer('two')
    await rest()
    expect(runner.read().status).toBe('pending')
    calls.find(({ name }) => name === 'after one')?.answer('after')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'success', data: 'after', stale: false })
    expect(calls.filter(({ ctx }) => ctx.err === undefined).map(({ name }) => name)).toEqual(['after one'])
  })
  it.each(modes)('when the work has failed, in mode %s, is the newest', async (mode) => {
    const { runner, calls } = watched({ mode }, again)
    void runner.steering.run('one')
    calls[0]?.fail('failed')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'pending', error: undefined, context: calls[1]?.ctx })
    calls[1]?.answer('after')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'success', data: 'after', stale: false })
  })
})

describe('a listener of the signal that calls `reset`', () => {
  it.each(modes)('has the last word when the work has failed, in mode %s', async (mode) => {
    const { runner, calls } = watched({ mode }, forget)
    void runner.steering.run('one')
    calls[0]?.fail('failed')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'idle', error: undefined })
  })

  it.each(alone)('has it when newer work takes its place, in mode %s', async (mode) => {
    const { runner, calls } = watched({ mode }, forget)
    void runner.steering.run('one')
    calls[0]?.answer('one')
    await rest()
    void runner.steering.run('two')
    calls[1]?.answer('two')
    await rest()
    expect(runner.read()).toMatchObject({ status: 'idle', data: undefined })
    expect(calls.filter(({ ctx }) => ctx.err === undefined)).toEqual([])
  })
})
