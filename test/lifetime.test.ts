/** What can change during the life of a context: its deadline, its signals, its cancel and its parent. */

import {
  afterFunc,
  background,
  cause,
  createKey,
  disarm,
  isDeadlineExceeded,
  rearm,
  remaining,
  todo,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { hasEnded, onMove, rearmFromStart, withLink } from 'rescind/bindings'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { block, catchUncaught, countListeners, derivations, isCollected } from './support.ts'
import { logAbort, microtask, task, wrong } from './support.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('the link of withLink', () => {
  it('refuses the context itself and its descendants', () => {
    const [ctx, , link] = withLink(background())
    const [below] = withCancel(ctx)
    expect(() => link(ctx)).toThrow(/^rescind: target must be/)
    expect(() => link(below)).toThrow(TypeError)
    link()
    expect(ctx.deadline).toBeUndefined()
  })
})

describe('remaining', () => {
  it('is zero for a foreign context that has ended', () => {
    expect(remaining({ signal: AbortSignal.abort('over') })).toBe(0)
  })

  it('ignores the signal of a parent below withoutCancel', () => {
    const controller = new AbortController()
    const ctx = withoutCancel(controller)
    controller.abort()
    expect(remaining(ctx)).toBeUndefined()
    expect(ctx.err).toBeUndefined()
  })

  it('ignores a signal that was disarmed', () => {
    const controller = new AbortController()
    const [ctx, cancel] = withSignal(background(), controller.signal)
    const [child, cancelChild] = withTimeout(ctx, 60_000)
    disarm(ctx)
    controller.abort()
    expect([ctx.err, remaining(ctx), child.err]).toEqual([undefined, undefined, undefined])
    expect(remaining(child)).toBeGreaterThan(50_000)
    cancelChild()
    cancel()
  })

  it.each([
    [
      'its parent followed until it was disarmed',
      ([parent]: Context[]) => disarm(parent as Context),
      [undefined, 0, 0],
    ],
    ['only its parent follows since it was disarmed', ([, ctx]: Context[]) => disarm(ctx as Context), [0, 0, 0]],
  ])('is zero once a signal has aborted that %s, before anything else notices', (_, change, expected) => {
    const controller = new AbortController()
    const { signal } = controller
    const left: unknown[] = []
    // Called before the listener that ends the contexts.
    signal.addEventListener('abort', () => left.push(...all.map(remaining), child.err !== undefined))
    const [parent] = withSignal(background(), signal)
    const [ctx] = withSignal(parent, [signal, new AbortController().signal])
    const [child] = withSignal(ctx, [new AbortController().signal])
    const all: Context[] = [parent, ctx, child]
    change(all)
    controller.abort('why')
    expect(left).toEqual([...expected, true])
    expect(all.map(cause)).toEqual(expected.map((left) => (left === 0 ? 'why' : undefined)))
  })
})

