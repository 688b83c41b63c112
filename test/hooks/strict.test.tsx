/** Mounting, unmounting and everything that looks like it: StrictMode, a hidden Activity, a reorder of a list. */

import { act, render } from '@testing-library/react'
import {
  Fragment,
  StrictMode,
  createRef,
  useEffect,
  useInsertionEffect,
  useLayoutEffect,
  useState,
  version,
} from 'react'
import type { ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { createRoot } from 'react-dom/client'
import { background, cause, remaining, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Hidden, Scope, Superseded, Unmounted, useCancellable, useScope, useTask, useTimeout } from 'rescind/react'
import type { ScopeHandle, Task } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, inject, it } from 'vitest'
import { Activity, failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

type Mode = 'visible' | 'hidden'

function Loader({ work }: { readonly work: (ctx: Context) => Promise<string> }) {
  const { status, data } = useTask(work, [work])
  return (
    <p>
      {status}: {data}
    </p>
  )
}

function Probe({ log }: { readonly log: string[] }) {
  useInsertionEffect(() => {
    log.push('insertion')
    return () => void log.push('insertion gone')
  }, [log])
  useLayoutEffect(() => {
    log.push('layout')
    return () => void log.push('layout gone')
  }, [log])
  useEffect(() => {
    log.push('passive')
    return () => void log.push('passive gone')
  }, [log])
  return null
}

describe('React in this project', () => {
  it('has the expected version', () => {
    expect(version).toMatch(new RegExp(`^${inject('react')}\\.`))
  })
})

describe("React's effects, whose order the hooks rely on", () => {
  it('clean up insertion effects on a real unmount only, and before all others', () => {
    const log: string[] = []
    const view = render(<Probe log={log} />)
    log.length = 0
    view.unmount()
    expect(log).toEqual(['insertion gone', 'layout gone', 'passive gone'])
  })

  it('keep insertion effects in StrictMode', () => {
    const log: string[] = []
    render(<Probe log={log} />, { wrapper: StrictMode })
    expect(log.slice(0, 3)).toEqual(['insertion', 'layout', 'passive'])
    expect(log.slice(3)).toEqual(['layout gone', 'passive gone', 'layout', 'passive'])
  })

  it.skipIf(!Activity)('keep insertion effects when an Activity hides and shows', () => {
    const log: string[] = []
    const app = (mode: Mode) => Activity && <Activity mode={mode}>{<Probe log={log} />}</Activity>
    const view = render(app('visible'))
    log.length = 0
    view.rerender(app('hidden'))
    expect(log.splice(0)).toEqual(['layout gone', 'passive gone'])
    view.rerender(app('visible'))
    expect(log.splice(0)).toEqual(['layout', 'passive'])
    view.rerender(app('hidden'))
    log.length = 0
    view.unmount()
    expect(log).toEqual(['insertion gone'])
  })
})

describe('StrictMode', () => {
  it('calls work once, never aborts it, and shows the result', async () => {
    const work = fakeWork()
    const view = render(<Loader work={work.fn} />, { wrapper: StrictMode })
    expect(view.container.textContent).toBe('pending: ')
    await settle()
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('albums'))
    expect(view.container.textContent).toBe('success: albums')
    expect(work.causes).toEqual([undefined])
  })

  it('calls work once under scopes, and starts their time once', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    render(
      <Scope parent={clock.root} timeout={100}>
        <Scope>
          <Loader work={work.fn} />
        </Scope>
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle(() => clock.advance(99))
    expect(work.causes).toEqual([undefined])
    expect(work.last.ctx.deadline).toBe(100)
    await settle(() => clock.advance(1))
    expect(work.calls[0]?.ctx.err?.name).toBe('TimeoutError')
  })

  it('aborts on a real unmount', async () => {
    const work = fakeWork()
    const view = render(<Loader work={work.fn} />, { wrapper: StrictMode })
    await settle()
    view.unmount()
    expect(work.causes).toEqual([Unmounted])
  })
})

