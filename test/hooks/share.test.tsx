/** Shared work in components: one request for all that show the same data, as long as one of them is mounted. */

import { render } from '@testing-library/react'
import { StrictMode, useState } from 'react'
import { background, cause, share, sleep } from 'rescind'
import type { Context } from 'rescind'
import { Unused, useTask } from 'rescind/react'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle } from './support.tsx'

failOnNoise()

interface UserProps {
  readonly user: (ctx: Context, id: number) => Promise<string>
  readonly id: number
}

function User({ user, id }: UserProps) {
  const { status, data } = useTask((ctx) => user(ctx, id), [user, id])
  return <p>{data ?? status}</p>
}

/** Mounts a component for each of the two ids. */
function mount() {
  const work = fakeWork<string, [id: number]>()
  const user = share(background(), work.fn)
  const tree = ([left, right]: readonly (number | undefined)[]) => (
    <>
      {left !== undefined && <User user={user} id={left} />}
      {right !== undefined && <User user={user} id={right} />}
    </>
  )
  const view = render(tree([1, 1]), { wrapper: StrictMode })
  return { work, container: view.container, show: (...ids: (number | undefined)[]) => view.rerender(tree(ids)) }
}

describe('two components with the same data', () => {
  it('make one request, and both show its result', async () => {
    const { work, container } = mount()
    await settle()
    expect(work.calls.map(({ args }) => args)).toEqual([[1]])
    await settle(() => work.last.resolve('Ann'))
    expect(container.textContent).toBe('AnnAnn')
  })

  it('keep the request alive when one unmounts, and the other gets the data', async () => {
    const { work, container, show } = mount()
    await settle()
    show(undefined, 1)
    await settle()
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('Ann'))
    expect(container.textContent).toBe('Ann')
    expect(work.calls).toHaveLength(1)
  })

  it('end the request when both unmount', async () => {
    const { work, show } = mount()
    await settle()
    show()
    await settle()
    expect(work.causes).toEqual([Unused])
  })

  it('end the request when one unmounts and the other needs other data', async () => {
    const { work, container, show } = mount()
    await settle()
    show(undefined, 2)
    await settle()
    expect(work.calls.map(({ args }) => args)).toEqual([[1], [2]])
    expect(work.causes).toEqual([Unused, undefined])
    await settle(() => work.last.resolve('Bob'))
    expect(container.textContent).toBe('Bob')
  })

  it('make a new request after one that failed', async () => {
    const { work, container, show } = mount()
    await settle(() => work.last.reject(new Error('down')))
    expect(container.textContent).toBe('errorerror')
    expect(work.calls).toHaveLength(1)
    show(2, 2)
    show(1, 1)
    await settle(() => work.last.resolve('Ann'))
    expect(container.textContent).toBe('AnnAnn')
  })
})

function Link({ user, stays }: Omit<UserProps, 'id'> & { readonly stays: boolean }) {
  const [isOpen, setIsOpen] = useState(false)
  return (
    <>
      {(stays || !isOpen) && <Anchor user={user} open={() => setIsOpen(true)} />}
      {isOpen && <User user={user} id={1} />}
    </>
  )
}

function Anchor({ user, open }: Omit<UserProps, 'id'> & { readonly open: () => void }) {
  const prefetch = useTask((ctx) => user(ctx, 1))
  return (
    <button type="button" onPointerEnter={() => void prefetch.action()} onClick={open}>
      Ann
    </button>
  )
}

describe('a prefetch on hover', () => {
  it.each([true, false])('shares its request with the click, whether the link stays (%s) or not', async (stays) => {
    const work = fakeWork<string, [id: number]>()
    const view = render(<Link user={share(background(), work.fn)} stays={stays} />, { wrapper: StrictMode })
    const button = view.getByRole('button')
    await settle(() => button.dispatchEvent(new MouseEvent('pointerover', { bubbles: true })))
    expect(work.calls).toHaveLength(1)
    await settle(() => button.click())
    expect(work.causes).toEqual([undefined])
    await settle(() => work.last.resolve('Ann Lee'))
    expect(view.container.textContent).toContain('Ann Lee')
    expect(work.calls).toHaveLength(1)
  })
})

describe('a batch of ids', () => {
  it('is one request for all components of a page, like with a data loader', async () => {
    const requests: number[][] = []
    const { fn, calls } = fakeWork<ReadonlyMap<number, string>, [ids: readonly number[]]>()
    let ids = new Set<number>()
    const batch = share(background(), async (ctx) => {
      await sleep(ctx, 0)
      // Later callers are in the next batch.
      batch.forget()
      const asked = [...ids]
      ids = new Set()
      requests.push(asked)
      return fn(ctx, asked)
    })
    const user = async (ctx: Context, id: number) => {
      ids.add(id)
      return (await batch(ctx)).get(id) ?? 'unknown'
    }
    const tree = (shown: readonly number[]) => shown.map((id) => <User key={id} user={user} id={id} />)
    const view = render(tree([1, 2, 3]), { wrapper: StrictMode })
    await settle()
    await settle()
    expect(requests).toEqual([[1, 2, 3]])
    view.rerender(tree([2]))
    await settle(() => calls[0]?.resolve(new Map([[2, 'Bob']])))
    expect(view.container.textContent).toBe('Bob')
    expect(cause(calls[0]?.ctx ?? background())).not.toBe(Unused)
  })
})