describe('disarm', () => {
  it('does nothing to a context that never ends', () => {
    disarm(background())
    disarm(withoutCancel(background()))
    expect(() => rearm(background(), 5)).toThrow(TypeError)
    expect(() => rearm(withoutCancel(background()), 5)).toThrow(TypeError)
  })

  it('removes the deadline', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    disarm(ctx)
    expect(ctx.deadline).toBeUndefined()
    await clock.advance(20)
    expect(ctx.err).toBeUndefined()
    expect(ctx.signal.aborted).toBe(false)
  })

  it('removes the effect of cancel', () => {
    for (const [, derive] of derivations) {
      const [ctx, cancel] = derive(background())
      disarm(ctx)
      cancel('too late')
      cancel[Symbol.dispose]()
      expect(ctx.err).toBeUndefined()
    }
  })

  it('removes the signals and their listeners', () => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const [ctx] = withSignal(background(), controller.signal)
    const [child] = withCancel(ctx)
    disarm(ctx)
    expect(listeners()).toBe(0)
    controller.abort()
    expect(ctx.err).toBeUndefined()
    expect(child.err).toBeUndefined()
  })

  it('leaves the parent in effect, with its deadline', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 20, { label: 'parent' })
    const [ctx] = withTimeout(parent, 10)
    const log: string[] = []
    logAbort(ctx, log, 'listener')
    afterFunc(ctx, () => log.push('callback'))
    disarm(ctx)
    expect(ctx.deadline).toBe(20)
    await clock.advance(19)
    expect(ctx.err).toBeUndefined()
    await clock.advance(1)
    expect(ctx.err).toBe(parent.err)
    expect(log).toEqual(['listener', 'callback'])
  })

  it('leaves children their own deadlines, even later ones', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    const [sooner] = withTimeout(ctx, 5)
    const [later] = withTimeout(ctx, 15)
    const [child, cancel] = withCancel(ctx)
    disarm(ctx)
    expect([sooner, later, child].map(({ deadline }) => deadline)).toEqual([5, 15, undefined])
    await clock.advance(14)
    expect([ctx, sooner, later].map(({ err }) => err?.name)).toEqual([undefined, 'TimeoutError', undefined])
    await clock.advance(1)
    expect(later.err).toMatchObject({ name: 'TimeoutError', ms: 15 })
    cancel('child')
    expect(cause(child)).toBe('child')
    expect(ctx.err).toBeUndefined()
  })

  it('removes the deadline from the children too', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    const [child] = withCancel(ctx)
    disarm(ctx)
    await clock.advance(10)
    expect(child.err).toBeUndefined()
    expect(child.deadline).toBeUndefined()
  })

  it('changes nothing once the context has ended', async () => {
    const clock = fakeClock(0)
    const [expired] = withTimeout(clock.root, 10)
    const [canceled, cancel] = withTimeout(clock.root, 10)
    cancel('why')
    await clock.advance(10)
    disarm(expired)
    disarm(canceled)
    expect(isDeadlineExceeded(expired.err)).toBe(true)
    expect(cause(canceled)).toBe('why')
    expect([expired.deadline, canceled.deadline]).toEqual([10, 10])
  })

  it('has no effect after the deadline, though no timer has fired yet', () => {
    const [ctx] = withTimeout(background(), 2)
    block(3)
    disarm(ctx)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('is idempotent', async () => {
    const clock = fakeClock(0)
    const [parent, cancel] = withCancel(clock.root)
    const [ctx] = withTimeout(parent, 10)
    disarm(ctx)
    disarm(ctx)
    await clock.advance(10)
    expect(ctx.err).toBeUndefined()
    cancel('parent')
    expect(cause(ctx)).toBe('parent')
  })

  it('refuses a context of another library and one made from a signal', () => {
    const { signal } = new AbortController()
    for (const foreign of [{ signal }, { signal, deadline: Date.now() + 5_000 }, new AbortController()]) {
      const disarmForeign = () => disarm(foreign as Context)
      expect(disarmForeign).toThrow(TypeError)
      expect(disarmForeign).toThrow('rescind: ctx must be a context of this copy of rescind, got [object ')
    }
  })

  it('does nothing to a context that only adds a value, and to a root', async () => {
    const clock = fakeClock(0)
    const [parent, cancel] = withTimeout(clock.root, 10)
    disarm(withValue(parent, createKey('key'), 1))
    disarm(background())
    expect(parent.deadline).toBe(10)
    cancel('why')
    expect(cause(parent)).toBe('why')
  })
})

