/** Which ends of a scope are final, what restarts it, and that no work is called under one that has ended. */

import { render } from '@testing-library/react'
import { StrictMode, createRef, forwardRef, useCallback, useEffect, useImperativeHandle } from 'react'
import { useLayoutEffect, useState } from 'react'
import type { FunctionComponent, ReactNode } from 'react'
import { background, cause, createKey, isDeadlineExceeded, remaining } from 'rescind'
import { withCancel, withTimeout, withValue } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { Hidden, Navigated, provide, Scope, Superseded, useCancellable, useRoute } from 'rescind/react'
import { useScope, useTask, useTimeout, useValue } from 'rescind/react'
import type { ScopeHandle, ScopeProps, Task } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Activity, failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

let home: string

beforeEach(() => {
  home = location.href
})

afterEach(() => {
  // Only then: WebKit allows a hundred calls in ten seconds.
  if (location.href !== home) history.replaceState(null, '', home)
})

const modes: [name: string, wrapper: FunctionComponent<{ children?: ReactNode }>][] = [
  ['without StrictMode', ({ children }) => children],
  ['in StrictMode', ({ children }) => <StrictMode>{children}</StrictMode>],
]

const go = (path: string) => settle(() => history.pushState(null, '', path))

describe.each(modes)('a scope, %s', (_, wrapper) => {
  function mount(props: ScopeProps) {
    const work = fakeWork()
    const task = watch<Task<string>>()
    const ref = createRef<ScopeHandle>()
    function Worker() {
      return task.see(useTask(work.fn, [])).status
    }
    const app = (props: ScopeProps) => (
      <Scope {...props} ref={ref}>
        <Worker />
      </Scope>
    )
    const view = render(app(props), { wrapper })
    return {
      work,
      task,
      ref,
      render: (props: ScopeProps) => view.rerender(app(props)),
      handle: () => ref.current as ScopeHandle,
    }
  }

  describe('that follows the route', () => {
    it('restarts after a timeout on the next route, with its whole time', async () => {
      const clock = fakeClock(0)
      const { handle, task, work } = mount({ parent: clock.root, timeout: 100, route: true })
      await settle(() => clock.advance(100))
      expect(task.last.status).toBe('error')
      await go('/b')
      expect(work.calls).toHaveLength(2)
      expect(work.last.ctx.err).toBeUndefined()
      expect(remaining(handle().context)).toBe(100)
    })

    it('restarts after a cancel on the next route', async () => {
      const { handle, task, work } = mount({ route: true })
      await settle(() => handle().cancel('by hand'))
      expect(task.last).toMatchObject({ status: 'canceled', cause: 'by hand' })
      await go('/b')
      expect(work.causes).toEqual(['by hand', undefined])
      await go('/c')
      expect(work.causes).toEqual(['by hand', Navigated, undefined])
    })
  })

  it('continues on the next route if it does not follow the route', async () => {
    const { work } = mount({})
    await go('/b')
    expect(work.causes).toEqual([undefined])
  })

  it('stays canceled on the next route if it does not follow the route', async () => {
    const { handle, work } = mount({})
    await settle(() => handle().cancel('by hand'))
    await go('/b')
    expect(work.causes).toEqual(['by hand'])
  })

  it('can be canceled after a reset by a cancel that was read from its ref before', async () => {
    const { handle, task, work } = mount({})
    const { cancel, reset } = handle()
    await settle(() => reset())
    await settle(() => cancel('taken before'))
    expect(work.causes).toEqual([Superseded, 'taken before'])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'taken before' })
    await settle(() => reset())
    await settle(() => {
      reset()
      cancel('at once')
    })
    expect(work.causes).toEqual([Superseded, 'taken before', Superseded])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'at once' })
  })

  it("restarts nothing for values that are made inline, though a child sets its parent's state", async () => {
    const user = createKey<{ readonly id: number }>('user')
    const work = fakeWork()
    const ids = watch<number | undefined>()
    let renders = 0
    function Child({ lift }: { readonly lift: (status: string) => void }) {
      ids.see(useValue(user)?.id)
      const { status } = useTask(work.fn, [])
      useEffect(() => lift(status), [lift, status])
      return null
    }
    const draw = watch<(id: number) => void>()
    function Owner() {
      const [id, setId] = useState(0)
      const [, lift] = useState('')
      draw.see(setId)
      renders++
      return (
        <Scope values={[provide(user, { id })]}>
          <Child lift={lift} />
        </Scope>
      )
    }
    render(<Owner />, { wrapper })
    for (let id = 1; id <= 60; id++) await settle(() => draw.last(id))
    await settle(() => work.last.resolve('albums'))
    expect(work.calls).toHaveLength(1)
    expect(renders).toBeGreaterThan(60)
    expect(ids.last).toBe(60)
  })

  it('passes new values to contexts derived below it, which do not restart', async () => {
    const user = createKey<string>('user')
    const work = fakeWork<string, []>()
    const task = watch<Task<string>>()
    const contexts = watch<Context>()
    function Below() {
      const [ctx] = useCancellable(useScope())
      contexts.see(ctx)
      return task.see(useTask(work.fn, [], { parent: ctx })).status
    }
    const app = (name: string) => (
      <Scope values={[provide(user, name)]}>
        <Scope timeout={60_000}>
          <Below />
        </Scope>
      </Scope>
    )
    const view = render(app('Ada'), { wrapper })
    view.rerender(app('Grace'))
    await settle()
    expect(work.causes).toEqual([undefined])
    expect(contexts.last.value(user)).toBe('Grace')
    await settle(() => void task.last.run())
    expect(work.calls.map(({ ctx }) => ctx.value(user))).toEqual(['Ada', 'Grace'])
  })
})

