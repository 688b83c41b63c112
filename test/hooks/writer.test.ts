/** The modes of an action against a simple model: random sequences of runs, answers, cancels and resets. */

import * as fc from 'fast-check'
import { background, cause } from 'rescind'
import type { Context } from 'rescind'
import { Busy, Superseded } from 'rescind/react'
import type { ActionMode } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Writer } from '../../hooks/writer.ts'
import type { ActionSettings } from '../../hooks/writer.ts'
import { microtask } from '../support.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

type Step =
  | { readonly type: 'run'; readonly name: string }
  | { readonly type: 'answer' | 'fail'; readonly nth: number }
  | { readonly type: 'cancel one'; readonly nth: number }
  | { readonly type: 'cancel' }
  | { readonly type: 'reset' }

const modes = ['queue', 'keepLatest', 'drop', 'all'] as const

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('run' as const), name: fc.constantFrom('one', 'two') }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('answer', 'fail'), nth: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel one' as const), nth: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constantFrom({ type: 'cancel' as const }, { type: 'reset' as const }) },
)

interface Expected {
  readonly order: number
  readonly name: string
  state: 'waiting' | 'pending' | 'success' | 'error' | 'canceled'
  why?: unknown
}

const LIMIT = 2

/** The expected behavior of an action. */
class Model {
  readonly mode: ActionMode
  runs: Expected[] = []
  /** In the order in which the work was called. */
  called: Expected[] = []
  data: { readonly order: number } | undefined
  shown: Expected | undefined

  constructor(mode: ActionMode) {
    this.mode = mode
  }

  get busy(): Expected[] {
    return this.runs.filter(({ state }) => state === 'waiting' || state === 'pending')
  }

  get waiting(): Expected[] {
    return this.runs.filter(({ state }) => state === 'waiting')
  }

  run(name: string): void {
    const { busy } = this
    if (this.mode === 'drop' && busy.length > 0) return
    if (this.mode === 'keepLatest') this.end(this.waiting, Superseded)
    if (busy.length === 0) this.data = this.shown = undefined
    this.runs.push({ order: this.runs.length, name, state: 'waiting' })
    this.pump()
  }

  pump(): void {
    const slots = this.mode === 'all' ? LIMIT : 1
    for (const next of this.waiting) {
      if (this.busy.length - this.waiting.length >= slots) return
      next.state = 'pending'
      this.called.push(next)
    }
  }

  end(runs: readonly Expected[], why: unknown): void {
    for (const run of runs) Object.assign(run, { state: 'canceled', why })
  }

  settle(run: Expected, state: 'success' | 'error' | 'canceled'): void {
    Object.assign(run, { state, why: state === 'canceled' ? 'why' : undefined })
    if (run.order > (this.shown?.order ?? -1)) this.shown = run
    if (state === 'success' && run.order > (this.data?.order ?? -1)) this.data = run
    this.pump()
  }

  cancel(): void {
    const { busy } = this
    this.end(busy, 'why')
    for (const run of busy) this.settle(run, 'canceled')
  }

  reset(): void {
    this.end(this.busy, Superseded)
    this.data = this.shown = undefined
  }

  get state(): object {
    const { busy, data, shown } = this
    const newest = Math.max(...this.runs.map(({ order }) => order))
    return {
      status: busy.length > 0 ? 'pending' : (shown?.state ?? 'idle'),
      data: data && `answer ${data.order}`,
      error: busy.length === 0 && shown?.state === 'error' ? `error ${shown.order}` : undefined,
      stale: data !== undefined && data.order < (busy.length > 0 ? newest : (shown?.order ?? 0)),
      runs: busy.map(({ name, state }) => ({ args: [name], status: state })),
    }
  }
}

interface Called {
  readonly ctx: Context
  readonly answer: (data: string) => void
  readonly fail: (error: unknown) => void
}