describe('rearm', () => {
  it('moves the deadline, counted from now', async () => {
    const clock = fakeClock(1_000)
    const [ctx] = withTimeout(clock.root, 10, { label: 'query' })
    const [child] = withCancel(ctx)
    await clock.advance(5)
    rearm(ctx, 20)
    expect([ctx.deadline, child.deadline]).toEqual([1_025, 1_025])
    expect(String(ctx)).toBe('background.withTimeout(query, 20ms, 20ms left)')
    await clock.advance(19)
    expect(ctx.err).toBeUndefined()
    await clock.advance(1)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', label: 'query', ms: 20 })
    expect(child.err).toBe(ctx.err)
  })

  it('keeps a stream alive while its chunks come in time', async () => {
    const clock = fakeClock(0)
    const [idle] = withTimeout(clock.root, 100, { label: 'idle' })
    for (let chunk = 0; chunk < 20; chunk++) {
      await clock.advance(60)
      rearm(idle, 100)
    }
    expect(idle.err).toBeUndefined()
    await clock.advance(100)
    expect(idle.err).toMatchObject({ label: 'idle', ms: 100 })
  })

  it('notifies listeners at the new time, sooner or later than before', async () => {
    const clock = fakeClock(0)
    const [sooner] = withTimeout(clock.root, 20, { cause: 'slow' })
    const [later] = withTimeout(clock.root, 10)
    const log: string[] = []
    for (const [name, ctx] of Object.entries({ sooner, later })) {
      ctx.signal.addEventListener('abort', () => log.push(`${name} at ${clock.at}`))
    }
    rearm(sooner, 5)
    rearm(later, 30)
    await clock.advance(40)
    expect(log).toEqual(['sooner at 5', 'later at 30'])
    expect(cause(sooner)).toBe('slow')
  })

  it('accepts a Date as the time', async () => {
    const clock = fakeClock(1_000)
    const [ctx] = withDeadline(clock.root, 1_010)
    await clock.advance(5)
    rearm(ctx, new Date(1_030))
    expect(ctx.deadline).toBe(1_030)
    await clock.advance(25)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', ms: 25 })
  })

  const past = [0, -1, new Date(1_005), new Date(0), -Infinity]

  it.each(past)('ends at once if the time has passed: %s', async (at) => {
    const clock = fakeClock(1_000)
    const [ctx] = withTimeout(clock.root, 10)
    await clock.advance(5)
    let aborted = false
    ctx.signal.addEventListener('abort', () => {
      aborted = true
    })
    rearm(ctx, at)
    expect(aborted).toBe(true)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('removes the deadline with Infinity, and a later call sets one again', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    rearm(ctx, Infinity)
    expect(ctx.deadline).toBeUndefined()
    await clock.advance(100)
    expect(ctx.err).toBeUndefined()
    rearm(ctx, 10)
    await clock.advance(10)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    const [endless] = withTimeout(clock.root, Infinity)
    rearm(endless, 10)
    await clock.advance(10)
    expect(isDeadlineExceeded(endless.err)).toBe(true)
  })

  it("leaves the parent's deadline as it is", async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 20, { label: 'parent' })
    const [ctx] = withTimeout(parent, 10)
    rearm(ctx, 30)
    expect(ctx.deadline).toBe(20)
    await clock.advance(20)
    expect(ctx.err).toMatchObject({ label: 'parent' })
  })

  it('changes nothing once the context has ended or was disarmed', async () => {
    const clock = fakeClock(0)
    const [canceled, cancel] = withTimeout(clock.root, 10)
    const [disarmed] = withTimeout(clock.root, 10)
    cancel('why')
    disarm(disarmed)
    rearm(canceled, 20)
    rearm(disarmed, 20)
    await clock.advance(20)
    expect(cause(canceled)).toBe('why')
    expect(disarmed.err).toBeUndefined()
    expect([canceled.deadline, disarmed.deadline]).toEqual([10, undefined])
  })

  it('has no effect after the deadline, though no timer has fired yet', () => {
    const [ctx] = withTimeout(background(), 2)
    block(3)
    rearm(ctx, 60_000)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('leaves no timer behind', async () => {
    vi.useFakeTimers()
    const [ctx, cancel] = withTimeout(background(), 10)
    rearm(ctx, 5_000)
    rearm(ctx, 100)
    expect(vi.getTimerCount()).toBe(1)
    cancel()
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each<[shown: string, ms: unknown]>([
    ['NaN', Number.NaN],
    ['"5"', '5'],
    ['undefined', undefined],
    ['Invalid Date', new Date('soon')],
  ])('throws a TypeError for %s', (shown, ms) => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    expect(() => rearm(ctx, wrong(ms))).toThrow(TypeError)
    expect(() => rearm(ctx, wrong(ms))).toThrow(/^rescind: limit must be a number of milliseconds/)
    expect(() => rearm(ctx, wrong(ms))).toThrow(`got ${shown}`)
    expect(ctx.deadline).toBe(10)
  })

  it('throws a TypeError for a context without a deadline of its own', () => {
    const [parent] = withTimeout(background(), 60_000)
    const { signal } = new AbortController()
    const key = createKey<number>('key')
    const others = [todo(), withCancel(parent)[0], withSignal(parent, signal)[0], withValue(parent, key, 1)]
    for (const ctx of [...others, wrong<typeof parent>(undefined)]) {
      expect(() => rearm(ctx, 5)).toThrow(TypeError)
      expect(() => rearm(ctx, 5)).toThrow(/^rescind: ctx must be a context/)
    }
    expect(parent.err).toBeUndefined()
  })
})

describe('remaining', () => {
  it('returns the milliseconds until the nearest deadline', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 20)
    const [ctx] = withTimeout(parent, 10)
    const [longer] = withTimeout(parent, 30)
    const value = withValue(ctx, createKey('key'), 1)
    expect([parent, ctx, longer, value].map((ctx) => remaining(ctx))).toEqual([20, 10, 20, 10])
    await clock.advance(4)
    expect([parent, ctx, longer, value].map((ctx) => remaining(ctx))).toEqual([16, 6, 16, 6])
    rearm(ctx, 12)
    expect(remaining(ctx)).toBe(12)
    disarm(ctx)
    expect(remaining(ctx)).toBe(16)
  })

  it('is undefined without a deadline, and 0 after the end', () => {
    const [ctx, cancel] = withCancel(background())
    expect(remaining(ctx)).toBeUndefined()
    expect(remaining(background())).toBeUndefined()
    expect(remaining(withTimeout(background(), Infinity)[0])).toBeUndefined()
    cancel()
    expect(remaining(ctx)).toBe(0)
    expect(remaining(withTimeout(background(), 0)[0])).toBe(0)
  })

  it('is 0 after the deadline, and does not end the context', () => {
    const [ctx] = withTimeout(background(), 2)
    let aborted = false
    ctx.signal.addEventListener('abort', () => {
      aborted = true
    })
    block(3)
    expect(remaining(ctx)).toBe(0)
    expect(aborted).toBe(false)
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
  })

  it('accepts a foreign deadline', () => {
    vi.useFakeTimers()
    const { signal } = new AbortController()
    const foreign = { signal, deadline: Date.now() + 5_000 }
    expect(remaining(foreign)).toBeCloseTo(5_000)
    expect(remaining(withCancel(foreign)[0])).toBeCloseTo(5_000)
  })

  it('throws a TypeError without a context', () => {
    expect(() => remaining(wrong(undefined))).toThrow(new TypeError('rescind: ctx must be a context, got undefined'))
  })
})