describe('a real unmount', () => {
  it('aborts work before it returns, with Unmounted as the cause', () => {
    const work = fakeWork()
    const view = render(<Loader work={work.fn} />)
    const { signal } = work.last.ctx
    expect(signal.aborted).toBe(false)
    view.unmount()
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBe(work.last.ctx.err)
    expect(work.causes).toEqual([Unmounted])
  })

  it('aborts before the passive effects of the component itself are cleaned up', () => {
    const work = fakeWork()
    const seen: unknown[] = []
    function Component() {
      useTask(work.fn, [])
      useEffect(() => () => void seen.push(...work.causes), [])
      return null
    }
    render(<Component />).unmount()
    expect(seen).toEqual([Unmounted])
  })

  it('does not affect siblings and the scope', async () => {
    const [one, other] = [fakeWork(), fakeWork()]
    const scopes = watch<Context>()
    function Both({ isBoth }: { readonly isBoth: boolean }) {
      scopes.see(useScope())
      return (
        <>
          {isBoth && <Loader work={one.fn} />}
          <Loader work={other.fn} />
        </>
      )
    }
    const view = render(<Both isBoth />, { wrapper: Scope })
    view.rerender(<Both isBoth={false} />)
    await settle()
    expect(one.causes).toEqual([Unmounted])
    expect(other.causes).toEqual([undefined])
    expect(cause(scopes.last)).toBeUndefined()
  })

  it('a new key restarts work', () => {
    const work = fakeWork()
    const view = render(<Loader key="one" work={work.fn} />)
    view.rerender(<Loader key="other" work={work.fn} />)
    expect(work.causes).toEqual([Unmounted, undefined])
  })

  it('leaves nothing if it happens in the turn of the first render', async () => {
    const [parent, cancel] = withCancel(background())
    const work = fakeWork()
    const container = document.createElement('div')
    const tree = (
      <Scope parent={parent} timeout={60_000}>
        <Loader work={work.fn} />
      </Scope>
    )
    await act(async () => {
      const root = createRoot(container)
      root.render(tree)
      root.unmount()
    })
    expect(work.calls).toEqual([])
    await act(async () => {
      const root = createRoot(container)
      flushSync(() => root.render(tree))
      root.unmount()
    })
    expect(work.causes).toEqual([Unmounted])
    cancel()
    expect(work.causes).toEqual([Unmounted])
  })

  it('does not happen when a list is reordered', async () => {
    const works = { one: fakeWork(), two: fakeWork(), three: fakeWork() }
    const list = Object.entries(works).map(([name, { fn }]) => <Loader key={name} work={fn} />)
    const view = render(<StrictMode>{list}</StrictMode>)
    view.rerender(<StrictMode>{list.toReversed()}</StrictMode>)
    await settle()
    expect(Object.values(works).map(({ causes }) => causes)).toEqual([[undefined], [undefined], [undefined]])
  })
})

/** Reports the context of the nearest scope. */
function Tell({ see }: { readonly see: (ctx: Context) => void }) {
  see(useScope())
  return null
}

