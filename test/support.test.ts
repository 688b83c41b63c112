/** The tools of the other tests detect what those tests say is absent. */

import { describe, expect, it, vi } from 'vitest'
import { catchUncaught, catchUnhandled, countListeners, isCollected, outcome, task } from './support.ts'

describe('catchUnhandled', () => {
  it('reports unhandled rejections, and no others', async () => {
    using noticed = catchUnhandled()
    const handled = Promise.reject(new Error('handled'))
    void Promise.reject(new Error('nobody'))
    await expect(handled).rejects.toThrow('handled')
    await task()
    await task()
    expect(noticed.errors).toEqual([new Error('nobody')])
  })
})

describe('catchUncaught', () => {
  it('reports uncaught errors', async () => {
    using noticed = catchUncaught()
    queueMicrotask(() => {
      throw new Error('nobody')
    })
    await task()
    await task()
    expect(noticed.errors).toEqual([new Error('nobody')])
  })
})

describe('countListeners', () => {
  it('counts listeners, without those that have run `once`', () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const forGood = vi.fn<() => void>()
    const once = vi.fn<() => void>()
    controller.signal.addEventListener('abort', forGood)
    controller.signal.addEventListener('abort', once, { once: true })
    expect(listeners()).toBe(2)
    controller.abort()
    expect(listeners()).toBe(1)
    controller.signal.removeEventListener('abort', forGood)
    expect(listeners()).toBe(0)
  })
})

describe('isCollected', () => {
  it('tells collected objects from retained ones', async () => {
    const kept: object[] = []
    expect(await isCollected(() => ({}))).toBe(true)
    expect(await isCollected(() => (kept.push({}), kept[0] as object))).toBe(false)
    expect(kept).toHaveLength(1)
  })
})

describe('outcome', () => {
  it('shows how a promise has settled so far', async () => {
    const [pending, fulfilled, rejected] = [new Promise(() => {}), Promise.resolve(1), Promise.reject(new Error('no'))]
    const outcomes = [pending, fulfilled, rejected].map((promise) => outcome(promise))
    expect(outcomes).toEqual([{ settled: false }, { settled: false }, { settled: false }])
    await task()
    expect(outcomes).toEqual([
      { settled: false },
      { settled: true, value: 1 },
      { settled: true, error: new Error('no') },
    ])
  })
})
