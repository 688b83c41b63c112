/** One task: what it shows, what its functions do, and how its work ends. */

import { act, render } from '@testing-library/react'
import { StrictMode, useEffect, useLayoutEffect } from 'react'
import { renderToString } from 'react-dom/server'
import { background, CanceledError, cause, createKey, isDeadlineExceeded, until } from 'rescind'
import { withCancel, withTimeout, withValue } from 'rescind'
import type { Context } from 'rescind'
import { Scope, Superseded, Unmounted, useScope, useTask } from 'rescind/react'
import type { Task, TaskOptions } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

type Fn<A extends readonly unknown[]> = (ctx: Context, ...args: A) => unknown

/** Mounts a manual task. */
function mountManual<A extends readonly unknown[]>(fn: Fn<A>, options?: TaskOptions) {
  const task = watch<Task<unknown, A>>()
  function Component(props: { readonly options?: TaskOptions | undefined; readonly fn: Fn<A> }) {
    task.see(useTask<unknown, A>(props.fn, props.options))
    return null
  }
  const view = render(<Component fn={fn} options={options} />, { wrapper: StrictMode })
  return {
    task,
    unmount: view.unmount,
    render: (options?: TaskOptions, other = fn) => view.rerender(<Component fn={other} options={options} />),
  }
}

/** Mounts an automatic task. */
function mountAuto(fn: (ctx: Context) => unknown, deps: readonly unknown[] = [], options?: TaskOptions) {
  const task = watch<Task<unknown>>()
  function Component(props: { readonly deps: readonly unknown[]; readonly options?: TaskOptions | undefined }) {
    task.see(useTask(fn, props.deps, props.options))
    return null
  }
  const view = render(<Component deps={deps} options={options} />, { wrapper: StrictMode })
  return {
    task,
    unmount: view.unmount,
    render: (deps: readonly unknown[], options?: TaskOptions) =>
      view.rerender(<Component deps={deps} options={options} />),
  }
}

function RunsIt({ run }: { readonly run: () => unknown }) {
  useEffect(() => void run(), [run])
  return null
}

const NAME = createKey<string>('name')

const NOTHING = { status: 'idle', data: undefined, error: undefined, cause: undefined, stale: false }

