/** Routes: the work of a route ends when another route is shown, with the real React Router and with only `history`. */

import { render } from '@testing-library/react'
import { StrictMode, createRef, memo, useLayoutEffect } from 'react'
import type { ReactNode } from 'react'
import { renderToString } from 'react-dom/server'
import { createBrowserRouter, createMemoryRouter, Link, Outlet, RouterProvider } from 'react-router'
import { useBlocker, useParams } from 'react-router'
import { background, createKey } from 'rescind'
import type { Context, RouteOptions } from 'rescind'
import { Navigated, provide, reactRouterSource, Scope, Unmounted, useContextState } from 'rescind/react'
import { useRemaining, useRoute, useScope, useTask } from 'rescind/react'
import type { ScopeHandle, Task } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'
import type { Work } from './support.tsx'

failOnNoise()

type Load = Work<string, [id?: string]>

let home: string

beforeEach(() => {
  home = location.href
})

afterEach(() => {
  // Only then: WebKit allows a hundred calls in ten seconds.
  if (location.href !== home) history.replaceState(null, '', home)
})

/** Loads the album of the route; adds its status to `shown` at each commit. */
function Album({ work, shown }: { readonly work: Load; readonly shown: string[] }) {
  const { id } = useParams()
  const { status, data } = useTask((ctx) => work.fn(ctx, id), [work, id])
  useLayoutEffect(() => void shown.push(status))
  return (
    <p>
      {id}: {status} {data}
    </p>
  )
}

interface Site {
  readonly album: Load
  readonly about: Load
  readonly shown: string[]
  readonly routes: Parameters<typeof createMemoryRouter>[0]
}

function Layout() {
  return (
    <>
      <Link to="/about">About</Link>
      <Link to="/albums/3#songs">Songs</Link>
      <Outlet />
    </>
  )
}

function site(options: () => RouteOptions | boolean): Site {
  const [album, about]: Load[] = [fakeWork(), fakeWork()]
  if (!album || !about) throw new Error('There is work for both.')
  const shown: string[] = []
  const routes = [
    {
      path: '/',
      element: <Layout />,
      children: [
        {
          path: 'albums/:id',
          Component: () => (
            <Scope route={options()}>
              <Album work={album} shown={shown} />
            </Scope>
          ),
        },
        {
          path: 'about',
          Component: () => (
            <Scope route={options()}>
              <Album work={about} shown={[]} />
            </Scope>
          ),
        },
      ],
    },
  ]
  return { album, about, shown, routes }
}

type Router = ReturnType<typeof createMemoryRouter>

/** A memory router with its source, and a router that changes the browser's address. */
const ways: [name: string, start: (options?: RouteOptions) => Promise<Site & { router: Router; click: Click }>][] = [
  [
    'a memory router and its source',
    async (options) => {
      const pages = site(() => route)
      const router = createMemoryRouter(pages.routes, { initialEntries: ['/albums/1'] })
      const route: RouteOptions = { ...options, source: reactRouterSource(router) }
      return mount(pages, router)
    },
  ],
  [
    'a browser router and the address bar',
    async (options) => {
      history.pushState(null, '', '/albums/1')
      const pages = site(() => options ?? true)
      return mount(pages, createBrowserRouter(pages.routes))
    },
  ],
]

type Click = (name: string) => Promise<void>

async function mount(pages: Site, router: Router) {
  const view = render(<RouterProvider router={router} />, { wrapper: StrictMode })
  await settle()
  const click: Click = (name) =>
    settle(() => {
      for (const link of view.container.querySelectorAll('a')) if (link.textContent === name) link.click()
    })
  return { ...pages, router, click }
}