describe('hasEnded', () => {
  it('is true after the end, with or without a deadline, and ends nothing that is due', () => {
    const [canceled, cancel] = withTimeout(background(), 60_000)
    expect(hasEnded(canceled)).toBe(false)
    cancel()
    expect(hasEnded(canceled)).toBe(true)
    const [due] = withTimeout(background(), 2)
    const { signal } = due
    block(3)
    expect([hasEnded(due), signal.aborted]).toEqual([false, false])
    expect(due.err).toBeDefined()
    expect(hasEnded(due)).toBe(true)
  })

  it('throws a TypeError without a context', () => {
    expect(() => hasEnded(wrong(undefined))).toThrow(new TypeError('rescind: ctx must be a context, got undefined'))
  })
})

describe('withLink', () => {
  const key = createKey<string>('key')

  it('has values and a cancel, and nothing else until it is linked', async () => {
    const clock = fakeClock(0)
    const [parent, cancelParent] = withTimeout(withValue(clock.root, key, 'value'), 10)
    const [ctx, cancel] = withLink(parent)
    expect(ctx.value(key)).toBe('value')
    expect(ctx.deadline).toBeUndefined()
    cancelParent('parent')
    await clock.advance(10)
    expect(ctx.err).toBeUndefined()
    cancel('own')
    expect(cause(ctx)).toBe('own')
    expect(ctx.signal.reason).toBe(ctx.err)
  })

  it('ends with its parent once it is linked, in the same step', () => {
    const [parent, cancel] = withCancel(background())
    const [ctx, , link] = withLink(parent)
    const [child] = withCancel(ctx)
    const seen: unknown[] = []
    parent.signal.addEventListener('abort', () => seen.push(cause(ctx), cause(child), ctx.signal.aborted))
    link()
    expect(ctx.err).toBeUndefined()
    cancel('parent')
    expect(seen).toEqual(['parent', 'parent', true])
    expect(ctx.err).toBe(parent.err)
  })

  it('ends its children and notifies its listeners when its parent ends', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 10)
    const [ctx, , link] = withLink(parent)
    const [child] = withCancel(withValue(ctx, createKey('other'), 1))
    const log: string[] = []
    logAbort(child, log, 'child')
    afterFunc(ctx, () => log.push('callback'))
    link()
    await clock.advance(10)
    expect(log).toEqual(['child', 'callback'])
    expect(child.err).toBe(parent.err)
  })

  it('has ended as soon as it is linked if the parent ended before', () => {
    const [parent, cancel] = withCancel(background())
    const [ctx, , link] = withLink(parent)
    const log: string[] = []
    logAbort(ctx, log, 'listener')
    cancel('meanwhile')
    expect(ctx.err).toBeUndefined()
    link()
    expect(cause(ctx)).toBe('meanwhile')
    expect(log).toEqual(['listener'])
  })

  it('lives under a parent that has ended, until it is linked', () => {
    const [parent, cancel] = withCancel(background())
    cancel('before')
    const [ctx, , link] = withLink(parent)
    expect(ctx.err).toBeUndefined()
    link()
    expect(cause(ctx)).toBe('before')
  })

  it('has the deadline of its target, and accepts one of its own', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 20)
    const [ctx, , link] = withLink(parent)
    const [child] = withCancel(ctx)
    await clock.advance(5)
    link()
    expect([ctx.deadline, child.deadline]).toEqual([20, 20])
    rearm(ctx, 10)
    expect([ctx.deadline, child.deadline]).toEqual([15, 15])
    await clock.advance(10)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', ms: 10 })
    expect(parent.err).toBeUndefined()
  })

  it('can be linked to another target, whose values and clock it takes', async () => {
    const clock = fakeClock(0)
    const [target] = withTimeout(withValue(clock.root, key, 'target'), 10)
    const [ctx, , link] = withLink(background())
    link(target)
    expect(ctx.value(key)).toBe('target')
    await clock.advance(10)
    expect(ctx.err).toBe(target.err)

    const [timed, , linkTimed] = withLink(background())
    linkTimed(clock.root)
    rearm(timed, 5)
    expect(timed.deadline).toBe(15)
    await clock.advance(5)
    expect(timed.err).toMatchObject({ name: 'TimeoutError', ms: 5 })
  })

  it('can be linked to a foreign context, and has ended for listeners that the signal had before', () => {
    const controller = new AbortController()
    const [ctx, , link] = withLink(background())
    const seen: unknown[] = []
    controller.signal.addEventListener('abort', () => seen.push(cause(ctx)))
    link(controller)
    controller.abort('why')
    expect(seen).toEqual(['why'])
  })

  it('is linked once; later links do nothing', () => {
    const [one, cancelOne] = withCancel(background())
    const [other, cancelOther] = withCancel(background())
    const [ctx, , link] = withLink(one)
    link()
    link(other)
    cancelOther('other')
    expect(ctx.err).toBeUndefined()
    cancelOne('one')
    expect(cause(ctx)).toBe('one')
  })

  it('ends with its parent, and only with it, if it was disarmed before the link', () => {
    const [parent, cancelParent] = withCancel(background())
    const [ctx, cancel, link] = withLink(parent)
    disarm(ctx)
    link()
    rearm(ctx, 0)
    cancel()
    expect(ctx.err).toBeUndefined()
    cancelParent('why')
    expect(cause(ctx)).toBe('why')
  })

  it('stays canceled if it was canceled before the link', () => {
    const [parent, cancelParent] = withCancel(background())
    const [ctx, cancel, link] = withLink(parent)
    cancel('own')
    link()
    cancelParent('parent')
    expect(cause(ctx)).toBe('own')
  })

  it('can be collected, linked and canceled or never linked', async () => {
    const [parent] = withCancel(background())
    expect(await isCollected(() => withLink(parent)[0])).toBe(true)
    const make = () => {
      const [ctx, cancel, link] = withLink(parent)
      link()
      cancel()
      return ctx
    }
    expect(await isCollected(make)).toBe(true)
    const keep = () => {
      const [ctx, , link] = withLink(parent)
      link()
      return ctx
    }
    expect(await isCollected(keep)).toBe(false)
    expect(parent.err).toBeUndefined()
  })

  it('shows its label', () => {
    expect(String(withLink(background(), { label: 'scope' })[0])).toBe('background.withLink(scope)')
    expect(String(withLink(background(), { kind: 'Scope', label: 'page' })[0])).toBe('background.Scope(page)')
  })

  it('is not shown in a path while it only links', () => {
    const [ctx, cancel] = withLink(background())
    expect(String(withCancel(ctx)[0])).toBe('background.withCancel')
    cancel('why')
    expect(String(withCancel(ctx)[0])).toBe('background.withLink(canceled: why).withCancel')
  })

  it('throws a TypeError without a parent or a target', () => {
    expect(() => withLink(wrong(undefined))).toThrow(new TypeError('rescind: parent must be a context, got undefined'))
    const [ctx, , link] = withLink(background())
    expect(() => link(wrong(null))).toThrow(new TypeError('rescind: target must be a context, got null'))
    expect(ctx.err).toBeUndefined()
  })
})