describe('a task without deps', () => {
  it('is idle until it is run, then pending, then shows the result', async () => {
    const work = fakeWork<string, [name: string, year: number]>()
    const { task } = mountManual(work.fn)
    await settle()
    expect(work.calls).toEqual([])
    expect(task.last).toMatchObject(NOTHING)
    let result: Promise<unknown> | undefined
    await settle(() => {
      result = task.last.run('Blue', 1971)
    })
    expect(work.last.args).toEqual(['Blue', 1971])
    expect(task.last).toMatchObject({ ...NOTHING, status: 'pending' })
    await settle(() => work.last.resolve('Joni Mitchell'))
    expect(task.last).toMatchObject({ ...NOTHING, status: 'success', data: 'Joni Mitchell' })
    expect(await result).toBe('Joni Mitchell')
  })

  it('is pending as soon as the update that runs it is committed', async () => {
    const work = fakeWork<string, []>()
    function Button() {
      const { run, status } = useTask(work.fn)
      return (
        <button disabled={status === 'pending'} onClick={() => void run()}>
          {status}
        </button>
      )
    }
    const { container } = render(<Button />)
    const button = container.querySelector('button')
    act(() => button?.click())
    expect([button?.disabled, button?.textContent]).toEqual([true, 'pending'])
  })

  it('calls the work before `run` returns, and accepts a plain value', async () => {
    const { task } = mountManual((_, one: number, other: number) => one + other)
    await settle(async () => expect(await task.last.run(1, 2)).toBe(3))
    expect(task.last).toMatchObject({ status: 'success', data: 3 })
  })

  it('shows an error, thrown or rejected, and clears it at the next run', async () => {
    const error = new Error('no such album')
    const work = fakeWork()
    const { task, render } = mountManual(() => {
      throw error
    })
    await settle(async () => expect(await task.last.run().catch((error: unknown) => error)).toBe(error))
    expect(task.last).toMatchObject({ ...NOTHING, status: 'error', error })
    render({}, work.fn)
    await settle(() => void task.last.run())
    expect(task.last).toMatchObject({ ...NOTHING, status: 'pending' })
    await settle(() => work.last.reject('rejected'))
    expect(task.last).toMatchObject({ ...NOTHING, status: 'error', error: 'rejected' })
  })

  it('needs no catch, however a run ends', async () => {
    const work = fakeWork()
    const { task, unmount } = mountManual(work.fn)
    await settle(() => void task.last.run())
    await settle(() => work.last.reject(new Error('failed')))
    await settle(() => void task.last.run())
    await settle(() => task.last.cancel())
    await settle(() => void task.last.run())
    await settle(() => void task.last.run())
    unmount()
    await settle()
    expect(work.calls).toHaveLength(4)
  })

  it('keeps the identity of its functions, and its own until something changes', async () => {
    const work = fakeWork()
    const { task, render } = mountManual(work.fn)
    const first = task.last
    render({ label: 'again' })
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('albums'))
    const { run, action, flush, cancel, reset } = task.last
    expect(first).toMatchObject({ run, action, flush, cancel, reset })
    const before = task.last
    render({ label: 'once more' })
    expect(task.last).toBe(before)
  })

  it('keeps its identity while its result is for other deps, until these or the parent change', async () => {
    const work = fakeWork()
    const [parent] = withCancel(background())
    const [other] = withCancel(background())
    const options = { enabled: false, keepPrevious: true, parent }
    const { task, render } = mountAuto(work.fn, ['one'], options)
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('albums'))
    const before = task.last
    render(['other'], options)
    const stale = task.last
    expect(stale).toMatchObject({ status: 'success', data: 'albums', stale: true, context: work.last.ctx })
    render(['other'], options)
    expect(task.last).toBe(stale)
    render(['other'], { ...options, parent: other })
    expect(task.last).not.toBe(stale)
    render(['other'], { ...options, keepPrevious: false })
    expect(task.last).toMatchObject(NOTHING)
    render(['one'], options)
    expect(task.last).toBe(before)
  })

  it('has the latest parent as its context before the first run, and then the context of the run', async () => {
    const work = fakeWork()
    const [one] = withCancel(background())
    const other = withValue(one, NAME, 'other')
    const { task, render } = mountManual(work.fn, { parent: one })
    expect(task.last.context).toBe(one)
    render({ parent: other })
    expect(task.last.context).toBe(other)
    await settle(() => void task.last.run())
    render({ parent: one })
    expect(task.last.context).toBe(work.last.ctx)
  })

  it.each([
    ['albums', 'success'],
    [undefined, 'idle'],
  ])('shows the result %s as %s for other deps, and as it is for the deps of its run', async (data, status) => {
    const [parent] = withCancel(background())
    const options = { enabled: false, keepPrevious: true, parent: withValue(parent, NAME, 'other') }
    const { task, render } = mountAuto(() => data, ['one'], { ...options, parent })
    await settle(() => void task.last.run())
    render(['other'], options)
    expect(task.last).toMatchObject({ status, data, stale: data !== undefined })
    render(['one'], options)
    expect(task.last).toMatchObject({ status: 'success', data, stale: false })
  })

  it('runs with the values of the latest render, even from a layout effect', async () => {
    const queries: string[] = []
    function Component({ query }: { readonly query: string }) {
      const { run } = useTask(() => void queries.push(query), undefined)
      useLayoutEffect(() => {
        if (query) void run()
      }, [run, query])
      return null
    }
    const view = render(<Component query="one" />)
    view.rerender(<Component query="other" />)
    await settle()
    expect(queries).toEqual(['one', 'other'])
  })

  it('runs in its scope from the first layout effect, deadline included', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    function Component() {
      const { run } = useTask(work.fn)
      useLayoutEffect(() => void run(), [run])
      return null
    }
    render(
      <Scope parent={clock.root} timeout={100}>
        <Component />
      </Scope>,
    )
    await settle()
    expect(work.last.ctx.deadline).toBe(100)
    await settle(() => clock.advance(100))
    expect(isDeadlineExceeded(work.last.ctx.err)).toBe(true)
  })

  it('is not lost when a child runs it before its own effects', async () => {
    const work = fakeWork()
    function Component() {
      const { run, status } = useTask(work.fn)
      return (
        <>
          {status}
          <RunsIt run={run} />
        </>
      )
    }
    const { container } = render(<Component />)
    await settle(() => work.last.resolve('albums'))
    expect(container.textContent).toBe('success')
  })

  it('rejects when it is run after the unmount, without calling the work', async () => {
    const work = fakeWork()
    const { task, unmount } = mountManual(work.fn)
    unmount()
    const error: unknown = await task.last.run().catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'AbortError', cause: Unmounted })
    expect(await task.last.action()).toBeUndefined()
    expect(work.calls).toEqual([])
  })
})