describe.each(ways)('a scope that ends with its route: %s', (_, start) => {
  it('ends when another page is pushed, and the old page does not restart', async () => {
    const { about, album, router } = await start()
    expect(album.causes).toEqual([undefined])
    await settle(() => router.navigate('/about'))
    expect(album.causes).toEqual([Navigated])
    expect(about.causes).toEqual([undefined])
  })

  it('ends on a link, on replace and on back', async () => {
    const { about, album, click, router } = await start()
    await click('About')
    expect(album.causes).toEqual([Navigated])
    await settle(() => router.navigate('/albums/2', { replace: true }))
    expect(about.causes).toEqual([Navigated])
    await settle(() => router.navigate(-1))
    await expect.poll(() => album.causes).toEqual([Navigated, Navigated, undefined])
    expect(album.last.args).toEqual(['1'])
  })

  it('restarts if only a parameter changes and the component stays, and never shows the cancel', async () => {
    const { album, router, shown } = await start()
    await settle(() => router.navigate('/albums/2'))
    expect(album.causes).toEqual([Navigated, undefined])
    expect(album.calls.map(({ args: [id] }) => id)).toEqual(['1', '2'])
    await settle(() => album.last.resolve('Blue'))
    expect(new Set(shown)).toEqual(new Set(['pending', 'success']))
    await settle(() => router.navigate('/albums/2?sort=year'))
    expect(album.causes).toEqual([Navigated, Navigated, undefined])
  })

  it('stays alive if only the hash or the state changes, or nothing', async () => {
    const { album, click, router } = await start()
    await settle(() => router.navigate('/albums/1#songs'))
    await settle(() => router.navigate('/albums/1#cover', { state: { from: 'songs' } }))
    await settle(() => router.navigate('/albums/1#cover', { replace: true, state: { from: 'cover' } }))
    await settle(() => router.navigate('/albums/1'))
    expect(album.causes).toEqual([undefined])
    await click('Songs')
    expect(album.causes).toEqual([Navigated, undefined])
  })

  it('stays alive if `ignore` returns true', async () => {
    const { album, router } = await start({ ignore: (to, from) => to.pathname === from.pathname })
    await settle(() => router.navigate('/albums/1?sort=year'))
    expect(album.causes).toEqual([undefined])
    await settle(() => router.navigate('/albums/2?sort=year'))
    expect(album.causes).toEqual([Navigated, undefined])
  })
})

describe('a navigation', () => {
  it('ends nothing while it is blocked, and the old page when it proceeds', async () => {
    const work = fakeWork()
    const blockers = watch<ReturnType<typeof useBlocker>>()
    function Form() {
      blockers.see(useBlocker(true))
      return useTask(work.fn, []).status
    }
    const source = () => route
    const router = createMemoryRouter(
      [
        {
          path: '/',
          Component: () => (
            <Scope route={source()}>
              <Form />
            </Scope>
          ),
        },
        { path: '/about', element: 'about' },
      ],
      { initialEntries: ['/'] },
    )
    const route: RouteOptions = { source: reactRouterSource(router) }
    render(<RouterProvider router={router} />, { wrapper: StrictMode })
    await settle(() => router.navigate('/about'))
    expect(blockers.last.state).toBe('blocked')
    expect(work.causes).toEqual([undefined])
    await settle(() => blockers.last.proceed?.())
    await settle()
    expect(work.causes).toEqual([Navigated])
  })

  it('ends the old page only after its loader, and does not restart it', async () => {
    const work = fakeWork()
    const loads: (() => void)[] = []
    function Home() {
      return useTask(work.fn, []).status
    }
    const source = () => route
    const router = createMemoryRouter(
      [
        {
          path: '/',
          Component: () => (
            <Scope route={source()}>
              <Home />
            </Scope>
          ),
        },
        { path: '/slow', element: 'slow', loader: () => new Promise<null>((done) => loads.push(() => done(null))) },
      ],
      { initialEntries: ['/'] },
    )
    const route: RouteOptions = { source: reactRouterSource(router) }
    const { container } = render(<RouterProvider router={router} />)
    // Several rounds, since React gives each transition the next of its ten lanes.
    for (let round = 1; round <= 12; round++) {
      await settle(() => void router.navigate('/slow'))
      expect(container.textContent).toBe('pending')
      expect(work.causes.at(-1)).toBeUndefined()
      await settle(() => loads.at(-1)?.())
      expect(container.textContent).toBe('slow')
      expect(work.causes).toEqual(Array(round).fill(Navigated))
      await settle(() => router.navigate('/'))
    }
  })
})

function FollowsRoute() {
  useRoute(background())
  return null
}

function Worker({ work }: { readonly work: Work<string, []> }) {
  return useTask(work.fn, []).status
}

