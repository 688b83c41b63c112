/** The source of the real TanStack Router: work that belongs to a page ends when another one is shown. */

import { createMemoryHistory, createRootRoute, createRoute, createRouter, Outlet } from '@tanstack/react-router'
import { RouterProvider, useBlocker } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import { StrictMode, useState } from 'react'
import type { RouteOptions } from 'rescind'
import { Navigated, Scope, tanStackRouterSource, useTask } from 'rescind/react'
import { describe, expect, it, vi } from 'vitest'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

/** Albums at `/albums/$id`, and `/slow`, which is shown when the test resolves its loader. */
async function start(options?: RouteOptions) {
  vi.spyOn(globalThis, 'scrollTo').mockImplementation(() => {})
  const work = fakeWork<string, [id: string]>()
  const loads: (() => void)[] = []
  const opens = watch<() => void>()
  const blockers = watch<{ readonly status: string; readonly proceed?: (() => void) | undefined }>()
  let isBlocked = false
  const route = (): RouteOptions => ({ ...options, source: tanStackRouterSource(router) })
  const root = createRootRoute({
    component: () => (
      <Scope route={route()}>
        <Outlet />
      </Scope>
    ),
  })
  const albums = createRoute({ getParentRoute: () => root, path: '/albums/$id', component: Album })
  const slow = createRoute({
    getParentRoute: () => root,
    path: '/slow',
    component: () => 'slow',
    loader: () => new Promise<null>((done) => loads.push(() => done(null))),
  })
  const router = createRouter({
    routeTree: root.addChildren([albums, slow]),
    history: createMemoryHistory({ initialEntries: ['/albums/1'] }),
    defaultPendingMs: 60_000,
  })

  function Album() {
    const { id } = albums.useParams()
    const { status } = useTask((ctx) => work.fn(ctx, id), [id])
    const [isOpen, setOpen] = useState(false)
    opens.see(() => setOpen(true))
    blockers.see(useBlocker({ shouldBlockFn: () => isBlocked, withResolver: true }))
    return (
      <p>
        {id}: {status} {isOpen && <Late />}
      </p>
    )
  }

  function Late() {
    return (
      <Scope route={route()}>
        <Inner />
      </Scope>
    )
  }

  function Inner() {
    return useTask((ctx) => work.fn(ctx, 'late'), []).status
  }

  const { container } = render(<RouterProvider router={router} />, { wrapper: StrictMode })
  await settle()
  const go = (href: string) => settle(() => void router.navigate({ href }))
  const openLate = () => settle(() => opens.last())
  const block = () => {
    isBlocked = true
    return blockers
  }
  return { block, container, go, loads, openLate, router, work }
}

describe('a scope that ends with its route, with TanStack Router', () => {
  it('ends when another page is shown, and the old page does not restart', async () => {
    const { go, loads, work } = await start()
    expect(work.causes).toEqual([undefined])
    await go('/slow')
    await settle(() => loads.at(-1)?.())
    expect(work.causes).toEqual([Navigated])
  })

  it('restarts if only a parameter changes and the component stays', async () => {
    const { go, router, work } = await start()
    await go('/albums/2')
    expect(work.causes).toEqual([Navigated, undefined])
    expect(work.calls.map(({ args: [id] }) => id)).toEqual(['1', '2'])
    await go('/albums/2?sort=year')
    expect(work.causes).toEqual([Navigated, Navigated, undefined])
    await settle(() => router.history.back())
    expect(work.causes).toEqual([Navigated, Navigated, Navigated, undefined])
  })

  it('stays alive if only the hash changes, or nothing, or `ignore` returns true', async () => {
    const { go, work } = await start({ ignore: (to, from) => to.pathname === from.pathname })
    await go('/albums/1#songs')
    await go('/albums/1#songs')
    await go('/albums/1?sort=year')
    expect(work.causes).toEqual([undefined])
    await go('/albums/2')
    expect(work.causes).toEqual([Navigated, undefined])
  })

  it('stays alive while the next page loads, and ends when that is shown', async () => {
    const { container, go, loads, openLate, work } = await start()
    await go('/slow')
    expect(container.textContent).toContain('1: pending')
    expect(work.causes).toEqual([undefined])
    // Components that mount now belong to the old page.
    await openLate()
    expect(work.causes).toEqual([undefined, undefined])
    await settle(() => loads.at(-1)?.())
    expect(container.textContent).toBe('slow')
    expect(work.causes).toEqual([Navigated, Navigated])
  })

  it('stays alive if a navigation is reversed before the next page is shown', async () => {
    const { go, work } = await start()
    await go('/slow')
    await go('/albums/1')
    expect(work.causes).toEqual([undefined])
  })

  it('stays alive while a navigation is blocked, and ends when it proceeds', async () => {
    const { block, go, work } = await start()
    const blockers = block()
    await go('/albums/2')
    expect(blockers.last.status).toBe('blocked')
    expect(work.causes).toEqual([undefined])
    await settle(() => blockers.last.proceed?.())
    expect(work.causes).toEqual([Navigated, undefined])
  })
})
