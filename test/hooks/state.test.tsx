/** The state of a context as React state. */

import { render } from '@testing-library/react'
import { StrictMode, createRef, memo, useEffect, useLayoutEffect, useMemo, useState } from 'react'
import { flushSync } from 'react-dom'
import { renderToString } from 'react-dom/server'
import { background, createKey, rearm, remaining, withCancel, withSignal, withTimeout, withValue } from 'rescind'
import type { Context } from 'rescind'
import { Scope, useCancellable, useContextState, useRemaining, useScope, useTask, useValue } from 'rescind/react'
import type { ContextState, ScopeHandle } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it, vi } from 'vitest'
import { task } from '../support.ts'
import { Activity, failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

const LIVE = { done: false, err: undefined, cause: undefined, deadline: undefined }

function mountState(ctx: Context) {
  const state = watch<ContextState>()
  function Component({ ctx }: { readonly ctx: Context }) {
    state.see(useContextState(ctx))
    return null
  }
  const view = render(<Component ctx={ctx} />, { wrapper: StrictMode })
  return { state, unmount: view.unmount, render: (ctx: Context) => view.rerender(<Component ctx={ctx} />) }
}

function mountRemaining(ctx: Context, interval?: number) {
  const left = watch<number | undefined>()
  function Component(props: { readonly ctx: Context; readonly interval: number | undefined }) {
    left.see(useRemaining(props.ctx, { interval: props.interval }))
    return null
  }
  const view = render(<Component ctx={ctx} interval={interval} />, { wrapper: StrictMode })
  return {
    left,
    unmount: view.unmount,
    render: (ctx: Context, interval?: number) => view.rerender(<Component ctx={ctx} interval={interval} />),
  }
}

/** Counts the reads of `ctx.deadline`. */
function countLooks(ctx: Context): () => number {
  let looks = 0
  Object.defineProperty(ctx, 'deadline', {
    get() {
      looks++
      return Date.now() + (remaining(ctx) ?? 0)
    },
  })
  return () => looks
}

function IsDone({ ctx }: { readonly ctx: Context }) {
  return String(useContextState(ctx).done)
}

function Budget() {
  const ctx = useScope()
  const ms = useRemaining(ctx)
  const { done } = useContextState(ctx)
  return `${ms} ${done ? 'over' : 'live'}`
}

/** Reports at each commit whether its context has ended. */
function TellsDone({ seen }: { readonly seen: (readonly [done: boolean, left: number | undefined])[] }) {
  const [ctx] = useCancellable(background())
  const { done } = useContextState(ctx)
  const left = useRemaining(ctx)
  useLayoutEffect(() => void seen.push([done, left]))
  return null
}

/** Makes a context and, while `isShown`, shows its state below. */
function Follows({ isShown, see }: { readonly isShown: boolean; readonly see: (ctx: Context) => void }) {
  const [ctx] = useCancellable(background())
  see(ctx)
  return isShown && <IsDone ctx={ctx} />
}

function MakesContext() {
  useCancellable(useScope())
  return null
}

describe('the hooks that read a context', () => {
  const key = createKey<string>('key')
  it.each([undefined, null, {}, 'ctx'])('throw a TypeError for %s', (wrong) => {
    const ctx = wrong as never
    const hooks: (() => unknown)[] = [() => useContextState(ctx), () => useRemaining(ctx)]
    // Without `ctx`, useValue takes the nearest scope.
    if (wrong) hooks.push(() => useValue(key, ctx))
    const shown = wrong === 'ctx' ? '"ctx"' : wrong && '[object Object]'
    for (const useHook of hooks) {
      const Component = () => String(useHook())
      expect(() => renderToString(<Component />)).toThrow(
        new TypeError(`rescind: ctx must be a context, got ${String(shown)}`),
      )
    }
  })
})

describe('useContextState', () => {
  it('shows the end and its cause', async () => {
    const [ctx, cancel] = withCancel(background())
    const { state } = mountState(ctx)
    expect(state.last).toEqual(LIVE)
    await settle(() => cancel('why'))
    expect(state.last).toEqual({ ...LIVE, done: true, err: ctx.err, cause: 'why' })
  })

  it('shows a deadline, and its end', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 100, { cause: 'slow' })
    const { state } = mountState(ctx)
    expect(state.last).toEqual({ ...LIVE, deadline: 100 })
    await settle(() => clock.advance(100))
    expect(state.last).toEqual({ done: true, err: ctx.err, cause: 'slow', deadline: 100 })
  })

  it('renders once for the end, and keeps its identity until something changes', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const { state, render } = mountState(ctx)
    render(ctx)
    expect(new Set(state.all).size).toBeLessThanOrEqual(2)
    const before = state.last
    render(ctx)
    expect(state.last).toBe(before)
    await settle(() => cancel())
    expect(new Set(state.all.slice(state.all.indexOf(before))).size).toBe(2)
  })

  it('is correct from the first render for a context that has ended before', () => {
    const [ctx, cancel] = withCancel(background())
    cancel('before')
    const { state } = mountState(ctx)
    expect(state.all.map(({ cause }) => cause)).toEqual(state.all.map(() => 'before'))
  })

  it('is correct from the first render for a context that was canceled before its deadline', () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    cancel('before')
    const { state } = mountState(ctx)
    expect(state.all.map(({ cause }) => cause)).toEqual(state.all.map(() => 'before'))
  })

  it('does not end a context by rendering while its signal aborts', async () => {
    const controller = new AbortController()
    const show = vi.fn<() => void>()
    controller.signal.addEventListener('abort', () => show())
    const [ctx] = withSignal(background(), controller.signal)
    const order: string[] = []
    ctx.signal.addEventListener('abort', () => order.push('ended'))
    function Component() {
      order.push('render')
      useContextState(ctx)
      order.push('rendered')
      return null
    }
    show.mockImplementation(() => flushSync(() => void render(<Component />)))
    controller.abort()
    await settle()
    expect(order.slice(0, 2)).toEqual(['render', 'rendered'])
    expect(order).toContain('ended')
  })

  it('does not end a due context by rendering', async () => {
    const [ctx] = withTimeout(background(), 30_000)
    const seen: unknown[] = []
    function Component() {
      useContextState(ctx)
      useRemaining(ctx)
      seen.push(signal.aborted)
      return null
    }
    const { signal } = ctx
    // The deadline has passed, but no timer has fired.
    const later = performance.now() + 60_000
    vi.spyOn(performance, 'now').mockReturnValue(later)
    render(<Component />)
    expect(seen[0]).toBe(false)
    await settle()
    expect(seen.at(-1)).toBe(true)
  })

  it('follows another context, and unsubscribes from the previous one', async () => {
    const [one, cancelOne] = withCancel(background())
    const [other, cancelOther] = withCancel(background())
    const { state, render } = mountState(one)
    render(other)
    const before = state.all.length
    await settle(() => cancelOne())
    expect(state.all).toHaveLength(before)
    await settle(() => cancelOther('other'))
    expect(state.last.cause).toBe('other')
  })

  it('shows a deadline that moves: by rearm, by a timeout above, by success', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 100)
    const { state } = mountState(ctx)
    await settle(() => rearm(ctx, 200))
    expect(state.last.deadline).toBe(200)

    const key = createKey<number>('key')
    const below = watch<number | undefined>()
    const Tell = memo(function Tell() {
      const scope = useScope()
      // Not the scope itself: a view of it that is not armed.
      const view = useMemo(() => withValue(scope, key, 1), [scope])
      below.see(useContextState(view).deadline)
      return null
    })
    const app = (timeout?: number) => (
      <Scope parent={clock.root} timeout={timeout}>
        <Scope>
          <Tell />
        </Scope>
      </Scope>
    )
    const view = render(app(50))
    expect(below.last).toBe(50)
    view.rerender(app(70))
    expect(below.last).toBe(70)
    view.rerender(app())
    expect(below.last).toBeUndefined()
    view.rerender(app(90))
    expect(below.last).toBe(90)
  })

  it('throws a TypeError for an invalid context', () => {
    expect(() => renderToString(<IsDone ctx={{} as Context} />)).toThrow(TypeError)
  })
})

