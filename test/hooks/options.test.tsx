/** The options of a task: modes, debounce, slowAfter, keepPrevious, enabled, transition. */

import { render } from '@testing-library/react'
import { StrictMode, Suspense, startTransition, useEffect, useLayoutEffect, useState } from 'react'
import { withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Superseded, useTask } from 'rescind/react'
import type { Task, TaskOptions } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'
import type { Work } from './support.tsx'

failOnNoise()

interface Props {
  readonly fn: (ctx: Context, name?: string) => Promise<string>
  readonly deps?: readonly unknown[]
  readonly options?: TaskOptions
}

function RunsIt({ run }: { readonly run: () => unknown }) {
  useEffect(() => void run(), [run])
  return null
}

function cause(error: unknown): unknown {
  return (error as Error).cause
}

/** Mounts a task, which is automatic if there are `deps`. */
function mount(first: Props) {
  type Either = Task<string, [name?: string]>
  const task = watch<Either>()
  function Auto({ fn, deps, options }: Props) {
    task.see(useTask((ctx) => fn(ctx), deps ?? [], options) as Either)
    return null
  }
  function Manual({ fn, options }: Props) {
    task.see(useTask(fn, options))
    return null
  }
  const Component = first.deps ? Auto : Manual
  const view = render(<Component {...first} />, { wrapper: StrictMode })
  return {
    task,
    unmount: view.unmount,
    render: (props: Partial<Props>) => view.rerender(<Component {...first} {...props} />),
    run: (...names: string[]) => settle(() => names.forEach((name) => void task.last.run(name))),
  }
}

describe('mode latest, the default', () => {
  it('ends the run in flight', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn })
    await run('one', 'two')
    expect(work.causes).toEqual([Superseded, undefined])
    await settle(() => work.calls[0]?.resolve('one'))
    expect(task.last.status).toBe('pending')
    await settle(() => work.calls[1]?.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })
})

describe('mode first', () => {
  it('joins a run with the same arguments, and ends one with others', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task } = mount({ fn: work.fn, options: { mode: 'first' } })
    const results: unknown[] = []
    await settle(() => {
      for (const name of ['a', 'b', 'b']) {
        void task.last.run(name).then(
          (result) => results.push(result),
          (error: unknown) => results.push(cause(error)),
        )
      }
    })
    expect(work.calls.map(({ args }) => args)).toEqual([['a'], ['b']])
    await settle(() => work.last.resolve('found b'))
    expect(results).toEqual([Superseded, 'found b', 'found b'])
    await settle(() => void task.last.run('b'))
    expect(work.calls).toHaveLength(3)
  })

  it('joins no run for other deps when it is run manually', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { mode: 'first', enabled: false } })
    await settle(() => void task.last.run())
    render({ deps: [2], options: { mode: 'first', enabled: false } })
    await settle(() => void task.last.run())
    expect(work.causes).toEqual([Superseded, undefined])
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })

  it('joins no run for other deps in the layout effect of the render that changes them', async () => {
    const work = fakeWork()
    function Component({ id }: { readonly id: number }) {
      const { run } = useTask(work.fn, [id], { mode: 'first', enabled: false })
      // oxlint-disable-next-line react/exhaustive-effect-dependencies -- runs once for each id
      useLayoutEffect(() => void run(), [run, id])
      return null
    }
    const view = render(<Component id={1} />)
    view.rerender(<Component id={2} />)
    await settle()
    expect(work.causes).toEqual([Superseded, undefined])
  })

  it('joins no run that was canceled in the same turn', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task } = mount({ fn: work.fn, options: { mode: 'first' } })
    await settle(() => void task.last.run('one'))
    await settle(() => {
      task.last.cancel('stop')
      void task.last.run('one')
    })
    expect(work.calls.map(({ args }) => args)).toEqual([['one'], ['one']])
    await settle(() => work.last.resolve('answer'))
    expect(task.last).toMatchObject({ status: 'success', data: 'answer' })
  })

  it.each([false, true])('never shows an answer for earlier deps (keepPrevious: %s)', async (keeps) => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { mode: 'first', keepPrevious: keeps } })
    render({ deps: [2] })
    await settle(() => work.calls[0]?.resolve('one'))
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
    expect(work.causes).toEqual([Superseded, undefined])
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two', stale: false })
  })

  it('joins a manual run to the automatic one', async () => {
    const work = fakeWork()
    const { task } = mount({ fn: work.fn, deps: [1], options: { mode: 'first' } })
    await settle(() => void task.last.run())
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
  })
})