describe('a task with deps', () => {
  it('is pending from the first render on, and runs once', async () => {
    const work = fakeWork()
    const { task } = mountAuto(work.fn)
    expect(task.all.map(({ status }) => status)).not.toContain('idle')
    await settle(() => work.last.resolve('albums'))
    expect(task.last).toMatchObject({ status: 'success', data: 'albums' })
    expect(work.calls).toHaveLength(1)
  })

  it('restarts when they change by Object.is, and only then', async () => {
    const work = fakeWork()
    const { render } = mountAuto(work.fn, [NaN, 'one', 0])
    render([NaN, 'one', 0])
    await settle()
    expect(work.causes).toEqual([undefined])
    render([NaN, 'other', 0])
    render([NaN, 'other', -0])
    render([NaN, 'other'])
    await settle()
    expect(work.causes).toEqual([Superseded, Superseded, Superseded, undefined])
  })

  it('never shows the answer for other deps', async () => {
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [1])
    await settle(() => work.last.resolve('one'))
    const before = task.all.length
    render([2])
    expect(task.all.slice(before).map(({ status, data }) => [status, data])).toEqual(
      task.all.slice(before).map(() => ['pending', undefined]),
    )
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })

  it('never shows the answer under another parent', async () => {
    const [one] = withCancel(background())
    const [other] = withCancel(background())
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [], { parent: one })
    await settle(() => work.last.resolve('one'))
    const before = task.all.length
    render([], { parent: other })
    await settle()
    expect(new Set(task.all.slice(before).map(({ status, data }) => `${status} ${String(data)}`))).toEqual(
      new Set(['pending undefined']),
    )
  })

  it('renders only when something changes', async () => {
    const work = fakeWork()
    const idle = watch<string>()
    const busy = watch<string>()
    function Component() {
      idle.see(useTask(work.fn).status)
      return null
    }
    function Automatic() {
      busy.see(useTask(work.fn, []).status)
      return null
    }
    render(<Component />)
    render(<Automatic />)
    await settle()
    expect(idle.all).toEqual(['idle'])
    await settle(() => work.last.resolve('albums'))
    expect(busy.all).toEqual(['pending', 'pending', 'success'])
  })

  it('aborts 99 runs of 100 keystrokes and shows one answer, in whatever order they arrive', async () => {
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [0])
    for (let key = 1; key < 100; key++) render([key])
    await settle()
    expect(work.causes.filter((cause) => cause === Superseded)).toHaveLength(99)
    expect(work.causes.at(-1)).toBeUndefined()
    for (let key = 99; key >= 0; key--) await settle(() => work.calls[key]?.resolve(`answer ${key}`))
    const shown = new Set(task.all.map(({ status, data }) => `${status} ${String(data)}`))
    expect([...shown]).toEqual(['pending undefined', 'success answer 99'])
  })

  it('calls the work with the values of the render that changed the deps', async () => {
    const seen: number[] = []
    function Component({ id, other }: { readonly id: number; readonly other: number }) {
      useTask(() => void seen.push(id, other), [id])
      return null
    }
    const view = render(<Component id={1} other={1} />)
    view.rerender(<Component id={1} other={2} />)
    view.rerender(<Component id={2} other={3} />)
    await settle()
    expect(seen).toEqual([1, 1, 2, 3])
  })

  it('can also be run manually', async () => {
    const work = fakeWork()
    const { task } = mountAuto(work.fn)
    await settle(() => work.last.resolve('one'))
    await settle(() => void task.last.run())
    expect(task.last.status).toBe('pending')
    await settle(() => work.last.resolve('two'))
    expect(task.last).toMatchObject({ status: 'success', data: 'two' })
  })
})