describe('useRemaining', () => {
  it('counts down in whole intervals to 0', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 2_500)
    const { left } = mountRemaining(ctx)
    const seen = [left.last]
    for (let step = 0; step < 5; step++) {
      await settle(() => clock.advance(500))
      seen.push(left.last)
    }
    expect(seen).toEqual([3_000, 2_000, 2_000, 1_000, 1_000, 0])
  })

  it('renders once an interval, whatever its length', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 100)
    const { left } = mountRemaining(ctx, 25)
    await settle()
    const before = left.all.length
    for (let step = 0; step < 100; step++) await clock.advance(1)
    await settle()
    expect(left.all.slice(before).filter((ms, index, all) => ms !== all[index - 1])).toEqual([75, 50, 25, 0])
  })

  it('is undefined without a deadline, and 0 once the context has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    const { left } = mountRemaining(ctx)
    expect(left.last).toBeUndefined()
    await settle(() => cancel())
    expect(left.last).toBe(0)
  })

  it('starts no timer without a deadline', () => {
    vi.useFakeTimers()
    mountRemaining(withCancel(background())[0], 5)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is 0 at once after a cancel', async () => {
    const clock = fakeClock(0)
    const [ctx, cancel] = withTimeout(clock.root, 60_000)
    const { left } = mountRemaining(ctx)
    expect(left.last).toBe(60_000)
    await settle(() => cancel())
    expect(left.last).toBe(0)
  })

  it('starts, moves and stops with the timeout of a scope', async () => {
    const clock = fakeClock(0)
    const left = watch<number | undefined>()
    const Tell = memo(function Tell() {
      left.see(useRemaining(useScope()))
      return null
    })
    const app = (timeout?: number) => (
      <Scope parent={clock.root} timeout={timeout}>
        <Tell />
      </Scope>
    )
    const view = render(app(), { wrapper: StrictMode })
    expect(left.last).toBeUndefined()
    view.rerender(app(5_000))
    expect(left.last).toBe(5_000)
    await settle(() => clock.advance(1_000))
    expect(left.last).toBe(4_000)
    view.rerender(app(2_000))
    expect(left.last).toBe(1_000)
    view.rerender(app())
    expect(left.last).toBeUndefined()
  })

  it('is undefined once the work of a task is done, and follows its timeout before', async () => {
    const clock = fakeClock(0)
    const work = fakeWork()
    const left = watch<number | undefined>()
    const Tell = memo(function Tell({ ctx }: { readonly ctx: Context }) {
      left.see(useRemaining(ctx))
      return null
    })
    function Component({ timeout }: { readonly timeout: number }) {
      const { context } = useTask(work.fn, [], { parent: clock.root, timeout })
      return <Tell ctx={context} />
    }
    const view = render(<Component timeout={5_000} />)
    await settle()
    expect(left.last).toBe(5_000)
    view.rerender(<Component timeout={9_000} />)
    expect(left.last).toBe(9_000)
    await settle(() => work.last.resolve('albums'))
    expect(left.last).toBeUndefined()
  })

  it('does not tick after the unmount, nor read a deadline that moves', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const looks = countLooks(ctx)
    const { unmount, render } = mountRemaining(ctx, 5)
    const state = mountState(ctx)
    render(ctx, 2)
    rearm(ctx, 65_000)
    unmount()
    state.unmount()
    await settle()
    const before = looks()
    rearm(ctx, 70_000)
    expect(looks()).toBe(before)
    // The timer of the last tick may still fire once; the next timer is that of the deadline.
    const { setTimeout } = globalThis
    const later = () => new Promise((resolve) => void setTimeout(resolve, 20))
    await later()
    const timers = vi.spyOn(globalThis, 'setTimeout')
    await later()
    expect(timers).not.toHaveBeenCalled()
    cancel()
  })

  it('reads a deadline once for each move', async () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    mountState(ctx)
    const looks = countLooks(ctx)
    for (let move = 1; move <= 12; move++) await settle(() => rearm(ctx, 60_000 + move))
    expect(looks()).toBeLessThan(100)
    await settle(() => cancel())
  })

  it('accepts another context and another interval', async () => {
    const clock = fakeClock(0)
    const [one] = withTimeout(clock.root, 1_500)
    const [other] = withTimeout(clock.root, 9_500)
    const { left, render } = mountRemaining(one)
    expect(left.last).toBe(2_000)
    render(other, 100)
    expect(left.last).toBe(9_500)
    await settle(() => clock.advance(100))
    expect(left.last).toBe(9_400)
  })

  it.each([
    [0, '0'],
    [-1, '-1'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    ['5', '"5"'],
  ])('throws a TypeError for an interval of %s', (interval, shown) => {
    const Component = () => String(useRemaining(background(), { interval: interval as number }))
    expect(() => renderToString(<Component />)).toThrow(
      new TypeError(`rescind: interval must be a positive, finite number, got ${shown}`),
    )
  })
})