describe('debounce', () => {
  it('makes one call for many changes, with the last value', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const options = { debounce: 200, parent: clock.root }
    const { task, render } = mount({ fn: work.fn, deps: [0], options })
    for (let key = 1; key < 100; key++) {
      render({ deps: [key] })
      await clock.advance(1)
    }
    expect(task.last.status).toBe('pending')
    await settle(() => clock.advance(198))
    expect(work.calls).toEqual([])
    await settle(() => clock.advance(1))
    expect(work.causes).toEqual([undefined])
    await settle(() => clock.advance(1_000))
    expect(work.calls).toHaveLength(1)
  })

  it('makes no call if the component unmounts before it is over', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { unmount } = mount({ fn: work.fn, deps: [0], options: { debounce: 200, parent: clock.root } })
    await settle(() => clock.advance(199))
    unmount()
    await settle(() => clock.advance(1_000))
    expect(work.calls).toEqual([])
  })

  it('can be canceled like the work', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mount({ fn: work.fn, deps: [0], options: { debounce: 200, parent: clock.root } })
    await settle(() => task.last.cancel('why'))
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'why' })
    await settle(() => clock.advance(1_000))
    expect(work.calls).toEqual([])
  })

  it('does not count as time of the work', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    mount({ fn: work.fn, deps: [], options: { debounce: 200, timeout: 100, parent: clock.root } })
    await settle(() => clock.advance(200))
    expect(work.last.ctx.deadline).toBe(300)
  })

  it('is shared by two runs in mode first', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mount({ fn: work.fn, options: { debounce: 200, mode: 'first', parent: clock.root } })
    await settle(() => void task.last.run('one'))
    await settle(() => void task.last.run('two'))
    await settle(() => clock.advance(200))
    expect(work.calls).toHaveLength(1)
  })

  it('calls the work after maxWait though the changes continue', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const options = { debounce: { ms: 50, maxWait: 120 }, parent: clock.root }
    const { render } = mount({ fn: work.fn, deps: [0], options })
    for (let key = 1; key <= 6; key++) {
      await settle(() => clock.advance(20))
      render({ deps: [key] })
    }
    // The run at 120 ms has the deps of the render at 100 ms; the run at 170 ms those of 120 ms.
    expect(work.calls).toHaveLength(1)
    await settle(() => clock.advance(50))
    expect(work.causes).toEqual([Superseded, undefined])
  })

  it('calls the first run at once if it is leading, and the last of the following ones when it is over', async () => {
    const clock = fakeClock(0)
    const work = fakeWork<string, [name?: string]>()
    const { run } = mount({ fn: work.fn, options: { debounce: { ms: 50, leading: true }, parent: clock.root } })
    await run('one')
    expect(work.calls.map(({ args: [name] }) => name)).toEqual(['one'])
    await run('two', 'three')
    await settle(() => clock.advance(49))
    expect(work.calls).toHaveLength(1)
    await settle(() => clock.advance(1))
    expect(work.calls.map(({ args: [name] }) => name)).toEqual(['one', 'three'])
    await settle(() => clock.advance(50))
    await run('four')
    expect(work.last.args).toEqual(['four'])
  })

  it('calls the next run after a pause at once if it is leading', async () => {
    const clock = fakeClock(0)
    const work = fakeWork<string, [name?: string]>()
    const { run } = mount({ fn: work.fn, options: { debounce: { ms: 50, leading: true }, parent: clock.root } })
    await run('one')
    await settle(() => clock.advance(50))
    await run('two')
    expect(work.calls.map(({ args: [name] }) => name)).toEqual(['one', 'two'])
  })

  it('ends on flush, which calls the waiting run once', async () => {
    const clock = fakeClock(0)
    const work = fakeWork<string, [name?: string]>()
    const { run, task } = mount({ fn: work.fn, options: { debounce: 200, parent: clock.root } })
    await run('one', 'two')
    await settle(() => {
      task.last.flush()
      expect(work.calls.map(({ args: [name] }) => name)).toEqual(['two'])
      task.last.flush()
    })
    await settle(() => clock.advance(1_000))
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('two'))
    await settle(() => task.last.flush())
    expect(work.calls).toHaveLength(1)
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })

  it('starts again under another parent if the parent was canceled meanwhile', async () => {
    const clock = fakeClock(0)
    const [parent, cancel] = withCancel(clock.root)
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [0], options: { debounce: 200, parent } })
    await settle(() => clock.advance(100))
    await settle(() => {
      cancel('why')
      render({ options: { debounce: 200, parent: clock.root } })
    })
    expect(task.last.status).toBe('pending')
    await settle(() => clock.advance(199))
    expect(work.calls).toEqual([])
    await settle(() => clock.advance(1))
    expect(work.causes).toEqual([undefined])
  })
})

