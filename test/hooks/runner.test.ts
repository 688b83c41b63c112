/** The modes of a task against a simple model: random sequences of runs, answers, cancels and resets. */

import * as fc from 'fast-check'
import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Superseded } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Runner } from '../../hooks/runner.ts'
import type { TaskSettings, TaskMode, TaskState } from '../../hooks/runner.ts'
import { View } from '../../hooks/view.ts'
import { microtask } from '../support.ts'

afterEach(() => void vi.useRealTimers())

type Step =
  | { readonly type: 'cancel' | 'reset' | 'answer' | 'fail' }
  | { readonly type: 'run'; readonly name: string }
  | { readonly type: 'mode'; readonly mode: TaskMode }

const modes = ['latest', 'first'] as const

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('run' as const), name: fc.constantFrom('one', 'two') }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('answer', 'fail') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('cancel', 'reset') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('mode' as const), mode: fc.constantFrom(...modes) }) },
)

type Status = 'idle' | 'pending' | 'success' | 'error' | 'canceled'

/** The expected behavior of a task. */
class Model {
  mode: TaskMode
  readonly isKeeping: boolean
  status: Status = 'idle'
  name: string | undefined
  /** How many times the work was called; the latest call is the one that counts. */
  calls = 0
  data: string | undefined
  dataOf = 0
  /** Whether the context of the latest call is alive. */
  isLive = false

  constructor(mode: TaskMode, isKeeping: boolean) {
    this.mode = mode
    this.isKeeping = isKeeping
  }

  run(name: string): void {
    if (this.mode === 'first' && this.status === 'pending' && this.name === name) return
    this.calls++
    this.name = name
    this.settle('pending', true)
    if (!this.isKeeping) this.data = undefined
  }

  answer(): void {
    this.settle('success', true)
    this.data = `answer ${this.calls}`
    this.dataOf = this.calls
  }

  settle(status: Status, isLive: boolean): void {
    this.status = status
    this.isLive = isLive
  }

  cancel(): void {
    if (this.status === 'pending') this.status = 'canceled'
    this.isLive = false
  }

  reset(): void {
    this.settle('idle', false)
    this.data = undefined
  }

  get state(): object {
    const { calls, data, dataOf, status } = this
    return {
      status,
      data,
      error: status === 'error' ? `error ${calls}` : undefined,
      cause: status === 'canceled' ? 'why' : undefined,
      stale: data !== undefined && dataOf < calls,
    }
  }
}

interface Called {
  readonly ctx: Context
  readonly answer: (data: string) => void
  readonly fail: (error: unknown) => void
}

function settingsOf<A extends readonly unknown[]>(
  options: Partial<TaskSettings<string, A>> & Pick<TaskSettings<string, A>, 'fn'>,
) {
  const settings: TaskSettings<string, A> = {
    parent: background(),
    deps: undefined,
    key: undefined,
    mode: 'latest',
    keepPrevious: false,
    transition: false,
    timeout: Infinity,
    slowAfter: Infinity,
    debounce: undefined,
    label: undefined,
    ...options,
  }
  return settings
}

async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await microtask()
}

