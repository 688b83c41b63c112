/** Routers as sources of routes, with stand-ins; the real ones are in route.test.tsx and tanstack-router.test.tsx. */

import { background, cause, Navigated, withRoute } from 'rescind'
import { reactRouterSource, tanStackRouterSource } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { microtask, wrong } from '../support.ts'

describe('reactRouterSource', () => {
  it('accepts the path //', () => {
    const router = { state: { location: { pathname: '//', search: '' } }, subscribe: () => () => {} }
    const [ctx, cancel] = withRoute(background(), { source: reactRouterSource(router) })
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('notifies of every change that the router shows, and unsubscribes afterwards', async () => {
    const listeners = new Set<() => void>()
    const router = {
      state: { location: { pathname: '/albums', search: '?sort=year', hash: '' } },
      subscribe(listener: () => void) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }
    const source = reactRouterSource(router)
    expect(source.href()).toBe('/albums?sort=year')
    const [ctx] = withRoute(background(), { source })
    router.state = { location: { ...router.state.location, hash: '#songs' } }
    for (const listener of listeners) listener()
    expect(ctx.err).toBeUndefined()
    router.state = { location: { ...router.state.location, search: '' } }
    for (const listener of listeners) listener()
    expect(cause(ctx)).toBe(Navigated)
    await microtask()
    expect(listeners.size).toBe(0)
  })
})

describe.each([
  { name: 'reactRouterSource', sourceOf: reactRouterSource },
  { name: 'tanStackRouterSource', sourceOf: tanStackRouterSource },
])('$name', ({ sourceOf }) => {
  it('returns the same source for the same router, so it can be called during render', () => {
    const router = { state: { location: { pathname: '/', search: '', href: '/' } }, subscribe: () => () => {} }
    const source = sourceOf(router)
    expect(sourceOf(router)).toBe(source)
    expect(sourceOf({ ...router })).not.toBe(source)
  })

  it('throws a TypeError for an invalid router', () => {
    expect(() => sourceOf(wrong(undefined))).toThrow(new TypeError('rescind: router must be a router, got undefined'))
    expect(() => sourceOf(wrong({ state: {} }))).toThrow(
      new TypeError('rescind: router must be a router, got [object Object]'),
    )
  })
})
