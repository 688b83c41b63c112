/** The options of a task: modes, debounce, keepPrevious, enabled, transition. */

import { render } from '@testing-library/react'
import { StrictMode, Suspense, startTransition, useEffect, useState } from 'react'
import type { Context } from 'rescind'
import { Superseded, Unmounted, useTask } from 'rescind/react'
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

/** Mounts a task: one that runs by itself if there are `deps`. */
function mount(first: Props) {
  type Either = Task<string, [name?: string]>
  const task = watch<Either>()
  function Auto({ fn, deps, options }: Props) {
    task.see(useTask((ctx) => fn(ctx), deps ?? [], options) as Either)
    return null
  }
  function Manual({ fn, options }: Props) {
    task.see(useTask(fn, undefined, options))
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

describe('mode latest, which is the default', () => {
  it('ends what is in flight', async () => {
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
  it('joins the run that there is', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task } = mount({ fn: work.fn, options: { mode: 'first' } })
    const results: unknown[] = []
    await settle(() => {
      for (const name of ['one', 'two']) void task.last.run(name).then((result) => results.push(result))
      void task.last.runAction('three').then((result) => results.push(result))
    })
    expect(work.calls.map(({ args }) => args)).toEqual([['one']])
    await settle(() => work.last.resolve('answer'))
    expect(results).toEqual(['answer', 'answer', 'answer'])
    await settle(() => void task.last.run('four'))
    expect(work.calls).toHaveLength(2)
  })

  it('joins no run for other deps when it is run by hand', async () => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { mode: 'first', enabled: false } })
    await settle(() => void task.last.run())
    render({ deps: [2], options: { mode: 'first', enabled: false } })
    await settle(() => void task.last.run())
    expect(work.causes).toEqual([Superseded, undefined])
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })

  it('joins no run that was canceled in this turn', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task } = mount({ fn: work.fn, options: { mode: 'first' } })
    await settle(() => void task.last.run('one'))
    await settle(() => {
      task.last.cancel('stop')
      void task.last.run('two')
    })
    expect(work.calls.map(({ args }) => args)).toEqual([['one'], ['two']])
    await settle(() => work.last.resolve('answer'))
    expect(task.last).toMatchObject({ status: 'success', data: 'answer' })
  })

  it.each([false, true])('never answers other deps with what was asked before (keepPrevious: %s)', async (keeps) => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { mode: 'first', keepPrevious: keeps } })
    render({ deps: [2] })
    await settle(() => work.calls[0]?.resolve('one'))
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
    expect(work.causes).toEqual([Superseded, undefined])
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two', stale: false })
  })

  it('with deps joins what is run by hand to what runs by itself', async () => {
    const work = fakeWork()
    const { task, run } = mount({ fn: work.fn, deps: [1], options: { mode: 'first' } })
    await run('again')
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
  })
})

describe('mode queue', () => {
  it('runs one after the other, in order, whatever becomes of them', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options: { mode: 'queue' } })
    await run('one', 'two', 'three')
    expect(work.calls).toHaveLength(1)
    await settle(() => work.last.reject(new Error('failed')))
    expect(work.calls.map(({ args: [name] }) => name)).toEqual(['one', 'two'])
    expect(task.last).toMatchObject({ status: 'pending', error: undefined })
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'pending', data: 'two', stale: true })
    await settle(() => work.last.resolve('three'))
    expect(task.last).toMatchObject({ status: 'success', data: 'three', stale: false })
  })

  it('has the context of the run whose turn it is', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options: { mode: 'queue' } })
    await run('one', 'two', 'three')
    expect(task.last.context).toBe(work.calls[0]?.ctx)
    await settle(() => work.last.resolve('one'))
    expect(task.last.context).toBe(work.calls[1]?.ctx)
  })

  it('is canceled as a whole, and what waits is never called', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options: { mode: 'queue' } })
    await run('one', 'two')
    await settle(() => task.last.cancel('all of it'))
    expect(work.causes).toEqual(['all of it'])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'all of it', data: undefined })
    await run('three')
    expect(work.last.args).toEqual(['three'])
  })

  it('ends with the component', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { run, unmount } = mount({ fn: work.fn, options: { mode: 'queue' } })
    await run('one', 'two')
    unmount()
    await settle(() => work.last.resolve('one'))
    expect(work.causes).toEqual([Unmounted])
  })

  it('gives each run its own time, from when its turn has come', async () => {
    const clock = fakeClock(0)
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options: { mode: 'queue', timeout: 100, parent: clock.root } })
    await run('one', 'two')
    await settle(() => clock.advance(100))
    expect(work.calls).toHaveLength(2)
    expect(work.last.ctx.deadline).toBe(200)
    await settle(() => clock.advance(100))
    expect(task.last.status).toBe('error')
  })
})

