/** Parents from outside this package: anything with a signal. */

import {
  afterFunc,
  background,
  cause,
  createKey,
  DeadlineExceededError,
  remaining,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { ContextLike } from 'rescind'
import { describe, expect, it } from 'vitest'
import { countListeners, derivations, logAbort, microtask } from './support.ts'

describe('a foreign context as parent', () => {
  it('keeps its own deadline though others with the same signal have other ones or none', () => {
    const { signal } = new AbortController()
    const at = Date.now() + 60_000
    const key = createKey<number>('key')
    const contexts = [at, undefined, at + 1].map((deadline) => {
      const parent = { signal, deadline }
      return [withCancel(parent)[0], withValue(parent, key, 1), withTimeout(parent, 3_600_000)[0]] as const
    })
    const deadlines = contexts.map(([child, value]) => [child.deadline, value.deadline, withCancel(value)[0].deadline])
    expect(deadlines).toEqual([
      [at, at, at],
      [undefined, undefined, undefined],
      [at + 1, at + 1, at + 1],
    ])
    expect(contexts[0]?.[2].deadline).toBe(at)
    expect(contexts[1]?.[2].deadline).toBeGreaterThan(at + 1)
  })

  it('may be anything with a signal', () => {
    const controller = new AbortController()
    const request = new Request('https://example.org/', { signal: controller.signal })
    const contexts = [controller, { signal: controller.signal }, request].map((parent) => withCancel(parent)[0])
    expect(contexts.map(({ err }) => err)).toEqual([undefined, undefined, undefined])
    controller.abort('why')
    expect(contexts.map((ctx) => cause(ctx))).toEqual(['why', 'why', 'why'])
    expect(contexts.map(({ err }) => err?.name)).toEqual(['AbortError', 'AbortError', 'AbortError'])
    expect(contexts[0]?.signal.reason).toBe(contexts[0]?.err)
  })

  it.each(derivations)('ends contexts that %s derives, and their children', (_, derive) => {
    const controller = new AbortController()
    const [ctx] = derive(controller)
    const [child] = derive(ctx)
    const log: string[] = []
    logAbort(child, log, 'child')
    controller.abort('why')
    expect(log).toEqual(['child'])
    expect([cause(ctx), cause(child)]).toEqual(['why', 'why'])
  })

  it('may have ended already', () => {
    const parent = { signal: AbortSignal.abort('before') }
    for (const [, derive] of derivations) expect(cause(derive(parent)[0])).toBe('before')
    const ctx = withValue(parent, createKey('key'), 1)
    expect(cause(ctx)).toBe('before')
    expect(ctx.signal.reason).toBe(ctx.err)
    expect(withoutCancel(parent).err).toBeUndefined()
  })

  it('may have ended already by a timeout', () => {
    const reason = new DOMException('too slow', 'TimeoutError')
    const [ctx] = withCancel({ signal: AbortSignal.abort(reason) })
    expect(ctx.err).toBeInstanceOf(DeadlineExceededError)
    expect(cause(ctx)).toBe(reason)
  })

  it('may be followed a second time by its own signal', async () => {
    for (const others of [0, 1, 2]) {
      const controller = new AbortController()
      const listeners = countListeners(controller.signal)
      const log: string[] = []
      const [ctx] = withSignal(controller, [new AbortController().signal, controller.signal])
      for (let other = 0; other < others; other++) withSignal(controller, controller.signal)
      const [younger] = withCancel(controller)
      logAbort(ctx, log, 'listener')
      logAbort(younger, log, 'listener of a younger one')
      afterFunc(ctx, () => log.push('callback'))
      controller.abort('why')
      await microtask()
      expect(log).toEqual(['listener', 'listener of a younger one', 'callback'])
      expect([cause(ctx), cause(younger)]).toEqual(['why', 'why'])
      expect(listeners()).toBe(0)
    }
  })

  it('may be followed a second time by its own signal, which is canceled then', () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const [, cancel] = withSignal(controller, controller.signal)
    cancel()
    expect(listeners()).toBe(0)
  })

  it('passes on its values', () => {
    const key = createKey('key', 'fallback')
    const other = createKey<string>('other')
    const parent = {
      signal: new AbortController().signal,
      held: new Map<unknown, unknown>([[key, 'foreign']]),
      value(asked: unknown) {
        return this.held.get(asked)
      },
    }
    const [ctx] = withCancel(parent)
    expect(ctx.value(key)).toBe('foreign')
    expect(withoutCancel(ctx).value(key)).toBe('foreign')
    expect(ctx.value(other)).toBeUndefined()
    const both = withValue(ctx, other, 'own')
    expect([both.value(key), both.value(other)]).toEqual(['foreign', 'own'])
    expect(withValue(both, key, 'nearer').value(key)).toBe('nearer')
    parent.held.delete(key)
    expect(ctx.value(key)).toBe('fallback')
  })

  it('need not have values', () => {
    const key = createKey('key', 'fallback')
    const { signal } = new AbortController()
    expect(withCancel({ signal })[0].value(key)).toBe('fallback')
    expect(withCancel({ signal, value: 5 } as ContextLike)[0].value(key)).toBe('fallback')
  })

  it('passes on its deadline', () => {
    const { signal } = new AbortController()
    const at = Date.now() + 60_000
    const parent = { signal, deadline: at }
    expect(withCancel(parent)[0].deadline).toBe(at)
    expect(withTimeout(parent, 3_600_000)[0].deadline).toBe(at)
    expect(withDeadline(parent, at - 1)[0].deadline).toBe(at - 1)
    expect(withoutCancel(parent).deadline).toBeUndefined()
    for (const deadline of [undefined, null, 'soon', Infinity, Number.NaN]) {
      expect(withCancel({ signal, deadline } as ContextLike)[0].deadline).toBeUndefined()
      expect(withDeadline({ signal, deadline } as ContextLike, at)[0].deadline).toBe(at)
    }
  })

  it('passes on its current deadline, sooner or later than before, also to contexts derived earlier', () => {
    const { signal } = new AbortController()
    const parent: { signal: AbortSignal; deadline?: number } = { signal, deadline: Date.now() + 60_000 }
    const [ctx] = withCancel(parent)
    for (const ms of [5_000, 600_000]) {
      parent.deadline = Date.now() + ms
      expect([ctx, withCancel(parent)[0]].map(({ deadline }) => deadline)).toEqual([parent.deadline, parent.deadline])
      expect(Math.round((remaining(ctx) ?? 0) / 1_000)).toBe(ms / 1_000)
    }
    delete parent.deadline
    expect([ctx.deadline, remaining(ctx)]).toEqual([undefined, undefined])
  })

  it('is asked for its deadline once a read, however many contexts were derived before', () => {
    let count = 0
    const parent = {
      signal: new AbortController().signal,
      get deadline() {
        count++
        return 1e15
      },
    }
    for (let child = 0; child < 100; child++) withCancel(parent)[1]()
    const [ctx] = withCancel(parent)
    count = 0
    expect(ctx.deadline).toBe(1e15)
    expect(count).toBe(1)
  })

  it('ends the contexts that followed the signal that it had at that time', async () => {
    let controller = new AbortController()
    const parent = {
      deadline: undefined,
      get signal() {
        return controller.signal
      },
    }
    const [one] = withCancel(parent)
    const log: string[] = []
    afterFunc(one, () => log.push('one'))
    const first = controller
    controller = new AbortController()
    const [other] = withCancel(parent)
    first.abort('why')
    await microtask()
    expect(log).toEqual(['one'])
    expect([cause(one), remaining(one), other.err]).toEqual(['why', 0, undefined])
    controller.abort('another reason')
    expect(cause(other)).toBe('another reason')
    controller = new AbortController()
    expect(withCancel(parent)[0].err).toBeUndefined()
  })

  it('carries one listener for all contexts that follow it, and none when the last of them has ended', () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const [one, cancelOne] = withCancel({ signal })
    const [, cancelOther] = withTimeout({ signal }, 60_000)
    const [, cancelThird] = withSignal(background(), signal)
    withCancel(one)
    expect(listeners()).toBe(1)
    cancelOne()
    cancelThird()
    expect(listeners()).toBe(1)
    cancelOther()
    expect(listeners()).toBe(0)
  })

  it('carries no listener after it has ended', () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const [ctx] = withCancel(controller)
    expect(listeners()).toBe(1)
    controller.abort()
    expect(ctx.err).toBeDefined()
    expect(listeners()).toBe(0)
    withCancel(controller)
    expect(listeners()).toBe(0)
  })

  it('carries a listener once the signal of a context that only adds a value is read', () => {
    const controller = new AbortController()
    const ctx = withValue(controller, createKey('key'), 1)
    const log: string[] = []
    logAbort(ctx, log, 'listener')
    const [, cancel] = withCancel(ctx)
    cancel()
    controller.abort('why')
    expect(log).toEqual(['listener'])
    expect(ctx.signal.reason).toBe(ctx.err)
  })
})
