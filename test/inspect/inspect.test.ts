/** What an inspector shows of contexts: their rows, how and why each ended, as text and in recordings. */

import {
  afterFunc,
  background,
  createKey,
  disarm,
  group,
  Navigated,
  rearm,
  share,
  shield,
  sleep,
  stream,
  until,
  withCancel,
  within,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { completed, withLink } from 'rescind/bindings'
import { inspect, open } from 'rescind/inspect'
import type { Inspector, InspectOptions, Row } from 'rescind/inspect'
import { fakeClock } from 'rescind/testing'
import type { FakeClock } from 'rescind/testing'
import { traceparent } from 'rescind/wire'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { microtasks } from '../support.ts'

let clock: FakeClock
let root: Context
let inspector: Inspector

beforeEach(() => {
  clock = fakeClock(1_000)
  root = clock.root
  start({})
})

afterEach(() => {
  inspector.detach()
  vi.restoreAllMocks()
})

/** Attaches a new inspector with `options`. */
function start(options: InspectOptions): void {
  inspector?.detach()
  inspector = inspect({ silence: 'all', ...options })
}

/** The row of the context with the label `name`, or of the kind `name`. */
function row(name: string): Row {
  const found = inspector.rows.find(({ kind, label }) => (label ?? kind) === name)
  if (!found) throw new Error(`there is no row ${name} among\n${inspector.text()}`)
  return found
}

function named(label: string): { label: string } {
  return { label }
}

describe('inspector.rows', () => {
  it('lists each context after its parent, with its kind and its label', () => {
    const [ctx] = withCancel(root, named('page'))
    withTimeout(ctx, 5_000, named('search'))
    expect(inspector.rows).toMatchObject([
      { kind: 'background', parent: undefined, late: true, how: undefined },
      { kind: 'withCancel', label: 'page', parent: row('background').id, born: 1_000, late: false },
      { kind: 'withTimeout', label: 'search', parent: row('page').id, ms: 5_000, how: undefined },
    ])
  })

  it('shows the deadline of a context, and which context set it', () => {
    const [page] = withTimeout(root, 5_000, named('page'))
    withTimeout(page, 2_000, named('search'))
    withTimeout(page, 9_000, named('rows'))
    withCancel(root, named('free'))
    expect(row('search')).toMatchObject({ deadline: 3_000, deadlineOf: row('search').id })
    expect(row('rows')).toMatchObject({ deadline: 6_000, deadlineOf: row('page').id, ms: 9_000 })
    expect(row('free').deadline).toBeUndefined()
    withTimeout(root, Infinity, named('endless'))
    expect(row('endless')).toMatchObject({ deadline: undefined, deadlineOf: undefined, ms: undefined })
  })

  it('updates a moved deadline in all descendants', async () => {
    const [page] = withTimeout(root, 5_000, named('page'))
    withCancel(page, named('search'))
    expect(row('search').deadline).toBe(6_000)
    rearm(page, 100)
    expect(row('search')).toMatchObject({ deadline: 1_100, deadlineOf: row('page').id })
  })

  it('has one row for contexts that differ only in values, with the names of all values', () => {
    const user = createKey<string>('user')
    const request = createKey<string>('request')
    const ctx = withValue(withValue(root, user, 'ann'), request, 'r-17')
    withCancel(withValue(ctx, user, 'bob'), named('search'))
    expect(inspector.rows).toHaveLength(2)
    expect(row('search').values).toEqual([{ name: 'user' }, { name: 'request' }])
  })

  it('has the names of the innermost 50 values at most', () => {
    let ctx = root
    for (let count = 0; count < 60; count++) ctx = withValue(ctx, createKey<number>(`key ${count}`), count)
    withCancel(ctx, named('search'))
    expect(row('search').values.map(({ name }) => name)).toEqual(
      Array.from({ length: 50 }, (_, index) => `key ${59 - index}`),
    )
  })

  it('shows the values of the chosen keys only', () => {
    const secret = createKey<string>('secret')
    const request = createKey<string>('request')
    start({ values: [request] })
    withCancel(withValue(withValue(root, secret, 'password'), request, 'r-17\n'), named('search'))
    expect(row('search').values).toEqual([{ name: 'request', value: 'r-17\\u000a' }, { name: 'secret' }])
    expect(JSON.stringify(inspector.record()) + inspector.text()).not.toContain('password')
  })

  it('shows the trace and the span of a request', () => {
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    withCancel(withValue(root, traceparent.key, header), named('search'))
    withCancel(withValue(root, traceparent.key, 'no trace'), named('other'))
    withCancel(withValue(root, createKey<string>('traceparent'), header), named('namesake'))
    expect(row('search')).toMatchObject({ trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' })
    expect(row('other').trace).toBeUndefined()
    expect(row('namesake').trace).toBeUndefined()
  })

  it('has the name of the inspector as the place of each row', () => {
    start({ name: 'server\n' })
    withCancel(root, named('page'))
    expect(inspector.rows.map(({ place }) => place)).toEqual(['server\\u000a', 'server\\u000a'])
    expect(inspector.text()).toMatch(/^#1 background in server\\u000a before/)
  })

  it('is the same array until a context changes, and then replaces only the rows of changed contexts', () => {
    const [ctx] = withCancel(root, named('page'))
    const [, cancel] = withCancel(ctx, named('search'))
    const before = inspector.rows
    expect(inspector.rows).toBe(before)
    cancel()
    expect(inspector.rows).not.toBe(before)
    expect(inspector.rows.map((one, index) => one === before[index])).toEqual([true, true, false])
    const g = group(ctx)
    const during = inspector.rows
    expect(during[1]).toBe(before[1])
    g.go(() => new Promise(() => {}))
    expect(inspector.rows).toBe(during)
  })

  it('drops the contexts that ended first, and no live ones, when it is full', () => {
    start({ size: 4 })
    withCancel(root, named('page'))
    for (let count = 0; count < 10; count++) withCancel(root, named(`search ${count}`))[1]()
    const names = inspector.rows.map(({ kind, label }) => label ?? kind)
    expect(names).toEqual(['background', 'page', 'search 8', 'search 9'])
  })

  it('keeps the root when more contexts are alive than fit', () => {
    start({ size: 3 })
    for (let count = 0; count < 10; count++) withCancel(root, named(`search ${count}`))
    expect(inspector.rows.map(({ kind, label }) => label ?? kind)).toEqual(['background', 'search 8', 'search 9'])
  })

  it('shows a dropped context again, with the same id, when a child is derived from it', () => {
    start({ size: 3 })
    const [page] = withCancel(root, named('page'))
    const { id } = row('page')
    for (let count = 0; count < 10; count++) withCancel(root, named(`search ${count}`))
    withCancel(page, named('rows'))
    expect(row('page').id).toBe(id)
    expect(row('rows').parent).toBe(id)
    for (let count = 0; count < 10; count++) withCancel(root, named(`search ${count}`))
    void until(page, new Promise(() => {})).catch(() => {})
    expect(row('page')).toMatchObject({ id, waits: ['until'] })
  })

  it('shows a dropped context again as it was when it ended', async () => {
    start({ size: 3, stacks: true })
    const [page, cancel] = withTimeout(root, 5_000, named('page'))
    page.signal.addEventListener('abort', () => {})
    const work = until(page, new Promise(() => {})).catch(() => {})
    cancel('closed')
    await work
    const before = row('page')
    expect(before).toMatchObject({ how: 'canceled', cause: 'closed', waits: ['until', 'signal'], deadline: 6_000 })
    for (let count = 0; count < 10; count++) withCancel(root, named(`search ${count}`))
    expect(inspector.rows.some(({ label }) => label === 'page')).toBe(false)
    withCancel(page, named('rows'))
    expect(row('page')).toEqual(before)
  })

  it('shows a context that was dropped in the turn in which it was derived, if a child is derived later', async () => {
    start({ size: 3 })
    const [page, cancel] = withTimeout(root, 5_000, named('page'))
    const [other] = withCancel(root, named('other'))
    cancel('closed')
    for (let count = 0; count < 10_100; count++) withCancel(root)
    await microtasks()
    withCancel(page)
    expect(row('page')).toMatchObject({ kind: 'withTimeout', how: 'canceled', cause: 'closed', ms: 5_000 })
    withCancel(other)
    expect(row('other')).toMatchObject({ kind: 'withCancel', how: undefined, born: 1_000 })
  })

  it('drops ended contexts first, also after live ones were dropped or all rows were cleared', () => {
    start({ size: 3 })
    for (let count = 0; count < 2; count++) {
      for (let index = 0; index < 5; index++) withCancel(root)[1]()
      const cancels = Array.from({ length: 5 }, (_, index) => withCancel(root, named(`search ${index}`))[1])
      cancels[4]?.()
      withCancel(root, named('last'))
      expect(inspector.rows.map(({ kind, label }) => label ?? kind)).toEqual(['background', 'search 3', 'last'])
      inspector.clear()
      root = clock.root
    }
  })

  it('does not show a dropped context again when it ends', () => {
    start({ size: 3 })
    const [, cancel] = withCancel(root, named('page'))
    for (let count = 0; count < 10; count++) withCancel(root, named(`search ${count}`))
    expect(inspector.rows).toHaveLength(3)
    cancel()
    expect(inspector.rows.map(({ kind, label }) => label ?? kind)).toEqual(['background', 'search 8', 'search 9'])
  })
})

describe('a context that was alive before the inspector was attached', () => {
  it('appears with its ancestors when a child is derived from it', () => {
    inspector.detach()
    const [page] = withCancel(root, named('page'))
    const [search] = withCancel(page, named('search'))
    start({})
    expect(inspector.rows).toEqual([])
    withCancel(search, named('rows'))
    expect(row('search')).toMatchObject({ parent: row('page').id, late: true })
    expect(row('page').parent).toBe(row('background').id)
    expect(row('rows').late).toBe(false)
  })

  it('appears when it ends, with the descendants that it ends', () => {
    inspector.detach()
    const [page, cancel] = withCancel(root, named('page'))
    withCancel(page, named('search'))
    start({})
    cancel('closed')
    expect(row('page')).toMatchObject({ how: 'canceled', cause: 'closed', late: true })
    expect(row('search')).toMatchObject({ how: 'parent', by: row('page').id, late: true })
  })

  it('appears when work waits under it', () => {
    inspector.detach()
    const [page] = withCancel(root, named('page'))
    start({})
    void until(page, new Promise(() => {})).catch(() => {})
    expect(row('page').waits).toEqual(['until'])
  })

  it('appears with a hundred ancestors at most, even in a deeper chain', () => {
    inspector.detach()
    let [ctx] = withTimeout(root, 5_000)
    for (let depth = 0; depth < 100_000; depth++) ctx = withCancel(ctx)[0]
    start({})
    withCancel(ctx)
    expect(inspector.rows).toHaveLength(101)
    // The context that has set the deadline has no row.
    expect(inspector.rows.at(-1)).toMatchObject({ deadline: 6_000, deadlineOf: undefined })
  })

  it('ends a context derived from it, even if the context where the end began has no row', () => {
    inspector.detach()
    const [page, cancel] = withCancel(root)
    let ctx = page
    for (let depth = 0; depth < 200; depth++) ctx = withCancel(ctx)[0]
    cancel('closed')
    start({})
    withCancel(ctx, named('late'))
    expect(row('late')).toMatchObject({ how: 'parent', cause: 'closed', by: row('late').parent })
  })

  it('has no row after its work was reported as completed', () => {
    inspector.detach()
    const [page] = withTimeout(root, 5_000)
    start({})
    completed(page)
    disarm(page)
    expect(inspector.rows).toEqual([])
  })
})

describe('row.how', () => {
  it('is `canceled` for a canceled context, with its cause, and `parent` for its descendants', () => {
    const [page, cancel] = withCancel(root, named('page'))
    const [search] = withCancel(page, named('search'))
    withCancel(search, named('rows'))
    cancel(Navigated)
    const cause = 'Navigated: the route changed'
    expect(row('page')).toMatchObject({ how: 'canceled', cause, by: undefined, ended: 1_000 })
    expect(row('search')).toMatchObject({ how: 'parent', cause, by: row('page').id })
    expect(row('rows')).toMatchObject({ how: 'parent', cause, by: row('page').id })
  })

  it('is `parent` for a context derived after the end of its parent', () => {
    const [page, cancel] = withCancel(root, named('page'))
    cancel('closed')
    withCancel(page, named('search'))
    const { id } = row('page')
    expect(row('search')).toMatchObject({ how: 'parent', cause: 'closed', by: id, born: 1_000, ended: 1_000 })
  })

  it('is `parent` for a context derived late, by the context where the end began', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    const [form] = withCancel(page, named('form'))
    const [report] = withTimeout(root, 5_000, named('report'))
    const [chart] = withCancel(report, named('chart'))
    cancel()
    await clock.advance(5_000)
    withCancel(form, named('field'))
    withCancel(chart, named('axis'))
    expect(row('field')).toMatchObject({ how: 'parent', by: row('page').id, parent: row('form').id })
    expect(row('axis')).toMatchObject({ how: 'parent', by: row('report').id, parent: row('chart').id })
  })

  it('is `deadline` when the deadline of the context has passed', async () => {
    const [page] = withTimeout(root, 5_000, { label: 'page', cause: 'too slow' })
    withCancel(page, named('search'))
    await clock.advance(7_000)
    expect(row('page')).toMatchObject({ how: 'deadline', cause: 'too slow', ended: 6_000, deadline: 6_000, ms: 5_000 })
    expect(row('search')).toMatchObject({ how: 'parent', by: row('page').id, deadlineOf: row('page').id })
  })

  it('is `deadline` if the deadline had passed when the context was derived', () => {
    withTimeout(root, 0, named('page'))
    expect(row('page')).toMatchObject({ how: 'deadline', ms: 0 })
  })

  it('is `disposed` at the end of a block with `using`', () => {
    {
      const [page, cancel] = withCancel(root, named('page'))
      using _ = cancel
      withCancel(page, named('search'))
    }
    expect(row('page')).toMatchObject({ how: 'disposed', cause: undefined })
    expect(row('search')).toMatchObject({ how: 'parent', by: row('page').id })
  })

  it('is `canceled` if the context was canceled before the end of the block', () => {
    {
      const [, cancel] = withCancel(root, named('page'))
      using _ = cancel
      cancel('stop')
    }
    expect(row('page')).toMatchObject({ how: 'canceled', cause: 'stop' })
    withCancel(root, named('other'))[1]()
    expect(row('other').how).toBe('canceled')
  })

  it('is `canceled` for a context that a listener cancels during the disposal of another', () => {
    const [other, cancelOther] = withCancel(root, named('other'))
    withCancel(other, named('below'))
    {
      const [page, cancel] = withCancel(root, named('page'))
      using _ = cancel
      page.signal.addEventListener('abort', () => cancelOther())
    }
    expect(row('page').how).toBe('disposed')
    expect(row('other').how).toBe('canceled')
  })

  it('follows the reason of a signal, which has a row of its own', () => {
    const controller = new AbortController()
    const [page] = withSignal(root, controller.signal, named('page'))
    withCancel(page, named('search'))
    controller.abort('stop')
    expect(row('page')).toMatchObject({ how: 'canceled', cause: 'stop', by: row('signal').id })
    expect(row('search')).toMatchObject({ how: 'parent', by: row('signal').id })
    expect(row('signal')).toMatchObject({ how: 'canceled', by: undefined })
  })

  it('is `deadline` for a signal that timed out, and `canceled` for another aborted one', () => {
    const late = AbortSignal.abort(new DOMException('too slow', 'TimeoutError'))
    withSignal(root, late, named('page'))
    withSignal(root, AbortSignal.abort('stop'), named('search'))
    expect(row('page')).toMatchObject({ how: 'deadline', cause: 'TimeoutError: too slow' })
    expect(row('search')).toMatchObject({ how: 'canceled', cause: 'stop' })
  })

  it('is `completed` for successful work of within, shield, group, sleep, share and stream', async () => {
    await within(root, named('within'), () => 'done')
    await share(root, () => 'done', named('share'))(root)
    for await (const _ of stream(root, ['done'], named('stream')));
    const shielded = shield(root, 1_000, () => 'done')
    const g = group(root, named('group'))
    g.go(() => 'done')
    await Promise.all([g.wait(), shielded])
    const slept = sleep(root, 100)
    await clock.advance(100)
    await slept
    for (const name of ['within', 'shield', 'share', 'stream', 'group', 'sleep']) {
      expect(row(name)).toMatchObject({ how: 'completed', cause: undefined, waits: [] })
    }
  })

  it('is `canceled` for failed work, with its error as the cause', async () => {
    await within(root, named('within'), () => Promise.reject(new Error('broken'))).catch(() => {})
    await shield(root, 1_000, () => Promise.reject(new Error('broken'))).catch(() => {})
    await share(root, () => Promise.reject(new Error('broken')), named('share'))(root).catch(() => {})
    await stream(root, () => Promise.reject(new Error('broken')), named('stream'))
      .next()
      .catch(() => {})
    const g = group(root, named('group'))
    g.go(() => Promise.reject(new Error('broken')))
    await g.wait().catch(() => {})
    const supervised = group(root, { label: 'supervised', supervise: true })
    supervised.go(() => Promise.reject(new Error('broken')))
    await supervised.wait().catch(() => {})
    for (const name of ['within', 'shield', 'share', 'stream', 'group', 'supervised']) {
      expect(row(name)).toMatchObject({ how: 'canceled', cause: 'broken' })
    }
  })

  it('is `disposed` for a group at the end of its block', async () => {
    {
      await using g = group(root, named('group'))
      g.go((ctx) => sleep(ctx, 1_000))
    }
    expect(row('group').how).toBe('disposed')
    expect(row('sleep')).toMatchObject({ how: 'parent', by: row('group').id, waits: ['sleep'] })
  })

  it('is `parent` for a within whose parent ended', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    const work = within(page, 1_000, (ctx) => sleep(ctx, 500)).catch(() => {})
    cancel('stop')
    await work
    expect(row('within')).toMatchObject({ how: 'parent', cause: 'stop', by: row('page').id, waits: ['within'] })
  })

  it('is `completed` at once for a context that was disarmed or reported as completed', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    const [one] = withTimeout(page, 5_000, named('one'))
    const [other] = withTimeout(page, 5_000, named('other'))
    await clock.advance(10)
    disarm(one)
    completed(other)
    await clock.advance(10)
    cancel('closed')
    expect(row('one')).toMatchObject({ how: 'completed', ended: 1_010, cause: undefined })
    expect(row('other')).toMatchObject({ how: 'completed', ended: 1_010, cause: undefined })
    expect(other.err).toBeDefined()
  })

  it('does not change if the work of a canceled context is reported as completed', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    cancel('closed')
    await clock.advance(10)
    completed(page)
    expect(row('page')).toMatchObject({ how: 'canceled', cause: 'closed', ended: 1_000 })
  })
})