/** Runs a task in every kind of effect. */
function mountRunners(work: ReturnType<typeof fakeWork<string, []>>) {
  const outcomes: unknown[] = []
  const start = (run: () => Promise<string>) =>
    void run().then(
      (data) => outcomes.push(data),
      (error: unknown) => outcomes.push((error as Error).cause),
    )
  interface Runs {
    readonly run: () => Promise<string>
  }
  const FromEffect = ({ run }: Runs) => {
    useEffect(() => start(run), [run])
    return null
  }
  const FromLayout = ({ run }: Runs) => {
    useLayoutEffect(() => start(run), [run])
    return null
  }
  const WithHandle = forwardRef<object, Runs>(function WithHandle({ run }, ref) {
    useImperativeHandle(ref, () => {
      start(run)
      return {}
    }, [run])
    return null
  })
  const handle = createRef<object>()
  function Runners() {
    const { run } = useTask(work.fn)
    const element = useCallback((element: HTMLElement | null) => void (element && start(run)), [run])
    useTask(work.fn, [])
    return (
      <>
        <FromEffect run={run} />
        <FromLayout run={run} />
        <WithHandle run={run} ref={handle} />
        <i ref={element} />
      </>
    )
  }
  return { Runners, outcomes }
}

describe.each(modes)('a scope that has ended, %s', (_, wrapper) => {
  it.each<[what: string, over: (children: ReactNode) => ReactNode, why: unknown]>([
    [
      'its parent had ended',
      (children) => {
        const [parent, cancel] = withCancel(background())
        cancel('over')
        return <Scope parent={parent}>{children}</Scope>
      },
      'over',
    ],
    [
      'a scope above has ended',
      (children) => {
        const [parent, cancel] = withCancel(background())
        cancel('over')
        return (
          <Scope parent={parent}>
            <Scope timeout={60_000}>
              <Scope route>{children}</Scope>
            </Scope>
          </Scope>
        )
      },
      'over',
    ],
    ['its time is over', (children) => <Scope timeout={0}>{children}</Scope>, undefined],
  ])('calls no work when %s, and runs settle with its end', async (_, over, why) => {
    const work = fakeWork<string, []>()
    const { Runners, outcomes } = mountRunners(work)
    render(over(<Runners />), { wrapper })
    await settle()
    expect(work.calls).toEqual([])
    expect(outcomes.length).toBeGreaterThanOrEqual(4)
    expect(new Set(outcomes)).toEqual(new Set([why]))
  })

  it('calls no work under contexts that a render derives from it', async () => {
    const key = createKey<string>('key')
    const [parent, cancel] = withCancel(background())
    cancel('over')
    const work = fakeWork<string, []>()
    const task = watch<Task<string>>()
    function Below() {
      const scope = useScope()
      return task.see(useTask(work.fn, [], { parent: withValue(scope, key, 'value') })).status
    }
    render(
      <Scope parent={parent}>
        <Below />
      </Scope>,
      { wrapper },
    )
    await settle()
    expect(work.calls).toEqual([])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'over' })
  })
})