describe.skipIf(!Activity).each([
  ['an Activity', Fragment],
  ['an Activity in StrictMode', StrictMode],
])('%s', (_, wrapper) => {
  function mount(tree: ReactNode, first: Mode = 'visible') {
    const app = (mode: Mode) => Activity && <Activity mode={mode}>{tree}</Activity>
    const view = render(app(first), { wrapper })
    return { ...view, turn: (mode: Mode) => view.rerender(app(mode)) }
  }

  it('cancels work when it hides, with Hidden as the cause, and restarts it once when it is shown', async () => {
    const work = fakeWork()
    const { container, turn } = mount(<Loader work={work.fn} />)
    await settle()
    await settle(() => turn('hidden'))
    expect(work.causes).toEqual([Hidden])
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([Hidden, undefined])
    expect(container.textContent).toBe('pending: ')
    await settle(() => work.last.resolve('albums'))
    expect(container.textContent).toBe('success: albums')
  })

  it('repeats finished work inside it when it is shown, but not work of a component around it', async () => {
    const [inside, around] = [fakeWork(), fakeWork()]
    const tasks = watch<Task<string>>()
    const seen = watch<Task<string>>()
    function Inside({ parent }: { readonly parent: Context }) {
      seen.see(useTask(inside.fn, [], { parent, keepPrevious: true }))
      return null
    }
    function Around({ mode }: { readonly mode: Mode }) {
      const scope = useScope()
      tasks.see(useTask(around.fn, []))
      if (!Activity) return null
      return (
        <Activity mode={mode}>
          <Inside parent={scope} />
        </Activity>
      )
    }
    const view = render(<Around mode="visible" />, { wrapper })
    await settle(() => [inside, around].forEach(({ last }) => last.resolve('albums')))
    await settle(() => view.rerender(<Around mode="hidden" />))
    await settle(() => view.rerender(<Around mode="visible" />))
    expect(inside.causes).toEqual([Hidden, undefined])
    expect(seen.last).toMatchObject({ status: 'pending', data: 'albums', stale: true })
    expect(around.causes).toEqual([undefined])
    expect(tasks.last.status).toBe('success')
  })

  it('never shows the cancel of work that restarts', async () => {
    const work = fakeWork()
    const statuses: string[] = []
    function Shown() {
      const { status } = useTask(work.fn, [])
      useLayoutEffect(() => void statuses.push(status))
      return null
    }
    const { turn } = mount(
      <Scope>
        <Shown />
      </Scope>,
    )
    await settle(() => turn('hidden'))
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([Hidden, undefined])
    expect(new Set(statuses)).toEqual(new Set(['pending']))
  })

  it('does not show work as pending that was disabled meanwhile', async () => {
    const work = fakeWork()
    const statuses = watch<string>()
    const enable = watch<(enabled: boolean) => void>()
    function Optional() {
      const [enabled, set] = useState(true)
      enable.see(set)
      statuses.see(useTask(work.fn, [], { enabled }).status)
      return null
    }
    const { turn } = mount(<Optional />)
    await settle(() => turn('hidden'))
    await settle(() => enable.last(false))
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([Hidden])
    expect(statuses.last).toBe('canceled')
  })

  it('shows a manual cancel from the time in which it was hidden, with its cause', async () => {
    const work = fakeWork()
    const scope = createRef<ScopeHandle>()
    const tasks = watch<Task<string>>()
    function Shown() {
      return tasks.see(useTask(work.fn, [])).status
    }
    const { turn } = mount(
      <Scope ref={scope}>
        <Shown />
      </Scope>,
    )
    await settle()
    const handle = scope.current
    await settle(() => turn('hidden'))
    handle?.cancel('by hand')
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([Hidden])
    expect(tasks.last).toMatchObject({ status: 'canceled', cause: 'by hand' })
    await settle(() => scope.current?.reset())
    expect(work.causes).toEqual([Hidden, undefined])
  })

  it('runs no work while it is hidden from the start, and once when it is shown', async () => {
    const work = fakeWork()
    const { turn } = mount(
      <Scope>
        <Loader work={work.fn} />
      </Scope>,
      'hidden',
    )
    await settle()
    expect(work.calls).toEqual([])
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([undefined])
  })

  it('ignores that it was hidden and shown in one turn', async () => {
    const work = fakeWork()
    const { turn } = mount(<Loader work={work.fn} />)
    await settle()
    turn('hidden')
    turn('visible')
    await settle()
    expect(work.causes).toEqual([undefined])
  })

  it('restarts a scope with a new context and its whole time', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const { turn } = mount(
      <Scope parent={clock.root} timeout={100}>
        <Loader work={work.fn} />
      </Scope>,
    )
    await settle(() => clock.advance(50))
    await settle(() => turn('hidden'))
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([Hidden, undefined])
    expect(work.last.ctx.deadline).toBe(150)
  })

  it('leaves nothing when it is unmounted while it is hidden', async () => {
    const work = fakeWork()
    const { turn, unmount } = mount(<Loader work={work.fn} />)
    await settle(() => turn('hidden'))
    unmount()
    await settle()
    expect(work.causes).toEqual([Hidden])
  })

  it('ends work with Unmounted when it hides and unmounts in one turn', async () => {
    const work = fakeWork()
    const { turn, unmount } = mount(<Loader work={work.fn} />)
    await settle()
    turn('hidden')
    unmount()
    await settle()
    expect(work.causes).toEqual([Unmounted])
  })

  it('uses another parent that was set while it was hidden', async () => {
    const [one, cancelOne] = withCancel(background())
    const [other] = withCancel(background())
    const work = fakeWork()
    const choice = watch<(parent: Context) => void>()
    function Under() {
      const [parent, choose] = useState(one)
      choice.see(choose)
      useTask(work.fn, [], { parent })
      return null
    }
    const { turn } = mount(<Under />)
    await settle(() => turn('hidden'))
    await settle(() => choice.last(other))
    cancelOne('one')
    await settle(() => turn('visible'))
    expect(work.causes).toEqual([Hidden, undefined])
  })

  it('restarts contexts that timed out with their whole time, but not canceled ones', async () => {
    const [parent] = withCancel(background())
    const clock = fakeClock(0)
    const canceled = watch<ReturnType<typeof useCancellable>>()
    const expired = watch<Context>()
    function Component() {
      canceled.see(useCancellable(parent))
      expired.see(useTimeout(clock.root, 100)[0])
      return null
    }
    const { turn } = mount(<Component />)
    await settle(() => canceled.last[1]('by hand'))
    await settle(() => clock.advance(100))
    await settle(() => turn('hidden'))
    await settle(() => turn('visible'))
    expect(cause(canceled.last[0])).toBe('by hand')
    expect(expired.last.err).toBeUndefined()
    expect(remaining(expired.last)).toBe(100)
  })

  it('ends work in another root below a scope that was never shown', async () => {
    const work = fakeWork()
    const scopes = watch<Context>()
    const { unmount } = mount(
      <Scope>
        <Tell see={scopes.see} />
      </Scope>,
      'hidden',
    )
    await settle()
    const other = render(
      <Scope parent={scopes.last}>
        <Loader work={work.fn} />
      </Scope>,
    )
    await settle()
    expect(work.causes).toEqual([undefined])
    unmount()
    await settle()
    expect(work.causes).toEqual([Unmounted])
    other.unmount()
  })

  it('ends work in another root below a scope that was replaced before it was shown', async () => {
    const work = fakeWork()
    const scopes = watch<Context>()
    const set = watch<(key: number) => void>()
    function Keyed() {
      const [key, setKey] = useState(0)
      set.see(setKey)
      return (
        <Scope resetKeys={[key]}>
          <Tell see={scopes.see} />
        </Scope>
      )
    }
    mount(<Keyed />, 'hidden')
    await settle()
    render(
      <Scope parent={scopes.last}>
        <Loader work={work.fn} />
      </Scope>,
    )
    await settle()
    await settle(() => set.last(1))
    expect(work.causes).toEqual([Superseded])
  })
})

describe('another parent', () => {
  it('supersedes the work under the previous one, and the work runs once under the new one', async () => {
    const [one] = withCancel(background())
    const [other, cancelOther] = withCancel(background())
    const work = fakeWork()
    const app = (parent: Context) => (
      <Scope parent={parent}>
        <Loader work={work.fn} />
      </Scope>
    )
    const view = render(app(one), { wrapper: StrictMode })
    await settle()
    view.rerender(app(other))
    await settle()
    expect(work.causes).toEqual([Superseded, undefined])
    cancelOther('other')
    expect(work.causes).toEqual([Superseded, 'other'])
  })

  it('is not set by a render with equal properties, so the work continues', async () => {
    const work = fakeWork()
    const app = () => (
      <Scope timeout={60_000} values={[]} resetKeys={[1]} route={false}>
        <Loader work={work.fn} />
      </Scope>
    )
    const view = render(app(), { wrapper: StrictMode })
    view.rerender(app())
    view.rerender(app())
    await settle()
    expect(work.causes).toEqual([undefined])
  })
})