describe('mode all', () => {
  it('runs side by side, shows the newest answer, and leaves what the others have handed out in use', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options: { mode: 'all' } })
    await run('one', 'two', 'three')
    expect(work.causes).toEqual([undefined, undefined, undefined])
    await settle(() => work.calls[1]?.resolve('two'))
    expect(task.last).toMatchObject({ status: 'pending', data: 'two', stale: true })
    await settle(() => work.calls[2]?.resolve('three'))
    expect(task.last).toMatchObject({ status: 'pending', data: 'three', stale: false })
    await settle(() => work.calls[0]?.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'three' })
    expect(work.causes).toEqual([undefined, undefined, undefined])
    await settle(() => task.last.reset())
    expect(work.causes).toEqual([Superseded, Superseded, Superseded])
  })

  it('keeps no more than a hundred results in use besides the last', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { run } = mount({ fn: work.fn, options: { mode: 'all' } })
    for (let index = 0; index < 110; index++) {
      await run(String(index))
      await settle(() => work.last.resolve('done'))
    }
    expect(work.causes.filter((why) => why === Superseded)).toHaveLength(9)
    expect(work.causes.slice(9)).toEqual(Array.from({ length: 101 }, () => undefined))
  })

  it('resolves every run with its own answer', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task } = mount({ fn: work.fn, options: { mode: 'all' } })
    const results: unknown[] = []
    await settle(() => ['one', 'two'].forEach((name) => void task.last.run(name).then((text) => results.push(text))))
    await settle(() => work.calls.toReversed().forEach(({ args, resolve }) => resolve(`answer ${args[0]}`)))
    expect(results).toEqual(['answer two', 'answer one'])
  })

  it.each(['all', 'queue'] as const)('with deps has no data of other deps, as in mode %s', async (mode) => {
    const work = fakeWork()
    const { task, render } = mount({ fn: work.fn, deps: [1], options: { mode } })
    await settle(() => void task.last.run())
    await settle(() => work.calls[0]?.resolve('one'))
    expect(task.last).toMatchObject({ status: 'pending', data: 'one' })
    render({ deps: [2], options: { mode } })
    await settle()
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
    await settle(() => work.calls[1]?.resolve('one again'))
    expect(task.last).toMatchObject({ status: 'pending', data: undefined })
    await settle(() => work.calls[2]?.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })

  it('canceled after an earlier answer does not bring that back', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run } = mount({ fn: work.fn, options: { mode: 'all' } })
    await run('one')
    await settle(() => work.last.resolve('one'))
    await run('two', 'three')
    const before = task.all.length
    await settle(() => task.last.cancel('why'))
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'why', data: undefined, stale: false })
    expect(task.all.slice(before).map(({ data }) => data)).not.toContain('one')
  })
})

describe('another mode', () => {
  it('holds for the runs to come, not for those in flight', async () => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run, render } = mount({ fn: work.fn, options: { mode: 'all' } })
    await run('one', 'two')
    render({ options: { mode: 'queue' } })
    await run('three')
    expect(work.calls).toHaveLength(2)
    await settle(() => work.calls[1]?.resolve('two'))
    expect(work.last.args).toEqual(['three'])
    render({ options: { mode: 'latest' } })
    expect(work.causes).toEqual([undefined, undefined, undefined])
    await run('four')
    expect(work.causes).toEqual([Superseded, Superseded, Superseded, undefined])
    await settle(() => work.last.resolve('four'))
    expect(task.last).toMatchObject({ status: 'success', data: 'four' })
  })
})

describe('debounce', () => {
  it('makes one call of many changes, with the last value', async () => {
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

  it('makes none if the component goes before', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { unmount } = mount({ fn: work.fn, deps: [0], options: { debounce: 200, parent: clock.root } })
    await settle(() => clock.advance(199))
    unmount()
    await settle(() => clock.advance(1_000))
    expect(work.calls).toEqual([])
  })

  it('is canceled by hand as the work is', async () => {
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

  it('of a run that fails in it because of the scope is that failure', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mount({ fn: work.fn, options: { debounce: 200, mode: 'first', parent: clock.root } })
    await settle(() => void task.last.run('one'))
    await settle(() => void task.last.run('two'))
    await settle(() => clock.advance(200))
    expect(work.calls).toHaveLength(1)
  })
})

describe('keepPrevious', () => {
  const options = { keepPrevious: true }

  it('keeps the data, marked as stale, from the very render on that asks for other data', async () => {
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

  it('keeps it through an error and a cancel, still stale, and reset forgets it', async () => {
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

  it('takes undefined for data that is none', async () => {
    const { task } = mount({ fn: () => Promise.resolve(undefined as never), deps: [], options })
    await settle()
    expect(task.last).toMatchObject({ status: 'success', data: undefined, stale: false })
  })
})

describe('enabled', () => {
  it('false keeps it from running, and it is idle', async () => {
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

  it('false stops what is in flight, and true starts it again', async () => {
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

  it('false leaves what came out before, and true does not ask again for what is known', async () => {
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

  it('false never shows what is known of other deps', async () => {
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
  ])('true asks again after %s', async (_, end) => {
    const work = fakeWork<string, []>()
    const { task, render } = mount({ fn: work.fn, deps: [1] })
    await settle(() => end(work, task.last as Task<string>))
    const { status } = task.last
    render({ options: { enabled: false } })
    await settle()
    expect(task.last.status).toBe(status)
    render({})
    expect(task.last.status).toBe('pending')
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
  })

  it('true asks again for deps that were answered before others were run by hand', async () => {
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

  it('false in the middle of the next run shows what was kept of the one before', async () => {
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
  ])('false does not keep anybody from running it by hand, %s', async (_, deps) => {
    const work = fakeWork<string, [name?: string]>()
    const { task, run, render } = mount({ fn: work.fn, ...deps, options: { enabled: false } })
    await run('one')
    render({})
    await settle(() => work.last.resolve('one'))
    expect(task.last).toMatchObject({ status: 'success', data: 'one' })
    expect(work.calls).toHaveLength(1)
  })
  it('false leaves alone what is run by hand after that, or by a child as it appears', async () => {
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
})

describe('deps that are undefined for a while', () => {
  it('are as enabled: false', async () => {
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
  it('shows what came out in a transition: what suspends on it does not hide what is there', async () => {
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

  it('does not delay the news that something is pending', async () => {
    const work = fakeWork()
    const never = new Promise<never>(() => {})
    const starts = watch<() => void>()
    function Suspends({ isPending }: { readonly isPending: boolean }) {
      if (isPending) throw never
      return 'waits'
    }
    function Component() {
      const { run, status } = useTask(work.fn, undefined, { transition: true })
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

  it('is overtaken by newer deps, and does not come back', async () => {
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