type Derived = [ctx: Context, cancel: Cancel, reset: () => void]

describe.each<[name: string, useHook: (parent: Context) => Derived]>([
  ['useCancellable', (parent) => useCancellable(parent)],
  ['useTimeout', (parent) => useTimeout(parent, 100)],
  ['useRoute', (parent) => useRoute(parent)],
])('the context of %s', (name, useHook) => {
  function mount(parent: Context) {
    const derived = watch<Derived>()
    const work = fakeWork()
    function Component() {
      const all = useHook(parent)
      derived.see(all)
      return useTask(work.fn, [], { parent: all[0] }).status
    }
    const view = render(<Component />, { wrapper: StrictMode })
    return { derived, work, ...view }
  }

  it('restarts on reset, which keeps its identity like cancel', async () => {
    const clock = fakeClock(0)
    const { container, derived, work } = mount(clock.root)
    const [first, cancel, reset] = derived.last
    await settle(() => clock.advance(60))
    await settle(() => cancel('by hand'))
    expect(container.textContent).toBe('canceled')
    await settle(() => reset())
    expect(work.causes).toEqual(['by hand', undefined])
    expect(derived.last[0]).not.toBe(first)
    expect(derived.last.slice(1)).toEqual([cancel, reset])
    expect(remaining(derived.last[0])).toBe(name === 'useTimeout' ? 100 : undefined)
    await settle(() => cancel('again'))
    expect(work.causes).toEqual(['by hand', 'again'])
  })

  it('restarts on reset while it lives, and not after the unmount', async () => {
    const { derived, unmount, work } = mount(fakeClock(0).root)
    const [, , reset] = derived.last
    await settle(() => reset())
    expect(work.causes).toEqual([Superseded, undefined])
    unmount()
    await settle(() => reset())
    expect(work.calls).toHaveLength(2)
  })
})

describe('useRoute', () => {
  it.each<[how: string, end: (cancel: Cancel) => void, why: unknown]>([
    ['was canceled manually', (cancel) => cancel('by hand'), 'by hand'],
  ])('returns a new context on the next route for one that %s', async (_, end, why) => {
    const derived = watch<Derived>()
    function Component() {
      derived.see(useRoute(background()))
      return null
    }
    render(<Component />, { wrapper: StrictMode })
    const [first, cancel] = derived.last
    await settle(() => end(cancel))
    await go('/b')
    expect(cause(first)).toBe(why)
    expect(derived.last[0]).not.toBe(first)
    expect(derived.last[0].err).toBeUndefined()
  })
})

describe.skipIf(!Activity)('a hidden scope', () => {
  it('restarts after a manual cancel when it is shown on another route, and not on the same one', async () => {
    const { app, scope, work } = hideable({ route: true })
    const view = render(app('visible'), { wrapper: StrictMode })
    await settle(() => scope.current?.cancel('by hand'))
    await settle(() => view.rerender(app('hidden')))
    await settle(() => view.rerender(app('visible')))
    expect(work.causes).toEqual(['by hand'])
    await settle(() => view.rerender(app('hidden')))
    await go('/b')
    await settle(() => view.rerender(app('visible')))
    expect(work.causes).toEqual(['by hand', undefined])
  })

  it('restarts after a timeout when it is shown, with its whole time', async () => {
    const clock = fakeClock(0)
    const { app, scope, work } = hideable({ parent: clock.root, timeout: 100 })
    const view = render(app('visible'), { wrapper: StrictMode })
    await settle(() => clock.advance(100))
    expect(isDeadlineExceeded(work.last.ctx.err)).toBe(true)
    await settle(() => view.rerender(app('hidden')))
    await settle(() => clock.advance(500))
    await settle(() => view.rerender(app('visible')))
    expect(work.calls).toHaveLength(2)
    expect(work.last.ctx.err).toBeUndefined()
    expect(remaining(scope.current?.context ?? background())).toBe(100)
  })
})

/** A scope with one task, in an Activity. */
function hideable(props: ScopeProps) {
  const work = fakeWork()
  const scope = createRef<ScopeHandle>()
  function Worker() {
    return useTask(work.fn, []).status
  }
  const app = (mode: 'visible' | 'hidden') =>
    Activity && (
      <Activity mode={mode}>
        <Scope ref={scope} {...props}>
          <Worker />
        </Scope>
      </Activity>
    )
  return { app, scope, work }
}