describe('a context of withLink', () => {
  it('has a row once it is linked', () => {
    const [, , link] = withLink(root, { kind: 'useTask', label: 'rows' })
    expect(inspector.rows).toEqual([])
    link()
    expect(row('rows')).toMatchObject({ kind: 'useTask', late: false, parent: row('background').id, how: undefined })
  })

  it('has no row if it was canceled before the link, as for a discarded render', () => {
    const [, cancel] = withLink(root, { kind: 'useTask', label: 'rows' })
    cancel()
    expect(inspector.rows).toEqual([])
  })

  it('ends with its parent at once if it is linked to an ended context', () => {
    const [page, cancel] = withCancel(root, named('page'))
    const [, , link] = withLink(page, { kind: 'useTask', label: 'rows' })
    cancel('closed')
    link()
    expect(row('rows')).toMatchObject({ how: 'parent', cause: 'closed', by: row('page').id })
  })
})

describe('a context of withoutCancel', () => {
  it('has a row once a child is derived from it, and the child survives the end of the parent above', () => {
    const [page, cancel] = withCancel(root, named('page'))
    const free = withoutCancel(page)
    expect(inspector.rows).toHaveLength(2)
    withTimeout(free, 5_000, named('save'))
    cancel()
    expect(row('withoutCancel')).toMatchObject({ parent: row('page').id, how: undefined })
    expect(row('save')).toMatchObject({ parent: row('withoutCancel').id, how: undefined })
  })
})

