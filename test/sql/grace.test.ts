/** The grace time leaves no timer when it is over early, and nothing in the context that it belongs to. */

import { background, withCancel, withTimeout } from 'rescind'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { endsWithin, isAnswered, settlesWithin } from '../../src/sql/grace.ts'
import { microtasks, outcome } from '../support.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

it.each([
  ['resolves', () => Promise.resolve()],
  ['rejects', () => Promise.reject(new Error('no'))],
])('is over when the promise %s', async (_, make) => {
  expect(await settlesWithin(make(), 1_000)).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

it('ends a wait for a context when that ends, also in the same turn', async () => {
  const [ctx, cancel] = withCancel(background())
  const ended = endsWithin(ctx, 1_000)
  cancel()
  expect(await ended).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
  const [late] = withTimeout(background(), 10)
  const same = endsWithin(late, 10)
  vi.advanceTimersByTime(10)
  expect(await same).toBe(true)
})

it('begins at the end of a context only if the answer is still missing, and then waits for it', async () => {
  const [ctx, cancel] = withCancel(background())
  let settle: (() => void) | undefined
  const late = outcome(isAnswered(ctx, new Promise<void>((resolve) => (settle = resolve)), 1_000))
  expect(await isAnswered(ctx, Promise.resolve(), 1_000)).toBe(true)
  cancel()
  await microtasks()
  expect(vi.getTimerCount()).toBe(1)
  settle?.()
  await microtasks()
  expect(late.value).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})
