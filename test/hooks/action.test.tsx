/** Writes: what a component starts and does not end. */

import { act, render } from '@testing-library/react'
import { Fragment, StrictMode, createRef, startTransition, useEffect, useState, useTransition } from 'react'
import type { FunctionComponent, ReactNode } from 'react'
import { renderToString } from 'react-dom/server'
import { createMemoryRouter, RouterProvider, useNavigate } from 'react-router'
import { background, cause, createKey, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Busy, provide, reactRouterSource, Scope, Superseded, Unmounted, useAction } from 'rescind/react'
import type { Action, ActionOptions, ScopeHandle } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Activity, failOnNoise, fakeWork, settle, use, useActionState, useOptimistic, watch } from './support.tsx'
import type { Work } from './support.tsx'

failOnNoise()

type Save = Action<string, [name: string]>
type SaveWork = Work<string, [name: string]>

const modes: [name: string, wrapper: FunctionComponent<{ children?: ReactNode }>][] = [
  ['without StrictMode', ({ children }) => <Fragment>{children}</Fragment>],
  ['in StrictMode', ({ children }) => <StrictMode>{children}</StrictMode>],
]

/** What became of a promise: its value or its error. */
function outcomes() {
  const seen: unknown[] = []
  const note = (what: unknown) => void seen.push(what)
  return { seen, of: (promise: Promise<unknown>) => void promise.then(note, note) }
}

const kept = (mode: 'visible' | 'hidden', children: ReactNode) =>
  Activity && <Activity mode={mode}>{children}</Activity>

const names = (work: SaveWork) => work.calls.map(({ args: [name] }) => name)

/** Says that the tab is hidden, or shown again; in test/e2e a real one is. */
function fakeTab() {
  return {
    turn(hidden: boolean) {
      Object.defineProperty(document, 'hidden', { configurable: true, value: hidden })
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    },
    [Symbol.dispose]: () => void Reflect.deleteProperty(document, 'hidden'),
  }
}

let home: string

beforeEach(() => {
  home = location.href
})

afterEach(() => {
  history.replaceState(null, '', home)
})

