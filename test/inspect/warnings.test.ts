/** The warnings of an inspector: when they appear, and how to silence them. */

import { group, rearm, sleep, until, withCancel, within, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { inspect, open } from 'rescind/inspect'
import type { Inspector, InspectOptions } from 'rescind/inspect'
import { fakeClock } from 'rescind/testing'
import type { FakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { microtasks } from '../support.ts'

let clock: FakeClock
let root: Context
let inspector: Inspector
const printed = vi.fn<(text: string) => void>()

beforeEach(() => {
  clock = fakeClock(1_000)
  root = clock.root
  printed.mockClear()
  vi.spyOn(console, 'warn').mockImplementation(printed)
  start({})
})

afterEach(() => {
  inspector.detach()
  vi.restoreAllMocks()
})

function start(options: InspectOptions): void {
  inspector?.detach()
  inspector = inspect(options)
}

function codes(): string[] {
  return inspector.warnings.map(({ code }) => code)
}

/** Work that ignores its context. */
function deaf(): [work: () => Promise<void>, finish: () => void] {
  let finish!: () => void
  const promise = new Promise<void>((resolve) => (finish = resolve))
  return [() => promise, finish]
}

describe('RESCIND_DEAF_WORK', () => {
  it('warns of a function of a group that still runs a second after the end', async () => {
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    const g = group(page, { label: 'upload' })
    g.go(work)
    cancel()
    await clock.advance(999)
    expect(inspector.warnings).toEqual([])
    await clock.advance(1)
    expect(inspector.warnings).toMatchObject([{ code: 'RESCIND_DEAF_WORK', at: 2_000, stack: undefined }])
    const { row } = inspector.warnings[0] ?? {}
    expect(inspector.rows.find(({ id }) => id === row)?.label).toBe('upload')
    expect(printed.mock.calls).toEqual([
      [
        'rescind: RESCIND_DEAF_WORK: group(upload) has ended, and a function of a group under it still runs 1s ' +
          'later. Pass its signal on, or check its err. See docs/inspector.md#deaf-work',
      ],
    ])
    finish()
    await g.wait().catch(() => {})
  })

  it.each(['within', 'until'])('warns of the work of %s that still runs', async (name) => {
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root, { label: 'page' })
    const promise = name === 'within' ? within(page, 5_000, work) : until(page, work)
    cancel()
    await promise.catch(() => {})
    await clock.advance(1_000)
    expect(codes()).toEqual(['RESCIND_DEAF_WORK'])
    expect(inspector.warnings[0]?.message).toContain(`the work of ${name} under it still runs`)
    finish()
  })

  it('does not warn of work that stops within the grace time, or succeeded before the end', async () => {
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    const g = group(page)
    g.go((ctx) => sleep(ctx, 60_000))
    g.go(work)
    const all = Promise.allSettled([g.wait(), until(page, new Promise(() => {})), within(page, 100, () => 'done')])
    cancel()
    await clock.advance(500)
    finish()
    await all
    await clock.advance(5_000)
    expect(inspector.warnings).toEqual([])
  })

  it('warns of each function of a group', async () => {
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    const g = group(page)
    g.go(work)
    g.go(work)
    cancel()
    await clock.advance(1_000)
    expect(codes()).toEqual(['RESCIND_DEAF_WORK', 'RESCIND_DEAF_WORK'])
    finish()
  })

  it('does not warn of work under a context that lives', async () => {
    const [work, finish] = deaf()
    const g = group(root)
    g.go(work)
    await clock.advance(5_000)
    expect(inspector.warnings).toEqual([])
    finish()
    await g.wait()
  })

  it('warns of work under a context that was dropped in the turn in which it ended', async () => {
    start({ size: 3 })
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    group(page, { label: 'upload' }).go(work)
    cancel()
    for (let count = 0; count < 10_100; count++) withCancel(root)
    await clock.advance(1_000)
    expect(codes()).toEqual(['RESCIND_DEAF_WORK'])
    expect(inspector.warnings[0]?.message).toContain('group(upload)')
    finish()
  })

  it('warns once of each work, also of work that starts after the end', async () => {
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    const first = until(page, work).catch(() => {})
    cancel()
    await clock.advance(500)
    const [ctx, end] = withCancel(root)
    void until(ctx, work).catch(() => {})
    end()
    await clock.advance(5_000)
    expect(codes()).toEqual(['RESCIND_DEAF_WORK', 'RESCIND_DEAF_WORK'])
    expect(inspector.warnings.map(({ at }) => at)).toEqual([2_000, 2_500])
    finish()
    await first
  })

  it('warns after the given grace time', async () => {
    start({ grace: 50 })
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    group(page).go(work)
    cancel()
    await clock.advance(50)
    expect(codes()).toEqual(['RESCIND_DEAF_WORK'])
    finish()
  })

  it('shows where the work began, if stacks are recorded', async () => {
    start({ stacks: true })
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    function upload() {
      group(page).go(work)
    }
    upload()
    cancel()
    await clock.advance(1_000)
    expect(inspector.warnings[0]?.stack).toContain('upload')
    expect(printed.mock.calls[0]?.[0]).toContain('upload')
    finish()
  })
})

describe('RESCIND_LATE_DERIVE', () => {
  it('warns of a context that is derived long after the end of its parent', async () => {
    const [page, cancel] = withCancel(root, { label: 'page' })
    cancel()
    await clock.advance(1_000)
    withCancel(page, { label: 'soon' })
    await clock.advance(1)
    withCancel(page, { label: 'late' })
    await microtasks()
    expect(inspector.warnings).toMatchObject([{ code: 'RESCIND_LATE_DERIVE' }])
    const message = 'withCancel(late) was derived 1s after its parent had ended, so it had ended from the start'
    expect(inspector.warnings[0]?.message).toBe(message)
  })
})

describe('RESCIND_VAIN_TIMEOUT', () => {
  it('warns of a timeout that is longer than the timeout of an ancestor', async () => {
    const [page] = withTimeout(root, 5_000, { label: 'page' })
    const [inner] = withCancel(page)
    const [search] = withTimeout(inner, 10_000, { label: 'search' })
    await microtasks()
    void until(search, new Promise(() => {})).catch(() => {})
    await microtasks()
    expect(inspector.warnings).toMatchObject([{ code: 'RESCIND_VAIN_TIMEOUT' }])
    expect(inspector.warnings[0]?.message).toBe(
      'withTimeout(search) is under withTimeout(page), whose timeout is only 5s: its own timeout has no effect',
    )
  })

  it('warns of a timeout that is equal to that of an ancestor without a label', async () => {
    const [page] = withTimeout(root, 5_000)
    withTimeout(page, 5_000, { label: 'search' })
    await microtasks()
    expect(inspector.warnings[0]?.message).toBe(
      'withTimeout(search) is under withTimeout, whose timeout is only 5s: its own timeout has no effect',
    )
  })

  it('does not warn of a shorter timeout than that of its parent, even if the parent has less time left', async () => {
    const [page] = withTimeout(root, 5_000)
    await clock.advance(4_000)
    withTimeout(page, 2_000)
    await microtasks()
    expect(inspector.warnings).toEqual([])
  })

  it('does not warn of Infinity, of a sleep, or below a deadline that moves', async () => {
    const [page] = withTimeout(root, 5_000)
    withTimeout(page, Infinity)
    void sleep(page, 60_000).catch(() => {})
    await clock.advance(100)
    rearm(page, 5_000)
    withTimeout(page, 30_000)
    await microtasks()
    expect(inspector.warnings).toEqual([])
  })
})

/** Makes a context with a warning. */
async function vain(label: string): Promise<void> {
  const [page, cancel] = withTimeout(root, 100)
  withTimeout(page, 200, { label })
  cancel()
  await microtasks()
}

describe('RESCIND_KEEPALIVE_FETCH', () => {
  const url = 'data:,answer'
  const ask = (signal: AbortSignal, keepalive = true) => fetch(url, { keepalive, signal }).catch(() => {})

  it('warns of a fetch with keepalive under a context, with the option `fetch`', async () => {
    start({ fetch: true })
    const [page] = withCancel(root, { label: 'page' })
    void ask(page.signal)
    await microtasks()
    expect(inspector.warnings).toMatchObject([{ code: 'RESCIND_KEEPALIVE_FETCH', row: 2 }])
    expect(printed).toHaveBeenCalledExactlyOnceWith(
      'rescind: RESCIND_KEEPALIVE_FETCH: withCancel(page) has a fetch with keepalive under it, which Chromium does not ' +
        'stop at its end. Leave out keepalive, or the signal. See docs/inspector.md#keepalive-fetch',
    )
  })

  it('does not warn of other fetches or other signals, if it is silenced, or without the option', async () => {
    const [page] = withCancel(root)
    start({ fetch: true })
    withCancel(page)
    void ask(page.signal, false)
    void ask(new AbortController().signal)
    void fetch(url, { keepalive: true })
    void fetch(url)
    const [ended, cancel] = withCancel(root)
    const { signal } = ended
    cancel()
    void ask(signal)
    await microtasks()
    start({ fetch: true, silence: ['RESCIND_KEEPALIVE_FETCH'] })
    withCancel(page)
    void ask(page.signal)
    await microtasks()
    start({})
    withCancel(page)
    void ask(page.signal)
    await microtasks()
    expect(codes()).toEqual([])
    expect(printed).not.toHaveBeenCalled()
  })

  it('shows where fetch was called, if stacks are recorded', async () => {
    start({ fetch: true, stacks: true })
    const [page] = withCancel(root)
    function sendBeacon() {
      void ask(page.signal)
    }
    sendBeacon()
    await microtasks()
    const [{ stack } = {}] = inspector.warnings
    expect(stack?.split('\n')[0]).toMatch(/\bask\b/)
    expect(stack?.split('\n')[1]).toContain('sendBeacon')
  })

  it('passes the same arguments to the original fetch, and returns its promise', () => {
    const promise = Promise.resolve(new Response())
    const original = vi.spyOn(globalThis, 'fetch').mockReturnValue(promise)
    start({ fetch: true })
    const options = {
      get keepalive(): boolean {
        throw new Error('not readable')
      },
    }
    expect(fetch(url, options)).toBe(promise)
    expect(original.mock.calls).toHaveLength(1)
    expect(original.mock.calls[0]?.[0]).toBe(url)
    expect(original.mock.calls[0]?.[1]).toBe(options)
    expect(original.mock.contexts).toEqual([undefined])
  })

  it('does nothing where there is no fetch', () => {
    vi.stubGlobal('fetch', undefined)
    start({ fetch: true })
    expect(globalThis.fetch).toBeUndefined()
    vi.unstubAllGlobals()
  })

  it('restores the original fetch on detach, unless other code has replaced it meanwhile', () => {
    const { fetch: original } = globalThis
    start({})
    expect(globalThis.fetch).toBe(original)
    start({ fetch: true })
    expect(globalThis.fetch).not.toBe(original)
    inspector.detach()
    expect(globalThis.fetch).toBe(original)
    start({ fetch: true })
    const later: typeof fetch = (...args) => original(...args)
    globalThis.fetch = later
    inspector.detach()
    expect(globalThis.fetch).toBe(later)
    globalThis.fetch = original
  })
})

describe('warnings', () => {
  it('prints a warning once for each kind and label, and lists it each time', async () => {
    await vain('search')
    await vain('search')
    await vain('rows')
    expect(codes()).toHaveLength(3)
    expect(printed).toHaveBeenCalledTimes(2)
  })

  it('lists only the latest hundred warnings', async () => {
    for (let count = 0; count < 110; count++) await vain('search')
    expect(codes()).toHaveLength(100)
    expect(inspector.warnings.at(-1)?.row).toBe(inspector.rows.at(-1)?.id)
  })

  it.each<[what: string, silence: InspectOptions['silence'], count: number]>([
    ['is silenced by its code', ['RESCIND_VAIN_TIMEOUT'], 0],
    ['is silenced by `all`', 'all', 0],
    ['is not silenced by another code', ['RESCIND_LOST_CANCEL'], 1],
  ])('a warning %s', async (_, silence, count) => {
    start({ silence })
    await vain('search')
    expect(inspector.warnings).toHaveLength(count)
    expect(printed).toHaveBeenCalledTimes(count)
  })

  it('does not warn after the inspector was detached', async () => {
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    group(page).go(work)
    cancel()
    await microtasks()
    inspector.detach()
    await clock.advance(5_000)
    expect(inspector.warnings).toEqual([])
    finish()
  })

  it('notifies subscribers of a warning, records it, and clears it with the rows', async () => {
    const told = vi.fn<() => void>()
    const [work, finish] = deaf()
    const [page, cancel] = withCancel(root)
    group(page).go(work)
    cancel()
    await microtasks()
    inspector.subscribe(told)
    await clock.advance(1_000)
    expect(told).toHaveBeenCalled()
    expect(open(JSON.stringify(inspector.record())).warnings).toEqual(inspector.warnings)
    inspector.clear()
    expect(inspector.warnings).toEqual([])
    finish()
  })

  it('prints a hostile label on one line', async () => {
    await vain(`${'x'.repeat(1_000_000)}\n`)
    await vain('one\n#2 two')
    expect(printed.mock.calls[0]?.[0]?.length).toBeLessThan(1_000)
    expect(printed.mock.calls[1]?.[0]).not.toContain('\n')
  })
})
