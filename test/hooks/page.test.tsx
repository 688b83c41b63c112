/** The page: what a component does when the page is left and comes back. */

import { render } from '@testing-library/react'
import { StrictMode } from 'react'
import { flushSync } from 'react-dom'
import { background, cause, PageHidden, withCancel, withoutCancel, withPage } from 'rescind'
import type { Context } from 'rescind'
import { Scope, Unmounted, useAction, useCancellable, useScope, useTask } from 'rescind/react'
import type { Action, Task } from 'rescind/react'
import { describe, expect, it, vi } from 'vitest'
import { Activity, failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

const leave = () => void globalThis.dispatchEvent(new Event('pagehide'))
const comeBack = () => void globalThis.dispatchEvent(new Event('pageshow'))

function Worker({ load, see }: { load: (ctx: Context) => Promise<string>; see: (task: Task<string>) => void }) {
  see(useTask(load, [load]))
  return null
}

function mount(parent?: Context) {
  const work = fakeWork()
  const task = watch<Task<string>>()
  const view = render(
    <Scope parent={parent}>
      <Worker load={work.fn} see={task.see} />
    </Scope>,
    { wrapper: StrictMode },
  )
  return { work, task, ...view }
}

describe('a page that is left', () => {
  it('ends the work with PageHidden as the cause, and starts nothing', async () => {
    const { work } = mount()
    const { signal } = work.last.ctx
    await settle(() => {
      leave()
      expect(signal.aborted).toBe(true)
    })
    expect(work.causes).toEqual([PageHidden])
  })

  it('restarts automatic work once when it comes back, and shows no cancel', async () => {
    const { work, task } = mount()
    await settle(leave)
    await settle(comeBack)
    expect(work.causes).toEqual([PageHidden, undefined])
    await settle(() => work.last.resolve('albums'))
    expect(new Set(task.all.map(({ status }) => status))).toEqual(new Set(['pending', 'success']))
    await settle(comeBack)
    expect(work.calls).toHaveLength(2)
    await settle(leave)
    await settle(comeBack)
    expect(work.calls).toHaveLength(3)
  })

  it('has a new context for each ended one when it comes back', async () => {
    const contexts = watch<Context[]>()
    const [parent] = withCancel(background())
    function Component() {
      const scope = useScope()
      const [one] = useCancellable(scope)
      const [other] = useCancellable(parent)
      const [free] = useCancellable(useMemoized(scope))
      contexts.see([scope, one, other, free])
      return null
    }
    render(<Component />, { wrapper: Scope })
    const before = contexts.last
    await settle(leave)
    expect(before.map((ctx) => cause(ctx))).toEqual(Array(4).fill(PageHidden))
    await settle(comeBack)
    expect(contexts.last.map((ctx) => ctx.err)).toEqual(Array(4).fill(undefined))
  })

  it('leaves manual runs canceled, and they can run again', async () => {
    const work = fakeWork()
    const task = watch<Task<string>>()
    function Component() {
      task.see(useTask<string, []>(work.fn))
      return null
    }
    render(<Component />, { wrapper: StrictMode })
    await settle(() => void task.last.run())
    await settle(leave)
    expect(task.last).toMatchObject({ status: 'canceled', cause: PageHidden })
    await settle(comeBack)
    expect(task.last.status).toBe('canceled')
    await settle(() => void task.last.run())
    await settle(() => work.last.resolve('albums'))
    expect(task.last).toMatchObject({ status: 'success', data: 'albums' })
  })

  it('restarts automatic tasks outside scopes once when it comes back, and shows no cancel', async () => {
    const [work, below, off] = [fakeWork<string, []>(), fakeWork<string, []>(), fakeWork<string, []>()]
    const task = watch<Task<string>>()
    function Component() {
      const { context } = task.see(useTask(work.fn, []))
      useTask(below.fn, [], { parent: context })
      useTask(off.fn, [], { enabled: false })
      return null
    }
    render(<Component />, { wrapper: StrictMode })
    await settle(comeBack)
    expect([work.causes, below.causes]).toEqual([[undefined], [undefined]])
    await settle(leave)
    await settle(comeBack)
    const twice = [PageHidden, undefined]
    expect([work.causes, below.causes]).toEqual([twice, twice])
    await settle(() => work.last.resolve('albums'))
    await settle(leave)
    await settle(comeBack)
    expect([work.calls.length, below.calls.length, off.calls.length]).toEqual([3, 3, 0])
    expect(new Set(task.all.map(({ status }) => status))).toEqual(new Set(['pending', 'success']))
    await settle(() => task.last.cancel('stop'))
    await settle(leave)
    await settle(comeBack)
    expect(work.causes).toEqual([PageHidden, PageHidden, 'stop'])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'stop' })
  })

  it('shows the cancel of a task whose explicit parent follows the page, since that is not replaced', async () => {
    const work = fakeWork()
    const task = watch<Task<string>>()
    const [parent] = withPage(background())
    function Component() {
      task.see(useTask(work.fn, [], { parent }))
      return null
    }
    render(<Component />)
    await settle(leave)
    expect(task.last).toMatchObject({ status: 'canceled', cause: PageHidden })
    await settle(comeBack)
    expect(work.causes).toEqual([PageHidden])
  })

  it('is not to blame for a cancel with its cause, which is shown', async () => {
    const { work, task } = mount()
    await settle(() => task.last.cancel(PageHidden))
    expect(task.last).toMatchObject({ status: 'canceled', cause: PageHidden })
    expect(work.causes).toEqual([PageHidden])
  })

  it('starts nothing for an unmounted component when it comes back', async () => {
    const { work, unmount } = mount()
    await settle(leave)
    unmount()
    await settle(comeBack)
    expect(work.causes).toEqual([PageHidden])
  })

  it('restarts work once if its scope restarts in the turn in which the page is left', async () => {
    const work = fakeWork()
    const app = (id: number) => (
      <Scope resetKeys={[id]}>
        <Worker load={work.fn} see={() => {}} />
      </Scope>
    )
    const view = render(app(1))
    await settle(() => {
      leave()
      flushSync(() => view.rerender(app(2)))
    })
    await settle(comeBack)
    expect(work.causes).toEqual([PageHidden, undefined])
  })

  it('does not restart canceled work when it comes back', async () => {
    const [parent, cancel] = withCancel(background())
    const { work, task } = mount(parent)
    await settle(() => cancel('before'))
    await settle(leave)
    await settle(comeBack)
    expect(work.causes).toEqual(['before'])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'before' })
  })

  it('ends a component with Unmounted if that unmounts after the page came back', async () => {
    const { work, unmount } = mount()
    await settle(leave)
    await settle(comeBack)
    unmount()
    expect(work.causes).toEqual([PageHidden, Unmounted])
  })

  it.skipIf(!Activity)(
    'restarts work in an Activity only when that is shown, if it was hidden when the page came back',
    async () => {
      const work = fakeWork()
      const app = (mode: 'visible' | 'hidden') =>
        Activity && (
          <Activity mode={mode}>
            <Worker load={work.fn} see={() => {}} />
          </Activity>
        )
      const view = render(app('visible'))
      await settle(leave)
      await settle(() => view.rerender(app('hidden')))
      await settle(comeBack)
      expect(work.causes).toEqual([PageHidden])
      await settle(() => view.rerender(app('visible')))
      expect(work.causes).toEqual([PageHidden, undefined])
    },
  )
})

it('a runtime without events of a page, such as React Native, runs tasks and actions', async () => {
  vi.stubGlobal('addEventListener', undefined)
  vi.stubGlobal('removeEventListener', undefined)
  const [load, save] = [fakeWork(), fakeWork<string, []>()]
  const action = watch<Action<string, []>>()
  function Component() {
    action.see(useAction(save.fn))
    return useTask(load.fn, []).status
  }
  const view = render(
    <>
      <Component />
      <Scope>
        <Component />
      </Scope>
    </>,
    { wrapper: StrictMode },
  )
  await settle(() => void action.last.run())
  await settle(() => save.last.resolve('saved'))
  expect([action.last.status, load.causes]).toEqual(['success', [undefined, undefined]])
  view.unmount()
  expect(load.causes).toEqual([Unmounted, Unmounted])
  vi.unstubAllGlobals()
})

/** A context with the values of the scope but not its end; the same one for the same scope. */
const free = new WeakMap<Context, Context>()

function useMemoized(scope: Context): Context {
  const known = free.get(scope) ?? withoutCancel(scope)
  free.set(scope, known)
  return known
}