async function expectSame(mode: TaskMode, keepPrevious: boolean, steps: readonly Step[]): Promise<void> {
  const [parent, cancelParent] = withCancel(background())
  const model = new Model(mode, keepPrevious)
  const called: Called[] = []
  const fn = (ctx: Context, _: string) => new Promise<string>((answer, fail) => void called.push({ ctx, answer, fail }))
  const settings = settingsOf<[name: string]>({ fn, parent, mode, keepPrevious })
  const runner = new Runner(settings)
  const causes: unknown[] = []
  for (const step of steps) {
    const before = called.at(-1)?.ctx
    if (step.type === 'mode') {
      model.mode = step.mode
      runner.commit(runner.state, { ...settings, mode: step.mode }, () => {})
    } else if (step.type === 'run') {
      model.run(step.name)
      void runner.controls.run(step.name)
      if (before && called.at(-1)?.ctx !== before) causes.push(cause(before))
    } else if (step.type === 'cancel' || step.type === 'reset') {
      model[step.type]()
      runner.controls[step.type]('why')
    } else {
      if (model.status !== 'pending') continue
      if (step.type === 'answer') model.answer()
      else model.settle('error', false)
      called.at(-1)?.[step.type](`${step.type === 'answer' ? 'answer' : 'error'} ${model.calls}`)
    }
    await rest()
    expect(runner.state).toMatchObject(model.state)
    expect(called).toHaveLength(model.calls)
    const live = called.filter(({ ctx }) => ctx.err === undefined)
    expect(live).toEqual(model.isLive ? [called.at(-1)] : [])
  }
  // Every context has ended, with a cause: newer work, a cancel, a reset or its own error.
  expect(causes).not.toContain(undefined)
  cancelParent()
}

describe('a task in mode', () => {
  it.each(modes)('%s behaves like the model', async (mode) => {
    const sequences = fc.array(step, { maxLength: 20 })
    const property = fc.asyncProperty(fc.boolean(), sequences, (isKeeping, steps) => expectSame(mode, isKeeping, steps))
    expect(fc.defaultReportMessage(await fc.check(property, { numRuns: 150 }))).toBeUndefined()
  })
})

interface Watched {
  readonly runner: Runner<string, [name: string]>
  readonly calls: (Called & { readonly name: string })[]
  /** The states that were shown, in order. */
  readonly shown: TaskState<string>[]
}

/** A runner whose work calls `within` before it waits for its answer. */
function watched(mode: TaskMode, within?: (name: string, it: Watched) => void): Watched {
  const calls: Watched['calls'] = []
  const shown: TaskState<string>[] = []
  const fn = (ctx: Context, name: string) =>
    new Promise<string>((answer, fail) => {
      calls.push({ name, ctx, answer, fail })
      within?.(name, watch)
    })
  const settings = settingsOf<[name: string]>({ fn, mode })
  const runner = new Runner(settings)
  const watch = { runner, calls, shown }
  runner.commit(runner.state, settings, (state) => void shown.push(state))
  runner.isShown = true
  return watch
}

/** Runs another one as soon as the work `one` is aborted. */
function again(name: string, { runner, calls }: Watched): void {
  const listener = () => void runner.controls.run(`after ${name}`)
  if (name === 'one') calls.at(-1)?.ctx.signal.addEventListener('abort', listener)
}

/** Calls reset as soon as the work `one` is aborted. */
function forget(name: string, { runner, calls }: Watched): void {
  if (name === 'one') calls.at(-1)?.ctx.signal.addEventListener('abort', () => runner.controls.reset())
}

describe('work that calls `run` itself', () => {
  it.each(modes)('gets a promise in mode %s, and the state is that of the last run', async (mode) => {
    const inner: Promise<string>[] = []
    const { runner, calls, shown } = watched(mode, (name, { runner }) => {
      if (name === 'one') inner.push(runner.controls.run('two'))
    })
    void runner.controls.run('one')
    expect(inner[0]).toBeInstanceOf(Promise)
    expect(calls.map(({ name }) => name)).toEqual(['one', 'two'])
    expect(cause(calls[0]?.ctx ?? background())).toBe(Superseded)
    expect(runner.state).toMatchObject({ status: 'pending', context: calls.at(-1)?.ctx })
    for (const { answer, name } of calls) {
      answer(`answer ${name}`)
      await rest()
    }
    expect(await inner[0]).toBe('answer two')
    expect(runner.state).toMatchObject({ status: 'success', data: 'answer two', stale: false })
    expect(shown.filter(({ status }) => status === 'success').map(({ data }) => data)).toEqual(['answer two'])
  })

  it('joins itself in mode first if its arguments are the same', async () => {
    const inner: Promise<string>[] = []
    const { runner, calls } = watched('first', (name, { runner }) => void inner.push(runner.controls.run(name)))
    const outer = runner.controls.run('one')
    expect(inner[0]).toBe(outer)
    calls[0]?.answer('answer')
    expect(await outer).toBe('answer')
    expect(calls).toHaveLength(1)
  })
})