describe('slowAfter', () => {
  it('sets slow from that time until the run is over', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mount({ fn: work.fn, deps: [1], options: { slowAfter: 300, parent: clock.root } })
    await settle(() => clock.advance(299))
    expect(task.last.slow).toBe(false)
    await settle(() => clock.advance(1))
    expect(task.last).toMatchObject({ status: 'pending', slow: true })
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', slow: false })
  })

  it('never sets slow for the first render of the next run', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const options = { slowAfter: 300, keepPrevious: true, parent: clock.root }
    const { task, render } = mount({ fn: work.fn, deps: [1], options })
    await settle(() => clock.advance(300))
    const before = task.all.length
    expect(task.last.slow).toBe(true)
    render({ deps: [2] })
    await settle(() => clock.advance(299))
    expect(new Set(task.all.slice(before).map(({ slow }) => slow))).toEqual(new Set([false]))
    await settle(() => work.last.resolve('two'))
    await settle(() => void task.last.run())
    await settle(() => clock.advance(299))
    expect(task.last).toMatchObject({ status: 'pending', slow: false })
    await settle(() => clock.advance(1))
    expect(task.last).toMatchObject({ status: 'pending', slow: true, data: 'two', stale: true })
  })

  it('does not set slow for work that succeeds, fails or is canceled earlier', async () => {
    const clock = fakeClock(0)
    const work = fakeWork<string, [name?: string]>()
    const { run, task } = mount({ fn: work.fn, options: { slowAfter: 300, parent: clock.root } })
    const ends = [() => work.last.resolve('quick'), () => work.last.reject('failed'), () => task.last.cancel()]
    for (const end of ends) {
      await run('one')
      await settle(() => clock.advance(200))
      await settle(end)
      await settle(() => clock.advance(200))
    }
    expect(new Set(task.all.map(({ slow }) => slow))).toEqual(new Set([false]))
  })

  it('counts from the start of the work, not of the debounce', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mount({ fn: work.fn, deps: [1], options: { slowAfter: 100, debounce: 200, parent: clock.root } })
    await settle(() => clock.advance(299))
    expect(task.last.slow).toBe(false)
    await settle(() => clock.advance(1))
    expect(task.last.slow).toBe(true)
  })
})

describe('keepPrevious', () => {
  const options = { keepPrevious: true }

  it('keeps the data as stale, starting with the first render that needs other data', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options })
    expect(task.last).toMatchObject({ status: 'pending', data: undefined, stale: false })
    await settle(() => work.last.resolve('one'))
    expect(task.last.stale).toBe(false)
    const before = task.all.length
    render({ deps: [2] })
    for (const shown of task.all.slice(before)) {
      expect(shown).toMatchObject({ status: 'pending', data: 'one', stale: true })
    }
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two', stale: false })
  })

  it('keeps the data as stale through an error and a cancel, but not through reset', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options })
    await run('one')
    await settle(() => work.last.resolve('one'))
    await run('two')
    await settle(() => work.last.reject('failed'))
    expect(task.last).toMatchObject({ status: 'error', error: 'failed', data: 'one', stale: true })
    await run('three')
    expect(task.last).toMatchObject({ status: 'pending', error: undefined, data: 'one', stale: true })
    await settle(() => task.last.cancel('why'))
    expect(task.last).toMatchObject({ status: 'canceled', data: 'one', stale: true })
    await settle(() => task.last.reset())
    expect(task.last).toMatchObject({ status: 'idle', data: undefined, stale: false })
  })

  it('accepts undefined as data', async () => {
    const { task } = mount({ fn: () => Promise.resolve(undefined as never), deps: [], options })
    await settle()
    expect(task.last).toMatchObject({ status: 'success', data: undefined, stale: false })
  })
})

