/** Two copies of the package at once, as when two dependencies have one each. */

import * as here from 'rescind'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { block, microtask } from '../support.ts'

let there: typeof here

beforeAll(async () => {
  vi.resetModules()
  there = await import('rescind')
})

it('the two imports of this file are different copies', () => {
  expect(there.background).not.toBe(here.background)
  expect(there.background()).not.toBe(here.background())
})

describe.each([
  ['the first', () => [here, there] as const],
  ['the other', () => [there, here] as const],
])('two copies, seen from %s', (_, copies) => {
  it('recognize each other’s errors', () => {
    const [ours, theirs] = copies()
    const canceled = new theirs.CanceledError('why')
    const exceeded = new theirs.DeadlineExceededError({ ms: 5 })
    expect(canceled).toBeInstanceOf(ours.CanceledError)
    expect(canceled).not.toBeInstanceOf(ours.DeadlineExceededError)
    expect(exceeded).toBeInstanceOf(ours.DeadlineExceededError)
    expect(exceeded).not.toBeInstanceOf(ours.CanceledError)
    expect([ours.isCanceled(canceled), ours.isDeadlineExceeded(canceled)]).toEqual([true, false])
    expect([ours.isCanceled(exceeded), ours.isDeadlineExceeded(exceeded)]).toEqual([false, true])
  })

  it('accept each other’s contexts as parents, with error, cause and label', () => {
    const [ours, theirs] = copies()
    const [parent, cancel] = theirs.withCancel(theirs.background())
    const [ctx] = ours.withCancel(parent)
    const [child] = theirs.withCancel(ctx)
    const log: string[] = []
    child.signal.addEventListener('abort', () => log.push('child'))
    expect(ctx.err).toBeUndefined()
    cancel('why')
    expect(log).toEqual(['child'])
    expect(ctx.err).toBe(parent.err)
    expect(child.err).toBe(parent.err)
    expect(ours.cause(child)).toBe('why')
    expect(theirs.cause(ctx)).toBe('why')

    const [expired] = theirs.withTimeout(theirs.background(), 0, { label: 'search', cause: 'slow' })
    const [late] = ours.withCancel(expired)
    expect(late.err).toBe(expired.err)
    expect(late.err).toMatchObject({ label: 'search', ms: 0 })
    expect(ours.cause(late)).toBe('slow')
  })

  it('pass on deadlines', () => {
    const [ours, theirs] = copies()
    const [parent, cancel] = theirs.withTimeout(theirs.background(), 60_000)
    expect(ours.withCancel(parent)[0].deadline).toBe(parent.deadline)
    expect(ours.withTimeout(parent, 3_600_000)[0].deadline).toBe(parent.deadline)
    cancel()
  })

  it('share keys', () => {
    const [ours, theirs] = copies()
    const key = theirs.createKey('key', 'fallback')
    expect(ours.background().value(key)).toBe('fallback')
    const parent = theirs.withValue(theirs.background(), key, 'value')
    expect(ours.withCancel(parent)[0].value(key)).toBe('value')
    expect(ours.withValue(ours.background(), key, 'ours').value(key)).toBe('ours')
  })

  it('run callbacks on each other’s contexts', async () => {
    const [ours, theirs] = copies()
    const [ctx, cancel] = theirs.withCancel(theirs.background())
    const fn = vi.fn<() => void>()
    const stopped = vi.fn<() => void>()
    ours.afterFunc(ctx, fn)
    expect(ours.afterFunc(ctx, stopped)()).toBe(true)
    cancel()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
    expect(stopped).not.toHaveBeenCalled()
  })

  it('end a child before any listener of its parent runs', () => {
    const [ours, theirs] = copies()
    const [top, cancel] = theirs.withCancel(theirs.background())
    const [parent] = theirs.withCancel(top)
    const [child] = ours.withCancel(parent)
    const seen: unknown[] = []
    top.signal.addEventListener('abort', () => {
      seen.push(parent.err?.name, child.err?.name, child.signal.aborted)
    })
    cancel()
    expect(seen).toEqual(['AbortError', 'AbortError', true])
  })

  it('see each other’s deadlines as soon as they pass', () => {
    const [ours, theirs] = copies()
    const [parent] = theirs.withTimeout(theirs.background(), 2)
    const [child] = ours.withCancel(parent)
    block(3)
    expect(child.err?.name).toBe('TimeoutError')
    expect(child.err).toBe(parent.err)
  })

  type Make = (ours: typeof here, parent: here.Context) => () => unknown

  it.each<[name: string, make: Make]>([
    [
      'a context that only adds a value',
      (ours, parent) => {
        const ctx = ours.withValue(parent, ours.createKey('key'), 1)
        return () => ctx.err?.name
      },
    ],
    [
      'the signal of such a context',
      (ours, parent) => {
        const ctx = ours.withValue(parent, ours.createKey('key'), 1)
        return () => (ctx.signal.reason as Error | undefined)?.name
      },
    ],
    ['cause', (ours, parent) => () => (ours.cause(parent) as Error | undefined)?.name],
    [
      'the stop of afterFunc',
      (ours, parent) => {
        const stop = ours.afterFunc(parent, () => {})
        return () => (stop() ? 'stopped' : 'TimeoutError')
      },
    ],
    [
      'a signal that a context follows',
      (ours, parent) => {
        const [ctx] = ours.withSignal(parent, parent.signal)
        return () => ctx.err?.name
      },
    ],
  ])('see each other’s deadlines as soon as they pass, by %s', (_, make) => {
    const [ours, theirs] = copies()
    const [parent] = theirs.withTimeout(theirs.background(), 2)
    const read = make(ours, parent)
    block(3)
    expect(read()).toBe('TimeoutError')
  })

  it('throw instead of disarming or rearming each other’s contexts', () => {
    const [ours, theirs] = copies()
    const [ctx, cancel] = theirs.withTimeout(theirs.background(), 60_000)
    expect(() => ours.disarm(ctx)).toThrow('rescind: ctx must be a context of this copy of rescind, got [object')
    expect(() => ours.rearm(ctx, 5)).toThrow(TypeError)
    expect(ctx.err).toBeUndefined()
    cancel()
    expect(ctx.err).toBeDefined()
  })

  it('refuse keys that neither of them made', () => {
    const [ours, theirs] = copies()
    const ctx = ours.withCancel(theirs.background())[0]
    expect(() => ctx.value('key' as never)).toThrow(TypeError)
  })
})
