/** Tasks and actions whose work is an async generator: streamed answers, and polls. */

import { render } from '@testing-library/react'
import { StrictMode, createRef } from 'react'
import { sleep } from 'rescind'
import type { Context } from 'rescind'
import { Hidden, Scope, Superseded, Unmounted, useAction, useTask } from 'rescind/react'
import type { Action, ScopeHandle, Task, TaskOptions } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, settle, watch } from './support.tsx'

failOnNoise()

/** A source that the test feeds, and that counts its closes. It rejects when its context ends. */
function source() {
  let next: ((word: string | undefined) => void) | undefined
  const it = {
    opened: 0,
    closed: 0,
    feed: (word?: string) => settle(() => next?.(word)),
    async *read({ signal }: Context) {
      it.opened++
      try {
        for (;;) {
          const word = await new Promise<string | undefined>((resolve, reject) => {
            next = resolve
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          })
          if (word === undefined) return
          yield word
        }
      } finally {
        it.closed++
      }
    },
  }
  return it
}

function mount(fn: (ctx: Context) => AsyncGenerator<string>, options?: TaskOptions) {
  const task = watch<Task<string>>()
  const scope = createRef<ScopeHandle>()
  function Chat({ id, options }: { readonly id: number; readonly options: TaskOptions | undefined }) {
    task.see(useTask(fn, [id], options))
    return null
  }
  const app = (id: number, given = options) => (
    <Scope ref={scope}>
      <Chat id={id} options={given} />
    </Scope>
  )
  const view = render(app(1), { wrapper: StrictMode })
  return {
    task,
    scope,
    unmount: view.unmount,
    render: (id: number, given?: TaskOptions) => view.rerender(app(id, given)),
  }
}

/** Yields the whole text so far, for a chat. */
async function* chat(from: ReturnType<typeof source>, ctx: Context) {
  let text = ''
  for await (const word of from.read(ctx)) yield (text += word)
}

describe('a yielded answer', () => {
  it('is shown as it arrives, while the task is pending, and is the result in the end', async () => {
    const words = source()
    const { task } = mount((ctx) => chat(words, ctx))
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
    await words.feed('to')
    expect(task.last).toMatchObject({ status: 'pending', data: 'to', stale: false })
    await words.feed(' be')
    expect(task.last).toMatchObject({ status: 'pending', data: 'to be', stale: false })
    await words.feed()
    expect(task.last).toMatchObject({ status: 'success', data: 'to be', stale: false })
    expect([words.opened, words.closed]).toEqual([1, 1])
  })

  it('is kept after Stop, which closes its source', async () => {
    const words = source()
    const { task } = mount((ctx) => chat(words, ctx))
    await words.feed('to be')
    await settle(() => task.last.cancel('stop'))
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'stop', data: 'to be', stale: false })
    expect(words.closed).toBe(1)
    await settle(() => void task.last.run())
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
  })

  it('is kept after an error and after a timeout', async () => {
    const clock = fakeClock(0)
    const words = source()
    const fails = mount(async function* (ctx) {
      yield* words.read(ctx)
      throw new Error('cut off')
    })
    await words.feed('to be')
    await words.feed()
    expect(fails.task.last).toMatchObject({ status: 'error', error: { message: 'cut off' }, data: 'to be' })
    const slow = mount((ctx) => words.read(ctx), { timeout: 100, parent: clock.root })
    await words.feed('or not')
    await settle(() => clock.advance(100))
    expect(slow.task.last).toMatchObject({ status: 'error', error: { name: 'TimeoutError' }, data: 'or not' })
    expect([words.opened, words.closed]).toEqual([2, 2])
  })

  it('is never mixed with that of other deps, and with keepPrevious stays until the next one yields', async () => {
    const words = source()
    const { render, task } = mount((ctx) => chat(words, ctx), { keepPrevious: true })
    await words.feed('one')
    render(2)
    await settle()
    expect(task.last).toMatchObject({ status: 'pending', data: 'one', stale: true })
    await words.feed('two')
    expect(task.last).toMatchObject({ status: 'pending', data: 'two', stale: false })
    expect([words.opened, words.closed]).toEqual([2, 1])
  })

  it('is kept when the task is turned off', async () => {
    const words = source()
    const { render, task } = mount((ctx) => chat(words, ctx))
    await words.feed('to be')
    render(1, { enabled: false })
    await settle()
    expect(task.last).toMatchObject({ status: 'success', data: 'to be', stale: false })
    expect(words.closed).toBe(1)
  })

  it.each([
    [false, { status: 'idle', data: undefined }],
    [true, { status: 'success', data: 'to be', stale: true }],
  ])('of a manual run for earlier deps is not shown for those again (keepPrevious: %s)', async (keeps, shown) => {
    const words = source()
    const options = { enabled: false, keepPrevious: keeps }
    const { render, task } = mount((ctx) => chat(words, ctx), options)
    await settle(() => void task.last.run())
    await words.feed('to be')
    render(2)
    await settle()
    render(1)
    expect(task.last).toMatchObject(shown)
  })

  it('is closed when the component unmounts', async () => {
    const words = source()
    const { unmount } = mount((ctx) => chat(words, ctx))
    await words.feed('to be')
    unmount()
    await settle()
    expect(words.closed).toBe(1)
  })

  it('resolves run with the last value, and rejects run when it is canceled', async () => {
    const words = source()
    const { task } = mount((ctx) => chat(words, ctx), { enabled: false })
    let result: Promise<string> | undefined
    await settle(() => void (result = task.last.run()))
    await words.feed('to be')
    await words.feed()
    expect(await result).toBe('to be')
    await settle(() => void (result = task.last.run()))
    await settle(() => task.last.cancel('stop'))
    await expect(result).rejects.toMatchObject({ cause: 'stop' })
  })
})

