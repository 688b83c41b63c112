/** An inspector keeps nothing alive, and finds contexts that were collected. Needs `gc`. */

import { background, createKey, until, withCancel, withTimeout, withValue } from 'rescind'
import type { Context } from 'rescind'
import { inspect } from 'rescind/inspect'
import type { Inspector } from 'rescind/inspect'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isCollected, task } from '../support.ts'

let inspector: Inspector

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

afterEach(() => {
  inspector.detach()
  vi.restoreAllMocks()
})

function cancelWithItself(): Context {
  const [ctx, cancel] = withCancel(background())
  cancel({ ctx })
  return ctx
}

let told = 0
const registry = new FinalizationRegistry(() => told++)

/** Resolves when everything collectable was collected, and finalizers have run. */
async function collect(): Promise<void> {
  const before = told
  ;(() => registry.register({}, undefined))()
  for (let round = 0; round < 10 && (round < 3 || told === before); round++) {
    await task()
    globalThis.gc?.()
  }
  await task()
}

async function heap(): Promise<number> {
  await collect()
  return process.memoryUsage().heapUsed
}

describe.each([false, true])('an inspector, with stacks: %s', (stacks) => {
  beforeEach(() => {
    inspector = inspect({ stacks })
  })

  it('keeps no live context alive', async () => {
    expect(await isCollected(() => withCancel(background())[0])).toBe(true)
  })

  it('keeps neither an ended context alive, nor its cause', async () => {
    expect(await isCollected(cancelWithItself)).toBe(true)
    expect(inspector.rows.at(-1)?.how).toBe('canceled')
  })

  it('keeps neither values alive, nor waiting work', async () => {
    const key = createKey<object>('key')
    const waiting = () => {
      const value = {}
      const [ctx] = withCancel(withValue(background(), key, value))
      void until(ctx, new Promise(() => {}))
      return value
    }
    expect(await isCollected(waiting)).toBe(true)
  })

  it('marks a context that was collected without an end', async () => {
    const { root } = fakeClock()
    const collected = () => withCancel(root, { label: 'dropped' })[0]
    expect(await isCollected(collected)).toBe(true)
    await collect()
    expect(inspector.rows.at(-1)).toMatchObject({ label: 'dropped', how: 'collected' })
    expect(inspector.warnings).toEqual([])
  })

  it('does not mark a context that was collected after it was detached', async () => {
    const { root } = fakeClock()
    const derived = () => {
      const [ctx] = withCancel(root, { label: 'dropped' })
      expect(inspector.rows.at(-1)?.how).toBeUndefined()
      inspector.detach()
      return ctx
    }
    expect(await isCollected(derived)).toBe(true)
    await collect()
    expect(inspector.rows.at(-1)).toMatchObject({ label: 'dropped', how: undefined })
  })
})

function deriveMany(): void {
  for (let count = 0; count < 10_100; count++) withCancel(background())
}

it('shows nothing of contexts that were dropped and collected before they had a row', async () => {
  const original: unknown = Reflect.get(console, 'timeStamp')
  const stamped = vi.fn<(text: string) => void>()
  Reflect.set(console, 'timeStamp', stamped)
  inspector = inspect({ size: 3, track: true })
  deriveMany()
  await collect()
  Reflect.set(console, 'timeStamp', original)
  expect(new Set(stamped.mock.calls.map(([text]) => text))).toEqual(new Set(['withCancel collected']))
})

it('would show contexts that are kept alive', async () => {
  inspector = inspect()
  const kept: unknown[] = []
  const make = () => {
    const [ctx] = withCancel(background())
    kept.push(ctx)
    return ctx
  }
  expect(await isCollected(make)).toBe(false)
})

describe('the heap', { timeout: 60_000 }, () => {
  const [parent] = withCancel(background())

  async function run(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      withTimeout(parent, 60_000 + index, { label: 'search' })[1](index)
      if (index % 1_000 === 0) await task()
    }
  }

  it('stays flat over 50,000 contexts, once the rows are full', async () => {
    inspector = inspect()
    await run(5_000)
    const before = await heap()
    await run(50_000)
    // That is ten bytes for each.
    expect((await heap()) - before).toBeLessThan(500_000)
    expect(inspector.rows).toHaveLength(2_000)
  })

  it('holds only the rows after 200,000 contexts of one turn', async () => {
    inspector = inspect()
    const before = await heap()
    for (let index = 0; index < 200_000; index++) withCancel(parent)[1]()
    expect((await heap()) - before).toBeLessThan(8_000_000)
  })
})

describe('RESCIND_LOST_CANCEL', () => {
  beforeEach(() => {
    inspector = inspect({ stacks: true })
  })

  it('warns of a context whose cancel was collected while its parent keeps it alive', async () => {
    const [page, cancel] = withCancel(background(), { label: 'page' })
    function lose() {
      return withTimeout(page, 60_000, { label: 'search' })[0]
    }
    const ctx = lose()
    await collect()
    expect(inspector.warnings).toMatchObject([{ code: 'RESCIND_LOST_CANCEL' }])
    expect(inspector.warnings[0]?.message).toContain('withTimeout(search) is still alive')
    expect(inspector.warnings[0]?.stack).toContain('lose')
    expect(inspector.rows.find(({ id }) => id === inspector.warnings[0]?.row)?.label).toBe('search')
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it('warns of a context that only its parent refers to', async () => {
    const [page, cancel] = withCancel(background(), { label: 'page' })
    ;(() => withCancel(page, { label: 'search' }))()
    await collect()
    expect(inspector.warnings).toHaveLength(1)
    cancel()
  })

  it('does not warn of a context that has ended, or whose cancel is still referenced', async () => {
    const [page, cancel] = withCancel(background())
    const [, kept] = withCancel(page)
    ;(() => withCancel(page)[1]())()
    await collect()
    expect(inspector.warnings).toEqual([])
    kept()
    cancel()
  })

  it('does not warn of a context that was collected together with its cancel', async () => {
    ;(() => withCancel(background()))()
    await collect()
    expect(inspector.warnings).toEqual([])
  })
})
