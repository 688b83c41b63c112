/** How many runs are in flight below a scope. */

import { render, renderHook } from '@testing-library/react'
import { StrictMode, createRef } from 'react'
import { renderToString } from 'react-dom/server'
import { background, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Scope, useAction, usePending, useTask } from 'rescind/react'
import type { Action, ScopeHandle, Task } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

function Count({ see, ctx }: { readonly see: (count: number) => void; readonly ctx?: Context }) {
  see(usePending(ctx))
  return null
}

function Reader({ load, parent }: { readonly load: (ctx: Context) => Promise<string>; readonly parent?: Context }) {
  return useTask(load, [load], { parent }).status
}

describe('usePending', () => {
  it('counts runs in the nearest scope and below it, but not beside it', async () => {
    const [one, other, beside] = [fakeWork(), fakeWork(), fakeWork()]
    const [outer, inner, root] = [watch<number>(), watch<number>(), watch<number>()]
    const before = renderHook(() => usePending(background())).result.current
    render(
      <>
        <Count see={(count) => root.see(count - before)} ctx={background()} />
        <Scope>
          <Count see={outer.see} />
          <Reader load={one.fn} />
          <Scope>
            <Count see={inner.see} />
            <Reader load={other.fn} />
          </Scope>
        </Scope>
        <Scope>
          <Reader load={beside.fn} />
        </Scope>
      </>,
      { wrapper: StrictMode },
    )
    await settle()
    expect([root.last, outer.last, inner.last]).toEqual([3, 2, 1])
    await settle(() => other.last.resolve('other'))
    expect([root.last, outer.last, inner.last]).toEqual([2, 1, 0])
    await settle(() => one.last.reject('failed'))
    await settle(() => beside.last.resolve('beside'))
    expect([root.last, outer.last, inner.last]).toEqual([0, 0, 0])
  })

  it('counts runs below the context of a task for the scope of the task, manual or automatic', async () => {
    const works = [fakeWork<string, []>(), fakeWork<string, []>(), fakeWork<string, []>()] as const
    const count = watch<number>()
    const task = watch<Task<string>>()
    function Manual() {
      const { context, status } = task.see(useTask<string, []>(works[0].fn))
      return status === 'pending' && <Reader load={works[1].fn} parent={context} />
    }
    function Automatic() {
      return <Reader load={works[2].fn} parent={useTask(works[0].fn, []).context} />
    }
    render(
      <Scope>
        <Count see={count.see} />
        <Manual />
        <Automatic />
      </Scope>,
    )
    await settle()
    expect(count.last).toBe(2)
    await settle(() => void task.last.run())
    expect(count.last).toBe(4)
  })

  it('counts runs below the context of a manual run for its first parent, though it is read under another', async () => {
    const [first] = withCancel(background())
    const [second] = withCancel(background())
    const [work, below] = [fakeWork<string, []>(), fakeWork<string, []>()]
    const [one, other] = [watch<number>(), watch<number>()]
    const task = watch<Task<string>>()
    function Manual({ parent }: { readonly parent: Context }) {
      const manual = task.see(useTask<string, []>(work.fn, { parent }))
      return parent === second && <Reader load={below.fn} parent={manual.context} />
    }
    const app = (parent: Context) => (
      <>
        <Count see={one.see} ctx={first} />
        <Count see={other.see} ctx={second} />
        <Manual parent={parent} />
      </>
    )
    const view = render(app(first))
    await settle(() => void task.last.run())
    expect([one.last, other.last]).toEqual([1, 0])
    view.rerender(app(second))
    await settle()
    expect([one.last, other.last]).toEqual([2, 0])
    view.unmount()
  })

  it('counts writes that continue after a reset of their scope', async () => {
    const work = fakeWork<string, [name: string]>()
    const save = watch<Action<string, [name: string]>>()
    const count = watch<number>()
    const scope = createRef<ScopeHandle>()
    function Saver() {
      return save.see(useAction(work.fn)).status
    }
    const view = render(
      <Scope ref={scope}>
        <Count see={count.see} />
        <Saver />
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle(() => ['a', 'b'].forEach((name) => void save.last.run(name)))
    expect(count.last).toBe(2)
    await settle(() => scope.current?.reset())
    expect(count.last).toBe(2)
    await settle(() => work.calls[0]?.resolve('saved'))
    expect(count.last).toBe(1)
    await settle(() => save.last.cancel())
    expect(count.last).toBe(0)
    view.unmount()
  })

  it('counts under an explicit parent, and is 0 on a server', async () => {
    const [parent] = withCancel(background())
    const work = fakeWork()
    const count = watch<number>()
    const save = watch<Action<string>>()
    function Under() {
      save.see(useAction(work.fn, { parent }))
      return useTask(work.fn, [], { parent }).status
    }
    render(
      <>
        <Count see={count.see} ctx={parent} />
        <Under />
      </>,
    )
    await settle()
    expect(count.last).toBe(1)
    await settle(() => void save.last.run())
    expect(count.last).toBe(2)
    await settle(() => save.last.cancel())
    expect(count.last).toBe(1)
    const Text = () => String(usePending(parent))
    expect(renderToString(<Text />)).toBe('0')
    await settle(() => work.calls[0]?.resolve('done'))
    expect(count.last).toBe(0)
  })
})