describe('cancel', () => {
  it('ends the run in flight with a cause, and shows that it was canceled', async () => {
    const work = fakeWork()
    const { task } = mountManual(work.fn)
    let result: Promise<unknown> | undefined
    await settle(() => {
      result = task.last.run().catch((error: unknown) => error)
    })
    const { signal } = work.last.ctx
    await settle(() => {
      task.last.cancel('not needed')
      expect(signal.aborted).toBe(true)
    })
    expect(task.last).toMatchObject({ ...NOTHING, status: 'canceled', cause: 'not needed' })
    expect(await result).toBe(work.last.ctx.err)
    await settle(() => work.last.resolve('too late'))
    expect(task.last.data).toBeUndefined()
  })

  it('can be an event handler, without a cause then', async () => {
    const work = fakeWork()
    function Component() {
      const { cancel } = useTask(work.fn, [])
      return <button onClick={cancel}>Stop</button>
    }
    const { getByRole } = render(<Component />)
    await settle(() => getByRole('button').click())
    expect(work.last.ctx.err).toBeInstanceOf(CanceledError)
    expect(work.last.ctx.err?.cause).toBeUndefined()
  })

  it('lasts until the deps of an automatic task change', async () => {
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [1])
    await settle(() => task.last.cancel())
    render([1], { label: 'again' })
    expect(task.last.status).toBe('canceled')
    render([2])
    expect(task.last.status).toBe('pending')
    expect(work.calls).toHaveLength(2)
  })

  it('ends the context of the last result, and keeps the result', async () => {
    const work = fakeWork()
    const { task } = mountManual(work.fn)
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('stream'))
    await settle(() => task.last.cancel('read enough'))
    expect(work.causes).toEqual(['read enough'])
    expect(task.last).toMatchObject({ status: 'success', data: 'stream' })
  })

  it('does nothing when nothing runs, and can be repeated', async () => {
    const work = fakeWork()
    const { task, unmount } = mountManual(work.fn)
    await settle(() => task.last.cancel())
    expect(task.last).toMatchObject(NOTHING)
    await settle(() => void task.last.run())
    await settle(() => {
      task.last.cancel('first')
      task.last.cancel('second')
    })
    expect(task.last.cause).toBe('first')
    unmount()
    task.last.cancel('gone')
    expect(work.causes).toEqual(['first'])
  })

  it('does nothing in a layout effect before the first run', async () => {
    const work = fakeWork()
    function Component() {
      const { cancel } = useTask(work.fn, [])
      useLayoutEffect(() => cancel(), [cancel])
      return null
    }
    render(<Component />)
    await settle()
    expect(work.causes).toEqual([undefined])
  })
})

describe('reset', () => {
  it('ends the run in flight and clears the state', async () => {
    const work = fakeWork()
    const { task } = mountManual(work.fn)
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('stream'))
    await settle(() => void task.last.run())
    await settle(() => task.last.reset())
    expect(work.causes).toEqual([Superseded, Superseded])
    expect(task.last).toMatchObject(NOTHING)
    await settle(() => work.last.resolve('too late'))
    expect(task.last).toMatchObject(NOTHING)
    expect(task.last.context.err).toBeUndefined()
  })

  it('ends the context of the last result after success and after an error', async () => {
    const work = fakeWork()
    const { task } = mountManual(work.fn)
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('stream'))
    await settle(() => task.last.reset())
    expect(work.causes).toEqual([Superseded])
    await settle(() => void task.last.run())
    await settle(() => work.last.reject(new Error('failed')))
    await settle(() => task.last.reset())
    expect(task.last).toMatchObject(NOTHING)
  })

  it('lasts until the deps of an automatic task change', async () => {
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [1])
    await settle(() => task.last.reset())
    render([1], { label: 'again' })
    expect(task.last.status).toBe('idle')
    render([2])
    await settle()
    expect(task.last.status).toBe('pending')
    expect(work.causes).toEqual([Superseded, undefined])
  })
})

