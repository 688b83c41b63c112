/** Writes: work that outlives the component which starts it. */

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

/** Records how promises settle: with a value or an error. */
function outcomes() {
  const seen: unknown[] = []
  const note = (what: unknown) => void seen.push(what)
  return { seen, of: (promise: Promise<unknown>) => void promise.then(note, note) }
}

const kept = (mode: 'visible' | 'hidden', children: ReactNode) =>
  Activity && <Activity mode={mode}>{children}</Activity>

const names = (work: SaveWork) => work.calls.map(({ args: [name] }) => name)

/** Hides the tab, or shows it again; test/e2e hides a real one. */
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
  // Only then: WebKit allows a hundred calls in ten seconds.
  if (location.href !== home) history.replaceState(null, '', home)
})

describe.each(modes)('an action, %s', (_, wrapper) => {
  /** Mounts a component that saves, inside a scope with a handle. */
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

  it('shows the outcome of its runs, and which are in flight', async () => {
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

  describe('that is started in a component which unmounts', () => {
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

    it('is not aborted by its scope, by an unmount of the whole tree or by a route change', async () => {
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

    it('can be started after the unmount', async () => {
      const { close, save, work } = mount({ debounce: 60_000 })
      const { of, seen } = outcomes()
      close()
      await settle(() => of(save.last.run('a')))
      await settle(() => work.last.resolve('deleted'))
      expect(seen).toEqual(['deleted'])
    })

    it('starts queued runs after the unmount', async () => {
      const { close, save, work } = mount()
      const { of, seen } = outcomes()
      await settle(() => ['a', 'b'].forEach((name) => of(save.last.run(name))))
      close()
      await settle(() => work.calls[0]?.resolve('a'))
      await settle(() => work.calls[1]?.resolve('b'))
      expect(seen).toEqual(['a', 'b'])
    })

    it('can be started from an effect under an ended scope, and from the clean-up of an effect', async () => {
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

  it.skipIf(!Activity)('is not aborted in an Activity that is hidden, which shows the outcome later', async () => {
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

  it('can be started just before navigate(), and the next page is shown', async () => {
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

  it('ends with an explicit parent, and queued runs are not called then', async () => {
    const [parent, cancel] = withCancel(background())
    const { run, save, work } = mount({ parent })
    await run('a', 'b')
    await settle(() => cancel('signed out'))
    expect(work.causes).toEqual(['signed out'])
    expect(names(work)).toEqual(['a'])
    expect(save.last).toMatchObject({ status: 'canceled', cause: 'signed out', runs: [] })
  })

  it('has the values of the scope at the time of the run, not of the first render', async () => {
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

  it('ends by cancel and by its timeout, with the matching state', async () => {
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

  it('forgets its state and ends the run in flight on reset', async () => {
    const { run, save, work } = mount()
    await run('a', 'b')
    await settle(() => save.last.reset())
    expect(work.causes).toEqual([Superseded])
    expect(save.last).toMatchObject({ status: 'idle', runs: [], data: undefined })
    await run('c')
    await settle(() => work.last.resolve('saved'))
    expect(save.last).toMatchObject({ status: 'success', data: 'saved' })
  })

  it('is slow while one of its runs is slow', async () => {
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

  describe('with keepLatest and a debounce', () => {
    const autosave = { mode: 'keepLatest', debounce: 50 } as const

    it('sends two requests while the first save is slow, the last one last, and aborts none', async () => {
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
      ['unmounts with the whole tree', ({ unmount }) => unmount()],
      ['is on a page that is left', () => void globalThis.dispatchEvent(new Event('pagehide'))],
    ])('saves at once when its component %s before the debounce is over', async (_, go) => {
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

    it('saves once in the event in which the tab is hidden, since the browser may discard the tab', async () => {
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

    it('keeps its debounce in a hidden tab with onLeave: cancel', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, onLeave: 'cancel', parent: clock.root })
      await run('v1')
      using tab = fakeTab()
      tab.turn(true)
      expect(names(work)).toEqual([])
      await settle(() => clock.advance(50))
      expect(names(work)).toEqual(['v1'])
    })

    it('waits for the save in flight when the tab is hidden, since the page lives on', async () => {
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

    it('saves in the event in which the page is left, though another save is in flight', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ ...autosave, parent: clock.root })
      await run('v1')
      await settle(() => clock.advance(50))
      await run('v2')
      globalThis.dispatchEvent(new Event('pagehide'))
      expect(names(work)).toEqual(['v1', 'v2'])
      await settle()
    })

    it('waits for its turn in mode queue when the page is left', async () => {
      const { run, work } = mount({ mode: 'queue' })
      await run('v1', 'v2')
      globalThis.dispatchEvent(new Event('pagehide'))
      expect(names(work)).toEqual(['v1'])
      await settle(() => work.last.resolve('saved'))
      expect(names(work)).toEqual(['v1', 'v2'])
    })

    it('drops the waiting run with onLeave: cancel, and lets the one in flight continue', async () => {
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

    it('saves at once on flush, and only once', async () => {
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

    it('does not delay runs that are already queued when a newer one is debounced', async () => {
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

    it.skipIf(!Activity)('saves at once when an Activity hides it before the debounce is over', async () => {
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

  describe('in mode queue, the default', () => {
    it('keeps the order, and a failure does not stop later runs', async () => {
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

    it('gives each run its own time, counted from its turn', async () => {
      const clock = fakeClock(0)
      const { run, work } = mount({ timeout: 100, parent: clock.root })
      await run('a', 'b')
      await settle(() => clock.advance(100))
      expect(work.last.ctx.deadline).toBe(200)
    })
  })

  describe('in mode drop', () => {
    it('sends one request for a double click, and both callers get its result', async () => {
      const { save, work } = mount({ mode: 'drop' })
      const { of, seen } = outcomes()
      await settle(() => of(save.last.run('a')))
      await settle(() => of(save.last.run('a')))
      expect(names(work)).toEqual(['a'])
      await settle(() => work.last.resolve('ordered'))
      expect(seen).toEqual(['ordered', 'ordered'])
    })

    it('rejects other arguments with Busy, though its action resolves', async () => {
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

    it('does not join a run that was canceled in the same turn', async () => {
      const { save, work } = mount({ mode: 'drop' })
      await settle(() => void save.last.run('a'))
      await settle(() => {
        save.last.cancel('stop')
        void save.last.run('b')
      })
      expect(names(work)).toEqual(['a', 'b'])
    })
  })

  describe('in mode all', () => {
    it('runs at most limit at once, shows all runs, and each can be canceled alone', async () => {
      const { save, work } = mount({ mode: 'all', limit: 3 })
      const { of, seen } = outcomes()
      await settle(() => {
        for (let file = 1; file <= 20; file++) of(save.last.run(`file ${file}`))
      })
      expect(save.last.runs.map(({ status }) => status)).toEqual([
        ...Array(3).fill('pending'),
        ...Array(17).fill('waiting'),
      ])
      // The fifth waits, the second is in flight.
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

    it('does not use an event as the cause of a cancel', async () => {
      const { run, save, work } = mount({ mode: 'all' })
      await run('a')
      await settle(() => save.last.runs[0]?.cancel(new Event('click')))
      expect(work.last.ctx.err?.cause).toBeUndefined()
    })

    it('starts waiting runs as soon as the limit is raised', async () => {
      const { render, run, work } = mount({ mode: 'all', limit: 1 })
      await run('a', 'b', 'c')
      expect(names(work)).toEqual(['a'])
      await settle(() => render({ mode: 'all', limit: 2 }))
      expect(names(work)).toEqual(['a', 'b'])
    })
  })
})

describe('a transition', () => {
  it('can start a write, which its rerenders do not cancel', async () => {
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

  it.skipIf(!use)('is pending until the write that it waits for succeeds, fails or is canceled', async () => {
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

/** Stand-ins where React has none, and the tests are skipped. */
const useAnswer = useActionState ?? ((): never => expect.unreachable())
const useOptimisticName = useOptimistic ?? ((): never => expect.unreachable())

/** Submits the form like a click on its button. */
function submit(form: HTMLFormElement | null, name: string) {
  const input = form?.querySelector('input')
  if (input) input.value = name
  form?.requestSubmit()
}

describe.skipIf(!useActionState)('a form', () => {
  it('can use the action directly, with pending and error in its state', async () => {
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

  it('completes though its action first resets the scope around it', async () => {
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

  it('keeps state with useActionState, which awaits run and handles its rejections', async () => {
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
  ])('rolls back an optimistic name of useOptimistic on %s', async (_, end) => {
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

describe('an action in many components', () => {
  it('calls nothing during render and on a server', () => {
    const work: SaveWork = fakeWork()
    function Saver() {
      const { context, status } = useAction(work.fn, { debounce: 100 })
      return `${status} ${String(cause(context))}`
    }
    expect(renderToString(<Saver />)).toBe('idle undefined')
    expect(work.calls).toEqual([])
  })

  it('has the parent of its runs as its context before the first run: an explicit one, or the scope', () => {
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

  it('notifies of each change once, with a consistent state', async () => {
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

describe('invalid arguments of an action', () => {
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