function settingsOf<A extends readonly unknown[]>(
  options: Partial<ActionSettings<string, A>> & Pick<ActionSettings<string, A>, 'fn'>,
) {
  const settings: ActionSettings<string, A> = {
    scope: background(),
    parent: undefined,
    mode: 'queue',
    limit: LIMIT,
    onLeave: 'flush',
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

async function expectSame(mode: ActionMode, steps: readonly Step[]): Promise<void> {
  const model = new Model(mode)
  const called: Called[] = []
  const fn = (ctx: Context, _: string) => new Promise<string>((answer, fail) => void called.push({ ctx, answer, fail }))
  const writer = new Writer(settingsOf<[name: string]>({ fn, mode }))
  const refusals: unknown[] = []
  for (const step of steps) {
    if (step.type === 'run') {
      const { busy } = model
      model.run(step.name)
      const running = writer.controls.run(step.name)
      if (mode === 'drop' && busy.length > 0 && busy.every(({ name }) => name !== step.name)) {
        refusals.push(await running.catch(({ cause }) => cause))
      }
    } else if (step.type === 'cancel') {
      model.cancel()
      writer.controls.cancel('why')
    } else if (step.type === 'reset') {
      model.reset()
      writer.controls.reset()
    } else if (step.type === 'cancel one') {
      const nth = step.nth % model.busy.length
      const run = model.busy[nth]
      if (!run) continue
      model.settle(run, 'canceled')
      writer.state.runs[nth]?.cancel('why')
    } else {
      const pending = model.called.filter(({ state }) => state === 'pending')
      const run = pending[step.nth % pending.length]
      if (!run) continue
      const nth = model.called.indexOf(run)
      model.settle(run, step.type === 'answer' ? 'success' : 'error')
      called[nth]?.[step.type](`${step.type === 'answer' ? 'answer' : 'error'} ${run.order}`)
    }
    await rest()
    expect(writer.state).toMatchObject(model.state)
    expect(called).toHaveLength(model.called.length)
    for (const [nth, { state, why }] of model.called.entries()) {
      const { ctx } = called[nth] as Called
      expect(ctx.err !== undefined).toBe(state === 'error' || state === 'canceled')
      expect(state === 'canceled' ? cause(ctx) : why).toBe(why)
    }
    expect(refusals).toEqual(refusals.map(() => Busy))
  }
}

describe('an action in mode', () => {
  it.each(modes)('%s behaves like the model', async (mode) => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), (steps) => expectSame(mode, steps))
    expect(fc.defaultReportMessage(await fc.check(property, { numRuns: 150 }))).toBeUndefined()
  })
})

describe('work that calls the action itself', () => {
  it.each(modes)('gets a promise in mode %s, and never blocks itself', async (mode) => {
    const inner: Promise<string>[] = []
    const called: Called[] = []
    const fn = (ctx: Context, name: string) =>
      new Promise<string>((answer, fail) => {
        called.push({ ctx, answer, fail })
        if (name === 'one') inner.push(writer.controls.run('two'))
      })
    const writer = new Writer(settingsOf<[name: string]>({ fn, mode }))
    const outer = writer.controls.run('one')
    expect(called).toHaveLength(mode === 'all' ? 2 : 1)
    called[0]?.answer('one')
    expect(await outer).toBe('one')
    await rest()
    called[1]?.answer('two')
    expect(await inner[0]?.catch(({ cause }) => cause)).toBe(mode === 'drop' ? Busy : 'two')
    await rest()
    expect(writer.state).toMatchObject({ status: 'success', runs: [] })
  })

  it.each(modes)('can start a run from a listener of its signal in mode %s', async (mode) => {
    const called: Called[] = []
    const fn = (ctx: Context, name: string) =>
      new Promise<string>((answer, fail) => {
        called.push({ ctx, answer, fail })
        if (name === 'one') ctx.signal.addEventListener('abort', () => void writer.controls.run('after'))
      })
    const writer = new Writer(settingsOf<[name: string]>({ fn, mode }))
    void writer.controls.run('one')
    writer.controls.cancel('why')
    await rest()
    expect(writer.state).toMatchObject({ status: 'pending', runs: [{ args: ['after'], status: 'pending' }] })
    called[1]?.answer('after')
    await rest()
    expect(writer.state).toMatchObject({ status: 'success', data: 'after', runs: [] })
  })
})

/** Whether a call adds or removes a listener of a writer. Contexts listen with options, writers without. */
function ofPage([type, , options]: readonly unknown[]): boolean {
  return type === 'pagehide' && options === undefined
}

async function hide(writer: { disappear(): void }): Promise<void> {
  writer.disappear()
  await rest()
}