describe('work that calls `cancel` itself', () => {
  it.each(modes)('is canceled in mode %s, and the next run is not', async (mode) => {
    const { runner, calls } = watched(mode, (name, { runner }) => name === 'one' && runner.controls.cancel('why'))
    const one = runner.controls.action('one')
    await rest()
    expect(await one).toBeUndefined()
    expect(runner.state).toMatchObject({ status: 'canceled', cause: 'why', data: undefined })
    void runner.controls.run('two')
    calls.at(-1)?.answer('two')
    await rest()
    expect(runner.state).toMatchObject({ status: 'success', data: 'two' })
  })
})

describe('work that calls `reset` itself', () => {
  it.each(modes)('is forgotten in mode %s, whatever it returns', async (mode) => {
    const { runner, calls } = watched(mode, (_, { runner }) => runner.controls.reset())
    const one = runner.controls.action('one')
    expect(runner.state).toMatchObject({ status: 'idle', context: background() })
    calls[0]?.answer('one')
    await rest()
    expect(await one).toBeUndefined()
    expect(runner.state).toMatchObject({ status: 'idle', data: undefined })
    expect(cause(calls[0]?.ctx ?? background())).toBe(Superseded)
  })
})

describe('a listener of the signal that calls `run`', () => {
  it('starts a run that is newer than the one that superseded the work', async () => {
    const { runner, calls } = watched('latest', again)
    void runner.controls.run('one')
    const two = runner.controls.action('two')
    expect(calls.map(({ name }) => name)).toEqual(['one', 'after one'])
    expect(runner.state).toMatchObject({ status: 'pending', context: calls[1]?.ctx })
    expect(await two).toBeUndefined()
    calls[1]?.answer('answer')
    await rest()
    expect(runner.state).toMatchObject({ status: 'success', data: 'answer' })
    expect(calls[1]?.ctx.err).toBeUndefined()
  })

  it.each(modes)('starts a run after a cancel in mode %s, and its state is shown', async (mode) => {
    const { runner, calls } = watched(mode, again)
    void runner.controls.run('one')
    runner.controls.cancel('why')
    await rest()
    expect(runner.state.status).toBe('pending')
    expect(calls.map(({ name }) => name)).toEqual(['one', 'after one'])
    calls[1]?.answer('answer')
    await rest()
    expect(runner.state).toMatchObject({ status: 'success', data: 'answer' })
  })

  it.each(modes)('starts a run after a reset in mode %s, and idle is not shown', async (mode) => {
    const { runner, calls } = watched(mode, again)
    void runner.controls.run('one')
    runner.controls.reset()
    expect(runner.state).toMatchObject({ status: 'pending', context: calls[1]?.ctx })
    calls[1]?.answer('answer')
    await rest()
    expect(runner.state).toMatchObject({ status: 'success', data: 'answer' })
  })

  it.each(modes)('starts the newest run in mode %s when newer work supersedes a success', async (mode) => {
    const { runner, calls } = watched(mode, again)
    void runner.controls.run('one')
    calls[0]?.answer('one')
    await rest()
    expect(runner.state.data).toBe('one')
    void runner.controls.run('two')
    expect(runner.state.status).toBe('pending')
    calls.find(({ name }) => name === 'after one')?.answer('after')
    await rest()
    expect(runner.state).toMatchObject({ status: 'success', data: 'after', stale: false })
    expect(calls.filter(({ ctx }) => ctx.err === undefined).map(({ name }) => name)).toEqual(['after one'])
  })

  it.each(modes)('starts the newest run in mode %s when the work has failed', async (mode) => {
    const { runner, calls } = watched(mode, again)
    void runner.controls.run('one')
    calls[0]?.fail('failed')
    await rest()
    expect(runner.state).toMatchObject({ status: 'pending', error: undefined, context: calls[1]?.ctx })
    calls[1]?.answer('after')
    await rest()
    expect(runner.state).toMatchObject({ status: 'success', data: 'after', stale: false })
  })
})

