/**
 * The hooks with Preact's `compat` in place of React: a read is superseded and ends with its component, a write goes
 * on, and a scope ends its descendants.
 */

import { createRef, StrictMode } from 'react'
import type { ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { cause, createKey } from 'rescind'
import type { Context } from 'rescind'
import { provide, Scope, Superseded, Unmounted, useAction, useTask, useValue } from 'rescind/react'
import type { Action, ScopeHandle, Task } from 'rescind/react'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { watch } from '../hooks/watch.ts'
import { failOnUnhandled } from '../support.ts'

failOnUnhandled()

const user = createKey('user', 'guest')

interface Call {
  readonly ctx: Context
  readonly word: string
  readonly resolve: (answer: string) => void
}

/** Work that the test settles, with its calls. */
function work(): { readonly calls: Call[]; readonly fn: (ctx: Context, word: string) => Promise<string> } {
  const calls: Call[] = []
  return { calls, fn: (ctx, word) => new Promise((resolve) => void calls.push({ ctx, word, resolve })) }
}

function show(node: ReactNode) {
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  const unmount = () => root.render(null)
  onTestFinished(unmount)
  root.render(node)
  return { render: (next: ReactNode) => root.render(next), unmount }
}

describe('useTask with Preact', () => {
  it('ends a read when its deps change, shows the latest answer, and ends with the component', async () => {
    const { calls, fn } = work()
    const task = watch<Task<string>>()
    function Search({ word }: { readonly word: string }) {
      return task.see(useTask((ctx) => fn(ctx, word), [word])).data
    }
    const { render, unmount } = show(<Search word="b" />)
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    render(<Search word="bl" />)
    await vi.waitFor(() => expect(calls.map(({ word }) => word)).toEqual(['b', 'bl']))
    expect(calls.map(({ ctx }) => cause(ctx))).toEqual([Superseded, undefined])
    calls[0]?.resolve('late')
    calls[1]?.resolve('Blue Train')
    await vi.waitFor(() => expect(task.last).toMatchObject({ status: 'success', data: 'Blue Train' }))
    render(<Search word="blu" />)
    await vi.waitFor(() => expect(calls).toHaveLength(3))
    unmount()
    await vi.waitFor(() => expect(cause(calls[2]?.ctx as Context)).toBe(Unmounted))
  })

  it('calls the work once under StrictMode', async () => {
    const { calls, fn } = work()
    function Search() {
      return useTask((ctx) => fn(ctx, 'b'), []).status
    }
    show(
      <StrictMode>
        <Search />
      </StrictMode>,
    )
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    calls[0]?.resolve('Blue Train')
    await vi.waitFor(() => expect(document.body.textContent).toContain('success'))
    expect(calls).toHaveLength(1)
  })
})

describe('useAction with Preact', () => {
  it('lets a write continue after the component unmounts', async () => {
    const { calls, fn } = work()
    const save = watch<Action<string, [word: string]>>()
    function Notes() {
      return save.see(useAction(fn)).status
    }
    const { unmount } = show(<Notes />)
    await vi.waitFor(() => expect(save.all.length).toBeGreaterThan(0))
    const saved = save.last.run('v1')
    await vi.waitFor(() => expect(save.last.status).toBe('pending'))
    unmount()
    expect(calls[0]?.ctx.err).toBeUndefined()
    calls[0]?.resolve('stored')
    expect(await saved).toBe('stored')
  })
})

describe('Scope with Preact', () => {
  it('passes values down, ends descendants by cancel, and restarts them by reset', async () => {
    const { calls, fn } = work()
    const scope = createRef<ScopeHandle>()
    function Album() {
      const name = useValue(user)
      const { status } = useTask((ctx) => fn(ctx, 'album'), [])
      return <p>{`${name}: ${status}`}</p>
    }
    show(
      <Scope ref={scope} values={[provide(user, 'Ada')]}>
        <Album />
      </Scope>,
    )
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    expect(document.body.textContent).toContain('Ada: pending')
    scope.current?.cancel('Stop')
    await vi.waitFor(() => expect(document.body.textContent).toContain('Ada: canceled'))
    expect(calls.map(({ ctx }) => cause(ctx))).toEqual(['Stop'])
    scope.current?.reset()
    await vi.waitFor(() => expect(calls).toHaveLength(2))
    expect(document.body.textContent).toContain('Ada: pending')
  })
})