describe('a scope that follows the route', () => {
  it('restarts once if its resetKeys change at the same time', async () => {
    const work = fakeWork<string, []>()
    const page = (id: number) => (
      <Scope route resetKeys={[id]}>
        <Worker work={work} />
      </Scope>
    )
    const view = render(page(1), { wrapper: StrictMode })
    await settle(() => {
      history.pushState(null, '', '/albums/2')
      view.rerender(page(2))
    })
    expect(work.causes).toEqual([Navigated, undefined])
  })

  it('shows no cancel below a nested scope with values', async () => {
    const work = fakeWork<string, []>()
    const statuses: string[] = []
    const key = createKey<string>('key')
    function Shown() {
      const { status } = useTask(work.fn, [])
      useLayoutEffect(() => void statuses.push(status))
      return null
    }
    render(
      <Scope route>
        <Scope values={[provide(key, 'value')]}>
          <Shown />
        </Scope>
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle(() => history.pushState(null, '', '/albums/2'))
    expect(work.causes).toEqual([Navigated, undefined])
    expect(new Set(statuses)).toEqual(new Set(['pending']))
  })

  it('restarts once together with a nested scope that also follows the route', async () => {
    const work = fakeWork<string, []>()
    render(
      <Scope route>
        <Scope route>
          <Worker work={work} />
        </Scope>
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle(() => history.pushState(null, '', '/albums/2'))
    expect(work.causes).toEqual([Navigated, undefined])
    await settle(() => history.pushState(null, '', '/albums/3'))
    expect(work.causes).toEqual([Navigated, Navigated, undefined])
  })
})

function Loader({ work, id }: { readonly work: Load; readonly id: string | undefined }) {
  return useTask((ctx) => work.fn(ctx, id), [id], { enabled: id !== undefined }).status
}

function Routed({ children }: { readonly children: ReactNode }) {
  return <Scope route>{children}</Scope>
}

describe('work that a route change has ended', () => {
  it('is idle, not pending, if its new deps are undefined', async () => {
    const work: Load = fakeWork()
    const page = (id?: string) => (
      <Scope route>
        <Loader work={work} id={id} />
      </Scope>
    )
    const view = render(page('1'), { wrapper: StrictMode })
    await settle()
    await settle(() => {
      history.pushState(null, '', '/albums')
      view.rerender(page())
    })
    expect(work.causes).toEqual([Navigated])
    expect(view.container.textContent).toBe('idle')
    await settle(() => view.rerender(page('2')))
    expect(view.container.textContent).toBe('pending')
    expect(work.calls).toHaveLength(2)
  })

  it('is canceled, not pending, if it was a manual run and `enabled` is false', async () => {
    const work: Load = fakeWork()
    const tasks = watch<Task<string>>()
    function ByHand({ enabled }: { readonly enabled: boolean }) {
      return tasks.see(useTask((ctx) => work.fn(ctx), [1], { enabled })).status
    }
    const { rerender } = render(<ByHand enabled />, { wrapper: Routed })
    await settle(() => work.last.resolve('one'))
    await settle(() => rerender(<ByHand enabled={false} />))
    await settle(() => void tasks.last.run())
    expect(tasks.last.status).toBe('pending')
    await settle(() => history.pushState(null, '', '/albums/2'))
    expect(tasks.last).toMatchObject({ status: 'canceled', cause: Navigated })
  })

  it('is canceled if a scope above ends before its own could restart', async () => {
    const work = fakeWork<string, []>()
    const session = createRef<ScopeHandle>()
    const tasks = watch<Task<string>>()
    const Shown = memo(() => tasks.see(useTask(work.fn, [])).status)
    render(
      <Scope ref={session}>
        <Scope route>
          <Shown />
        </Scope>
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle()
    await settle(async () => {
      history.pushState(null, '', '/goodbye')
      await Promise.resolve()
      session.current?.cancel('signed out')
    })
    expect(tasks.last.status).toBe('canceled')
    expect(work.calls).toHaveLength(1)
    await settle(() => session.current?.reset())
    expect(tasks.last.status).toBe('pending')
  })

  it.each(['before', 'after'])(
    'is canceled in another root that mounted %s the change with the old context',
    async (when) => {
      const work = fakeWork<string, []>()
      const scope = watch<Context>()
      const tasks = watch<Task<string>>()
      function Sees() {
        scope.see(useScope())
        return null
      }
      function Elsewhere({ parent }: { readonly parent: Context }) {
        return tasks.see(useTask(work.fn, [], { parent })).status
      }
      render(
        <Scope route>
          <Sees />
        </Scope>,
      )
      await settle()
      const old = scope.last
      if (when === 'before') render(<Elsewhere parent={old} />)
      await settle(() => history.pushState(null, '', '/albums/2'))
      if (when === 'after') render(<Elsewhere parent={old} />)
      await settle()
      expect(tasks.last).toMatchObject({ status: 'canceled', cause: Navigated })
    },
  )

  it('is never shown as ended by useContextState and useRemaining, since its scope restarts', async () => {
    const clock = fakeClock(0)
    const seen: string[] = []
    function Countdown() {
      const scope = useScope()
      const { done } = useContextState(scope)
      const left = useRemaining(scope)
      useLayoutEffect(() => void seen.push(`${done} ${left}`))
      return null
    }
    const view = render(
      <Scope parent={clock.root} timeout={9_000} route>
        <Countdown />
      </Scope>,
    )
    await settle(() => clock.advance(1_000))
    await settle(() => history.pushState(null, '', '/albums/2'))
    expect(seen.filter((state) => state.startsWith('true') || state.endsWith(' 0'))).toEqual([])
    expect(seen.at(-1)).toBe('false 9000')
    view.unmount()
  })

  it('is not called by a manual run before the scope has restarted', async () => {
    const work: Load = fakeWork()
    const tasks = watch<Task<string, [id?: string]>>()
    function Search() {
      return tasks.see(useTask(work.fn)).status
    }
    render(
      <Scope route>
        <Search />
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle()
    await settle(() => {
      history.pushState(null, '', '/search?q=blue')
      void tasks.last.run('blue')
    })
    expect(work.calls).toEqual([])
    expect(tasks.last).toMatchObject({ status: 'canceled', cause: Navigated })
    await settle(() => void tasks.last.run('blue'))
    await settle(() => work.last.resolve('Blue'))
    expect(tasks.last).toMatchObject({ status: 'success', data: 'Blue' })
  })
})

describe('useRoute', () => {
  it('ends with the route, and returns a new context for the next', async () => {
    const contexts = watch<Context>()
    const scopes = watch<Context>()
    function Component() {
      const scope = scopes.see(useScope())
      const [ctx] = useRoute(scope)
      useLayoutEffect(() => void contexts.see(ctx))
      return null
    }
    const view = render(<Component />, { wrapper: Scope })
    const [first] = contexts.all
    await settle(() => history.pushState(null, '', '/albums/1'))
    expect(first?.err).toMatchObject({ cause: Navigated })
    expect(contexts.last).not.toBe(first)
    expect(contexts.last.err).toBeUndefined()
    expect(scopes.last.err).toBeUndefined()
    view.unmount()
    expect(contexts.last.err).toMatchObject({ cause: Unmounted })
  })

  it('returns a new context for each `source` that is made in render', () => {
    const contexts = watch<Context>()
    function Component() {
      const source = { href: () => '/', subscribe: () => () => {} }
      const [ctx] = useRoute(useScope(), { source })
      useLayoutEffect(() => void contexts.see(ctx))
      return null
    }
    const view = render(<Component />)
    view.rerender(<Component />)
    expect(new Set(contexts.all).size).toBe(2)
  })

  it('uses the latest `ignore`, and a new function does not restart the work', async () => {
    const work = fakeWork()
    const said: number[] = []
    function Component({ count, ignores }: { readonly count: number; readonly ignores: boolean }) {
      const ignore = () => {
        said.push(count)
        return ignores
      }
      const [parent] = useRoute(useScope(), { ignore })
      useTask(work.fn, [], { parent })
      return null
    }
    const view = render(<Component count={1} ignores />, { wrapper: StrictMode })
    view.rerender(<Component count={2} ignores />)
    await settle(() => history.pushState(null, '', '/albums?sort=year'))
    expect(said).toEqual([2])
    expect(work.causes).toEqual([undefined])
    view.rerender(<Component count={3} ignores={false} />)
    await settle(() => history.pushState(null, '', '/albums?sort=name'))
    expect(said).toEqual([2, 3])
    expect(work.causes).toEqual([Navigated, undefined])
  })

  it('throws a TypeError for an `ignore` that is not a function', () => {
    expect(() => renderToString(<Scope route={{ ignore: 'hash' as never }} />)).toThrow(
      new TypeError('rescind: ignore must be a function, got "hash"'),
    )
  })

  it('restores history when all followers have unmounted', async () => {
    const before = [Object.getOwnPropertyDescriptor(history, 'pushState'), history.pushState, history.replaceState]
    const one = render(<FollowsRoute />, { wrapper: StrictMode })
    const other = render(<FollowsRoute />)
    one.unmount()
    await settle()
    other.unmount()
    await settle()
    expect([Object.getOwnPropertyDescriptor(history, 'pushState'), history.pushState, history.replaceState]).toEqual(
      before,
    )
  })
})