describe('action', () => {
  it('resolves when the run is over, whatever its outcome, which is in the state', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mountManual(work.fn, { parent: clock.root, timeout: 100 })
    const seen: unknown[] = []
    const act = () => settle(() => void task.last.action().then((result) => seen.push([result, task.last.status])))
    await act()
    await settle(() => work.last.reject('failed'))
    await act()
    await settle(() => clock.advance(100))
    expect(task.last).toMatchObject({ status: 'error', error: work.last.ctx.err })
    await act()
    await settle(() => task.last.cancel('why'))
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'why' })
    await act()
    await settle(() => work.last.resolve('albums'))
    expect(task.last).toMatchObject({ status: 'success', data: 'albums' })
    expect(seen.map((one) => (one as unknown[])[0])).toEqual([undefined, undefined, undefined, undefined])
  })
})

describe('flush', () => {
  it.each([undefined, 100])('does nothing while no run waits (debounce: %s)', async (debounce) => {
    const work = fakeWork()
    const { task } = mountManual(work.fn, { debounce })
    await settle(() => task.last.flush())
    await settle(() => {
      void task.last.run()
      task.last.reset()
      task.last.flush()
    })
    expect(work.calls.length).toBe(debounce ? 0 : 1)
    expect(task.last).toMatchObject(NOTHING)
  })
})

describe('the context of a task', () => {
  it('is the parent of its runs before the first one, and then that of the latest run', async () => {
    const work = fakeWork()
    const { task } = mountManual(work.fn, { label: 'search', timeout: 60_000 })
    const before = task.last.context
    expect(before.err).toBeUndefined()
    await settle(() => void task.last.run())
    expect(task.last.context).toBe(work.last.ctx)
    expect(String(task.last.context)).toMatch(/withTimeout\(search, 60s, .+ left\)$/)
    await settle(() => task.last.reset())
    expect(task.last.context).toBe(before)
  })

  it('is that of the run in the first effects that see it, though the run has started since the render', async () => {
    const work = fakeWork()
    const seen: Context[] = []
    function Component() {
      const task = useTask(work.fn, [])
      useEffect(() => void seen.push(task.context), [task])
      return null
    }
    render(<Component />)
    await settle()
    expect(seen[0]).toBe(work.last.ctx)
  })

  it.each([undefined, []])('is that of the run of its render, whenever it is read (deps: %s)', async (deps) => {
    const work = fakeWork()
    const task = watch<Task<string>>()
    function Component() {
      task.see(useTask(work.fn, deps))
      return null
    }
    render(<Component />)
    await settle(() => deps ?? void task.last.run())
    const first = deps && task.all[0]
    const second = task.last
    const contexts = [first?.context]
    await settle(() => void task.last.run())
    expect([second.context, task.last.context]).toEqual(work.calls.map(({ ctx }) => ctx))
    expect([first?.context]).toEqual(contexts)
  })

  it('is also in a copy made with spread syntax, as are the functions', async () => {
    const work = fakeWork()
    const { task } = mountManual(work.fn)
    await settle(() => void task.last.run())
    const { action, cancel, context, flush, reset, run } = { ...task.last }
    expect(context).toBe(work.last.ctx)
    expect(task.last).toMatchObject({ action, cancel, flush, reset, run })
  })

  it('is derived from the nearest scope, or from its explicit parent', async () => {
    const [parent, cancelParent] = withCancel(background())
    const [one, other] = [fakeWork(), fakeWork()]
    function Component() {
      useTask(one.fn, [])
      useTask(other.fn, [], { parent })
      return null
    }
    const scope = watch<Context>()
    function Tell() {
      scope.see(useScope())
      return null
    }
    render(
      <Scope label="page">
        <Component />
        <Tell />
      </Scope>,
    )
    expect(String(one.last.ctx)).toContain('(page)')
    expect(String(other.last.ctx)).not.toContain('(page)')
    cancelParent('parent')
    expect([one.causes, other.causes]).toEqual([[undefined], ['parent']])
    await settle()
  })

  it('ends with the error as its cause when the work fails', async () => {
    const error = new Error('failed')
    const work = fakeWork()
    mountAuto(work.fn)
    await settle(() => work.last.reject(error))
    expect(work.causes).toEqual([error])
  })

  it('is that of the run that will start, if the deps change while a run is pending under other values', async () => {
    const [parent] = withCancel(background())
    const options = { parent: withValue(parent, NAME, 'other') }
    const work = fakeWork()
    const contexts: Context[] = []
    function Component({ deps, options }: { readonly deps: readonly unknown[]; readonly options: TaskOptions }) {
      contexts.push(useTask(work.fn, deps, options).context)
      return null
    }
    const view = render(<Component deps={['one']} options={{ parent }} />)
    view.rerender(<Component deps={['one']} options={options} />)
    expect(work.calls).toHaveLength(1)
    expect(contexts.at(-1)).toBe(work.last.ctx)
    contexts.length = 0
    view.rerender(<Component deps={['other']} options={options} />)
    expect(work.calls).toHaveLength(2)
    expect(new Set(contexts)).toEqual(new Set([work.last.ctx]))
    await settle()
  })
})