describe.each(modes)('an action, %s', (_, wrapper) => {
  /** Mounts a component that saves, in a scope of which the test has the handle. */
  function mount(options?: ActionOptions, work: SaveWork = fakeWork()) {
    const save = watch<Save>()
    const scope = createRef<ScopeHandle>()
    function Saver(props: { readonly options: ActionOptions | undefined }) {
      save.see(useAction(work.fn, props.options))
      return null
    }
    const app = (isThere: boolean, given = options) => (
      <Scope ref={scope} route>
        {isThere && <Saver options={given} />}
      </Scope>
    )
    const view = render(app(true), { wrapper })
    return {
      work,
      save,
      scope,
      run: (...given: string[]) => settle(() => given.forEach((name) => void save.last.run(name))),
      close: () => view.rerender(app(false)),
      render: (options: ActionOptions) => view.rerender(app(true, options)),
      unmount: view.unmount,
    }
  }

  it('shows what its runs come to, and that nothing is under way', async () => {
    const { run, save, work } = mount()
    expect(save.last).toMatchObject({ status: 'idle', data: undefined, runs: [] })
    await run('Blue')
    expect(save.last).toMatchObject({ status: 'pending', runs: [{ args: ['Blue'], status: 'pending' }] })
    expect(save.last.context).toBe(work.last.ctx)
    await settle(() => work.last.resolve('saved'))
    expect(save.last).toMatchObject({ status: 'success', data: 'saved', runs: [], stale: false })
    await run('Hejira')
    expect(save.last.data).toBeUndefined()
    await settle(() => work.last.reject('full'))
    expect(save.last).toMatchObject({ status: 'error', error: 'full', data: undefined })
  })

  describe('that is started in what closes in the same handler', () => {
    it.each([
      ['resolves', (work: SaveWork) => work.last.resolve('deleted'), 'deleted'],
      ['rejects', (work: SaveWork) => work.last.reject('conflict'), 'conflict'],
    ])('is not aborted, and its promise %s with the real outcome', async (_, end, expected) => {
      const { close, save, work } = mount()
      const { of, seen } = outcomes()
      await settle(() => {
        of(save.last.run('a'))
        close()
      })
      expect(work.causes).toEqual([undefined])
      await settle(() => end(work))
      expect(seen).toEqual([expected])
    })

    it('is not aborted when the scope, the whole tree or the route goes', async () => {
      const { save, scope, unmount, work } = mount()
      const { of, seen } = outcomes()
      await settle(() => of(save.last.run('a')))
      await settle(() => scope.current?.cancel('by hand'))
      await settle(() => scope.current?.reset())
      await settle(() => history.pushState(null, '', '/another/route'))
      await settle(() => globalThis.dispatchEvent(new Event('pagehide')))
      unmount()
      await settle()
      expect(work.causes).toEqual([undefined])
      await settle(() => work.last.resolve('saved'))
      expect(seen).toEqual(['saved'])
    })

    it('can be started after the component has gone, too', async () => {
      const { close, save, work } = mount({ debounce: 60_000 })
      const { of, seen } = outcomes()
      close()
      await settle(() => of(save.last.run('a')))
      await settle(() => work.last.resolve('deleted'))
      expect(seen).toEqual(['deleted'])
    })

    it('starts what waits for its turn after the component has gone', async () => {
      const { close, save, work } = mount()
      const { of, seen } = outcomes()
      await settle(() => ['a', 'b'].forEach((name) => of(save.last.run(name))))
      close()
      await settle(() => work.calls[0]?.resolve('a'))
      await settle(() => work.calls[1]?.resolve('b'))
      expect(seen).toEqual(['a', 'b'])
    })

    it('is started from an effect under a scope that is over, and from the clean-up of an effect', async () => {
      const work = fakeWork<string, [name: string]>()
      const [parent, cancel] = withCancel(background())
      cancel('over')
      function Saver() {
        const { run } = useAction(work.fn)
        useEffect(() => {
          return () => void run('left')
        }, [run])
        return null
      }
      const view = render(
        <Scope parent={parent}>
          <Saver />
        </Scope>,
      )
      view.unmount()
      await settle(() => work.last.resolve('saved'))
      expect(names(work)).toEqual(['left'])
    })
  })

  it.skipIf(!Activity)('is not aborted in an Activity that is hidden; that shows the outcome later', async () => {
    const work: SaveWork = fakeWork()
    const save = watch<Save>()
    function Saver() {
      return save.see(useAction(work.fn)).status
    }
    const saver = (
      <Scope>
        <Saver />
      </Scope>
    )
    const view = render(kept('visible', saver), { wrapper })
    const { of, seen } = outcomes()
    await settle(() => of(save.last.run('a')))
    await settle(() => view.rerender(kept('hidden', saver)))
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('saved'))
    await settle(() => view.rerender(kept('visible', saver)))
    expect(seen).toEqual(['saved'])
    expect(save.last).toMatchObject({ status: 'success', data: 'saved' })
  })

  it('just before navigate() goes on, and the next page is shown', async () => {
    const work: SaveWork = fakeWork()
    const { of, seen } = outcomes()
    const press = watch<() => void>()
    function Form() {
      const save = useAction(work.fn)
      const navigate = useNavigate()
      press.see(() => {
        of(save.run('a'))
        void navigate('/next')
      })
      return 'form'
    }
    const options = () => ({ source: reactRouterSource(router) })
    const Page = ({ children }: { readonly children?: ReactNode }) => <Scope route={options()}>{children}</Scope>
    const router = createMemoryRouter([
      { path: '/', element: <Page>{<Form />}</Page> },
      { path: '/next', element: <Page>next</Page> },
    ])
    const { container } = render(<RouterProvider router={router} />, { wrapper })
    await settle(() => press.last())
    expect(container.textContent).toBe('next')
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('saved'))
    expect(seen).toEqual(['saved'])
  })

  it('ends with an explicit parent, and what waits under it is not called', async () => {
    const [parent, cancel] = withCancel(background())
    const { run, save, work } = mount({ parent })
    await run('a', 'b')
    await settle(() => cancel('signed out'))
    expect(work.causes).toEqual(['signed out'])
    expect(names(work)).toEqual(['a'])
    expect(save.last).toMatchObject({ status: 'canceled', cause: 'signed out', runs: [] })
  })

  it('has the values of the scope, those of the run and not those of the first render', async () => {
    const user = createKey<string>('user')
    const work: SaveWork = fakeWork()
    const save = watch<Save>()
    function Saver() {
      return save.see(useAction(work.fn)).status
    }
    const app = (name: string) => (
      <Scope values={[provide(user, name)]}>
        <Saver />
      </Scope>
    )
    const view = render(app('Ada'), { wrapper })
    view.rerender(app('Grace'))
    await settle(() => void save.last.run('a'))
    expect(work.last.ctx.value(user)).toBe('Grace')
    expect(work.last.ctx.deadline).toBeUndefined()
  })

  it('ends by cancel and by its timeout, and says which it was', async () => {
    const clock = fakeClock(0)
    const work: SaveWork = fakeWork()
    const save = watch<Save>()
    function Saver() {
      return save.see(useAction(work.fn, { timeout: 100, label: 'save' })).status
    }
    render(
      <Scope parent={clock.root}>
        <Saver />
      </Scope>,
      { wrapper },
    )
    await settle(() => void save.last.run('a'))
    await settle(() => save.last.cancel('why'))
    expect(save.last).toMatchObject({ status: 'canceled', cause: 'why', error: undefined })
    await settle(() => void save.last.run('b'))
    await settle(() => clock.advance(100))
    expect(save.last).toMatchObject({ status: 'error', error: { name: 'TimeoutError', label: 'save', ms: 100 } })
    await settle(() => void save.last.run('c'))
    await settle(() => work.last.resolve('saved'))
    await settle(() => clock.advance(1_000))
    expect(work.last.ctx.err).toBeUndefined()
  })

  it('forgets everything by reset, and ends what is under way', async () => {
    const { run, save, work } = mount()
    await run('a', 'b')
    await settle(() => save.last.reset())
    expect(work.causes).toEqual([Superseded])
    expect(save.last).toMatchObject({ status: 'idle', runs: [], data: undefined })
    await run('c')
    await settle(() => work.last.resolve('saved'))
    expect(save.last).toMatchObject({ status: 'success', data: 'saved' })
  })

  it('is slow while one of its runs is', async () => {
    const clock = fakeClock(0)
    const { run, save, work } = mount({ mode: 'all', slowAfter: 100, parent: clock.root })
    await run('a')
    await settle(() => clock.advance(50))
    await run('b')
    await settle(() => clock.advance(50))
    expect(save.last.slow).toBe(true)
    await settle(() => work.calls[0]?.resolve('a'))
    expect(save.last).toMatchObject({ status: 'pending', slow: false })
    await settle(() => clock.advance(50))
    expect(save.last.slow).toBe(true)
  })

  it('keeps the identity of its functions', async () => {
    const { render, run, save, work } = mount()
    const { run: first, action, flush, cancel, reset } = save.last
    render({ label: 'again' })
    await run('a')
    await settle(() => work.last.resolve('saved'))
    expect(save.last).toMatchObject({ run: first, action, flush, cancel, reset })
  })

  describe('that saves by itself', () => {
    const autosave = { mode: 'keepLatest', debounce: 50 } as const

    it('while the first save is slow sends two requests, the last one last, and aborts none', async () => {
      const clock = fakeClock(0)
      const { save, work } = mount({ ...autosave, parent: clock.root })
      const { of, seen } = outcomes()
      for (let version = 1; version <= 5; version++) {
        await settle(() => of(save.last.run(`v${version}`)))
        await settle(() => clock.advance(version === 1 ? 60 : 20))
      }
      await settle(() => clock.advance(60))
      expect(names(work)).toEqual(['v1'])
      const shown = save.last.runs.map(({ args: [name], status }) => `${name} ${status}`)
      expect(shown).toEqual(['v1 pending', 'v5 waiting'])
      await settle(() => work.calls[0]?.resolve('saved v1'))
      expect(names(work)).toEqual(['v1', 'v5'])
      await settle(() => work.calls[1]?.resolve('saved v5'))
      expect(work.causes).toEqual([undefined, undefined])
      expect(save.last).toMatchObject({ status: 'success', data: 'saved v5', runs: [] })
      expect(seen.filter((one) => typeof one === 'string')).toEqual(['saved v1', 'saved v5'])
      expect(seen.filter((one) => (one as Error).cause === Superseded)).toHaveLength(3)
    })

    it.each<[what: string, go: (it: ReturnType<typeof mount>) => void]>([
      ['is unmounted', ({ close }) => close()],
      ['goes with the whole tree', ({ unmount }) => unmount()],
      ['has its page left', () => void globalThis.dispatchEvent(new Event('pagehide'))],
    ])('before the debounce is over %s, and saves all the same', async (_, go) => {
      const clock = fakeClock(0)
      const it = mount({ ...autosave, parent: clock.root })
      await it.run('v1', 'v2')
      await settle(() => go(it))
      expect(names(it.work)).toEqual(['v2'])
      expect(it.work.causes).toEqual([undefined])
      await settle(() => it.work.last.resolve('saved'))
      await settle(() => clock.advance(1_000))
      expect(names(it.work)).toEqual(['v2'])
    })

    it('starts in the event in which the tab is hidden, since the browser may discard it, and only once', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, parent: clock.root })
      await run('v1')
      using tab = fakeTab()
      tab.turn(true)
      expect(names(work)).toEqual(['v1'])
      tab.turn(false)
      await settle(() => work.last.resolve('saved'))
      await settle(() => clock.advance(1_000))
      expect(names(work)).toEqual(['v1'])
    })

    it('waits for its debounce when the tab is shown again', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, parent: clock.root })
      await run('v1')
      using tab = fakeTab()
      tab.turn(false)
      expect(names(work)).toEqual([])
      await settle(() => clock.advance(50))
      expect(names(work)).toEqual(['v1'])
    })

    it('keeps its turn and its debounce in a hidden tab if that is not to start it', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, onLeave: 'cancel', parent: clock.root })
      await run('v1')
      using tab = fakeTab()
      tab.turn(true)
      expect(names(work)).toEqual([])
      await settle(() => clock.advance(50))
      expect(names(work)).toEqual(['v1'])
    })

    it('does not overtake the save under way when the tab is hidden: the page lives on', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, parent: clock.root })
      await run('v1')
      await settle(() => clock.advance(50))
      await run('v2')
      using tab = fakeTab()
      tab.turn(true)
      expect(names(work)).toEqual(['v1'])
      await settle(() => work.last.resolve('saved'))
      expect(names(work)).toEqual(['v1', 'v2'])
      await settle(() => work.last.resolve('saved'))
    })

    it('starts in the event in which the page is left, though another save is under way', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, parent: clock.root })
      await run('v1')
      await settle(() => clock.advance(50))
      await run('v2')
      globalThis.dispatchEvent(new Event('pagehide'))
      expect(names(work)).toEqual(['v1', 'v2'])
      await settle()
    })

    it('drops it instead with onLeave: cancel, and what was started goes on', async () => {
      const clock = fakeClock(0)
      const { close, run, save, work } = mount({ ...autosave, onLeave: 'cancel', parent: clock.root })
      const { of, seen } = outcomes()
      await run('v1')
      await settle(() => clock.advance(50))
      await settle(() => of(save.last.run('v2')))
      close()
      await settle(() => work.last.resolve('saved'))
      expect(names(work)).toEqual(['v1'])
      expect(work.causes).toEqual([undefined])
      expect(seen.map((error) => (error as Error).cause)).toEqual([Unmounted])
    })

    it('by flush saves at once, and once', async () => {
      const clock = fakeClock(0)
      const { run, save, work } = mount({ ...autosave, parent: clock.root })
      await run('v1', 'v2')
      await settle(() => {
        save.last.flush()
        expect(names(work)).toEqual(['v2'])
        save.last.flush()
      })
      await settle(() => work.last.resolve('saved'))
      await settle(() => clock.advance(1_000))
      expect(names(work)).toEqual(['v2'])
      expect(save.last).toMatchObject({ status: 'success', data: 'saved' })
    })

    it('holds only what came in the quiet time: the turn of what waits is not put off by a newer run', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ mode: 'queue', debounce: 50, parent: clock.root })
      await run('v1')
      await settle(() => clock.advance(50))
      await run('v2')
      await settle(() => clock.advance(50))
      await run('v3')
      await settle(() => work.calls[0]?.resolve('saved'))
      expect(names(work)).toEqual(['v1', 'v2'])
      await settle(() => work.calls[1]?.resolve('saved'))
      expect(names(work)).toEqual(['v1', 'v2'])
      await settle(() => clock.advance(50))
      expect(names(work)).toEqual(['v1', 'v2', 'v3'])
    })

    it.skipIf(!Activity)('before the debounce is over is hidden, and saves all the same', async () => {
      const clock = fakeClock(0)
      const work: SaveWork = fakeWork()
      const save = watch<Save>()
      function Saver() {
        return save.see(useAction(work.fn, { ...autosave, parent: clock.root })).status
      }
      const view = render(kept('visible', <Saver />), { wrapper })
      await settle(() => void save.last.run('v1'))
      await settle(() => view.rerender(kept('hidden', <Saver />)))
      expect(names(work)).toEqual(['v1'])
      await settle(() => view.rerender(kept('visible', <Saver />)))
      await settle(() => void save.last.run('v2'))
      expect(names(work)).toEqual(['v1'])
    })
  })

  describe('of mode queue, which is the default', () => {
    it('keeps the order, and a failure does not stop the ones after it', async () => {
      const { save, work } = mount()
      const { of, seen } = outcomes()
      await settle(() => ['a', 'b', 'c'].forEach((name) => of(save.last.run(name))))
      expect(names(work)).toEqual(['a'])
      expect(save.last.runs.map(({ status }) => status)).toEqual(['pending', 'waiting', 'waiting'])
      await settle(() => work.calls[0]?.reject('full'))
      expect(save.last).toMatchObject({ status: 'pending', error: undefined })
      await settle(() => work.calls[1]?.resolve('saved b'))
      expect(save.last).toMatchObject({ status: 'pending', data: 'saved b', stale: true })
      await settle(() => work.calls[2]?.resolve('saved c'))
      expect(names(work)).toEqual(['a', 'b', 'c'])
      expect(seen).toEqual(['full', 'saved b', 'saved c'])
      expect(save.last).toMatchObject({ status: 'success', data: 'saved c', stale: false })
    })

    it('gives each run its own time, from when its turn has come', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ timeout: 100, parent: clock.root })
      await run('a', 'b')
      await settle(() => clock.advance(100))
      expect(work.last.ctx.deadline).toBe(200)
    })
  })

  describe('of mode drop', () => {
    it('sends one request for a double click, and both callers hear of it', async () => {
      const { save, work } = mount({ mode: 'drop' })
      const { of, seen } = outcomes()
      await settle(() => of(save.last.run('a')))
      await settle(() => of(save.last.run('a')))
      expect(names(work)).toEqual(['a'])
      await settle(() => work.last.resolve('ordered'))
      expect(seen).toEqual(['ordered', 'ordered'])
    })

    it('refuses other arguments with Busy, and its action resolves all the same', async () => {
      const { save, work } = mount({ mode: 'drop' })
      const { of, seen } = outcomes()
      await settle(() => void save.last.run('a'))
      await settle(() => of(save.last.run('b')))
      await settle(() => of(save.last.action('b')))
      expect(seen[0]).toMatchObject({ name: 'AbortError', cause: Busy })
      expect(seen[1]).toBeUndefined()
      expect(names(work)).toEqual(['a'])
      expect(save.last).toMatchObject({ status: 'pending', runs: [{ args: ['a'] }] })
      await settle(() => work.last.resolve('deleted a'))
      await settle(() => void save.last.run('b'))
      expect(names(work)).toEqual(['a', 'b'])
    })

    it('joins no run that was canceled in this turn', async () => {
      const { save, work } = mount({ mode: 'drop' })
      await settle(() => void save.last.run('a'))
      await settle(() => {
        save.last.cancel('stop')
        void save.last.run('b')
      })
      expect(names(work)).toEqual(['a', 'b'])
    })
  })

  describe('of mode all', () => {
    it('has no more than limit at once, shows all of them, and each can be canceled alone', async () => {
      const { save, work } = mount({ mode: 'all', limit: 3 })
      const { of, seen } = outcomes()
      await settle(() => {
        for (let file = 1; file <= 20; file++) of(save.last.run(`file ${file}`))
      })
      expect(save.last.runs.map(({ status }) => status)).toEqual([
        ...Array(3).fill('pending'),
        ...Array(17).fill('waiting'),
      ])
      // The fifth waits, the second is under way.
      await settle(() => save.last.runs[4]?.cancel('not this one'))
      await settle(() => save.last.runs[1]?.cancel('nor this'))
      expect(work.causes).toEqual([undefined, 'nor this', undefined, undefined])
      let most = 0
      while (save.last.runs.length > 0) {
        const pending = save.last.runs.filter(({ status }) => status === 'pending')
        most = Math.max(most, pending.length)
        const [first] = pending
        await settle(() => work.calls.find(({ ctx }) => ctx === first?.context)?.resolve(`sent ${first?.args[0]}`))
      }
      expect(most).toBe(3)
      expect(names(work)).toHaveLength(19)
      expect(names(work)).not.toContain('file 5')
      expect(seen.filter((one) => typeof one === 'string')).toHaveLength(18)
      expect(save.last).toMatchObject({ status: 'success', data: 'sent file 20' })
    })

    it('takes an event for no cause', async () => {
      const { run, save, work } = mount({ mode: 'all' })
      await run('a')
      await settle(() => save.last.runs[0]?.cancel(new Event('click')))
      expect(work.last.ctx.err?.cause).toBeUndefined()
    })

    it('starts more as soon as the limit is raised', async () => {
      const { render, run, work } = mount({ mode: 'all', limit: 1 })
      await run('a', 'b', 'c')
      expect(names(work)).toEqual(['a'])
      await settle(() => render({ mode: 'all', limit: 2 }))
      expect(names(work)).toEqual(['a', 'b'])
    })
  })
})