/** Hides or shows the tab. */
async function turn(hidden: boolean) {
  Object.defineProperty(document, 'hidden', { configurable: true, value: hidden })
  await settle(() => document.dispatchEvent(new Event('visibilitychange')))
}

function mountVisible() {
  const work = fakeWork()
  const task = watch<Task<string>>()
  const scope = createRef<ScopeHandle>()
  function Worker() {
    return task.see(useTask(work.fn, [])).status
  }
  const app = (visible: boolean) => (
    <Scope ref={scope} visible={visible}>
      <Worker />
    </Scope>
  )
  const view = render(app(true), { wrapper: StrictMode })
  return { work, task, scope, ...view, render: (visible: boolean) => view.rerender(app(visible)) }
}

describe('a scope with `visible`', () => {
  afterEach(() => {
    Reflect.deleteProperty(document, 'hidden')
  })

  it('ends in a hidden tab, restarts when the tab is shown, and never shows the cancel', async () => {
    const { task, work } = mountVisible()
    await turn(true)
    expect(work.causes).toEqual([Hidden])
    await turn(false)
    expect(work.causes).toEqual([Hidden, undefined])
    expect(new Set(task.all.map(({ status }) => status))).toEqual(new Set(['pending']))
  })

  it('calls no work in a tab that is hidden from the start', async () => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: true })
    const { work } = mountVisible()
    await settle()
    expect(work.calls).toEqual([])
    await turn(false)
    expect(work.causes).toEqual([undefined])
  })

  it('stays canceled if it was canceled while the tab was hidden', async () => {
    const { scope, task, work } = mountVisible()
    await turn(true)
    await settle(() => scope.current?.cancel('by hand'))
    await turn(false)
    expect(work.causes).toEqual([Hidden])
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'by hand' })
  })

  it('continues in a hidden tab once `visible` is false', async () => {
    const { render, work } = mountVisible()
    await turn(true)
    await settle(() => render(false))
    expect(work.causes).toEqual([Hidden, undefined])
    await turn(false)
    await turn(true)
    expect(work.causes).toEqual([Hidden, undefined])
  })
})

describe.each(modes)("a task in another task's context, %s", (_, wrapper) => {
  it("starts once at mount, in the same component and in a child, and ends with the other's run", async () => {
    const [one, two, three] = [fakeWork<string, []>(), fakeWork<string, []>(), fakeWork<string, []>()]
    const first = watch<Task<string>>()
    function Child({ parent }: { readonly parent: Context }) {
      return useTask(three.fn, [], { parent }).status
    }
    function Component({ id }: { readonly id: number }) {
      const { context } = first.see(useTask(one.fn, [id]))
      useTask(two.fn, [], { parent: context })
      return <Child parent={context} />
    }
    const view = render(<Component id={1} />, { wrapper })
    await settle()
    expect([one.causes, two.causes, three.causes]).toEqual([[undefined], [undefined], [undefined]])
    await settle(() => one.last.resolve('one'))
    expect([two.causes, three.causes]).toEqual([[undefined], [undefined]])
    const [again, stopped] = [
      [Superseded, undefined],
      [Superseded, 'stop'],
    ]
    view.rerender(<Component id={2} />)
    await settle()
    expect([one.causes, two.causes, three.causes]).toEqual([again, again, again])
    await settle(() => first.last.cancel('stop'))
    expect([one.causes, two.causes, three.causes]).toEqual([stopped, stopped, stopped])
  })

  it('ends at the timeout of the run, and is not called under an ended scope', async () => {
    const clock = fakeClock(0)
    const [one, two] = [fakeWork<string, []>(), fakeWork<string, []>()]
    function Child({ parent }: { readonly parent: Context }) {
      return useTask(two.fn, [], { parent }).status
    }
    function Component() {
      return <Child parent={useTask(one.fn, [], { timeout: 100 }).context} />
    }
    const under = (parent: Context) => <Scope parent={parent}>{component}</Scope>
    const component = <Component />
    render(under(clock.root), { wrapper })
    await settle(() => clock.advance(100))
    expect([one, two].map(({ last }) => isDeadlineExceeded(last.ctx.err))).toEqual([true, true])
    const [over] = withTimeout(clock.root, 0)
    render(under(over), { wrapper })
    await settle()
    expect([one, two].map(({ calls }) => calls.length)).toEqual([1, 1])
  })
})
