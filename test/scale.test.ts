/** Very deep, very wide and very many contexts behave like few. */

import { afterFunc, background, cause, createKey, group, sleep, withCancel } from 'rescind'
import { withSignal, withTimeout, withValue } from 'rescind'
import type { Context, ContextLike } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { microtask } from './support.ts'

function chain(top: ContextLike, depth: number): Context {
  let [ctx] = withCancel(top)
  for (let level = 1; level < depth; level++) ctx = withCancel(ctx)[0]
  return ctx
}

const DEPTH = 200_000

describe('a chain of 200,000 contexts', { timeout: 60_000 }, () => {
  it('ends with one cancel, and its leaf sees the end, even if it is a million', async () => {
    const [top, cancel] = withCancel(background())
    const leaf = chain(top, 1_000_000)
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
    const leaf = chain(top, DEPTH)
    expect(leaf.deadline).toBe(10)
    await clock.advance(10)
    expect(leaf.err).toBe(top.err)
    expect(leaf.err?.name).toBe('TimeoutError')
  })

  it('ends with a foreign signal', () => {
    const controller = new AbortController()
    const leaf = chain(controller, DEPTH)
    const { signal } = leaf
    controller.abort('why')
    expect(signal.aborted).toBe(true)
    expect(cause(leaf)).toBe('why')
  })

  it('finds a value at its top', () => {
    const key = createKey<string>('key')
    const leaf = chain(withValue(background(), key, 'top'), DEPTH)
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

describe('100,000 that wait', { timeout: 20_000 }, () => {
  it('for a time wake at once, in order', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 60_000)
    const woken: number[] = []
    for (let index = 0; index < 100_000; index++) void sleep(ctx, 10).then(() => woken.push(index))
    await clock.advance(10)
    expect(woken).toHaveLength(100_000)
    expect(woken.every((number, index) => number === index)).toBe(true)
  })

  it('for a slot of a group run in linear time', async () => {
    const g = group(background(), { limit: 1 })
    let ran = 0
    for (let item = 0; item < 100_000; item++) void g.go(() => ran++)
    await g.wait()
    expect(ran).toBe(100_000)
  })
})