describe('enabled', () => {
  it('keeps the task from running while it is false, and idle', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { enabled: false } })
    render({ deps: [2], options: { enabled: false } })
    await settle()
    expect(work.calls).toEqual([])
    expect(new Set(task.all.map(({ status }) => status))).toEqual(new Set(['idle']))
    render({ deps: [2], options: {} })
    expect(task.last.status).toBe('pending')
    expect(work.calls).toHaveLength(1)
  })

  it('ends the run in flight when it becomes false, and restarts it when it becomes true', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1] })
    render({ options: { enabled: false } })
    await settle()
    expect(work.causes).toEqual([Superseded])
    expect(task.last.status).toBe('idle')
    render({})
    await settle(() => work.last.resolve('one'))
    expect(work.calls).toHaveLength(2)
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
  })

  it('keeps the result when it becomes false, and does not repeat the run when it becomes true', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1] })
    await settle(() => work.last.resolve('one'))
    render({ options: { enabled: false } })
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
    render({})
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
    expect(work.causes).toEqual([undefined])
    render({ deps: [2], options: { enabled: false } })
    render({ deps: [2] })
    await settle()
    expect(work.calls).toHaveLength(2)
  })

  it('never shows results for other deps while it is false', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1] })
    await settle(() => work.last.resolve('one'))
    const before = task.all.length
    render({ deps: [2], options: { enabled: false } })
    await settle()
    expect(new Set(task.all.slice(before).map(({ status }) => status))).toEqual(new Set(['idle']))
    render({ deps: [1], options: { enabled: false } })
    expect(task.last).toMatchObject({ status: 'success', data: 'one', stale: false })
    render({ deps: [2], options: { enabled: false, keepPrevious: true } })
    expect(task.last).toMatchObject({ status: 'success', data: 'one', stale: true })
  })

  it.each([
    ['an error', (work: Work<string, []>) => work.last.reject('failed')],
    ['a cancel', (_: unknown, task: Task<string>) => task.cancel('why')],
    ['a reset', (_: unknown, task: Task<string>) => task.reset()],
  ])('repeats the run after %s when it becomes true', async (_, end) => {
    const work = fakeWork<string, []>()
    const { task, render } = mount({ fn: work.fn, deps: [1] })
    await settle(() => end(work, task.last as Task<string>))
    const { status } = task.last
    render({ options: { enabled: false } })
    await settle()
    expect(task.last.status).toBe(status)
    const before = task.all.length
    render({})
    expect(new Set(task.all.slice(before).map(({ status }) => status))).toEqual(new Set(['pending']))
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
  })

  it('repeats the run for earlier deps after a manual run for others', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1] })
    await settle(() => work.last.resolve('one'))
    render({ deps: [2], options: { enabled: false } })
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
    render({ deps: [1] })
    expect(task.last.status).toBe('pending')
    await settle(() => work.last.resolve('one again'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one again' })
  })

  it('shows the previous result as stale when it becomes false during the next run', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { keepPrevious: true } })
    await settle(() => work.last.resolve('one'))
    render({ deps: [2] })
    render({ deps: [2], options: { keepPrevious: true, enabled: false } })
    await settle()
    expect(task.last).toMatchObject({ status: 'success', data: 'one', stale: true })
  })

  it.each([
    ['without deps', {}],
    ['with deps', { deps: [1] }],
  ])('allows manual runs while it is false, %s', async (_, deps) => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run, render } = mount({ fn: work.fn, ...deps, options: { enabled: false } })
    await run('one')
    render({})
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
    expect(work.calls).toHaveLength(1)
  })
  it("leaves manual runs alone after it became false, and those of a child's first effect", async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run, render: rerender } = mount({ fn: work.fn, deps: [1] })
    await settle(() => work.last.resolve('one'))
    rerender({ options: { enabled: false } })
    await run('again')
    expect(task.last.status).toBe('pending')
    rerender({ options: { enabled: false } })
    expect(work.last.ctx.err).toBeUndefined()
    const child = fakeWork()
    function Component() {
      return <RunsIt run={useTask(child.fn, [], { enabled: false }).run} />
    }
    render(<Component />)
    await settle()
    expect(child.causes).toEqual([undefined])
  })

  it('leaves alone the run that a child starts in its first effect after it became false', async () => {
    const work = fakeWork()
    function Component({ enabled, id }: { readonly enabled: boolean; readonly id: number }) {
      const { run } = useTask(work.fn, [id], { enabled })
      return !enabled && <RunsIt run={run} />
    }
    const view = render(<Component enabled id={1} />)
    await settle()
    view.rerender(<Component enabled={false} id={2} />)
    await settle()
    expect(work.causes).toEqual([Superseded, undefined])
  })
})

