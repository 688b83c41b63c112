/** Hooks that derive a context for a component. */

import { render } from '@testing-library/react'
import { StrictMode, useLayoutEffect, useMemo } from 'react'
import { renderToString } from 'react-dom/server'
import { background, CanceledError, cause, createKey, isDeadlineExceeded, withCancel, withValue } from 'rescind'
import type { Cancel, Context, DeriveOptions } from 'rescind'
import { Superseded, Unmounted, useCancellable, useDeadline, useRoute, useTimeout } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, settle, watch } from './support.tsx'

failOnNoise()

type Pair = [ctx: Context, cancel: Cancel, reset: () => void]

/** Mounts a component that uses the hook. */
function mount<P extends object>(useHook: (props: P) => Pair, props: P) {
  const pair = watch<Pair>()
  function Component(props: P) {
    const committed = useHook(props)
    useLayoutEffect(() => void pair.see(committed))
    return null
  }
  const view = render(<Component {...props} />, { wrapper: StrictMode })
  return {
    unmount: view.unmount,
    render: (props: P) => view.rerender(<Component {...props} />),
    get all() {
      return pair.all.map(([ctx]) => ctx)
    },
    get ctx() {
      return pair.last[0]
    },
    get cancel() {
      return pair.last[1]
    },
  }
}

interface Parent {
  readonly parent: Context
  readonly options?: DeriveOptions
}

const hooks: [name: string, useHook: (props: Parent) => Pair][] = [
  ['useCancellable', ({ parent, options }) => useCancellable(parent, options)],
  ['useTimeout', ({ parent, options }) => useTimeout(parent, 60_000, options)],
  ['useDeadline', ({ parent, options }) => useDeadline(parent, 4_102_444_800_000, options)],
  ['useRoute', ({ parent, options }) => useRoute(parent, options)],
]

describe.each(hooks)('%s', (_, useHook) => {
  const key = createKey<string>('key')
  const Shown = (props: Parent) => String(useHook(props))

  it('ends with its parent, and has its values', async () => {
    const [parent, cancelParent] = withCancel(withValue(background(), key, 'value'))
    const it = mount(useHook, { parent })
    expect(it.ctx.value(key)).toBe('value')
    expect(it.ctx.err).toBeUndefined()
    cancelParent('parent')
    expect(cause(it.ctx)).toBe('parent')
    await settle()
  })

  it('can be canceled, alone and permanently', async () => {
    const [parent] = withCancel(background())
    const it = mount(useHook, { parent })
    const { ctx } = it
    await settle(() => it.cancel('by hand'))
    await settle(() => it.render({ parent }))
    expect(it.ctx).toBe(ctx)
    expect(cause(ctx)).toBe('by hand')
    expect(parent.err).toBeUndefined()
  })

  it('ends when the component unmounts', () => {
    const [parent] = withCancel(background())
    const it = mount(useHook, { parent })
    it.unmount()
    expect(cause(it.ctx)).toBe(Unmounted)
    expect(parent.err).toBeUndefined()
  })

  it('keeps its identity until the parent changes', async () => {
    const [one] = withCancel(background())
    const [other] = withCancel(background())
    const it = mount(useHook, { parent: one })
    it.render({ parent: one })
    expect(new Set(it.all).size).toBe(1)
    const before = it.ctx
    it.render({ parent: other })
    await settle()
    expect(cause(before)).toBe(Superseded)
    expect(it.ctx).not.toBe(before)
    expect(it.ctx.err).toBeUndefined()
    it.render({ parent: one })
    await settle()
    expect(it.ctx).not.toBe(before)
    expect(it.ctx.err).toBeUndefined()
  })

  it('is new at each render under a parent that is derived in render, unless that is memoized', async () => {
    const [root] = withCancel(background())
    const it = mount(({ parent }: Parent) => useHook({ parent: withValue(parent, key, 'value') }), { parent: root })
    it.render({ parent: root })
    expect(new Set(it.all).size).toBe(2)
    const kept = mount(
      ({ parent }: Parent) => {
        return useHook({ parent: useMemo(() => withValue(parent, key, 'value'), [parent]) })
      },
      { parent: root },
    )
    kept.render({ parent: root })
    expect(new Set(kept.all).size).toBe(1)
    await settle()
  })

  it('throws a TypeError without a parent', () => {
    expect(() => renderToString(<Shown parent={undefined as never} />)).toThrow(
      new TypeError('rescind: parent must be a context, got undefined'),
    )
  })

  it.each([null, 'search'])('throws a TypeError for the options %s', (options) => {
    expect(() => renderToString(<Shown parent={background()} options={options as never} />)).toThrow(
      new TypeError(`rescind: options must be an object, got ${options ? '"search"' : 'null'}`),
    )
  })

  it('has a cancel that can be an event handler, without a cause then', async () => {
    const contexts = watch<Context>()
    function Component() {
      const [ctx, cancel] = useHook({ parent: background() })
      contexts.see(ctx)
      return <button onClick={cancel}>Stop</button>
    }
    const { getByRole } = render(<Component />, { wrapper: StrictMode })
    await settle(() => getByRole('button').click())
    expect(contexts.last.err).toBeInstanceOf(CanceledError)
    expect(contexts.last.err?.cause).toBeUndefined()
    expect(cause(contexts.last)).toBe(contexts.last.err)
  })

  it('has a cancel that can be a listener of the page, and that disposes', async () => {
    const [parent] = withCancel(background())
    const [one, other] = [mount(useHook, { parent }), mount(useHook, { parent })]
    const target = new EventTarget()
    target.addEventListener('stop', one.cancel)
    await settle(() => target.dispatchEvent(new Event('stop')))
    expect(one.ctx.err).toBeInstanceOf(CanceledError)
    expect(one.ctx.err?.cause).toBeUndefined()
    await settle(() => {
      using _ = other.cancel
    })
    expect(other.ctx.err).toBeInstanceOf(CanceledError)
  })

  it('can be canceled before the first effect', async () => {
    const [parent] = withCancel(background())
    const contexts = watch<Context>()
    function Component() {
      const [ctx, cancel] = useHook({ parent })
      contexts.see(ctx)
      useLayoutEffect(() => cancel('too soon'), [cancel])
      return null
    }
    render(<Component />, { wrapper: StrictMode })
    await settle()
    expect(cause(contexts.last)).toBe('too soon')
  })
})

