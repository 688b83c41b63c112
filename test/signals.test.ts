/** Contexts that end with foreign signals. */

import {
  afterFunc,
  background,
  CanceledError,
  cause,
  DeadlineExceededError,
  isDeadlineExceeded,
  withCancel,
  withSignal,
  withTimeout,
} from 'rescind'
import type { Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { countListeners, logAbort, microtask } from './support.ts'

describe('withSignal', () => {
  it('ends with any of the signals, and takes its reason as the cause', () => {
    for (const index of [0, 1, 2]) {
      const controllers = [new AbortController(), new AbortController(), new AbortController()]
      const [ctx] = withSignal(
        background(),
        controllers.map(({ signal }) => signal),
      )
      expect(ctx.err).toBeUndefined()
      controllers[index]?.abort(index)
      expect(ctx.err).toBeInstanceOf(CanceledError)
      expect(cause(ctx)).toBe(index)
      for (const controller of controllers) controller.abort('later')
      expect(cause(ctx)).toBe(index)
    }
  })

  it('notifies listeners, callbacks and children though nothing reads the context', async () => {
    const controller = new AbortController()
    const [ctx] = withSignal(background(), controller.signal)
    const log: string[] = []
    logAbort(withCancel(ctx)[0], log, 'child')
    logAbort(ctx, log, 'listener')
    afterFunc(ctx, () => log.push('callback'))
    controller.abort()
    expect(log).toEqual(['listener', 'child'])
    await microtask()
    expect(log).toEqual(['listener', 'child', 'callback'])
  })

  it('ends with its parent, and by its own cancel', () => {
    const { signal } = new AbortController()
    const [parent, cancelParent] = withCancel(background())
    const [one] = withSignal(parent, signal)
    const [other, cancelOther] = withSignal(parent, signal)
    cancelOther('other')
    expect(one.err).toBeUndefined()
    cancelParent('parent')
    expect([cause(one), cause(other)]).toEqual(['parent', 'other'])
  })

  it('has ended from the start if a signal has aborted, with the reason of the first one', () => {
    const live = new AbortController()
    const listeners = countListeners(live.signal)
    const [ctx] = withSignal(background(), [live.signal, AbortSignal.abort('first'), AbortSignal.abort('second')])
    expect(cause(ctx)).toBe('first')
    expect(listeners()).toBe(0)
  })

  it('keeps the cause of a parent that has ended', () => {
    const [parent, cancel] = withCancel(background())
    cancel('parent')
    expect(cause(withSignal(parent, AbortSignal.abort('signal'))[0])).toBe('parent')
  })

  it('is like withCancel if there are no signals', () => {
    for (const none of [undefined, null, [], [null, undefined]]) {
      const [ctx, cancel] = withSignal(background(), none)
      expect(ctx.err).toBeUndefined()
      cancel('why')
      expect(cause(ctx)).toBe('why')
    }
  })

  it('skips null and undefined beside a signal', () => {
    const controller = new AbortController()
    const [ctx] = withSignal(background(), [null, controller.signal, undefined])
    controller.abort('why')
    expect(cause(ctx)).toBe('why')
  })

  it('has a label', () => {
    const [ctx, cancel] = withSignal(background(), new AbortController().signal, { label: 'report' })
    expect(String(ctx)).toBe('background.withSignal(report)')
    cancel()
    expect(ctx.err?.message).toBe('context canceled (report)')
  })

  it('accepts one signal twice', () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const [ctx, cancel] = withSignal(background(), [controller.signal, controller.signal])
    cancel()
    expect(listeners()).toBe(0)
    controller.abort('late')
    expect(cause(ctx)).toBe(ctx.err)
  })

  it('has a DeadlineExceededError if the signal timed out', async () => {
    const reason = new DOMException('too slow', 'TimeoutError')
    const [ctx] = withSignal(background(), AbortSignal.abort(reason))
    expect(ctx.err).toBeInstanceOf(DeadlineExceededError)
    expect(ctx.err?.cause).toBe(reason)
    expect(cause(ctx)).toBe(reason)
    expect(ctx.err?.message).toBe('context deadline exceeded: too slow')
    expect(ctx.err).not.toHaveProperty('ms')
    expect(ctx.err).not.toHaveProperty('label')
    const [timed] = withSignal(background(), AbortSignal.timeout(1))
    await new Promise<void>((resolve) => void afterFunc(timed, resolve))
    expect(isDeadlineExceeded(timed.err)).toBe(true)
  })

  it("takes the platform's own reason as the cause if none was given", () => {
    const controller = new AbortController()
    const [ctx] = withSignal(background(), controller.signal)
    controller.abort()
    expect(cause(ctx)).toBe(controller.signal.reason)
    expect(ctx.err).toBeInstanceOf(CanceledError)
  })

  it.each([null, 0, '', false, { name: 'Whatever' }])('takes the reason %s as the cause', (reason) => {
    const [ctx] = withSignal(background(), AbortSignal.abort(reason))
    expect(ctx.err).toBeInstanceOf(CanceledError)
    expect(cause(ctx)).toBe(reason)
  })

  it('takes over the error and the cause of another context', async () => {
    const clock = fakeClock(0)
    const [slow] = withTimeout(clock.root, 10, { label: 'slow', cause: 'too slow' })
    const [canceled, cancel] = withCancel(background())
    const [plain, cancelPlain] = withCancel(background())
    const followers = [slow, canceled, plain].map(({ signal }) => withSignal(background(), signal)[0])
    cancel('why')
    cancelPlain()
    await clock.advance(10)
    expect(followers.map(({ err }) => err)).toEqual([slow.err, canceled.err, plain.err])
    expect(followers[0]?.err).toBe(slow.err)
    expect(followers[1]?.err).toBe(canceled.err)
    expect(followers.map((ctx) => cause(ctx))).toEqual(['too slow', 'why', plain.err])
  })

  it('puts one listener on a signal, however many contexts follow it, and removes it with the last of them', () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const cancels = Array.from({ length: 100 }, () => withSignal(background(), signal)[1])
    expect(listeners()).toBe(1)
    const last = cancels.pop()
    for (const cancel of cancels) cancel()
    expect(listeners()).toBe(1)
    last?.()
    expect(listeners()).toBe(0)
    const [, cancel] = withSignal(background(), signal)
    expect(listeners()).toBe(1)
    cancel()
    expect(listeners()).toBe(0)
  })

  it('reads only its own signals when it is derived, however many its ancestors follow', () => {
    let looks = 0
    let [ctx]: [ctx: Context, ...unknown[]] = withCancel(background())
    const controllers = Array.from({ length: 1_000 }, () => new AbortController())
    for (const { signal } of controllers) {
      const { aborted } = Object.getOwnPropertyDescriptors(AbortSignal.prototype)
      Object.defineProperty(signal, 'aborted', { get: () => (looks++, aborted.get?.call(signal)) })
      ;[ctx] = withSignal(ctx, signal)
    }
    expect(looks).toBeLessThan(10 * controllers.length)
    looks = 0
    const [child] = withCancel(ctx)
    expect(looks).toBe(0)
    controllers[0]?.abort('why')
    expect(cause(child)).toBe('why')
  })

  it('ends contexts that are derived from it by listeners that run before ours', () => {
    const controller = new AbortController()
    const derived: Context[] = []
    controller.signal.addEventListener('abort', () => {
      derived.push(withTimeout(ctx, 0, { cause: 'late' })[0], withCancel(withCancel(ctx)[0])[0])
    })
    const [ctx] = withCancel(withSignal(background(), controller.signal)[0])
    controller.abort('why')
    expect(derived.map((child) => cause(child))).toEqual(['why', 'why'])
  })

  it('removes its listeners from all signals, however it ends', async () => {
    const clock = fakeClock(0)
    const [parent, cancelParent] = withCancel(clock.root)
    const [limited] = withTimeout(clock.root, 10)
    const controllers = [new AbortController(), new AbortController()] as const
    const signals = controllers.map(({ signal }) => signal)
    const counts = signals.map((signal) => countListeners(signal))
    const total = () => counts.reduce((sum, listeners) => sum + listeners(), 0)

    withSignal(parent, signals)
    expect(total()).toBe(2)
    cancelParent()
    expect(total()).toBe(0)

    withSignal(limited, signals)
    expect(total()).toBe(2)
    await clock.advance(10)
    expect(total()).toBe(0)

    withSignal(clock.root, signals)
    expect(total()).toBe(2)
    controllers[0].abort()
    expect(total()).toBe(0)
  })

  it('ends a whole subtree with one signal that several of its contexts follow', () => {
    const controller = new AbortController()
    const [parent] = withCancel(controller)
    const [ctx] = withSignal(parent, controller.signal)
    const [child] = withCancel(ctx)
    const [sibling] = withCancel(parent)
    controller.abort('why')
    expect([parent, ctx, child, sibling].map((ctx) => cause(ctx))).toEqual(['why', 'why', 'why', 'why'])
  })

  it('notifies a subtree once if several of its contexts follow one signal', async () => {
    const controller = new AbortController()
    const [outer] = withSignal(background(), controller.signal)
    const [inner] = withSignal(outer, controller.signal)
    const [leaf] = withSignal(withCancel(inner)[0], controller.signal)
    const log: string[] = []
    for (const [name, ctx] of Object.entries({ leaf, inner, outer })) {
      logAbort(ctx, log, name)
      afterFunc(ctx, () => log.push(`after ${name}`))
    }
    controller.abort('why')
    await microtask()
    expect(log.toSorted()).toEqual(['after inner', 'after leaf', 'after outer', 'inner', 'leaf', 'outer'])
    expect([outer, inner, leaf].map((ctx) => cause(ctx))).toEqual(['why', 'why', 'why'])
  })
})