describe('a transition', () => {
  it('may start a write, which is not canceled by its rerenders', async () => {
    const work: SaveWork = fakeWork()
    const transition = watch<boolean>()
    const start = watch<() => void>()
    function Component() {
      const [isPending, begin] = useTransition()
      transition.see(isPending)
      const save = useAction(work.fn)
      start.see(() => begin(() => void save.action('Blue')))
      return save.status
    }
    const { container } = render(<Component />, { wrapper: StrictMode })
    await settle(() => start.last())
    expect(work.causes).toEqual([undefined])
    expect(container.textContent).toBe('pending')
    await settle(() => work.last.resolve('saved'))
    expect(container.textContent).toBe('success')
    expect(transition.last).toBe(false)
  })

  it.skipIf(!use)('that waits for a write is pending until it is done, has failed or is canceled', async () => {
    const work: SaveWork = fakeWork()
    const save = watch<Save>()
    const transition = watch<boolean>()
    const start = watch<() => void>()
    function Component() {
      const [isPending, begin] = useTransition()
      transition.see(isPending)
      const { action } = save.see(useAction(work.fn))
      start.see(() => begin(() => action('Blue')))
      return null
    }
    render(<Component />)
    for (const end of [() => work.last.resolve('saved'), () => work.last.reject('full'), () => save.last.cancel()]) {
      await settle(() => start.last())
      expect(transition.last).toBe(true)
      expect(save.last.status).toBe('pending')
      await settle(end)
      expect(transition.last).toBe(false)
    }
    expect(save.last.status).toBe('canceled')
  })
})

