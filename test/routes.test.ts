/** Contexts that end with the route: any source of routes, and the browser's address where there is one. */

import { afterFunc, background, cause, disarm, isCanceled, Navigated, withCancel, withRoute } from 'rescind'
import type { RouteSource } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { catchUncaught, countListeners, isCollected, microtask, task, wrong } from './support.ts'

interface FakeSource extends RouteSource {
  /** Sets the route, and notifies the listeners. */
  go(href: string): void
  readonly listeners: Set<() => void>
  at: string
}

function fakeSource(at = '/'): FakeSource {
  const listeners = new Set<() => void>()
  return {
    at,
    listeners,
    href() {
      return this.at
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    go(href) {
      this.at = href
      for (const listener of listeners) listener()
    },
  }
}

/** Goes back in the history, and waits until the browser is there. */
async function back(): Promise<void> {
  const gone = new Promise((resolve) => addEventListener('popstate', resolve, { once: true }))
  history.back()
  await gone
}

const NAMES = ['pushState', 'replaceState'] as const

/** The own properties of `history`, which a patch adds. */
function own(): (PropertyDescriptor | undefined)[] {
  return NAMES.map((name) => Object.getOwnPropertyDescriptor(history, name))
}

describe('withRoute', () => {
  it('ends when the route changes, with Navigated as the cause', () => {
    const source = fakeSource('/albums')
    const [ctx] = withRoute(background(), { source, label: 'albums' })
    expect(String(ctx)).toBe('background.withRoute(albums)')
    expect(ctx.err).toBeUndefined()
    source.go('/about')
    expect(isCanceled(ctx.err)).toBe(true)
    expect(cause(ctx)).toBe(Navigated)
    expect(Navigated).toMatchObject({ name: 'Navigated', message: 'the route changed' })
  })

  it.each([
    ['another path', '/about', true],
    ['another query', '/albums?sort=name', true],
    ['a parameter', '/albums/7', true],
    ['another origin', 'https://example.org/albums?sort=year', true],
    ['a hash', '/albums?sort=year#songs', false],
    ['the same again', '/albums?sort=year', false],
    ['a path that begins with two slashes', '//albums?sort=year', true],
  ])('decides whether %s is another route', (_, href, isChange) => {
    const source = fakeSource('/albums?sort=year')
    const [ctx] = withRoute(background(), { source })
    source.go(href)
    expect(ctx.err !== undefined).toBe(isChange)
  })

  it('ignores the hash, there and back', () => {
    const source = fakeSource('/albums#songs')
    const [ctx] = withRoute(background(), { source })
    source.go('/albums')
    source.go('/albums#cover')
    expect(ctx.err).toBeUndefined()
    source.go('/')
    expect(cause(ctx)).toBe(Navigated)
  })

  it('ends with its parent, and by cancel', () => {
    const source = fakeSource()
    const [parent, cancelParent] = withCancel(background())
    const [one, cancelOne] = withRoute(parent, { source })
    const [other] = withRoute(parent, { source })
    cancelOne('one')
    cancelParent('parent')
    source.go('/about')
    expect([cause(one), cause(other)]).toEqual(['one', 'parent'])
  })

  it('ends all followers of a source in one step, and those derived meanwhile at the next change', () => {
    const source = fakeSource()
    const [one] = withRoute(background(), { source })
    const [child] = withCancel(one)
    const [other] = withRoute(background(), { source })
    const seen: unknown[] = []
    one.signal.addEventListener('abort', () => {
      seen.push(cause(child), cause(other))
      const [late] = withRoute(background(), { source })
      seen.push(late.err)
    })
    source.go('/about')
    expect(seen).toEqual([Navigated, Navigated, undefined])
    const [late] = withRoute(background(), { source })
    expect(late.err).toBeUndefined()
    source.go('/')
    expect(cause(late)).toBe(Navigated)
  })

  it('ends followers of the previous route when another one is derived before the source has notified', () => {
    const source = fakeSource('/albums')
    const [before] = withRoute(background(), { source })
    source.at = '/about'
    expect(before.err).toBeUndefined()
    const [after] = withRoute(background(), { source })
    expect(cause(before)).toBe(Navigated)
    source.go('/about')
    expect(after.err).toBeUndefined()
  })

  it('subscribes once for all followers, and only while there are any', async () => {
    const source = fakeSource()
    const [parent, cancelParent] = withCancel(background())
    expect(source.listeners.size).toBe(0)
    const [, cancelOne] = withRoute(parent, { source })
    withRoute(parent, { source, ignore: () => false })
    expect(source.listeners.size).toBe(1)
    cancelOne()
    await microtask()
    expect(source.listeners.size).toBe(1)
    cancelParent()
    await microtask()
    expect(source.listeners.size).toBe(0)
    const [ctx] = withRoute(background(), { source })
    source.go('/about')
    await microtask()
    expect(cause(ctx)).toBe(Navigated)
    expect(source.listeners.size).toBe(0)
  })

  it('no longer follows the source once it is disarmed', async () => {
    const source = fakeSource()
    const ignore = vi.fn<() => boolean>(() => false)
    const [ctx] = withRoute(background(), { source, ignore })
    disarm(ctx)
    await microtask()
    await microtask()
    expect(source.listeners.size).toBe(0)
    source.go('/about')
    expect(ignore).not.toHaveBeenCalled()
    expect(ctx.err).toBeUndefined()
  })

  it('does not read the source under a parent that has ended', () => {
    const source = fakeSource()
    const [parent, cancel] = withCancel(background())
    cancel('before')
    const [ctx] = withRoute(parent, { source })
    expect(cause(ctx)).toBe('before')
    expect(source.listeners.size).toBe(0)
  })

  it.each(['href', 'subscribe'] as const)(
    "throws the error of the source's %s, and leaves no listener",
    async (name) => {
      using uncaught = catchUncaught()
      const source = fakeSource('/albums')
      const error = new Error('not yet')
      const failing = vi.spyOn(source, name).mockImplementationOnce(() => {
        throw error
      })
      const { signal } = new AbortController()
      const listeners = countListeners(signal)
      expect(() => withRoute({ signal }, { source })).toThrow(error)
      expect(listeners()).toBe(0)
      await task()
      expect(uncaught.errors).toEqual([])
      failing.mockRestore()
      const [ctx] = withRoute(background(), { source })
      source.go('/about')
      expect(cause(ctx)).toBe(Navigated)
    },
  )

  it('ignores a change during which nothing followed the source', async () => {
    const source = fakeSource('/albums')
    const [, cancel] = withRoute(background(), { source })
    cancel()
    await microtask()
    source.at = '/about'
    const [ctx] = withRoute(background(), { source })
    source.go('/about#team')
    expect(ctx.err).toBeUndefined()
  })

  it('keeps the clock and the deadline of its parent', async () => {
    const clock = fakeClock(0)
    const [ctx] = withRoute(clock.root, { source: fakeSource() })
    expect(ctx.deadline).toBeUndefined()
    await clock.advance(1_000)
    expect(ctx.err).toBeUndefined()
  })

  it.each([undefined, () => true])('is not retained by its source after its end, with `ignore` %s', async (ignore) => {
    const source = fakeSource()
    const make = () => {
      const [ctx, cancel] = withRoute(background(), { source, ignore })
      cancel()
      return ctx
    }
    expect(await isCollected(make)).toBe(true)
  })
})

describe('ignore', () => {
  it('is called with both addresses, and keeps the context alive if it returns true', () => {
    const source = fakeSource('/albums?sort=year')
    const asked: string[][] = []
    const ignore = (to: URL, from: URL) => {
      asked.push([to.pathname + to.search, from.pathname + from.search])
      return to.pathname === from.pathname
    }
    const [ctx] = withRoute(background(), { source, ignore })
    const [strict] = withRoute(background(), { source })
    source.go('/albums?sort=name')
    expect([ctx.err, cause(strict)]).toEqual([undefined, Navigated])
    source.go('/about')
    expect(cause(ctx)).toBe(Navigated)
    expect(asked).toEqual([
      ['/albums?sort=name', '/albums?sort=year'],
      ['/about', '/albums?sort=name'],
    ])
  })

  it('is not asked for a context that has ended, though others follow the source', async () => {
    const source = fakeSource()
    const ignore = vi.fn<() => boolean>(() => false)
    const [, cancel] = withRoute(background(), { source, ignore })
    const [other] = withRoute(background(), { source })
    cancel()
    await microtask()
    source.go('/about')
    expect(cause(other)).toBe(Navigated)
    expect(ignore).not.toHaveBeenCalled()
  })

  it.runIf('location' in globalThis)('gets addresses at the origin of the page', () => {
    const source = fakeSource('/albums')
    const asked: string[] = []
    withRoute(background(), { source, ignore: (to, from) => asked.push(to.href, from.href) < 0 })
    source.go('//about')
    expect(asked).toEqual([`${location.origin}//about`, `${location.origin}/albums`])
  })

  it('ends the context if it throws, and its error is reported', async () => {
    using uncaught = catchUncaught()
    const source = fakeSource()
    const error = new Error('cannot say')
    const [ctx] = withRoute(background(), {
      source,
      ignore: () => {
        throw error
      },
    })
    const [other] = withRoute(background(), { source })
    source.go('/about')
    await task()
    expect([cause(ctx), cause(other)]).toEqual([Navigated, Navigated])
    expect(uncaught.errors).toEqual([error])
  })
})

describe('invalid arguments', () => {
  it.each<[message: string, options: unknown]>([
    ['rescind: options must be an object, got "now"', 'now'],
    ['rescind: options must be an object, got null', null],
    ['rescind: source must be an object with href and subscribe, got [object Object]', { source: {} }],
    ['rescind: source must be an object with href and subscribe, got null', { source: null }],
    ['rescind: ignore must be a function, got true', { ignore: true }],
  ])('throw a TypeError: %s', (message, options) => {
    expect(() => withRoute(background(), wrong(options))).toThrow(new TypeError(message))
  })

  it('throw a TypeError without a parent', () => {
    const source = fakeSource()
    expect(() => withRoute(wrong(undefined), { source })).toThrow(
      new TypeError('rescind: parent must be a context, got undefined'),
    )
    expect(source.listeners.size).toBe(0)
  })
})

/** Its message differs between browsers. */
const securityError = expect.objectContaining({ name: 'SecurityError' })

describe.runIf('location' in globalThis)("the browser's address", () => {
  const { href: home } = globalThis.location ?? { href: '' }

  afterEach(() => {
    history.replaceState(null, '', home)
  })

  const ways: [name: string, hide: boolean][] = [
    ['as the browser tells it', false],
    ['without the Navigation API', true],
  ]

  describe.each(ways)('%s', (_, isHidden) => {
    const known = 'navigation' in globalThis

    beforeEach(() => {
      if (isHidden && known) vi.stubGlobal('navigation', undefined)
    })

    afterEach(() => {
      vi.unstubAllGlobals()
    })

    it('changes on pushState, replaceState and back', async () => {
      const changes = [
        () => history.pushState(null, '', '/one'),
        () => history.replaceState(null, '', '/two'),
        () => history.pushState(null, '', '?three'),
        back,
      ]
      for (const change of changes) {
        const [ctx] = withRoute(background())
        await change()
        expect(cause(ctx)).toBe(Navigated)
      }
    })

    it('does not change with a hash, with state, or with the same address again', async () => {
      const [ctx, cancel] = withRoute(background())
      history.pushState({ state: 1 }, '', location.href)
      history.replaceState({ state: 2 }, '')
      history.pushState(null, '', '#songs')
      location.hash = 'cover'
      await task()
      await back()
      expect(ctx.err).toBeUndefined()
      cancel()
    })

    it('ends the context before pushState returns', () => {
      const [ctx] = withRoute(background())
      const { signal } = ctx
      history.pushState(null, '', '/one')
      expect(signal.aborted).toBe(true)
    })
  })

  it.runIf('navigation' in globalThis)('leaves history unpatched in a browser with the Navigation API', () => {
    const before = own()
    const [ctx] = withRoute(background())
    expect(own()).toEqual(before)
    history.pushState(null, '', '/one')
    expect(cause(ctx)).toBe(Navigated)
  })

  describe('a patched history', () => {
    let before: ReturnType<typeof own>

    beforeEach(() => {
      vi.stubGlobal('navigation', undefined)
      before = own()
      // Whatever other tests left there: to be as it was, it has nothing of its own.
      for (const name of NAMES) Reflect.deleteProperty(history, name)
    })

    afterEach(() => {
      vi.unstubAllGlobals()
      for (const [index, name] of NAMES.entries()) {
        if (before[index]) Object.defineProperty(history, name, before[index])
      }
    })

    it('is restored when the last follower has ended', async () => {
      const [, cancelOne] = withRoute(background())
      const [, cancelOther] = withRoute(background())
      expect(own()).not.toContain(undefined)
      const patched = own()
      cancelOne()
      await microtask()
      expect(own()).toEqual(patched)
      cancelOther()
      await microtask()
      expect(own()).toEqual([undefined, undefined])
    })

    it('returns what the original returns, passes its arguments on, and rethrows its errors', () => {
      const [, cancel] = withRoute(background())
      expect(history.pushState({ id: 7 }, '', '/one')).toBeUndefined()
      expect(history.state).toEqual({ id: 7 })
      expect(location.pathname).toBe('/one')
      expect(() => history.pushState(null, '', 'https://example.org/')).toThrow(securityError)
      cancel()
    })

    it('keeps a patch that another library has added on top, and removes its own from below', async () => {
      const [ctx, cancel] = withRoute(background())
      const log: unknown[] = []
      const { pushState } = history
      history.pushState = function pushed(this: History, ...args) {
        log.push(args[2])
        pushState.apply(this, args)
      }
      const { pushState: theirs } = history
      cancel()
      await microtask()
      expect(history.pushState).toBe(theirs)
      history.pushState(null, '', '/one')
      expect([log, location.pathname, ctx.err && cause(ctx)]).toEqual([['/one'], '/one', ctx.err])

      const [again] = withRoute(background())
      history.pushState(null, '', '/two')
      expect(cause(again)).toBe(Navigated)
      await microtask()
      expect(history.pushState).toBe(theirs)
      // The other library removes its patch: ours, which was below, must not stay.
      history.pushState = pushState
      history.pushState(null, '', '/three')
      expect(own()).toEqual([undefined, undefined])
    })

    it('is restored to a patch that was there before', async () => {
      const { pushState } = history
      const theirs: History['pushState'] = function pushed(this: History, ...args) {
        pushState.apply(this, args)
      }
      history.pushState = theirs
      const [, cancel] = withRoute(background())
      expect(history.pushState).not.toBe(theirs)
      cancel()
      await microtask()
      expect(history.pushState).toBe(theirs)
      Reflect.deleteProperty(history, 'pushState')
    })
  })
})

describe.runIf(!('location' in globalThis))('where there is no address', () => {
  it('is a plain withCancel', async () => {
    const [ctx, cancel] = withRoute(background())
    let isOver = false
    afterFunc(ctx, () => {
      isOver = true
    })
    expect(ctx.err).toBeUndefined()
    cancel('why')
    await microtask()
    expect([cause(ctx), isOver]).toEqual(['why', true])
  })

  it('takes the paths of a source where the origin is opaque', () => {
    vi.stubGlobal('location', { origin: 'null', href: 'about:srcdoc' })
    const source = fakeSource('/albums')
    const [ctx] = withRoute(background(), { source })
    source.go('/about')
    vi.unstubAllGlobals()
    expect(cause(ctx)).toBe(Navigated)
  })
})