describe('a Date', () => {
  it('sets the deadline to the millisecond, whenever it is read', () => {
    vi.useFakeTimers()
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const at = Date.now() + 90_000
    rearm(ctx, new Date(at))
    // Date and performance tick at different moments.
    vi.setSystemTime(Date.now() + 1)
    expect(ctx.deadline).toBe(at)
    cancel()
  })
})

describe('rearmFromStart', () => {
  it('counts from the time at which the context was derived, linked or rearmed', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 100)
    await clock.advance(30)
    rearmFromStart(ctx, 50)
    expect(remaining(ctx)).toBe(20)
    rearm(ctx, 50)
    await clock.advance(10)
    rearmFromStart(ctx, 60)
    expect(remaining(ctx)).toBe(50)
    rearmFromStart(ctx, 10)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', ms: 10 })
  })

  it("takes the soonest of the limits, whatever the parent has, and the parent's without a limit", async () => {
    const clock = fakeClock(1_000)
    const [parent] = withTimeout(clock.root, 10)
    const [ctx] = withTimeout(parent, 100)
    rearmFromStart(ctx, 50, new Date(1_030))
    expect(ctx.deadline).toBe(1_010)
    rearmFromStart(parent, 500)
    expect(ctx.deadline).toBe(1_030)
    rearmFromStart(ctx, 20, new Date(1_030), Infinity)
    expect(ctx.deadline).toBe(1_020)
    rearmFromStart(ctx)
    expect(ctx.deadline).toBe(1_500)
    rearmFromStart(ctx, 60, new Date(1_040))
    await clock.advance(40)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', ms: 40 })
  })

  it('changes nothing if one of the limits is invalid', () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    expect(() => rearmFromStart(ctx, 5, wrong('6'))).toThrow(
      new TypeError('rescind: limit must be a number of milliseconds, got "6"'),
    )
    expect(remaining(ctx)).toBeGreaterThan(50_000)
    cancel()
  })
})

