/** What an inspector shows of contexts: their rows, how and why each ended, as text and in recordings. */

import {
  afterFunc,
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
    let ctx = root
    for (let depth = 0; depth < 100_000; depth++) ctx = withCancel(ctx)[0]
    start({})
    withCancel(ctx)
    expect(inspector.rows).toHaveLength(101)
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
      const [, cancel] = withCancel(root, named('page'))
      using _ = cancel
    }
    expect(row('page')).toMatchObject({ how: 'disposed', cause: undefined })
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
    const shielded = shield(root, 1_000, () => 'done')
    const g = group(root, named('group'))
    g.go(() => 'done')
    await Promise.all([g.wait(), shielded])
    const slept = sleep(root, 100)
    await clock.advance(100)
    await slept
    await share(root, () => 'done', named('share'))(root)
    for await (const chunk of stream(root, ['done'], named('stream'))) expect(chunk).toBe('done')
    for (const name of ['within', 'shield', 'group', 'sleep', 'share', 'stream']) {
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
    ['a grace that is not a number', { grace: 'long' }],
  ])('refuses %s', (_, options) => {
    expect(() => inspect(options as InspectOptions)).toThrow(TypeError)
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

  it('shows a chain of 10,000 contexts without deep recursion', () => {
    start({ size: 20_000 })
    let ctx = root
    for (let depth = 0; depth < 10_000; depth++) ctx = withCancel(ctx)[0]
    expect(inspector.text().split('\n')).toHaveLength(10_001)
  })
})

describe('a recording', () => {
  it('shows the same rows after JSON', async () => {
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
  })

  it('shows hostile content as harmless text', () => {
    const rows = [
      null,
      7,
      { id: '1', kind: { toString: 'x' }, label: 'a\nb', values: [1, { name: {} }], waits: [{}], how: 'x', stacks: {} },
      { id: 2, parent: 2, kind: 'loop' },
      ...Array.from({ length: 100 }, (_, index) => ({ id: 10 + (index >> 1), parent: 9 + (index >> 1), kind: 'twin' })),
      { id: 3, parent: 4, kind: '<img src=x onerror=alert(1)>' },
      { id: 4, parent: 3, kind: 'x'.repeat(10_000_000) },
    ]
    const view = open({ format: 'rescind.recording', version: 1, rows, warnings: [{ code: '__proto__' }] } as never)
    expect(view.rows[0]).toMatchObject({ id: 0, kind: '[object Object]', label: 'a\\u000ab', how: undefined })
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
  return withTimeout(ctx, 5_000, named('search'))
}

describe('stacks', () => {
  it('shows where a context was made and canceled, and where work waited, in its row and its error', async () => {
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
    expect(ended?.split('\n')[1]).toContain('onClick')
    expect(waits).toHaveLength(1)
    expect(waits?.[0]).toContain('load')
    expect(stack).toMatch(/ made\n[^]*search[^]* ended\n[^]*onClick[^]* waiting\n[^]*load/)
    expect(made + (ended ?? '') + stack).not.toMatch(/Recorder|node_modules/)
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

  it("keeps a user's function with the same name as one of rescind in a stack", () => {
    start({ stacks: true })
    const [, stop] = withCancel(root, named('page'))
    function cancel() {
      stop()
    }
    cancel()
    expect(row('page').stacks?.ended?.split('\n')[1]).toContain('cancel')
  })

  it('records no stacks by default', () => {
    const [ctx, cancel] = withCancel(root, named('page'))
    cancel()
    expect(row('page').stacks).toBeUndefined()
    expect(ctx.err?.stack).not.toContain('made')
  })
})