describe('row.waits', () => {
  it('names the function of rescind in which work waits', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    const works = [
      until(page, new Promise(() => {})),
      within(page, named('within'), () => new Promise(() => {})),
      group(page, named('group')).wait(),
      sleep(page, 1_000),
    ].map((work) => work.catch(() => {}))
    await microtasks()
    expect(row('page').waits).toEqual(['until'])
    expect(row('within').waits).toEqual(['within'])
    expect(row('sleep').waits).toEqual(['sleep'])
    cancel()
    await Promise.all(works)
    expect(row('page').waits).toEqual(['until'])
  })

  it('is empty when the wait is over', async () => {
    const [page] = withCancel(root, named('page'))
    let settle!: (value: string) => void
    const work = until(page, new Promise<string>((resolve) => (settle = resolve)))
    expect(row('page').waits).toEqual(['until'])
    settle('done')
    await work
    expect(row('page').waits).toEqual([])
  })

  it('does not include a wait that began after the end of the context', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    cancel()
    await until(page, Promise.resolve()).catch(() => {})
    expect(row('page').waits).toEqual([])
  })

  it('follows the waits of a context that has a row already', async () => {
    const [page] = withCancel(root, named('page'))
    expect(row('page').waits).toEqual([])
    let settle!: (value: string) => void
    void until(page, new Promise(() => {})).catch(() => {})
    expect(row('page').waits).toEqual(['until'])
    const work = until(page, new Promise<string>((resolve) => (settle = resolve)))
    const other = inspect({ silence: 'all' })
    settle('done')
    await work
    expect(row('page').waits).toEqual(['until'])
    expect(other.rows).toEqual([])
    other.detach()
  })

  it('includes `signal` once the signal of the context was read', () => {
    const [page, cancel] = withCancel(root, named('page'))
    page.signal.addEventListener('abort', () => {})
    cancel()
    expect(row('page').waits).toEqual(['signal'])
  })

  it('does not include callbacks of afterFunc', () => {
    const [page] = withCancel(root, named('page'))
    afterFunc(page, () => {})
    expect(row('page').waits).toEqual([])
  })
})