/** Stand in their place where React has none, and the test is skipped. */
const useAnswer = useActionState ?? ((): never => expect.unreachable())
const useOptimisticName = useOptimistic ?? ((): never => expect.unreachable())

/** Sends the form as a click on its button does. */
function submit(form: HTMLFormElement | null, name: string) {
  const input = form?.querySelector('input')
  if (input) input.value = name
  form?.requestSubmit()
}

describe.skipIf(!useActionState)('a form', () => {
  it('has the action as it is: shows that it is under way, and a failure in the state', async () => {
    const work = fakeWork<string, [data: FormData]>()
    function Form() {
      const save = useAction(work.fn)
      return (
        <form action={save.action}>
          <input name="album" />
          <button disabled={save.status === 'pending'}>{save.status}</button>
        </form>
      )
    }
    const { container } = render(<Form />, { wrapper: StrictMode })
    const button = container.querySelector('button')
    const form = container.querySelector('form')
    await settle(() => submit(form, 'Blue'))
    expect([button?.textContent, button?.disabled]).toEqual(['pending', true])
    await settle(() => work.last.reject(new Error('full')))
    expect([button?.textContent, button?.disabled]).toEqual(['error', false])
    await settle(() => submit(form, 'Hejira'))
    await settle(() => work.last.resolve('saved'))
    expect(button?.textContent).toBe('success')
    expect(work.calls.map(({ args: [data] }) => data.get('album'))).toEqual(['Blue', 'Hejira'])
  })

  it('comes to its end though its action resets the scope around it first', async () => {
    const work = fakeWork<string, []>()
    const scope = createRef<ScopeHandle>()
    function Form() {
      const save = useAction(work.fn)
      const action = async () => {
        scope.current?.reset()
        await save.action()
      }
      return <form action={action}>{save.status}</form>
    }
    const { container } = render(
      <Scope ref={scope}>
        <Form />
      </Scope>,
    )
    await settle(() => container.querySelector('form')?.requestSubmit())
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('saved'))
    expect(container.textContent).toBe('success')
  })

  it('keeps state with useActionState, which awaits run and handles what it rejects with', async () => {
    const clock = fakeClock(0)
    const states = watch<unknown>()
    const save = watch<Save>()
    const send = watch<(name: string) => void>()
    const work: SaveWork = fakeWork()
    function Form() {
      const { run } = save.see(useAction(work.fn, { parent: clock.root, timeout: 100 }))
      const answer = (_: unknown, name: string): Promise<string> => run(name).catch((error: Error) => error.name)
      const [state, dispatch] = useAnswer(answer, 'nothing')
      states.see(state)
      send.see((name) => startTransition(() => dispatch(name)))
      return null
    }
    render(<Form />)
    await settle(() => send.last('Blue'))
    await settle(() => save.last.cancel())
    expect(states.last).toBe('AbortError')
    await settle(() => send.last('Blue'))
    await settle(() => work.last.resolve('saved'))
    expect(states.last).toBe('saved')
    await settle(() => send.last('Hejira'))
    await settle(() => clock.advance(100))
    expect(states.last).toBe('TimeoutError')
  })

  it.each<[what: string, end: (work: SaveWork, save: Save) => void]>([
    ['a failure', (work) => work.last.reject(new Error('full'))],
    ['a cancel', (_, save) => save.cancel('why')],
  ])('rolls back what useOptimistic shows on %s', async (_, end) => {
    const work: SaveWork = fakeWork()
    const save = watch<Save>()
    const press = watch<(name: string) => void>()
    function Form() {
      const { action } = save.see(useAction(work.fn))
      const [name, show] = useOptimisticName('Blue')
      press.see((next) =>
        startTransition(async () => {
          show(next)
          await action(next)
        }),
      )
      return name
    }
    const { container } = render(<Form />, { wrapper: StrictMode })
    await settle(() => press.last('Hejira'))
    expect(container.textContent).toBe('Hejira')
    await settle(() => end(work, save.last))
    expect(container.textContent).toBe('Blue')
  })
})