describe('a manual run for some deps', () => {
  const byHand = { enabled: false }

  it('is not shown for other deps, starting with the first render that has them, without a remount', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: ['a'], options: byHand })
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('details of a'))
    expect(task.last).toMatchObject({ status: 'success', data: 'details of a' })
    const before = task.all.length
    render({ deps: ['b'] })
    await settle()
    const shown = task.all.slice(before).map(({ status, data }) => [status, data])
    expect(shown).toEqual(shown.map(() => ['idle', undefined]))
    render({ deps: ['a'] })
    expect(task.last).toMatchObject({ status: 'success', data: 'details of a', stale: false })
    render({ deps: ['b'] })
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('details of b'))
    expect(task.last).toMatchObject({ status: 'success', data: 'details of b', stale: false })
  })

  it('ends when the deps change, and the task is idle', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: ['a'], options: byHand })
    await settle(() => void task.last.run())
    const before = task.all.length
    render({ deps: ['b'] })
    await settle()
    expect(work.causes).toEqual([Superseded])
    expect(new Set(task.all.slice(before).map(({ status }) => status))).toEqual(new Set(['idle']))
    await settle(() => work.last.resolve('details of a'))
    expect(task.last).toMatchObject({ status: 'idle', data: undefined })
  })

  it('is kept as stale with keepPrevious', async () => {
    const work = fakeWork()
    const options = { enabled: false, keepPrevious: true }
    const { task, render } = mount({ fn: work.fn, deps: ['a'], options })
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('details of a'))
    render({ deps: ['b'] })
    expect(task.last).toMatchObject({ data: 'details of a', stale: true })
    await settle(() => void task.last.run())
    expect(task.last).toMatchObject({ status: 'pending', data: 'details of a', stale: true })
    render({ deps: ['c'] })
    await settle()
    expect(task.last).toMatchObject({ status: 'success', data: 'details of a', stale: true })
  })
})

describe('undefined deps', () => {
  it('act like enabled: false', async () => {
    const work = fakeWork()
    const task = watch<Task<string>>()
    function Component({ id }: { readonly id: number | undefined }) {
      task.see(useTask((ctx) => work.fn(ctx), id === undefined ? undefined : [id]))
      return null
    }
    const view = render(<Component id={undefined} />, { wrapper: StrictMode })
    await settle()
    expect(task.last.status).toBe('idle')
    view.rerender(<Component id={1} />)
    expect(task.last.status).toBe('pending')
    view.rerender(<Component id={undefined} />)
    await settle()
    expect(work.causes).toEqual([Superseded])
    expect(task.last.status).toBe('idle')
    view.rerender(<Component id={1} />)
    await settle(() => work.last.resolve('one'))
    view.rerender(<Component id={undefined} />)
    view.rerender(<Component id={1} />)
    await settle()
    expect(work.calls).toHaveLength(2)
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
  })
})

describe('transition', () => {
  it('shows the result in a transition, so suspending on it does not hide the content', async () => {
    const work = fakeWork()
    const never = new Promise<never>(() => {})
    function Suspends({ isReady }: { readonly isReady: boolean }) {
      if (isReady) throw never
      return 'waits'
    }
    function Component({ transition }: { readonly transition: boolean }) {
      const { status } = useTask(work.fn, [], { transition })
      return (
        <Suspense fallback="fallback">
          <Suspends isReady={status === 'success'} />
        </Suspense>
      )
    }
    const gentle = render(<Component transition />)
    await settle(() => work.last.resolve('albums'))
    expect(gentle.container.textContent).toBe('waits')
    const blunt = render(<Component transition={false} />)
    await settle(() => work.last.resolve('albums'))
    expect(blunt.container.textContent).toContain('fallback')
  })

  it('does not delay the pending state', async () => {
    const work = fakeWork()
    const never = new Promise<never>(() => {})
    const starts = watch<() => void>()
    function Suspends({ isPending }: { readonly isPending: boolean }) {
      if (isPending) throw never
      return 'waits'
    }
    function Component() {
      const { run, status } = useTask(work.fn, { transition: true })
      starts.see(() => void run())
      return (
        <Suspense fallback="fallback">
          <Suspends isPending={status === 'pending'} />
        </Suspense>
      )
    }
    const { container } = render(<Component />)
    await settle(() => starts.last())
    expect(container.textContent).toContain('fallback')
  })

  it('is superseded by newer deps, and its result is not shown', async () => {
    const work = fakeWork()
    const task = watch<Task<string>>()
    const steps = watch<(id: number) => void>()
    function Component() {
      const [id, setId] = useState(1)
      steps.see(setId)
      task.see(useTask((ctx) => work.fn(ctx), [id], { transition: true }))
      return null
    }
    render(<Component />)
    await settle(() => {
      work.last.resolve('one')
      startTransition(() => steps.last(2))
    })
    await settle(() => steps.last(3))
    await settle(() => work.last.resolve('three'))
    expect(task.last).toMatchObject({ status: 'success', data: 'three' })
  })
})