describe('inspector.subscribe', () => {
  it('calls a subscriber once, in a microtask, after all changes of a turn', async () => {
    const told = vi.fn<() => void>()
    inspector.subscribe(told)
    const [page, cancel] = withCancel(root, named('page'))
    withCancel(page, named('search'))
    cancel()
    expect(inspector.rows).toHaveLength(3)
    expect(told).not.toHaveBeenCalled()
    await microtasks()
    expect(told).toHaveBeenCalledTimes(1)
  })

  it('does not call a subscriber that has unsubscribed, or when nothing has changed', async () => {
    const told = vi.fn<() => void>()
    const leave = inspector.subscribe(told)
    await microtasks()
    expect(told).not.toHaveBeenCalled()
    leave()
    withCancel(root)
    await microtasks()
    expect(told).not.toHaveBeenCalled()
  })

  it('calls a subscriber after the deadline of a context has moved, but not if it is the same as before', async () => {
    const [page] = withTimeout(root, 5_000, named('page'))
    await microtasks()
    const told = vi.fn<() => void>()
    inspector.subscribe(told)
    rearm(page, 100)
    await microtasks()
    expect(told).toHaveBeenCalledTimes(1)
    rearm(page, 100)
    await microtasks()
    expect(told).toHaveBeenCalledTimes(1)
  })

  it('calls all subscribers, even if one throws', async () => {
    const reported = vi.fn<(error: unknown) => void>()
    vi.stubGlobal('reportError', reported)
    const told = vi.fn<() => void>()
    inspector.subscribe(() => {
      throw new Error('broken')
    })
    inspector.subscribe(told)
    withCancel(root)
    await microtasks()
    expect(told).toHaveBeenCalledTimes(1)
    expect(reported).toHaveBeenCalledTimes(1)
    vi.unstubAllGlobals()
  })
})