describe('a listener of the signal that calls `reset`', () => {
  it.each(modes)('resets the state when the work has failed, in mode %s', async (mode) => {
    const { runner, calls } = watched(mode, forget)
    void runner.controls.run('one')
    calls[0]?.fail('failed')
    await rest()
    expect(runner.state).toMatchObject({ status: 'idle', error: undefined })
  })

  it.each(modes)('resets the state when newer work supersedes it, in mode %s', async (mode) => {
    const { runner, calls } = watched(mode, forget)
    void runner.controls.run('one')
    calls[0]?.answer('one')
    await rest()
    void runner.controls.run('two')
    expect(runner.state).toMatchObject({ status: 'idle', data: undefined })
    expect(calls.filter(({ ctx }) => ctx.err === undefined)).toEqual([])
  })
})

describe('the context of a run that a render needs', () => {
  it('is the same in renders that are discarded, except under another parent', () => {
    const [[one], [other, cancelOther]] = [withCancel(background()), withCancel(background())]
    const calls: Context[] = []
    const fn = (ctx: Context) => new Promise<string>(() => void calls.push(ctx))
    const settings = settingsOf<[]>({ fn, parent: one })
    const runner = new Runner(settings)
    const read = (parent: Context) => runner.upcoming(parent, [parent])
    const first = read(one)
    expect(read(one)).toBe(first)
    const second = read(other)
    expect(second).not.toBe(first)
    read(one)
    runner.commit(runner.state, { ...settings, parent: other, key: [other] }, () => {})
    runner.refresh()
    cancelOther('other')
    expect(calls.map(cause)).toEqual(['other'])
  })

  it('is that of its own run, though React has not rendered the state of the run before', () => {
    const calls: Context[] = []
    const fn = (ctx: Context) => new Promise<string>(() => void calls.push(ctx))
    const settings = settingsOf<[]>({ fn })
    const runner = new Runner(settings)
    const { state } = runner
    const seen = ['one', 'two'].map((dep) => {
      const latest = { ...settings, deps: [dep], key: [dep] }
      const { context } = View.shown<string, []>(state, latest) as unknown as TaskState<string>
      runner.commit(state, latest, () => {})
      runner.refresh()
      return context
    })
    expect(seen.map((ctx) => calls.indexOf(ctx as Context))).toEqual([0, 1])
    expect(calls.map(cause)).toEqual([Superseded, undefined])
  })
})

describe('the debounce of a task', () => {
  const debounce = { ms: 100, leading: true }

  function debounced(root: Context) {
    const names: string[] = []
    const runner = new Runner(
      settingsOf<[name: string]>({
        fn: (_, name) => {
          names.push(name)
          return new Promise<string>(() => {})
        },
        parent: root,
        debounce,
      }),
    )
    return { names, runner }
  }

  it.each(['cancel', 'reset'] as const)('is over after a %s: the next run counts as the first', (end) => {
    const { names, runner } = debounced(fakeClock(0).root)
    runner.controls.run('one').catch(() => {})
    runner.controls.run('two').catch(() => {})
    runner.controls[end]()
    void runner.controls.run('three')
    expect(names).toEqual(['one', 'three'])
  })

  it('leaves no timer when the component unmounts', () => {
    vi.useFakeTimers()
    const { runner } = debounced(background())
    runner.mount()
    runner.refresh()
    runner.appear()
    void runner.controls.run('one')
    expect(vi.getTimerCount()).toBe(1)
    runner.unmount()
    runner.disappear()
    expect(vi.getTimerCount()).toBe(0)
    void runner.controls.action('two')
    expect(vi.getTimerCount()).toBe(0)
  })
})
