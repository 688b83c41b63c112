/** How an inspector shows the contexts of components. */

import { act, render } from '@testing-library/react'
import { StrictMode } from 'react'
import type { ReactNode } from 'react'
import { background, sleep } from 'rescind'
import type { Context } from 'rescind'
import { inspect } from 'rescind/inspect'
import type { Inspector, Row } from 'rescind/inspect'
import { Scope, useContextState, useRemaining, useRoute, useTask } from 'rescind/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isCollected, task } from '../support.ts'
import { Activity, failOnNoise, settle } from './support.tsx'

failOnNoise()

let inspector: Inspector

beforeEach(() => {
  inspector = inspect()
})

afterEach(() => {
  inspector.detach()
})

function rows(label: string): readonly Row[] {
  return inspector.rows.filter((row) => row.label === label)
}

function live(): readonly Row[] {
  return inspector.rows.filter(({ how, kind }) => how === undefined && kind !== 'background')
}

const work = async (ctx: Context) => {
  await sleep(ctx, 1)
  return 'done'
}

function Search({ text }: { readonly text: string }) {
  const { data } = useTask(
    async (ctx) => {
      const done = await work(ctx)
      return `${text} ${done}`
    },
    [text],
    { label: 'search' },
  )
  return <p>{data}</p>
}

describe.each<[name: string, wrap: (children: ReactNode) => ReactNode]>([
  ['under a scope', (children) => <Scope label="page">{children}</Scope>],
  ['without a scope', (children) => children],
])('the rows of a search field %s', (_, wrap) => {
  it('show 99 superseded runs and one completed after 100 keystrokes', async () => {
    const view = render(wrap(<Search text="" />))
    for (let count = 1; count < 100; count++) view.rerender(wrap(<Search text={'x'.repeat(count)} />))
    await act(() => sleep(background(), 20))
    await settle()
    const hows = rows('search').map(({ cause, how }) => `${how} ${cause ?? ''}`)
    expect(hows).toHaveLength(100)
    expect(hows.filter((how) => /^(canceled|parent) Superseded/.test(how))).toHaveLength(99)
    expect(hows.at(-1)).toBe('completed ')
    view.unmount()
    await settle()
    expect(live()).toEqual([])
    expect(inspector.warnings).toEqual([])
  })
})

function Fails() {
  return useTask(() => Promise.reject(new Error('no such album')), [], { label: 'fails' }).status
}

describe('the row of a run that fails', () => {
  it('does not say that its work was completed', async () => {
    render(<Fails />)
    await settle()
    expect(rows('fails')).toMatchObject([{ how: 'canceled', cause: expect.stringContaining('no such album') }])
  })
})

function Watched() {
  const task = useTask(work, [], {
    label: 'watched',
    debounce: { ms: 1, maxWait: 50 },
    slowAfter: 60_000,
    timeout: 90_000,
  })
  useContextState(task.context)
  useRemaining(task.context)
  return <p>{task.data}</p>
}

describe('the timers of hooks', () => {
  it('have no rows: neither debounce, slowAfter, useContextState nor useRemaining', async () => {
    const view = render(<Watched />)
    await act(() => sleep(background(), 20))
    await settle()
    expect(view.container.textContent).toBe('done')
    const kinds = new Set(inspector.rows.map(({ kind, label }) => `${kind} ${label ?? ''}`))
    // The sleeps are those of this test and of the work.
    expect([...kinds].toSorted()).toEqual(['background ', 'sleep ', 'withLink watched', 'withPage '])
    expect(inspector.rows.filter(({ kind }) => kind === 'sleep')).toHaveLength(2)
    expect(inspector.rows.flatMap(({ waits }) => waits)).not.toContain('sleep')
    view.unmount()
    await settle()
    expect(live()).toEqual([])
  })
})

function FollowsRoute() {
  useRoute(background())
  return null
}

describe('the contexts that a hook derives for itself', () => {
  it('do not count as lost, though nothing calls their cancel', async () => {
    const view = render(<FollowsRoute />)
    await settle()
    for (let round = 0; round < 3; round++) await isCollected(() => ({}))
    await task()
    expect(inspector.warnings).toEqual([])
    view.unmount()
  })
})

function tree(mode: 'visible' | 'hidden'): ReactNode {
  if (!Activity) return null
  return (
    <StrictMode>
      <Scope label="page">
        <Activity mode={mode}>
          <Search text="x" />
        </Activity>
      </Scope>
    </StrictMode>
  )
}

describe.runIf(Activity)('StrictMode and Activity', () => {
  it('leave no rows of contexts that were never shown', async () => {
    const view = render(tree('visible'))
    await act(() => sleep(background(), 20))
    expect(rows('search')).toHaveLength(1)
    expect(rows('page')).toHaveLength(1)
    view.rerender(tree('hidden'))
    await settle()
    view.rerender(tree('visible'))
    await act(() => sleep(background(), 20))
    view.unmount()
    await settle()
    expect(rows('page')).toHaveLength(1)
    expect(live()).toEqual([])
  })
})