describe('an inspector', () => {
  it('cancels the context of a row with the given cause', () => {
    const [page] = withCancel(root, named('page'))
    expect(inspector.cancel(row('page').id, 'from the panel')).toBe(true)
    expect(page.err?.cause).toBe('from the panel')
    expect(row('page')).toMatchObject({ how: 'canceled', cause: 'from the panel' })
    expect(inspector.cancel(row('page').id)).toBe(false)
    expect(inspector.cancel(row('background').id)).toBe(false)
    expect(inspector.cancel(4_711)).toBe(false)
  })

  it('cancels a context in the turn in which it was derived, and not after its end in the same turn', () => {
    const [page] = withCancel(root, named('page'))
    expect(inspector.cancel(2)).toBe(true)
    expect(page.err).toBeDefined()
    expect(inspector.cancel(2)).toBe(false)
  })

  it('keeps its rows when it is detached, and does not update them', () => {
    const [, cancel] = withCancel(root, named('page'))
    inspector.detach()
    cancel()
    withCancel(root, named('search'))
    expect(inspector.rows).toHaveLength(2)
    expect(row('page').how).toBeUndefined()
  })

  it('is detached at the end of a block with `using`', () => {
    let seen: Inspector
    {
      using inner = inspect()
      seen = inner
    }
    withCancel(root)
    expect(seen.rows).toEqual([])
  })

  it('shows the same rows as a second inspector, and continues when that is detached', () => {
    const other = inspect({ silence: 'all' })
    const [, cancel] = withCancel(root, named('page'))
    cancel('stop')
    expect(other.rows).toEqual(inspector.rows)
    other.detach()
    withCancel(root, named('search'))
    expect(row('search')).toBeDefined()
    expect(other.rows).toHaveLength(2)
  })

  it('clears its rows on demand, and shows a live context again when a child is derived from it', () => {
    const [page] = withCancel(root, named('page'))
    expect(inspector.rows).toHaveLength(2)
    inspector.clear()
    expect(inspector.rows).toEqual([])
    withCancel(page, named('search'))
    expect(inspector.rows.map(({ kind, label }) => label ?? kind)).toEqual(['page', 'search'])
  })

  it.each<[what: string, options: unknown]>([
    ['options that are not an object', 1],
    ['a size of 0', { size: 0 }],
    ['a size that is not a number', { size: '10' }],
    ['values that are not a list', { values: createKey('request') }],
    ['values that are text', { values: 'request' }],
    ['a grace that is not a number', { grace: 'long' }],
  ])('refuses %s', (_, options) => {
    expect(() => inspect(options as InspectOptions)).toThrow(TypeError)
  })
})