describe('an action that many components have', () => {
  it('makes nothing in render, and nothing on a server', () => {
    const work: SaveWork = fakeWork()
    function Saver() {
      const { context, status } = useAction(work.fn, { debounce: 100 })
      return `${status} ${String(cause(context))}`
    }
    expect(renderToString(<Saver />)).toBe('idle undefined')
    expect(work.calls).toEqual([])
  })

  it('has, before any run, the context that runs are derived from: its parent, or else the scope', () => {
    const work: SaveWork = fakeWork()
    const [parent] = withCancel(background())
    const scope = createRef<ScopeHandle>()
    const contexts = watch<readonly Context[]>()
    function Saver() {
      contexts.see([useAction(work.fn).context, useAction(work.fn, { parent }).context])
      return null
    }
    render(
      <Scope ref={scope}>
        <Saver />
      </Scope>,
    )
    expect(contexts.last[0]).toBe(scope.current?.context)
    expect(contexts.last[1]).toBe(parent)
  })

  it('is told of each change, and its state is one of the last', async () => {
    const work: SaveWork = fakeWork()
    const seen = watch<string>()
    const save = watch<Save>()
    function Saver() {
      const [count] = useState(0)
      const { runs, status } = save.see(useAction(work.fn))
      seen.see(`${count} ${status} ${runs.length}`)
      return null
    }
    render(<Saver />)
    await act(async () => {
      void save.last.run('a')
      void save.last.run('b')
    })
    await settle(() => work.calls[0]?.resolve('a'))
    await settle(() => work.calls[1]?.resolve('b'))
    expect(seen.all.filter((state, nth) => state !== seen.all[nth - 1])).toEqual([
      '0 idle 0',
      '0 pending 2',
      '0 pending 1',
      '0 success 0',
    ])
  })
})

describe('the wrong arguments of an action', () => {
  it.each<[message: string, options: unknown, fn?: unknown]>([
    ['rescind: fn must be a function, got undefined', {}, null],
    ['rescind: options must be an object, got null', null],
    ['rescind: mode must be one of queue, keepLatest, drop, all, got "latest"', { mode: 'latest' }],
    ['rescind: limit must be a number of at least 1, got 0', { mode: 'all', limit: 0 }],
    ['rescind: limit must be a number of at least 1, got NaN', { mode: 'all', limit: NaN }],
    ['rescind: onLeave must be flush or cancel, got "keep"', { onLeave: 'keep' }],
    ['rescind: timeout must be a number of milliseconds, got "5"', { timeout: '5' }],
    ['rescind: parent must be a context, got [object Object]', { parent: {} }],
  ])('throw a TypeError: %s', (message, options, fn = () => {}) => {
    const Component = () => useAction((fn ?? undefined) as () => void, options as ActionOptions).status
    expect(() => renderToString(<Component />)).toThrow(new TypeError(message))
  })
})
