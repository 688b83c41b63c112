/** The boundary: what ends all work below it, and what restarts it. */

import { render } from '@testing-library/react'
import { StrictMode, createRef, startTransition, useLayoutEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { createPortal } from 'react-dom'
import { renderToString } from 'react-dom/server'
import {
  background,
  cause,
  createKey,
  isDeadlineExceeded,
  rearm,
  remaining,
  withCancel,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import {
  Hidden,
  Navigated,
  PageHidden,
  provide,
  Scope,
  Superseded,
  Unmounted,
  useScope,
  useTask,
  useValue,
} from 'rescind/react'
import type { ScopeHandle, ScopeProps, Task } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { block } from '../support.ts'
import { failOnNoise, fakeWork, settle, watch } from './support.tsx'

failOnNoise()

/** Reports the context of the nearest scope. */
function Below({ see }: { readonly see: (ctx: Context) => void }) {
  see(useScope())
  return null
}

/** Mounts a scope with work in it. */
function mount(props: ScopeProps = {}) {
  const work = fakeWork()
  const scope = watch<Context>()
  const statuses = watch<string>()
  function Worker() {
    scope.see(useScope())
    statuses.see(useTask(work.fn, []).status)
    return null
  }
  const ref = createRef<ScopeHandle>()
  const app = (props: ScopeProps) => (
    <Scope {...props} ref={ref}>
      <Worker />
    </Scope>
  )
  const view = render(app(props), { wrapper: StrictMode })
  return {
    work,
    scope,
    statuses,
    unmount: view.unmount,
    render: (props: ScopeProps) => view.rerender(app(props)),
    get handle() {
      return ref.current as ScopeHandle
    },
  }
}

function CanceledEarly({ children }: { readonly children: ReactNode }) {
  const scope = useRef<ScopeHandle>(null)
  useLayoutEffect(() => scope.current?.cancel('too soon'), [])
  return (
    <Scope ref={scope} timeout={60_000}>
      {children}
    </Scope>
  )
}

describe('useScope', () => {
  it('is the background without a scope', () => {
    const scope = watch<Context>()
    render(<Below see={scope.see} />)
    expect(scope.last).toBe(background())
  })

  it('is the context of the nearest scope, the same one at every render', async () => {
    const { scope, handle, render } = mount({ label: 'page' })
    render({ label: 'page' })
    render({ label: 'renamed' })
    await settle()
    expect(new Set(scope.all).size).toBe(1)
    expect(scope.last).toBe(handle.context)
    expect(String(scope.last)).toContain('(page)')
  })
})

describe('a scope', () => {
  it('ends with the scope above it, in one step', async () => {
    const [outer, inner] = [createRef<ScopeHandle>(), createRef<ScopeHandle>()]
    const work = fakeWork()
    function Worker() {
      useTask(work.fn, [])
      return null
    }
    render(
      <Scope ref={outer}>
        <Scope ref={inner}>
          <Worker />
        </Scope>
      </Scope>,
      { wrapper: StrictMode },
    )
    const seen: unknown[] = []
    work.last.ctx.signal.addEventListener('abort', () => {
      for (const { current } of [outer, inner]) seen.push(current && cause(current.context))
    })
    await settle(() => outer.current?.cancel('outer'))
    expect(seen).toEqual(['outer', 'outer'])
    expect(work.causes).toEqual(['outer'])
  })

  it('ends with its explicit parent, and not with the scope above', async () => {
    const [parent, cancel] = withCancel(background())
    const outer = createRef<ScopeHandle>()
    const inner = watch<Context>()
    render(
      <Scope ref={outer}>
        <Scope parent={parent}>
          <Below see={inner.see} />
        </Scope>
      </Scope>,
    )
    outer.current?.cancel('outer')
    expect(inner.last.err).toBeUndefined()
    cancel('parent')
    expect(cause(inner.last)).toBe('parent')
    await settle()
  })

  it('ends when it is unmounted, with all work below', async () => {
    const { work, scope, unmount } = mount()
    unmount()
    expect(work.causes).toEqual([Unmounted])
    expect(cause(scope.last)).toBe(Unmounted)
    await settle()
  })

  it('has ended from the start under a parent that has ended', async () => {
    const [parent, cancel] = withCancel(background())
    cancel('before')
    const { work, statuses } = mount({ parent })
    await settle()
    expect(work.calls).toEqual([])
    expect(statuses.last).toBe('canceled')
    expect(statuses.all).not.toContain('error')
  })
})

describe('the timeout of a scope', () => {
  it('ends the scope and all work below it, with its label in the error', async () => {
    const clock = fakeClock(0)
    const { work, scope, statuses } = mount({ parent: clock.root, timeout: 100, label: 'page' })
    await settle(() => clock.advance(99))
    expect(work.causes).toEqual([undefined])
    await settle(() => clock.advance(1))
    expect(scope.last.err).toMatchObject({ name: 'TimeoutError', label: 'page', ms: 100 })
    expect(work.last.ctx.err).toBe(scope.last.err)
    expect(statuses.last).toBe('error')
  })

  it('counts from the same start when it changes, and restarts nothing', async () => {
    const clock = fakeClock(0)
    const { work, scope, render } = mount({ parent: clock.root, timeout: 100 })
    await settle(() => clock.advance(50))
    render({ parent: clock.root, timeout: 200 })
    expect(scope.last.deadline).toBe(200)
    render({ parent: clock.root })
    expect(scope.last.deadline).toBeUndefined()
    render({ parent: clock.root, timeout: 150 })
    await settle(() => clock.advance(99))
    expect(work.causes).toEqual([undefined])
    await settle(() => clock.advance(1))
    expect(isDeadlineExceeded(work.last.ctx.err)).toBe(true)
    expect(new Set(scope.all).size).toBe(1)
  })

  it('restarts nothing when it changes after the end', async () => {
    const clock = fakeClock(0)
    const { work, scope, render } = mount({ parent: clock.root, timeout: 100 })
    await settle(() => clock.advance(100))
    await settle(() => render({ parent: clock.root, timeout: 500 }))
    expect(isDeadlineExceeded(scope.last.err)).toBe(true)
    expect(work.calls).toHaveLength(1)
  })

  it('ends the scope at once if it is 0 or less, and no work below is called', async () => {
    for (const timeout of [0, -1, -Infinity]) {
      const { work, scope } = mount({ timeout })
      await settle()
      expect(isDeadlineExceeded(scope.last.err)).toBe(true)
      expect(work.calls).toEqual([])
    }
  })
})

describe('the deadline of a scope', () => {
  it('accepts a Date or a number', async () => {
    const clock = fakeClock(1_000)
    const one = mount({ parent: clock.root, deadline: new Date(1_100) })
    const other = mount({ parent: clock.root, deadline: 1_100 })
    expect([one, other].map(({ scope }) => scope.last.deadline)).toEqual([1_100, 1_100])
    await settle(() => clock.advance(100))
    expect([one, other].map(({ scope }) => isDeadlineExceeded(scope.last.err))).toEqual([true, true])
  })

  it('applies together with a timeout and with the deadline of the scope above: the soonest wins', async () => {
    const clock = fakeClock(0)
    const inner = watch<Context>()
    const app = (outer: ScopeProps, props: ScopeProps) => (
      <Scope parent={clock.root} {...outer}>
        <Scope {...props}>
          <Below see={inner.see} />
        </Scope>
      </Scope>
    )
    const view = render(app({ timeout: 10 }, { deadline: 50, timeout: 100 }))
    expect(inner.last.deadline).toBe(10)
    view.rerender(app({ timeout: 1_000 }, { deadline: 50, timeout: 100 }))
    expect(inner.last.deadline).toBe(50)
    view.rerender(app({ timeout: 1_000 }, { deadline: 500, timeout: 100 }))
    expect(inner.last.deadline).toBe(100)
    view.rerender(app({ timeout: 1_000 }, { deadline: 500 }))
    expect(inner.last.deadline).toBe(500)
    view.rerender(app({ timeout: 1_000 }, {}))
    expect(inner.last.deadline).toBe(1_000)
    await settle(() => clock.advance(1_000))
    expect(inner.last.err).toMatchObject({ ms: 1_000 })
  })

  it('may be infinite, or in the past', async () => {
    for (const deadline of [Infinity, Number.MAX_VALUE, null]) {
      expect(mount({ deadline, timeout: null }).scope.last.deadline).toBeUndefined()
    }
    for (const deadline of [-Infinity, 0, new Date(0)]) {
      const { scope } = mount({ deadline })
      await settle()
      expect(isDeadlineExceeded(scope.last.err)).toBe(true)
    }
  })
})

describe('the values of a scope', () => {
  const user = createKey<string>('user', 'nobody')
  const page = createKey<number>('page')

  it('are visible to all descendants, the nearest first', () => {
    const seen: unknown[] = []
    function Read({ ctx }: { readonly ctx?: Context }) {
      seen.push([useValue(user), useValue(page), useValue(user, ctx)])
      return null
    }
    render(
      <Scope values={[provide(user, 'Ada')]}>
        <Scope values={[provide(page, 7)]}>
          <Read ctx={background()} />
        </Scope>
        <Scope values={[provide(user, 'Grace')]}>
          <Read />
        </Scope>
      </Scope>,
    )
    expect(seen).toEqual([
      ['Ada', 7, 'nobody'],
      ['Grace', undefined, 'Grace'],
    ])
  })

  it('restart nothing if they are equal by Object.is', async () => {
    const { work, scope, render } = mount({ values: [provide(user, 'Ada'), provide(page, NaN)] })
    render({ values: [provide(user, 'Ada'), provide(page, NaN)] })
    await settle()
    expect(new Set(scope.all).size).toBe(1)
    expect(work.causes).toEqual([undefined])
  })

  it('end nothing when they change, and later runs see them', async () => {
    const { work, scope, handle, render } = mount({ values: [provide(user, 'Ada')] })
    render({ values: [provide(user, 'Grace')] })
    await settle()
    expect(work.causes).toEqual([undefined])
    expect(scope.last.value(user)).toBe('Grace')
    await settle(() => handle.reset())
    render({})
    await settle(() => handle.reset())
    expect(work.causes).toEqual([Superseded, Superseded, undefined])
    expect(work.calls.map(({ ctx }) => ctx.value(user))).toEqual(['Ada', 'Grace', 'nobody'])
    expect(scope.last.value(user)).toBe('nobody')
  })

  it('do not affect the deadline, which contexts derived in a render have too', () => {
    const clock = fakeClock(0)
    const inner = watch<Context>()
    const seen = watch<Context>()
    function Derives() {
      const scope = useScope()
      seen.see(withValue(scope, page, 1))
      return null
    }
    render(
      <Scope parent={clock.root} timeout={100}>
        <Scope values={[provide(user, 'Ada')]}>
          <Below see={inner.see} />
          <Derives />
        </Scope>
      </Scope>,
    )
    expect([inner.last.deadline, seen.last.deadline]).toEqual([100, 100])
  })
})

describe('resetKeys', () => {
  it('restart the scope when one of them changes, and only then', async () => {
    const clock = fakeClock(0)
    const { work, scope, render } = mount({ parent: clock.root, timeout: 100, resetKeys: [1, NaN] })
    await settle(() => clock.advance(60))
    render({ parent: clock.root, timeout: 100, resetKeys: [1, NaN] })
    await settle()
    expect(work.causes).toEqual([undefined])
    render({ parent: clock.root, timeout: 100, resetKeys: [2, NaN] })
    await settle()
    expect(work.causes).toEqual([Superseded, undefined])
    expect(scope.last.deadline).toBe(160)
    render({ parent: clock.root, timeout: 100, resetKeys: [2, NaN] })
    await settle()
    expect(work.calls).toHaveLength(2)
    render({ parent: clock.root, timeout: 100, resetKeys: [2] })
    await settle()
    expect(work.calls).toHaveLength(3)
  })

  it('restart a scope that was canceled', async () => {
    const { work, handle, render } = mount({ resetKeys: [1] })
    await settle(() => handle.cancel('by hand'))
    await settle(() => render({ resetKeys: [2] }))
    expect(work.causes).toEqual(['by hand', undefined])
  })
})

describe('a render below a scope whose time is over', () => {
  it('ends nothing: no listener runs during the render', async () => {
    const [parent, cancel] = withTimeout(background(), 60_000)
    const phases = watch<'render' | 'rest'>()
    const heard: string[] = []
    parent.signal.addEventListener('abort', () => heard.push(phases.last))
    function Late() {
      phases.see('render')
      useTask(() => 'late', [])
      phases.see('rest')
      return null
    }
    const view = render(<Scope parent={parent} />)
    // Not sooner: the first render may be slow.
    rearm(parent, 2)
    block(3)
    view.rerender(
      <Scope parent={parent}>
        <Late />
      </Scope>,
    )
    await settle()
    expect(heard).toEqual(['rest'])
    cancel()
  })
})

describe('the handle of a scope', () => {
  it('cancels all work below permanently: components mounted later never call theirs', async () => {
    const scope = createRef<ScopeHandle>()
    const [early, late] = [fakeWork(), fakeWork()]
    const statuses = watch<string>()
    function Worker({ fn }: { readonly fn: typeof early.fn }) {
      statuses.see(useTask(fn, []).status)
      return null
    }
    const app = (isLate: boolean) => (
      <Scope ref={scope}>
        <Worker fn={early.fn} />
        {isLate && <Worker fn={late.fn} />}
      </Scope>
    )
    const view = render(app(false), { wrapper: StrictMode })
    await settle(() => scope.current?.cancel('Cancel button'))
    expect(early.causes).toEqual(['Cancel button'])
    await settle(() => view.rerender(app(true)))
    expect(late.calls).toEqual([])
    expect(statuses.last).toBe('canceled')
    await settle(() => scope.current?.reset())
    expect([early.causes, late.causes]).toEqual([['Cancel button', undefined], [undefined]])
    expect(statuses.last).toBe('pending')
  })

  it('restarts a live scope too, with its whole time', async () => {
    const clock = fakeClock(0)
    const { work, handle, scope } = mount({ parent: clock.root, timeout: 100 })
    await settle(() => clock.advance(60))
    const before = scope.last
    await settle(() => handle.reset())
    expect(work.causes).toEqual([Superseded, undefined])
    expect(scope.last).not.toBe(before)
    expect(scope.last.deadline).toBe(160)
  })

  it('restarts a scope whose time was over', async () => {
    const clock = fakeClock(0)
    const { work, handle } = mount({ parent: clock.root, timeout: 100 })
    await settle(() => clock.advance(100))
    await settle(() => handle.reset())
    expect(work.calls).toHaveLength(2)
    await settle(() => clock.advance(99))
    expect(work.last.ctx.err).toBeUndefined()
  })

  it('ends the old context on reset at once: a manual run before the next commit is not called', async () => {
    const work = fakeWork<string, [name: string]>()
    const scope = createRef<ScopeHandle>()
    const tasks = watch<Task<string, [name: string]>>()
    function Save() {
      return tasks.see(useTask<string, [name: string]>(work.fn)).status
    }
    render(
      <Scope ref={scope}>
        <Save />
      </Scope>,
      { wrapper: StrictMode },
    )
    await settle(() => {
      const { context, reset } = scope.current as ScopeHandle
      reset()
      expect(cause(context)).toBe(Superseded)
      void tasks.last.run('Blue')
    })
    expect(work.calls).toEqual([])
    expect(tasks.last).toMatchObject({ status: 'canceled', cause: Superseded })
    await settle(() => void tasks.last.run('Blue'))
    expect(work.causes).toEqual([undefined])
  })

  it('shows no cancel when the scope around it is reset right after it', async () => {
    const work = fakeWork()
    const [outer, inner] = [createRef<ScopeHandle>(), createRef<ScopeHandle>()]
    const statuses: string[] = []
    function Worker() {
      const { status } = useTask(work.fn, [])
      useLayoutEffect(() => void statuses.push(status))
      return null
    }
    render(
      <Scope ref={outer}>
        <Scope ref={inner}>
          <Worker />
        </Scope>
      </Scope>,
    )
    await settle()
    await settle(async () => {
      inner.current?.reset()
      // Work is notified within some microtasks.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      outer.current?.reset()
    })
    expect(work.causes).toEqual([Superseded, undefined])
    expect(new Set(statuses)).toEqual(new Set(['pending']))
  })

  it('resets several times by the same function', async () => {
    const { work, handle } = mount()
    await settle(() => handle.reset())
    await settle(() => handle.reset())
    expect(work.causes).toEqual([Superseded, Superseded, undefined])
  })

  it('resets once within a transition', async () => {
    const { work, handle } = mount()
    await settle(() => startTransition(() => handle.reset()))
    expect(work.causes).toEqual([Superseded, undefined])
  })

  it.each([Navigated, Hidden, PageHidden])(
    'cancels permanently whatever the cause, even $name, after which scopes restart',
    async (why) => {
      const { work, handle, statuses } = mount()
      await settle(() => handle.cancel(why))
      expect(work.causes).toEqual([why])
      expect(statuses.last).toBe('canceled')
    },
  )

  it('allows a later deadline by rearm, which another render does not undo', async () => {
    const clock = fakeClock(0)
    const { scope, render } = mount({ parent: clock.root, timeout: 100 })
    await settle(() => rearm(scope.last, 60_000))
    await settle(() => render({ parent: clock.root, timeout: 100 }))
    expect(remaining(scope.last)).toBe(60_000)
    await settle(() => render({ parent: clock.root, timeout: 200 }))
    expect(remaining(scope.last)).toBe(200)
  })

  it('can cancel before the first effect', async () => {
    const work = fakeWork()
    function Worker() {
      useTask(work.fn, [])
      return null
    }
    render(
      <CanceledEarly>
        <Worker />
      </CanceledEarly>,
      { wrapper: StrictMode },
    )
    await settle()
    expect(work.calls).toEqual([])
  })

  it('does nothing after the unmount', async () => {
    const { work, handle, unmount } = mount()
    unmount()
    handle.cancel('late')
    handle.reset()
    await settle()
    expect(work.causes).toEqual([Unmounted])
  })
})

describe('scopes across trees', () => {
  it('include portals of the scope around them', async () => {
    const target = document.createElement('div')
    const work = fakeWork()
    function Worker() {
      return useTask(work.fn, []).status
    }
    const view = render(<Scope>{createPortal(<Worker />, target)}</Scope>)
    expect(target.textContent).toBe('pending')
    view.unmount()
    expect(work.causes).toEqual([Unmounted])
    await settle()
  })

  it('end two roots under one context once each, and each alone when it unmounts', async () => {
    const [parent, cancel] = withCancel(background())
    const [one, other] = [mount({ parent }), mount({ parent })]
    one.unmount()
    expect([one.work.causes, other.work.causes]).toEqual([[Unmounted], [undefined]])
    expect(parent.err).toBeUndefined()
    const third = mount({ parent })
    await settle(() => cancel('all'))
    expect([other.work.causes, third.work.causes]).toEqual([['all'], ['all']])
    expect(third.statuses.last).toBe('canceled')
  })

  it('cancel a thousand tasks in one call, and each renders once', async () => {
    const scope = createRef<ScopeHandle>()
    const work = fakeWork()
    const renders = watch<string>()
    function Worker() {
      renders.see(useTask(work.fn, []).status)
      return null
    }
    const workers: ReactNode[] = []
    for (let id = 0; id < 1_000; id++) workers.push(<Worker key={id} />)
    render(<Scope ref={scope}>{workers}</Scope>)
    await settle()
    const before = renders.all.length
    await settle(() => {
      scope.current?.cancel('all')
      expect(work.calls.filter(({ ctx }) => ctx.signal.aborted)).toHaveLength(1_000)
    })
    expect(new Set(work.causes)).toEqual(new Set(['all']))
    expect(renders.all.slice(before)).toEqual(Array(1_000).fill('canceled'))
  })
})

it('useValue refuses what is not a context, by name', () => {
  const user = createKey<string>('user')
  function Name() {
    return useValue(user, { value: () => 'ann' } as never)
  }
  expect(() => renderToString(<Name />)).toThrow(new TypeError('rescind: ctx must be a context, got [object Object]'))
})

describe('invalid properties', () => {
  it.each<[message: string, props: object]>([
    ['rescind: parent must be a context, got [object Object]', { parent: {} }],
    ['rescind: timeout must be a number of milliseconds, got NaN', { timeout: NaN }],
    ['rescind: deadline must be a number of milliseconds, got Invalid Date', { deadline: new Date('soon') }],
    ['rescind: deadline must be a number of milliseconds, got "5"', { deadline: '5' }],
    ['rescind: ignore must be a function, got "/albums"', { route: { ignore: '/albums' } }],
    ['rescind: key must be made by createKey, got "user"', { values: [provide('user' as never, 1 as never)] }],
  ])('throw a TypeError: %s', (message, props) => {
    expect(() => renderToString(<Scope {...props} />)).toThrow(new TypeError(message))
  })
})