describe('the option `track`', () => {
  const original: unknown = Reflect.get(console, 'timeStamp')

  afterEach(() => void Reflect.set(console, 'timeStamp', original))

  it('shows each ended context of the system clock in a track of the Performance panel', async () => {
    const stamped = vi.fn<(...args: unknown[]) => void>()
    Reflect.set(console, 'timeStamp', stamped)
    const make = () => {
      const [, cancel] = withCancel(background(), named('search'))
      cancel('the reader pressed Stop')
      withCancel(background())[1]()
      withCancel(root)[1]()
    }
    make()
    await microtasks()
    expect(stamped).not.toHaveBeenCalled()
    start({ track: true })
    const before = performance.now()
    make()
    withCancel(background(), named('alive'))
    await microtasks()
    const time = expect.any(Number) as number
    expect(stamped.mock.calls).toEqual([
      ['withCancel(search) canceled: the reader pressed Stop', time, time, 'search', 'rescind', 'secondary'],
      ['withCancel canceled', time, time, 'withCancel', 'rescind', 'secondary'],
    ])
    for (const [, began] of stamped.mock.calls) expect(began).toBeGreaterThan(before - 10_000)
  })

  it('shows a context once, also if it is dropped and has a row again', async () => {
    const stamped = vi.fn<(...args: unknown[]) => void>()
    Reflect.set(console, 'timeStamp', stamped)
    start({ track: true, size: 2 })
    const [page, cancel] = withCancel(background(), named('page'))
    cancel()
    await microtasks()
    for (let count = 0; count < 3; count++) withCancel(background())
    expect(inspector.rows.some(({ label }) => label === 'page')).toBe(false)
    withCancel(page, named('late'))
    await microtasks()
    expect(stamped.mock.calls.map(([text]) => text)).toEqual(['withCancel(page) canceled', 'withCancel(late) parent'])
  })

  it('does nothing without `console.timeStamp`', async () => {
    Reflect.set(console, 'timeStamp', undefined)
    start({ track: true })
    const told = vi.fn<() => void>()
    inspector.subscribe(told)
    withCancel(background())[1]()
    await microtasks()
    expect(told).toHaveBeenCalledTimes(1)
  })
})

describe('the text of an inspector', () => {
  it('is a tree that can be pasted into a bug report', async () => {
    const request = createKey<string>('request')
    start({ values: [request] })
    const [page, cancel] = withTimeout(withValue(root, request, 'r-17'), 5_000, named('page'))
    await clock.advance(20)
    const work = within(page, 1_000, (ctx) => sleep(ctx, 2_000)).catch(() => {})
    await clock.advance(80)
    cancel('the reader pressed Stop')
    await work
    withCancel(root, named('next'))
    inspector.rows.forEach(({ id }, index) => expect(id).toBe(index + 1))
    expect(inspector.text().replaceAll(/alive \d+\S+/g, 'alive')).toBe(
      [
        '#1 background before +0ms alive',
        '  #2 withTimeout(page, 5s) +0ms 100ms canceled (the reader pressed Stop) values: request=r-17',
        '    #3 within(1s) +20ms 80ms parent by #2 (the reader pressed Stop) interrupted: within',
        '      #4 sleep(2s) +20ms 80ms parent by #2 (the reader pressed Stop) interrupted: sleep',
        '  #5 withCancel(next) +100ms alive',
      ].join('\n'),
    )
  })

  it('shows what waits, names without values, and the trace where it begins', () => {
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const ctx = withValue(withValue(root, createKey<string>('user'), 'ann'), traceparent.key, header)
    const [page] = withTimeout(ctx, 5_000, named('page'))
    const [inner] = withCancel(page, named('inner'))
    void until(inner, new Promise(() => {})).catch(() => {})
    const text = inspector.text().replaceAll(/ alive \S+/g, '')
    expect(text.replaceAll(/ \w+ left/g, ' some left').split('\n')).toEqual([
      '#1 background before +0ms',
      '  #2 withTimeout(page, 5s) +0ms some left values: traceparent, user trace 0af7651916cd43dd8448eb211c80319c',
      '    #3 withCancel(inner) +0ms some left waits: until',
    ])
    const [first] = inspector.rows
    const rows = [{ ...first, trace: '0af7651916cd43dd8448eb211c80319c' }]
    expect(open({ ...inspector.record(), rows } as never).text()).toMatch(/ trace 0af7651916cd43dd8448eb211c80319c$/)
  })

  it('shows a chain of 10,000 contexts without deep recursion', () => {
    start({ size: 20_000 })
    let ctx = root
    for (let depth = 0; depth < 10_000; depth++) ctx = withCancel(ctx)[0]
    expect(inspector.text().split('\n')).toHaveLength(10_001)
  })
})