describe('a poll', () => {
  it('runs once, stops with the component and in a hidden tab, and restarts when the tab is shown', async () => {
    const clock = fakeClock(0)
    const causes: unknown[] = []
    const task = watch<Task<number>>()
    let loads = 0
    const poll = async function* (ctx: Context) {
      ctx.signal.addEventListener('abort', () => causes.push(ctx.err?.cause))
      for (;;) {
        yield ++loads
        await sleep(ctx, 2_000)
      }
    }
    function Poll() {
      task.see(useTask(poll, [poll]))
      return null
    }
    const view = render(
      <Scope parent={clock.root} visible>
        <Poll />
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle()
    await settle(() => clock.advance(4_000))
    expect(task.last).toMatchObject({ status: 'pending', data: 3 })
    await settle(() => turnTab(true))
    await settle(() => clock.advance(60_000))
    expect([loads, causes]).toEqual([3, [Hidden]])
    await settle(() => turnTab(false))
    expect(task.last).toMatchObject({ status: 'pending', data: 4 })
    await settle(() => clock.advance(2_000))
    expect(loads).toBe(5)
    view.unmount()
    await settle(() => clock.advance(60_000))
    expect([loads, causes]).toEqual([5, [Hidden, Unmounted]])
  })
})

/** Hides or shows the tab. */
function turnTab(hidden: boolean): void {
  Object.defineProperty(document, 'hidden', { configurable: true, value: hidden })
  document.dispatchEvent(new Event('visibilitychange'))
  Reflect.deleteProperty(document, 'hidden')
}

describe('a generator that ignores its context', () => {
  it('is abandoned: it is not resumed, and its values are ignored', async () => {
    const gates: (() => void)[] = []
    const seen: string[] = []
    const { render, task } = mount(async function* () {
      for (let round = 0; ; round++) {
        seen.push(`round ${round}`)
        await new Promise<void>((open) => void gates.push(open))
        yield `late ${round}`
      }
    })
    await settle()
    render(2)
    await settle(() => gates[0]?.())
    await settle(() => gates[0]?.())
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
    expect(seen).toEqual(['round 0', 'round 0'])
    await settle(() => gates[1]?.())
    expect(task.last).toMatchObject({ status: 'pending', data: 'late 0' })
  })

  it('is closed as soon as it yields, and what its clean-up throws is not reported', async () => {
    const gates: (() => void)[] = []
    const closed: string[] = []
    const cleanUp = () => {
      closed.push('source')
      throw new Error('in the clean-up')
    }
    const { task } = mount(async function* () {
      try {
        await new Promise<void>((open) => void gates.push(open))
        yield 'late'
      } finally {
        cleanUp()
      }
    })
    await settle(() => task.last.cancel('stop'))
    expect(closed).toEqual([])
    await settle(() => gates[0]?.())
    expect(closed).toEqual(['source'])
  })

  it('writes nothing to an action that was canceled', async () => {
    const gates: (() => void)[] = []
    const save = watch<Action<string>>()
    const fn = async function* () {
      for (const progress of ['10%', '90%']) {
        await new Promise<void>((open) => void gates.push(open))
        yield progress
      }
    }
    function Save() {
      return save.see(useAction(fn)).status
    }
    render(<Save />, { wrapper: StrictMode })
    await settle(() => void save.last.run())
    await settle(() => gates[0]?.())
    await settle(() => save.last.cancel('stop'))
    await settle(() => gates[1]?.())
    expect(save.last).toMatchObject({ status: 'canceled', data: '10%' })
  })
})

describe('an iterable that is not a generator', () => {
  it('is returned as data, and not iterated', async () => {
    const stream = new ReadableStream<string>()
    const task = watch<Task<ReadableStream<string>>>()
    function Streams() {
      return task.see(useTask(() => stream, [])).status
    }
    render(<Streams />)
    await settle()
    expect(task.last).toMatchObject({ status: 'success' })
    expect(task.last.data).toBe(stream)
  })
})

const next = () => ({ done: true, value: undefined })

describe('an object that lacks a part of a generator', () => {
  it.each<[what: string, value: object]>([
    ['next', { return: next, [Symbol.asyncIterator]: () => {} }],
    ['return', { next, [Symbol.asyncIterator]: () => {} }],
    ['Symbol.asyncIterator', [1, 2].values()],
  ])('is returned as data, and not iterated: %s', async (_, value) => {
    const task = watch<Task<object>>()
    function Component() {
      return task.see(useTask(() => value, [])).status
    }
    render(<Component />)
    await settle()
    expect(task.last.status).toBe('success')
    expect(task.last.data).toBe(value)
  })
})

describe('an action whose work yields', () => {
  it('shows its progress, keeps it when it is canceled, and outlives its component', async () => {
    const words = source()
    const upload = watch<Action<string>>()
    function Upload() {
      return upload.see(useAction((ctx: Context) => words.read(ctx))).status
    }
    const view = render(<Upload />, { wrapper: StrictMode })
    let result: Promise<string> | undefined
    await settle(() => void upload.last.run())
    await words.feed('10%')
    expect(upload.last).toMatchObject({ status: 'pending', data: '10%', stale: false })
    await words.feed('20%')
    expect(upload.last).toMatchObject({ status: 'pending', data: '20%', stale: false })
    await settle(() => upload.last.cancel('stop'))
    expect(upload.last).toMatchObject({ status: 'canceled', data: '20%' })
    await settle(() => void (result = upload.last.run()))
    view.unmount()
    await words.feed('90%')
    await words.feed()
    expect(await result).toBe('90%')
  })
})

describe('a superseded run', () => {
  it('ends its generator with Superseded as the cause', async () => {
    const causes: unknown[] = []
    const { render } = mount(async function* (ctx) {
      yield 'one'
      try {
        await sleep(ctx, 60_000)
      } finally {
        causes.push(ctx.err?.cause)
      }
    })
    await settle()
    render(2)
    await settle()
    expect(causes).toEqual([Superseded])
  })
})
