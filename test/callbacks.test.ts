/** Functions that run after the end of a context. */

import { afterFunc, background, cause, withCancel, withTimeout } from 'rescind'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { after } from '../src/callbacks.ts'
import { block, catchUncaught, countListeners, logAbort, microtask, task } from './support.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('afterFunc', () => {
  it('runs the function once, in a microtask after the end, not inside cancel', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<(...args: unknown[]) => void>()
    afterFunc(ctx, fn)
    await microtask()
    expect(fn).not.toHaveBeenCalled()
    cancel()
    expect(fn).not.toHaveBeenCalled()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
    expect(fn).toHaveBeenCalledWith()
    cancel()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it('runs after all listeners, and before microtasks that were queued later', async () => {
    const [ctx, cancel] = withCancel(background())
    const log: string[] = []
    afterFunc(ctx, () => log.push('callback'))
    logAbort(ctx, log, 'listener')
    cancel()
    queueMicrotask(() => log.push('later'))
    await task()
    expect(log).toEqual(['listener', 'callback', 'later'])
  })

  it('does not run the function at once if the context has ended already', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    const fn = vi.fn<() => void>()
    const stop = afterFunc(ctx, fn)
    expect(fn).not.toHaveBeenCalled()
    expect(stop()).toBe(false)
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
    expect(stop()).toBe(false)
  })

  it('can be stopped, and returns whether that kept the function from running', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<() => void>()
    const stop = afterFunc(ctx, fn)
    expect(stop()).toBe(true)
    expect(stop()).toBe(false)
    cancel()
    expect(stop()).toBe(false)
    await microtask()
    expect(fn).not.toHaveBeenCalled()
  })

  it('can no longer be stopped once the context has ended, though the function has not run yet', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<() => void>()
    const stop = afterFunc(ctx, fn)
    cancel()
    expect(stop()).toBe(false)
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it('can no longer be stopped once the deadline has passed, though no timer has fired yet', async () => {
    const [ctx] = withTimeout(background(), 2)
    const fn = vi.fn<() => void>()
    const stop = afterFunc(ctx, fn)
    block(3)
    expect(stop()).toBe(false)
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it('runs the function in a microtask if the deadline has passed, though no timer has fired yet', async () => {
    const [ctx] = withTimeout(background(), 2)
    const fn = vi.fn<() => void>()
    block(3)
    const stop = afterFunc(ctx, fn)
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
    expect(stop()).toBe(false)
  })

  it('stops only the callback that its stop function belongs to', async () => {
    for (const index of [0, 1, 2]) {
      const [ctx, cancel] = withCancel(background())
      const log: number[] = []
      const stops = [0, 1, 2].map((number) => afterFunc(ctx, () => log.push(number)))
      expect(stops[index]?.()).toBe(true)
      cancel()
      await microtask()
      expect(log).toEqual([0, 1, 2].filter((number) => number !== index))
    }
  })

  it('runs a function as often as it was registered', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<() => void>()
    const stops = [afterFunc(ctx, fn), afterFunc(ctx, fn), afterFunc(ctx, fn)]
    expect(stops[1]?.()).toBe(true)
    cancel()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(2)
  })

  it('reports an error that a function throws, and runs the others', async () => {
    const [ctx, cancel] = withCancel(background())
    const log: string[] = []
    const errors = [new Error('first'), 'second']
    afterFunc(ctx, () => log.push('before'))
    for (const error of errors) {
      afterFunc(ctx, () => {
        throw error
      })
    }
    afterFunc(ctx, () => log.push('after'))
    afterFunc(withCancel(ctx)[0], () => log.push('child'))
    using uncaught = catchUncaught()
    cancel()
    await task()
    expect(log).toEqual(['before', 'after', 'child'])
    expect(uncaught.errors).toEqual(errors)
  })

  it('reports through reportError where there is one', async () => {
    const reported = vi.fn<(error: unknown) => void>()
    vi.stubGlobal('reportError', reported)
    const [ctx, cancel] = withCancel(background())
    const error = new Error('thrown')
    afterFunc(ctx, () => {
      throw error
    })
    cancel()
    await microtask()
    expect(reported).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('lets a function derive, cancel and register further ones', async () => {
    const [ctx, cancel] = withCancel(background())
    const [other, cancelOther] = withCancel(background())
    const log: string[] = []
    afterFunc(ctx, () => {
      const [child] = withCancel(ctx)
      log.push(`child is ${child.err?.name}`)
      afterFunc(child, () => log.push('registered by a function'))
      cancelOther('by a function')
    })
    afterFunc(ctx, () => log.push(`other is ${other.err?.name}`))
    afterFunc(other, () => log.push(`other ended ${cause(other)}`))
    cancel()
    await task()
    expect(log).toEqual([
      'child is AbortError',
      'other is AbortError',
      'registered by a function',
      'other ended by a function',
    ])
  })

  it('cannot stop another callback of the same context once that has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    const log: unknown[] = []
    afterFunc(ctx, () => log.push(stop()))
    const stop = afterFunc(ctx, () => log.push('ran all the same'))
    cancel()
    await microtask()
    expect(log).toEqual([false, 'ran all the same'])
  })

  it('never runs the function on a context that cannot end, and can be stopped there', () => {
    const stop = afterFunc(background(), () => {})
    expect(stop()).toBe(true)
    expect(stop()).toBe(false)
  })

  it('removes its own listener from a foreign signal when it is stopped', () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const stop = afterFunc(controller, () => {})
    expect(listeners()).toBe(1)
    expect(stop()).toBe(true)
    expect(listeners()).toBe(0)
  })
})

describe('after', () => {
  it('does not call the function once it is stopped, and leaves no listener', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const fn = vi.fn<() => void>()
    const stop = after({ signal }, 60_000, fn)
    expect(listeners()).toBe(1)
    stop()
    await task()
    expect(fn).not.toHaveBeenCalled()
    expect(listeners()).toBe(0)
  })
})