describe('a recording', () => {
  it('shows the same rows after JSON', async () => {
    start({ stacks: true })
    const [page, cancel] = withTimeout(root, 5_000, named('page'))
    const work = until(page, new Promise(() => {})).catch(() => {})
    cancel(new RangeError('too far'))
    await work
    const { at, rows, warnings } = inspector.record()
    const view = open(JSON.stringify({ ...inspector.record(), at }))
    expect(view.rows).toEqual(rows)
    expect(view.warnings).toEqual(warnings)
    expect(view.at).toBe(at)
    expect(view.text()).toBe(open({ ...inspector.record(), at }).text())
    expect(view.record()).toEqual(open(view.record()).record())
    expect(view.subscribe(() => {})()).toBeUndefined()
  })

  it.each<[what: string, recording: unknown]>([
    ['text that is not JSON', '{'],
    ['another format', { format: 'har', version: 1, rows: [] }],
    ['another version', { format: 'rescind.recording', version: 2, rows: [] }],
    ['no rows', { format: 'rescind.recording', version: 1 }],
    ['null', null],
  ])('is refused if it is %s', (_, recording) => {
    expect(() => open(recording as never)).toThrow(TypeError)
    expect(() => open(recording as never)).toThrow('a recording of this version')
  })

  it('shows hostile content as harmless text', () => {
    const rows = [
      null,
      7,
      {
        id: '1',
        kind: { toString: 'x' },
        label: 'a\nb',
        values: [1, { name: {} }, {}],
        waits: [{}],
        how: 'x',
        stacks: { made: 1, waits: ['at load', 7] },
      },
      { id: 2, parent: 2, kind: 'loop', label: null, cause: null, stacks: 'at load' },
      ...Array.from({ length: 100 }, (_, index) => ({ id: 10 + (index >> 1), parent: 9 + (index >> 1), kind: 'twin' })),
      { id: 3, parent: 4, kind: '<img src=x onerror=alert(1)>' },
      { id: 4, parent: 3, kind: 'x'.repeat(10_000_000) },
    ]
    const warnings = [{ code: '__proto__' }, { code: ['RESCIND_LOST_CANCEL'] }]
    const view = open({ format: 'rescind.recording', version: 1, at: '1', rows, warnings } as never)
    expect(view.at).toBe(0)
    expect(view.rows[0]).toMatchObject({ id: 0, kind: '[object Object]', label: 'a\\u000ab', born: 0, how: undefined })
    expect(view.rows[0]).toMatchObject({ waits: ['[object Object]'], stacks: { made: undefined, waits: ['at load'] } })
    expect(view.rows[0]?.values).toEqual([
      { name: '[object Object]', value: undefined },
      { name: '', value: undefined },
    ])
    expect(view.rows[1]).toMatchObject({ label: undefined, cause: undefined, stacks: undefined })
    expect(view.warnings).toEqual([])
    expect(view.text().split('\n')).toHaveLength(54)
    expect(view.text()).toContain('loop')
  })
})

describe('hostile labels and causes', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const throwing = {
    get message() {
      throw new Error('message')
    },
    get name() {
      throw new Error('name')
    },
    get [Symbol.toStringTag]() {
      throw new Error('tag')
    },
  }
  const huge = 'x'.repeat(10_000_000)

  it.each<[what: string, value: unknown, shown: unknown]>([
    ['text of 10 MB', huge, `${'x'.repeat(200)}…`],
    ['an error with a message of 10 MB', new Error(huge), `${'x'.repeat(200)}…`],
    ['getters that throw', throwing, 'a revoked proxy'],
    ['a revoked proxy', proxy, 'a revoked proxy'],
    ['HTML', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['several lines', 'one\n#2 two', 'one\\u000a#2 two'],
    ['a symbol', Symbol('why'), 'Symbol(why)'],
    ['null', null, 'null'],
    ['an object without a prototype', Object.create(null), '[object Object]'],
    ['an error without a message', new TypeError(), 'TypeError'],
    ['an error with an empty name', Object.assign(new Error('broken'), { name: '' }), 'broken'],
    ['an error without a name and a message', Object.assign(new Error(), { name: '' }), '[object Error]'],
  ])('shows a label and a cause in one short line: %s', async (_, value, shown) => {
    const [, cancel] = withCancel(root, { label: value as string })
    cancel(value)
    expect(inspector.rows.at(-1)).toMatchObject({ how: 'canceled', cause: shown })
    await microtasks()
    expect(inspector.text().length).toBeLessThan(2_000)
    expect(open(JSON.stringify(inspector.record())).rows).toEqual(inspector.rows)
  })

  it('reads a cause only after the end, when its getters may derive and cancel contexts', async () => {
    const [page, cancel] = withCancel(root, named('page'))
    const [search] = withCancel(page, named('search'))
    let seen: unknown
    cancel({
      get message() {
        seen = search.err
        withCancel(root, named('from a getter'))[1]()
        return 'asked'
      },
    })
    expect(seen).toBeUndefined()
    expect(row('page').cause).toBe('asked')
    expect(seen).toBe(search.err)
    expect(row('from a getter').how).toBe('canceled')
    await microtasks()
  })

  it('shows no deadline if a foreign context throws when it is read', () => {
    const foreign = {
      signal: new AbortController().signal,
      get deadline(): number {
        throw new Error('deadline')
      },
    }
    inspector.detach()
    start({})
    expect(() => withCancel(foreign, named('page'))).not.toThrow()
    expect(row('page').deadline).toBeUndefined()
  })
})

function search(ctx: Context) {
  // WebKit has no frame of a function that returns another call.
  const pair = withTimeout(ctx, 5_000, named('search'))
  return pair
}

function searchFromRoot() {
  search(root)
}

/** The stack of the error of a canceled context. */
function stackOf(): string | undefined {
  const [ctx, cancel] = withCancel(root, named('page'))
  cancel()
  return ctx.err?.stack
}