describe('a context derived from withLink before the link', () => {
  it('has the deadlines of its new ancestors from the link on, also after they move', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 20)
    const [ctx, , link] = withLink(parent)
    const [child] = withTimeout(ctx, 50)
    const view = withValue(child, createKey('key'), 1)
    expect([child, view].map(({ deadline }) => deadline)).toEqual([50, 50])
    link()
    expect([child, view].map(({ deadline }) => deadline)).toEqual([20, 20])
    expect(remaining(view)).toBe(20)
    rearm(ctx, 10)
    rearm(parent, 40)
    expect([child, view].map(({ deadline }) => deadline)).toEqual([10, 10])
    await clock.advance(10)
    expect(child.err).toBe(ctx.err)
    expect(parent.err).toBeUndefined()
  })

  it('follows the signals of its new ancestors from the link on, before any of their listeners has run', () => {
    const controller = new AbortController()
    const [parent] = withSignal(background(), controller.signal)
    const [ctx, , link] = withLink(background())
    const [child] = withCancel(ctx)
    const seen: unknown[] = []
    controller.signal.addEventListener('abort', () => seen.push(remaining(child), cause(child)))
    // The listener above runs before those of the contexts.
    link(parent)
    controller.abort('why')
    expect(seen).toEqual([0, 'why'])
  })

  it('measures its time by the clock of its deadlines, though the link brought another clock', async () => {
    const clock = fakeClock(0)
    const [ctx, , link] = withLink(background())
    const [child] = withCancel(ctx)
    await clock.advance(500)
    link(withTimeout(clock.root, 1_000)[0])
    await clock.advance(300)
    expect(remaining(child)).toBe(700)
  })

  it('counts a later deadline from the time after the link, not before it', async () => {
    const clock = fakeClock(1_000)
    const [ctx, , link] = withLink(clock.root)
    expect(ctx.deadline).toBeUndefined()
    await clock.advance(500)
    link()
    rearm(ctx, 10)
    expect(ctx.deadline).toBe(1_510)
    rearm(ctx, new Date(1_505))
    expect(remaining(ctx)).toBe(5)
  })
})