describe('the context after success', () => {
  it('keeps its signal without the timeout until newer work supersedes it', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mountManual(work.fn, { parent: clock.root, timeout: 100 })
    await settle(() => void task.last.run())
    const { ctx } = work.last
    expect(ctx.deadline).toBe(100)
    await settle(() => work.last.resolve('stream'))
    expect(ctx.deadline).toBeUndefined()
    await settle(() => clock.advance(1_000))
    expect(ctx.signal.aborted).toBe(false)
    await settle(() => void task.last.run())
    expect(cause(ctx)).toBe(Superseded)
  })

  it('lives until the component unmounts', async () => {
    const work = fakeWork()
    const { unmount } = mountAuto(work.fn)
    await settle(() => work.last.resolve('stream'))
    expect(work.last.ctx.signal.aborted).toBe(false)
    unmount()
    expect(work.causes).toEqual([Unmounted])
  })
})

describe('a timeout', () => {
  it('is an error with its label and duration', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task } = mountAuto(work.fn, [], { parent: clock.root, timeout: 100, label: 'search' })
    await settle(() => clock.advance(99))
    expect(task.last.status).toBe('pending')
    await settle(() => clock.advance(1))
    const { err } = work.last.ctx
    expect(err).toMatchObject({ name: 'TimeoutError', label: 'search', ms: 100 })
    expect(task.last).toMatchObject({ status: 'error', error: err, cause: err })
  })

  it('is an error too if it belongs to a scope above', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 50, { label: 'page', cause: 'slow page' })
    const { task } = mountAuto(fakeWork().fn, [], { parent, timeout: 100 })
    await settle(() => clock.advance(50))
    expect(task.last).toMatchObject({ status: 'error', error: { label: 'page' }, cause: 'slow page' })
  })

  it('fails at once if it is 0, without calling the work', async () => {
    const work = fakeWork()
    const { task } = mountAuto(work.fn, [], { timeout: 0 })
    await settle()
    expect(work.calls).toEqual([])
    expect(isDeadlineExceeded(task.last.error)).toBe(true)
  })

  it('counts from the start of the run when it changes, and does not restart the run', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [], { parent: clock.root, timeout: 100 })
    await settle(() => clock.advance(80))
    render([], { parent: clock.root, timeout: 200 })
    await settle(() => clock.advance(100))
    expect(task.last.status).toBe('pending')
    render([], { parent: clock.root })
    await settle(() => clock.advance(1_000))
    expect(task.last.status).toBe('pending')
    render([], { parent: clock.root, timeout: 2_000 })
    await settle(() => clock.advance(819))
    expect(work.causes).toEqual([undefined])
    await settle(() => clock.advance(1))
    expect(task.last).toMatchObject({ status: 'error', error: { ms: 2_000 } })
    expect(work.calls).toHaveLength(1)
  })

  it('ends the run at once when it becomes shorter than the time that has passed', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [], { parent: clock.root, timeout: 100 })
    await settle(() => clock.advance(50))
    await settle(() => render([], { parent: clock.root, timeout: 40 }))
    expect(isDeadlineExceeded(task.last.error)).toBe(true)
  })

  it('has no effect when it changes after success', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { task, render } = mountAuto(work.fn, [], { parent: clock.root, timeout: 100 })
    await settle(() => work.last.resolve('stream'))
    render([], { parent: clock.root, timeout: 1 })
    await settle(() => clock.advance(10))
    expect(task.last.status).toBe('success')
    expect(work.causes).toEqual([undefined])
  })
})