describe('a countdown and a Cancel button', () => {
  it('show the end together', async () => {
    const clock = fakeClock(0)
    const scope = createRef<ScopeHandle>()
    const { container } = render(
      <Scope ref={scope} parent={clock.root} timeout={5_000}>
        <Budget />
      </Scope>,
    )
    expect(container.textContent).toBe('5000 live')
    await settle(() => scope.current?.cancel())
    expect(container.textContent).toBe('0 over')
    await settle(() => scope.current?.reset())
    expect(container.textContent).toBe('5000 live')
  })
})

describe('the state of a context in a component', () => {
  it.skipIf(!Activity)('never shows the end of a context in a hidden Activity when that is shown again', async () => {
    const seen: (readonly [done: boolean, left: number | undefined])[] = []
    const app = (mode: 'visible' | 'hidden') =>
      Activity && (
        <Activity mode={mode}>
          <TellsDone seen={seen} />
        </Activity>
      )
    const view = render(app('visible'))
    await settle()
    await settle(() => view.rerender(app('hidden')))
    await settle(() => view.rerender(app('visible')))
    expect(seen.length).toBeGreaterThan(1)
    expect(new Set(seen.map(String))).toEqual(new Set(['false,']))
  })

  it('is not measured after the unmount, though a successor of the context waited then', async () => {
    const contexts = watch<Context>()
    const app = (isShown: boolean) => <Follows isShown={isShown} see={contexts.see} />
    const view = render(app(false))
    await settle(() => void globalThis.dispatchEvent(new Event('pagehide')))
    const looks = countLooks(contexts.last)
    view.rerender(app(true))
    await settle()
    view.rerender(app(false))
    const before = looks()
    await settle(() => void globalThis.dispatchEvent(new Event('pageshow')))
    expect(contexts.last.err).toBeUndefined()
    expect(looks()).toBe(before)
  })

  it('shows the end together with other state that the same event listener sets', async () => {
    const [ctx, cancel] = withCancel(background())
    const seen: string[] = []
    function Counter() {
      const [count, setCount] = useState(0)
      const { done } = useContextState(ctx)
      useLayoutEffect(() => void seen.push(`${count} ${done}`))
      useEffect(() => {
        const stop = () => {
          cancel()
          setCount(1)
        }
        document.addEventListener('click', stop)
        return () => document.removeEventListener('click', stop)
      }, [])
      return null
    }
    render(<Counter />)
    await settle()
    // Without `act`, which would collect renders: a page does not.
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
    document.body.click()
    await task()
    vi.unstubAllGlobals()
    expect(seen).toEqual(['0 false', '1 true'])
  })

  it('keeps a deadline that was moved by rearm when a child mounts below', async () => {
    const ref = createRef<ScopeHandle>()
    const add = watch<() => void>()
    function Adder() {
      const [isThere, setThere] = useState(false)
      add.see(() => setThere(true))
      return isThere && <MakesContext />
    }
    render(
      <Scope ref={ref} timeout={60_000}>
        <Adder />
      </Scope>,
    )
    const ctx = ref.current?.context as Context
    rearm(ctx, 5_000)
    await settle(() => add.last())
    expect(remaining(ctx)).toBeLessThanOrEqual(5_000)
  })
})