describe('useTimeout', () => {
  interface Props extends Parent {
    readonly ms: number | null
  }
  const useHook = ({ parent, ms }: Props) => useTimeout(parent, ms, { label: 'search' })

  it('ends after its time, counted from the mount', async () => {
    const clock = fakeClock(1_000)
    const it = mount<Props>(useHook, { parent: clock.root, ms: 100 })
    expect(it.ctx.deadline).toBe(1_100)
    await settle(() => clock.advance(100))
    expect(it.ctx.err).toMatchObject({ name: 'TimeoutError', label: 'search', ms: 100 })
  })

  it('accepts another time, null and Infinity without a new context', async () => {
    const clock = fakeClock(0)
    const it = mount<Props>(useHook, { parent: clock.root, ms: 100 })
    for (const [ms, deadline] of [
      [200, 200],
      [null, undefined],
      [300, 300],
      [Infinity, undefined],
    ] as const) {
      it.render({ parent: clock.root, ms })
      expect(it.ctx.deadline).toBe(deadline)
    }
    await settle(() => clock.advance(500))
    it.render({ parent: clock.root, ms: 400 })
    expect(isDeadlineExceeded(it.ctx.err)).toBe(true)
    expect(new Set(it.all).size).toBe(1)
    await settle()
  })

  it('starts its whole time again under another parent', async () => {
    const [one, other] = [fakeClock(0), fakeClock(5_000)]
    const it = mount(useHook, { parent: one.root, ms: 100 })
    await settle(() => one.advance(60))
    it.render({ parent: other.root, ms: 100 })
    expect(it.ctx.deadline).toBe(5_100)
    await settle()
  })

  it.each([
    [NaN, 'NaN'],
    ['5', '"5"'],
    [undefined, 'undefined'],
    [{}, '[object Object]'],
  ])('throws a TypeError for %s', (ms, shown) => {
    const Component = () => String(useTimeout(background(), ms as number))
    expect(() => renderToString(<Component />)).toThrow(
      new TypeError(`rescind: ms must be a number of milliseconds, got ${shown}`),
    )
  })
})

describe('useDeadline', () => {
  interface Props extends Parent {
    readonly at: number | Date | null
  }
  const useHook = ({ parent, at }: Props) => useDeadline(parent, at)

  it('ends at its time, as a Date or a number', async () => {
    const clock = fakeClock(1_000)
    const it = mount<Props>(useHook, { parent: clock.root, at: 1_100 })
    expect(it.ctx.deadline).toBe(1_100)
    it.render({ parent: clock.root, at: new Date(1_200) })
    expect(it.ctx.deadline).toBe(1_200)
    it.render({ parent: clock.root, at: null })
    expect(it.ctx.deadline).toBeUndefined()
    it.render({ parent: clock.root, at: new Date(1_050) })
    await settle(() => clock.advance(50))
    expect(isDeadlineExceeded(it.ctx.err)).toBe(true)
    expect(new Set(it.all).size).toBe(1)
  })

  it('is unaffected by another Date for the same time', () => {
    const clock = fakeClock(0)
    const it = mount<Props>(useHook, { parent: clock.root, at: new Date(100) })
    it.render({ parent: clock.root, at: new Date(100) })
    expect(it.ctx.deadline).toBe(100)
    expect(new Set(it.all).size).toBe(1)
  })

  it.each([
    [NaN, 'NaN'],
    ['5', '"5"'],
    [undefined, 'undefined'],
    [new Date('soon'), 'Invalid Date'],
  ])('throws a TypeError for %s', (at, shown) => {
    const Component = () => String(useDeadline(background(), at as number))
    expect(() => renderToString(<Component />)).toThrow(
      new TypeError(`rescind: at must be a number of milliseconds, got ${shown}`),
    )
  })
})
