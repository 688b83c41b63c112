/**
 * Environments without a native AbortController: signals of the three polyfills that are in use, and an old React
 * Native, which has one of them and no DOMException, MessageChannel or EventTarget.
 */

import { AbortController as Ponyfill } from 'abort-controller'
// @ts-expect-error -- it has no types
import { AbortController as CjsPonyfill } from 'abortcontroller-polyfill/dist/cjs-ponyfill.js'
import { AbortController as NodePonyfill } from 'node-abort-controller'
import { afterFunc, background, cause, sleep, withCancel, withSignal } from 'rescind'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { failOnUnhandled, task, wrong } from '../support.ts'

failOnUnhandled()

afterEach(() => {
  vi.unstubAllGlobals()
})

const polyfills: [name: string, Polyfill: typeof AbortController][] = [
  ['abort-controller', wrong(Ponyfill)],
  ['abortcontroller-polyfill', wrong(CjsPonyfill)],
  ['node-abort-controller', wrong(NodePonyfill)],
]

describe.each(polyfills)('a signal of %s', (_, Polyfill) => {
  it('ends a context that follows it', async () => {
    const controller = new Polyfill()
    const [ctx] = withSignal(background(), controller.signal)
    const [child] = withCancel(ctx)
    let isOver = false
    afterFunc(child, () => {
      isOver = true
    })
    expect(child.err).toBeUndefined()
    controller.abort()
    await task()
    expect([child.err?.name, isOver]).toEqual(['AbortError', true])
  })

  it('can be a parent', async () => {
    const controller = new Polyfill()
    const [ctx] = withCancel(controller)
    const sleeping = sleep(ctx, 60_000)
    controller.abort()
    await expect(sleeping).rejects.toBe(ctx.err)
  })

  it('retains no listener of a context that has ended', async () => {
    const controller = new Polyfill()
    const listeners = new Set<unknown>()
    const { addEventListener, removeEventListener } = controller.signal
    controller.signal.addEventListener = function add(this: AbortSignal, ...args: [string, never]) {
      expect(args[1]).toBeTypeOf('function')
      listeners.add(args[1])
      addEventListener.apply(this, args)
    }
    controller.signal.removeEventListener = function remove(this: AbortSignal, ...args: [string, never]) {
      listeners.delete(args[1])
      removeEventListener.apply(this, args)
    }
    const [ctx, cancel] = withSignal(background(), controller.signal)
    const [, cancelChild] = withCancel(controller)
    expect(ctx.err).toBeUndefined()
    expect(listeners.size).toBe(1)
    cancel()
    cancelChild()
    expect(listeners.size).toBe(0)
    controller.abort()
    expect(cause(ctx)).toBe(ctx.err)
  })
})

describe('an old React Native', () => {
  it('runs the whole core', async () => {
    const missing = ['DOMException', 'MessageChannel', 'EventTarget', 'AbortSignal', 'scheduler', 'reportError']
    for (const name of [...missing, 'setImmediate']) vi.stubGlobal(name, undefined)
    vi.stubGlobal('AbortController', Ponyfill)
    vi.resetModules()
    const core = await import('rescind')
    const [ctx, cancel] = core.withTimeout(core.background(), 60_000, { label: 'search' })
    const { signal } = ctx
    let aborts = 0
    signal.addEventListener('abort', () => aborts++)
    const sleeping = core.sleep(ctx, 60_000)
    await core.pause(ctx)
    cancel('the reader pressed Stop')
    expect([signal.aborted, aborts]).toEqual([true, 1])
    await expect(sleeping).rejects.toBe(ctx.err)
    expect(ctx.err).toMatchObject({ name: 'AbortError', message: 'context canceled (search): the reader pressed Stop' })
    const [timed] = core.withTimeout(core.background(), 1)
    await expect(core.until(timed, new Promise(() => {}))).rejects.toMatchObject({ name: 'TimeoutError', ms: 1 })
    const g = core.group(core.background())
    g.go(() => Promise.reject(new Error('boom')))
    await expect(g.wait()).rejects.toThrow('boom')
    await expect(core.within(core.background(), 1_000, () => 5)).resolves.toBe(5)
  })
})