describe('the cause of a failed run', () => {
  it("is read from the context: a library's error because of our signal is a cancel", async () => {
    const { task } = mountManual(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('the library: request aborted')))
        }),
    )
    await settle(() => void task.last.run())
    await settle(() => task.last.cancel('why'))
    expect(task.last).toMatchObject({ ...NOTHING, status: 'canceled', cause: 'why' })
  })

  it('is an error for an AbortError while the context lives', async () => {
    const error = new DOMException('The user aborted a request.', 'AbortError')
    const { task: native } = mountManual(() => Promise.reject(error))
    await settle(() => void native.last.run())
    expect(native.last).toMatchObject({ status: 'error', error })
  })

  it.each(['enough', undefined])('is a cancel if a context that the work derived was canceled: %s', async (why) => {
    const { task } = mountManual(async (ctx) => {
      const [part, cancel] = withCancel(ctx)
      cancel(why)
      await until(part, new Promise(() => {}))
    })
    let rejected: unknown
    await settle(() => void task.last.run().catch((error: unknown) => (rejected = error)))
    expect(task.last).toMatchObject({ ...NOTHING, status: 'canceled', cause: why ?? rejected })
    expect(rejected).toMatchObject({ name: 'AbortError', ...(why && { cause: why }) })
  })

  it('is an error if a context that the work derived timed out', async () => {
    const clock = fakeClock(0)
    const { task } = mountManual(
      async (ctx) => {
        const [part] = withTimeout(ctx, 100, { label: 'part' })
        await until(part, new Promise(() => {}))
      },
      { parent: clock.root },
    )
    await settle(() => void task.last.run())
    await settle(() => clock.advance(100))
    expect(task.last).toMatchObject({ status: 'error', error: { name: 'TimeoutError', label: 'part' } })
  })
})

const negative = { ms: 1, maxWait: -1 }

describe('invalid arguments of a task', () => {
  it.each<[message: string, fn: unknown, options: unknown, deps?: unknown]>([
    ['rescind: fn must be a function, got undefined', undefined, {}],
    ['rescind: deps must be an array, got [object Object]', () => {}, {}, { timeout: 5 }],
    ['rescind: deps must be an array, got null', () => {}, {}, null],
    ['rescind: options must be an object, got null', () => {}, undefined, null],
    ['rescind: slowAfter must be a number of milliseconds, got "5"', () => {}, { slowAfter: '5' }],
    ['rescind: debounce.ms must be a number of milliseconds, got undefined', () => {}, { debounce: {} }],
    ['rescind: debounce.maxWait must be a number of milliseconds, got -1', () => {}, { debounce: negative }],
    ['rescind: options must be an object, got null', () => {}, null],
    ['rescind: options must be an object, got "latest"', () => {}, 'latest'],
    ['rescind: debounce must be a number of milliseconds, got -1', () => {}, { debounce: -1 }],
    ['rescind: debounce must be a number of milliseconds, got "5"', () => {}, { debounce: '5' }],
    ['rescind: mode must be one of latest, first, got "queue"', () => {}, { mode: 'queue' }],
    ['rescind: timeout must be a number of milliseconds, got NaN', () => {}, { timeout: NaN }],
    ['rescind: timeout must be a number of milliseconds, got "5"', () => {}, { timeout: '5' }],
    ['rescind: debounce must be a number of milliseconds, got NaN', () => {}, { debounce: NaN }],
    ['rescind: parent must be a context, got [object Object]', () => {}, { parent: {} }],
  ])('throw a TypeError: %s', (message, fn, options, deps = []) => {
    const Component = () => useTask(fn as () => undefined, deps as [], options as TaskOptions).data
    expect(() => renderToString(<Component />)).toThrow(new TypeError(message))
  })
})