describe('onMove', () => {
  it('calls back for every move of an effective deadline, and for no other', () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 100)
    const [ctx] = withTimeout(parent, 50)
    const [sibling] = withTimeout(parent, 50)
    const [child] = withTimeout(ctx, 50)
    const log: (number | undefined)[] = []
    onMove(withValue(ctx, createKey('key'), 1), () => log.push(ctx.deadline))
    rearm(ctx, 60)
    rearm(parent, 55)
    rearm(sibling, 10)
    rearm(child, 10)
    rearmFromStart(ctx, 60)
    disarm(ctx)
    disarm(parent)
    expect(log).toEqual([60, 55, 55, undefined])
  })

  it('calls back when an ancestor is linked', () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 100)
    const [ctx, , link] = withLink(parent)
    const [child] = withCancel(ctx)
    const log: (number | undefined)[] = []
    onMove(child, () => log.push(child.deadline))
    link()
    link()
    expect(log).toEqual([100])
  })

  it('calls back for deadlines that a link has added', () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 100)
    const [ctx, , link] = withLink(clock.root)
    const log: (number | undefined)[] = []
    const stop = onMove(withCancel(ctx)[0], () => log.push(ctx.deadline))
    link(parent)
    rearm(parent, 50)
    rearm(ctx, 20)
    stop()
    rearm(parent, 10)
    expect(log).toEqual([100, 50, 20])
  })

  it('returns a function that stops this subscription alone', () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    let count = 0
    const fn = () => count++
    const [stop, stopOther] = [onMove(ctx, fn), onMove(ctx, fn)]
    rearm(ctx, 70_000)
    stop()
    stop()
    rearm(ctx, 80_000)
    stopOther()
    rearm(ctx, 90_000)
    expect(count).toBe(3)
    cancel()
  })

  it('does not call back a subscription that another callback has just stopped', () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    let count = 0
    onMove(ctx, () => stop())
    const stop = onMove(ctx, () => count++)
    rearm(ctx, 70_000)
    rearm(ctx, 80_000)
    expect(count).toBe(0)
    cancel()
  })

  it('does not call back for a context that has ended', () => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    let count = 0
    onMove(ctx, () => count++)
    cancel()
    rearm(ctx, 70_000)
    disarm(ctx)
    expect(count).toBe(0)
  })

  it('reports what a callback throws, and calls the others', async () => {
    using uncaught = catchUncaught()
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const error = new Error('thrown by a watch')
    const log: string[] = []
    onMove(ctx, () => {
      throw error
    })
    onMove(ctx, () => log.push('other'))
    rearm(ctx, 70_000)
    await task()
    expect([log, uncaught.errors]).toEqual([['other'], [error]])
    cancel()
  })

  it('retains neither a stopped subscription nor a context that is no longer in use', async () => {
    const [parent, cancel] = withTimeout(background(), 60_000)
    const watched = () => {
      const [ctx, cancel] = withTimeout(parent, 5_000)
      onMove(ctx, () => {})()
      cancel()
      return ctx
    }
    expect(await isCollected(watched)).toBe(true)
    cancel()
  })

  it('throws a TypeError without a context or a function', () => {
    expect(() => onMove(wrong(undefined), () => {})).toThrow(
      new TypeError('rescind: ctx must be a context, got undefined'),
    )
    expect(() => onMove(background(), wrong('fn'))).toThrow(new TypeError('rescind: fn must be a function, got "fn"'))
  })
})