function debounced(onLeave: 'flush' | 'cancel', root = fakeClock(0).root) {
  const names: string[] = []
  const fn = (_: Context, name: string) => {
    names.push(name)
    return new Promise<string>(() => {})
  }
  const debounce = { ms: 100, leading: true }
  const writer = new Writer(
    settingsOf<[name: string]>({ fn, mode: 'all', limit: Infinity, scope: root, debounce, onLeave }),
  )
  writer.mount()
  writer.refresh()
  writer.appear()
  const run = (name: string) => void writer.controls.run(name)
  return { names, run, writer }
}

describe('the debounce of an action', () => {
  it('is over after a cancel: the next run counts as the first', () => {
    const { names, run, writer } = debounced('flush')
    run('one')
    run('two')
    writer.controls.cancel()
    run('three')
    expect(names).toEqual(['one', 'three'])
  })

  it('is over at the unmount with onLeave: cancel, and leaves no timer', async () => {
    vi.useFakeTimers()
    const { names, run, writer } = debounced('cancel', background())
    run('one')
    run('two')
    expect(vi.getTimerCount()).toBe(1)
    await hide(writer)
    expect(vi.getTimerCount()).toBe(0)
    expect(names).toEqual(['one'])
  })

  it('does not delay runs of a hidden component, and does so again once that is shown', async () => {
    const { names, run, writer } = debounced('flush')
    await hide(writer)
    run('one')
    run('two')
    expect(names).toEqual(['one', 'two'])
    writer.refresh()
    writer.appear()
    run('three')
    run('four')
    expect(names).toEqual(['one', 'two', 'three'])
  })
})

describe('a reset of an action', () => {
  it('forgets its runs and its context at once: the next run does not wait for them', () => {
    const names: string[] = []
    const fn = (_: Context, name: string) => {
      names.push(name)
      return new Promise<string>(() => {})
    }
    const writer = new Writer(settingsOf<[name: string]>({ fn }))
    void writer.controls.run('one')
    void writer.controls.run('two')
    writer.controls.reset()
    expect(writer.state).toMatchObject({ status: 'idle', context: undefined, runs: [] })
    void writer.controls.run('three')
    expect(names).toEqual(['one', 'three'])
  })
})

describe('another timeout of an action', () => {
  it('applies to the runs in flight, and counts from their start', () => {
    const clock = fakeClock(1_000)
    const settings = settingsOf<[]>({ fn: () => new Promise(() => {}), scope: clock.root, timeout: 100 })
    const writer = new Writer(settings)
    writer.mount()
    void writer.controls.run()
    writer.commit(writer.state, { ...settings, timeout: 300 }, () => {})
    writer.refresh()
    expect(writer.state.context?.deadline).toBe(1_300)
  })
})

describe('the data of an action', () => {
  it.each([
    [true, 'one'],
    [false, undefined],
  ])('with `keepPrevious: %s` is %s while the next run is in flight', async (keepPrevious, data) => {
    const answers = [Promise.resolve('one'), new Promise<string>(() => {})]
    const writer = new Writer(settingsOf<[]>({ fn: () => answers.shift() ?? '', keepPrevious }))
    await writer.controls.run()
    await rest()
    expect(writer.state).toMatchObject({ status: 'success', data: 'one', stale: false })
    void writer.controls.run()
    expect(writer.state).toMatchObject({ status: 'pending', data, stale: keepPrevious })
  })
})

describe('an action', () => {
  it('listens for the end of the page only while a run waits', async () => {
    const added = vi.spyOn(globalThis, 'addEventListener')
    const removed = vi.spyOn(globalThis, 'removeEventListener')
    const called: ((data: string) => void)[] = []
    const fn = (_: Context, __: string) => new Promise<string>((answer) => void called.push(answer))
    const { state, controls } = new Writer(settingsOf<[name: string]>({ fn }))
    expect(added.mock.calls.filter(ofPage)).toHaveLength(0)
    void controls.run('one')
    void controls.run('two')
    const last = () => added.mock.invocationCallOrder[added.mock.calls.findLastIndex(ofPage)] ?? 0
    const gone = () => removed.mock.invocationCallOrder[removed.mock.calls.findLastIndex(ofPage)] ?? 0
    expect(last()).toBeGreaterThan(gone())
    called[0]?.('one')
    await rest()
    expect(gone()).toBeGreaterThan(last())
    expect(state.runs).toEqual([])
  })
})
