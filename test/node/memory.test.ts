/** What short-lived contexts and their waits retain, measured on the heap. */

import {
  afterFunc,
  background,
  createKey,
  retry,
  semaphore,
  share,
  until,
  withCancel,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { describe, expect, it } from 'vitest'
import { countListeners, isCollected, task } from '../support.ts'

const COUNT = 100_000

/** Four bytes for each; a retained pointer takes eight, and a context more than a hundred. */
const TOLERANCE = 4 * COUNT

async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    await task()
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

async function retained(run: (index: number) => void): Promise<number> {
  for (let index = 0; index < 1_000; index++) run(index)
  const before = await heap()
  for (let index = 0; index < COUNT; index++) run(index)
  return (await heap()) - before
}

describe('100,000 short-lived children of one parent leave the heap flat', { timeout: 60_000 }, () => {
  const [parent] = withCancel(background())
  withCancel(parent)
  const { signal } = new AbortController()
  const key = createKey<number>('key')

  it.each<[name: string, run: (index: number) => void]>([
    ['withCancel', () => withCancel(parent)[1]()],
    ['withCancel, with a cause', (index) => withCancel(parent)[1](index)],
    ['withTimeout', (index) => withTimeout(parent, 60_000 + index)[1]()],
    ['withTimeout that has expired', () => withTimeout(parent, 0)],
    ['withSignal', () => withSignal(parent, signal)[1]()],
    ['a foreign parent', () => withCancel({ signal })[1]()],
    ['withValue', (index) => withCancel(withValue(parent, key, index))[1]()],
    ['withoutCancel', () => withoutCancel(parent)],
    ['afterFunc that was stopped', () => afterFunc(parent, () => {})()],
    [
      'a child with children',
      () => {
        const [ctx, cancel] = withCancel(parent)
        withCancel(withTimeout(ctx, 60_000)[0])
        afterFunc(ctx, () => {})
        cancel()
      },
    ],
  ])('%s', async (_, run) => {
    expect(await retained(run)).toBeLessThan(TOLERANCE)
    expect(parent.err).toBeUndefined()
  })

  it('show in this measurement if they are retained', async () => {
    const [kept, cancel] = withCancel(background())
    expect(await retained(() => withCancel(kept))).toBeGreaterThan(25 * TOLERANCE)
    cancel()
  })

  it('signals keep no listeners of short-lived children', () => {
    const listeners = countListeners(signal)
    withSignal(parent, signal)[1]()
    withCancel({ signal })[1]()
    expect(listeners()).toBe(0)
  })
})

describe('50,000 waits for one pending promise', { timeout: 60_000 }, () => {
  const pending = new Promise<void>(() => {})

  it.each<[name: string, work: PromiseLike<void> | (() => PromiseLike<void>)]>([
    ['the promise', pending],
    ['a function that returns it', () => pending],
    ['a thenable', likePromise(pending)],
  ])('leave the heap flat, by until with %s', async (_, work) => {
    const waits = 50_000
    const before = await heap()
    for (let index = 0; index < waits; index++) {
      const [ctx, cancel] = withCancel(background())
      until(ctx, work).catch(() => {})
      cancel()
      if (index % 1_000 === 0) await task()
    }
    // One handler on the promise takes more than a hundred bytes.
    expect((await heap()) - before).toBeLessThan(10 * waits)
  })

  it.each<[name: string, wait: (ctx: Context) => Promise<unknown>]>([
    ['the promise', (ctx) => until(ctx, pending)],
    ['a function that returns it', (ctx) => until(ctx, () => pending)],
    ['a thenable', (ctx) => until(ctx, likePromise(pending))],
    ['a function that returns a thenable', (ctx) => until(ctx, () => likePromise(pending))],
  ])('retain no context, by until with %s', async (_, wait) => {
    const collected = await isCollected(() => {
      const [ctx, cancel] = withCancel(background())
      wait(ctx).catch(() => {})
      cancel()
      return ctx
    })
    expect(collected).toBe(true)
  })
})

describe('the heap after 50,000 calls', { timeout: 60_000 }, () => {
  const [parent] = withCancel(background())
  const load = share(parent, async (_, id: number, options: object) => [id, options])
  const never = share(parent, (_, id: number) => new Promise<number>(() => id))
  const two = semaphore(2)
  const full = semaphore(1)
  void full.tryAcquire()

  it.each<[name: string, ...uses: ((ctx: Context, index: number) => Promise<unknown>)[]]>([
    [
      'share',
      (ctx, index) => load(ctx, index, {}),
      // Every caller leaves the first run; a lasting one stays in the second.
      (ctx, index) => never(ctx, index),
      (ctx) => never(ctx, -1),
    ],
    [
      'retry',
      (ctx) => retry(ctx, refuse, { attempts: 2, delay: 0 }),
      (ctx) => retry(ctx, refuse, { delay: () => 60_000 }),
    ],
    ['semaphore', (ctx) => two.run(ctx, () => {}), (ctx) => full.acquire(ctx)],
  ])('is flat for %s', async (_, ...kinds) => {
    const use = (ctx: Context, index: number) => kinds[index % kinds.length]?.(ctx, index)
    void never(background(), -1)
    const uses = 50_000
    const run = async (count: number) => {
      for (let index = 0; index < count; index += 1_000) {
        const [ctx, cancel] = withCancel(parent)
        const all = Array.from({ length: 1_000 }, (_, one) => use(ctx, index + one)?.catch(() => {}))
        await task()
        cancel()
        await Promise.all(all)
      }
    }
    await run(5_000)
    const before = await heap()
    await run(uses)
    // One retained call takes more than a hundred bytes.
    expect((await heap()) - before).toBeLessThan(10 * uses)
  })
})

function refuse(): Promise<never> {
  return Promise.reject(new Error('down'))
}

/** A thenable whose `then` calls that of `promise`. */
function likePromise<T>(promise: Promise<T>): PromiseLike<T> {
  // oxlint-disable-next-line unicorn/no-thenable -- the tests need one
  return { then: (...handlers) => promise.then(...handlers) }
}
