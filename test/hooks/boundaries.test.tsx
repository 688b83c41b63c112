/** Error boundaries: a cancel never reaches one, a timeout does. */

import { render } from '@testing-library/react'
import { Component, StrictMode, useEffect, useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import { createKey, withCancel, withValue } from 'rescind'
import type { Context } from 'rescind'
import { Scope, Unmounted, useScope, useTask } from 'rescind/react'
import type { Task } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'

const noise = failOnNoise()

class Boundary extends Component<{ readonly children: ReactNode }, { readonly error?: Error }> {
  override state: { readonly error?: Error } = {}

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    const { error } = this.state
    return error ? `caught ${error.name}` : this.props.children
  }
}

type Load = (ctx: Context) => Promise<string>

/** Rethrows its error to the boundary, as many components do. */
function Thrower({ load, see, timeout }: { load: Load; see: (task: Task<string>) => void; timeout?: number }) {
  const task = useTask(load, [load], { timeout })
  see(task)
  if (task.status === 'error') throw task.error
  return task.status
}

function mount(timeout?: number) {
  const clock = fakeClock(0)
  const work = fakeWork()
  const task = watch<Task<string>>()
  const app = (load: Load) => (
    <Scope parent={clock.root}>
      <Boundary>
        <Thrower load={load} see={task.see} {...(timeout !== undefined && { timeout })} />
      </Boundary>
    </Scope>
  )
  const view = render(app(work.fn), { wrapper: StrictMode })
  return { clock, work, task, ...view, rerender: (load: Load) => view.rerender(app(load)) }
}

const key = createKey<string>('key')

describe('an error boundary', () => {
  it('never receives a cancel: neither a manual one, nor one by newer work or the unmount', async () => {
    const { container, rerender, task, unmount, work } = mount()
    await settle(() => task.last.cancel('by hand'))
    expect(container.textContent).toBe('canceled')
    const [one, other] = [fakeWork(), fakeWork()]
    rerender(one.fn)
    rerender(other.fn)
    await settle()
    expect(container.textContent).toBe('pending')
    unmount()
    await settle()
    expect(work.causes).toEqual(['by hand'])
  })

  it('receives a timeout, which is an error', async () => {
    // React 18 also reports errors that a boundary has caught.
    noise.allow(/deadline exceeded|error boundary/)
    const { clock, container } = mount(100)
    await settle(() => clock.advance(100))
    expect(container.textContent).toBe('caught TimeoutError')
  })

  it('receives an error, and removes siblings, whose work is aborted', async () => {
    noise.allow(/no such album|error boundary/)
    const beside = fakeWork()
    const work = fakeWork()
    function Beside() {
      return useTask(beside.fn, []).status
    }
    const { container } = render(
      <Boundary>
        <Beside />
        <Thrower load={work.fn} see={() => {}} />
      </Boundary>,
    )
    await settle(() => work.last.reject(new Error('no such album')))
    expect(container.textContent).toBe('caught Error')
    expect(beside.causes).toEqual([Unmounted])
  })

  it.each<[what: string, useEndless: (work: () => number) => Task<number>]>([
    ['a parent derived in render', (work) => useTask(work, [], { parent: withCancel(useScope())[0] })],
    ['equal deps that are made in render', (work) => useTask(work, [{ page: 1 }])],
  ])('receives a TypeError for %s, which would restart the work forever', async (_, useEndless) => {
    noise.allow(/deps and parent must be the same at each render/)
    noise.allow(/occurred in the <Endless>|Maximum update depth/)
    let calls = 0
    const work = () => ++calls
    function Endless() {
      return useEndless(work).status
    }
    const { container } = render(
      <Boundary>
        <Endless />
      </Boundary>,
    )
    await settle()
    expect(container.textContent).toBe('caught TypeError')
    expect(calls).toBeLessThan(100)
  })

  it('receives no error for a parent made in render that differs in values only, and the work runs once', async () => {
    const work = fakeWork()
    const draw = watch<() => void>()
    function Component() {
      const [count, setCount] = useState(0)
      draw.see(() => setCount(count + 1))
      return useTask(work.fn, [], { parent: withValue(useScope(), key, String(count)) }).status
    }
    render(
      <Scope>
        <Component />
      </Scope>,
      { wrapper: StrictMode },
    )
    for (let count = 0; count < 120; count++) await settle(() => draw.last())
    expect(work.causes).toEqual([undefined])
    expect(work.last.ctx.value(key)).toBe('0')
  })

  it('receives no error for deps that are made in render while the task is off', async () => {
    const work = fakeWork()
    const Component = () => useTask(work.fn, [{ page: 1 }], { enabled: false }).status
    const view = render(<Component />)
    for (let count = 0; count < 120; count++) view.rerender(<Component />)
    await settle()
    expect([view.container.textContent, work.calls]).toEqual(['idle', []])
  })

  it('is looked for without extra renders while the deps stay the same', async () => {
    const work = fakeWork()
    const statuses = watch<string>()
    const Component = () => statuses.see(useTask(work.fn, ['albums']).status)
    const view = render(<Component />)
    await settle()
    const before = statuses.all.length
    for (let count = 0; count < 120; count++) view.rerender(<Component />)
    await settle()
    expect(statuses.all.length - before).toBe(120)
  })

  it.each([
    ['no error for deps that really change at each of two hundred commits', false, 'pending 200'],
    ['the TypeError if deps that really changed at each commit are then made in render', true, 'caught TypeError'],
  ])('receives %s', async (_, isEndless, text) => {
    noise.allow(/Maximum update depth|deps and parent must be the same at each render|occurred in the <Counter>/)
    const work = fakeWork()
    function Counter() {
      const [page, setPage] = useState({ count: 0 })
      const pages = useMemo(() => new Set([page]), [page])
      useEffect(() => {
        // oxlint-disable-next-line react/set-state-in-effect -- every commit must have new deps
        if (page.count < 200) setPage({ count: page.count + 1 })
      }, [page])
      return `${useTask(work.fn, [page.count === 200 && isEndless ? {} : pages]).status} ${page.count}`
    }
    const { container } = render(
      <Boundary>
        <Counter />
      </Boundary>,
    )
    await settle()
    expect(container.textContent).toBe(text)
  })
})
