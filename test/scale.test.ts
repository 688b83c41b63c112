/** Very deep, very wide and very many contexts behave like few. */

import { afterFunc, background, cause, createKey, withCancel, withSignal, withTimeout, withValue } from 'rescind'
import type { Context, ContextLike } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { microtask } from './support.ts'

const MILLION = 1_000_000

function chain(top: ContextLike, depth: number): Context {
  let [ctx] = withCancel(top)
  for (let level = 1; level < depth; level++) ctx = withCancel(ctx)[0]
  return ctx
}

describe('a chain of 1,000,000 contexts', { timeout: 60_000 }, () => {
  it('ends with one cancel, and its leaf sees the end', async () => {
    const [top, cancel] = withCancel(background())
    const leaf = chain(top, MILLION)
    const log: string[] = []
    leaf.signal.addEventListener('abort', () => log.push(`listener: ${cause(leaf)}`))
    afterFunc(leaf, () => log.push('callback'))
    cancel('why')
    expect(log).toEqual(['listener: why'])
    expect(leaf.err).toBe(top.err)
    await microtask()
    expect(log).toEqual(['listener: why', 'callback'])
  })

  it('ends with a deadline', async () => {
    const clock = fakeClock(0)
    const [top] = withTimeout(clock.root, 10)
    const leaf = chain(top, MILLION)
    expect(leaf.deadline).toBe(10)
    await clock.advance(10)
    expect(leaf.err).toBe(top.err)
    expect(leaf.err?.name).toBe('TimeoutError')
  })

  it('ends with a foreign signal', () => {
    const controller = new AbortController()
    const leaf = chain(controller, MILLION)
    const { signal } = leaf
    controller.abort('why')
    expect(signal.aborted).toBe(true)
    expect(cause(leaf)).toBe('why')
  })

  it('finds a value at its top', () => {
    const key = createKey<string>('key')
    const leaf = chain(withValue(background(), key, 'top'), MILLION)
    expect(leaf.value(key)).toBe('top')
    expect(withCancel(withValue(leaf, createKey('other'), 1))[0].value(key)).toBe('top')
  })
})

describe('a chain of 100,000 contexts', { timeout: 60_000 }, () => {
  // The time limit only fails if the work is not linear: it is ten times what this takes.
  it('can have a deadline and a signal at every level', { timeout: 10_000 }, async () => {
    const clock = fakeClock(0)
    const { signal } = new AbortController()
    const [top, cancel] = withCancel(clock.root)
    let ctx: Context = top
    for (let level = 0; level < 50_000; level++) {
      ;[ctx] = withTimeout(ctx, 100_000 - level)
      ;[ctx] = withSignal(ctx, signal)
    }
    expect(ctx.deadline).toBe(50_001)
    await clock.advance(50_000)
    expect(ctx.err).toBeUndefined()
    cancel('why')
    expect(cause(ctx)).toBe('why')
  })

  it('can be converted to a string', () => {
    expect(String(chain(background(), 100_000))).toBe(`background.…${'.withCancel'.repeat(20)}`)
  })
})

describe('100,000 children of one parent', { timeout: 60_000 }, () => {
  it('end with their deadlines in order, though each listener reads a live context', async () => {
    const clock = fakeClock(0)
    const [page] = withTimeout(clock.root, 60_000)
    const told: number[] = []
    for (let index = 0; index < 10_000; index++) {
      const [ctx] = withTimeout(page, 10)
      ctx.signal.addEventListener('abort', () => {
        if (page.err === undefined) told.push(index)
      })
    }
    await clock.advance(10)
    expect(told).toEqual([...Array(10_000).keys()])
  })

  const COUNT = 100_000

  it('end with one cancel, oldest first', async () => {
    const [parent, cancel] = withCancel(background())
    const called: number[] = []
    const children = Array.from({ length: COUNT }, (_, index) => {
      const [ctx] = withCancel(parent)
      afterFunc(ctx, () => called.push(index))
      return ctx
    })
    cancel('why')
    expect(children.every((ctx) => ctx.err === parent.err)).toBe(true)
    await microtask()
    expect(called).toEqual([...children.keys()])
  })

  it('end with a foreign signal that all follow', () => {
    const controller = new AbortController()
    const children = Array.from({ length: COUNT }, () => withSignal(background(), controller.signal)[0])
    controller.abort('why')
    expect(children.every((ctx) => cause(ctx) === 'why')).toBe(true)
  })

  it('end with their deadlines, which are all at one time', async () => {
    const clock = fakeClock(0)
    const children = Array.from({ length: COUNT }, () => withTimeout(clock.root, 10)[0])
    await clock.advance(10)
    expect(children.every(({ err }) => err?.name === 'TimeoutError')).toBe(true)
  })

  it('can be canceled one by one, in any order', () => {
    const [parent, cancelParent] = withCancel(background())
    const children = Array.from({ length: COUNT }, () => withCancel(parent))
    for (let index = 0; index < COUNT; index += 2) children[index]?.[1]('one by one')
    for (let index = COUNT - 1; index > COUNT / 2; index -= 2) children[index]?.[1]('one by one')
    cancelParent('parent')
    const causes = children.map(([ctx]) => cause(ctx))
    expect(causes.filter((why) => why === 'one by one')).toHaveLength(COUNT / 2 + COUNT / 4)
    expect(causes.filter((why) => why === 'parent')).toHaveLength(COUNT / 4)
  })
})