describe('stacks', () => {
  it.each([
    ['alone', false],
    ['beside another inspector', true],
  ])('shows where a context was made and canceled, and where work waited, %s', async (_, isBeside) => {
    using other = isBeside ? inspect({ silence: 'all' }) : undefined
    start({ stacks: true })
    function onClick() {
      cancel('the reader pressed Stop')
    }
    async function load() {
      await until(ctx, new Promise(() => {}))
    }
    const [ctx, cancel] = search(root)
    const error = load().catch((error: Error) => error)
    onClick()
    const { stack = '' } = (await error) as Error
    const { made, ended, waits } = row('search').stacks ?? {}
    expect(made).toMatch(/^at withTimeout|^withTimeout/)
    expect(made).toContain('search')
    expect(ended).toContain('onClick')
    expect(waits).toHaveLength(1)
    expect(waits?.[0]).toContain('load')
    expect(stack).toMatch(/ made\n[^]*search[^]* ended\n[^]*onClick[^]* waiting\n[^]*load/)
    expect(made + (ended ?? '') + stack).not.toMatch(/Recorder|observers|node_modules/)
    expect((other ?? inspector).rows).toHaveLength(inspector.rows.length)
  })

  it('adds the stacks of work that waited in a descendant to the error', async () => {
    start({ stacks: true })
    const [ctx, cancel] = withCancel(root, named('page'))
    async function load() {
      await sleep(ctx, 1_000)
    }
    const error = load().catch((error: Error) => error)
    cancel()
    expect(((await error) as Error).stack).toContain('load')
  })

  it('adds at most five stacks of waits to an error, and none of other contexts', async () => {
    start({ stacks: true })
    const [other, cancelOther] = withCancel(root, named('other'))
    async function unrelated() {
      await sleep(other, 1_000)
    }
    const [ctx, cancel] = withCancel(root, named('page'))
    const two = () => [sleep(ctx, 1_000), sleep(ctx, 1_000)]
    // Equal stacks are shown once.
    const works = [unrelated(), ...two(), ...two(), ...two()]
    cancelOther()
    cancel()
    await Promise.allSettled(works)
    const { stack = '' } = ctx.err as Error
    expect(stack.match(/\n {2}waiting\n/g) ?? []).toHaveLength(5)
    expect(stack).not.toContain('unrelated')
    expect(inspector.rows.filter(({ kind }) => kind === 'sleep').map(({ stacks }) => stacks?.ended)).toEqual(
      Array.from({ length: 7 }, () => undefined),
    )
  })

  it('is in an error if one of two inspectors records it', () => {
    const other = inspect({ silence: 'all' })
    expect(stackOf()).toMatch(/withCancel\(page\)$/)
    other.detach()
    const recording = inspect({ silence: 'all', stacks: true })
    expect(stackOf()).toMatch(/ made\n/)
    recording.detach()
  })

  it("keeps a user's function with the same name as one of rescind in a stack", () => {
    start({ stacks: true })
    const [, stop] = withCancel(root, named('page'))
    function cancel() {
      stop()
    }
    cancel()
    expect(row('page').stacks?.ended).toMatch(/\bcancel\b.*inspect\.test/)
  })

  it('keeps the stacks of a context in its row when the context changes', async () => {
    start({ stacks: true })
    async function load() {
      await until(page, new Promise(() => {}))
    }
    const [page, cancel] = search(root)
    expect(row('search').stacks).toMatchObject({ made: expect.stringContaining('search') as string, waits: [] })
    const work = load().catch(() => {})
    expect(row('search').stacks?.waits[0]).toContain('load')
    rearm(page, 100)
    const { made, waits } = row('search').stacks ?? {}
    expect(made).toContain('search')
    expect(waits?.[0]).toContain('load')
    cancel()
    await work
    expect(row('search').stacks).toMatchObject({ made, waits, ended: expect.any(String) as string })
  })

  it('has what is known of a context that was derived before the inspector was attached', async () => {
    const [waiting] = withCancel(root, named('waiting'))
    const [ended, cancel] = withCancel(root, named('ended'))
    const [unknown, cancelUnknown] = withCancel(root, named('unknown'))
    inspector.detach()
    cancelUnknown()
    start({ stacks: true })
    void until(waiting, new Promise(() => {})).catch(() => {})
    cancel()
    expect(row('waiting').stacks).toEqual({ made: undefined, ended: undefined, waits: [expect.any(String)] })
    expect(row('ended').stacks).toEqual({ made: undefined, ended: expect.any(String) as string, waits: [] })
    expect(ended.err?.stack).toMatch(/withCancel\(ended\)\n {2}ended\n/)
    expect(unknown.err?.stack).toMatch(/withCancel\(unknown\)$/)
  })

  it('has no stacks of waits for completed work', async () => {
    start({ stacks: true })
    await within(root, named('within'), () => 'done')
    expect(row('within').stacks).toMatchObject({ made: expect.any(String) as string, waits: [] })
  })

  it('has enough frames where Error.stackTraceLimit is small', () => {
    const { stackTraceLimit } = Error
    Reflect.set(Error, 'stackTraceLimit', 2)
    start({ stacks: true })
    searchFromRoot()
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
    expect(row('search').stacks?.made).toContain('searchFromRoot')
  })

  it.each([2, undefined])('does not change Error.stackTraceLimit if that is %s', (limit) => {
    const { stackTraceLimit } = Error
    Reflect.set(Error, 'stackTraceLimit', limit)
    start({ stacks: true })
    searchFromRoot()
    const after: unknown = Error.stackTraceLimit
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
    expect(after).toBe(limit)
  })

  it('records no stacks by default', () => {
    const [ctx, cancel] = withCancel(root, named('page'))
    cancel()
    expect(row('page').stacks).toBeUndefined()
    expect(ctx.err?.stack).not.toContain('made')
  })
})
