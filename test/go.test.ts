/**
 * What the tests of Go's `context` package check, under their names there. What they look up inside a context is
 * observed from outside here: which contexts end together, and which listeners a foreign signal has.
 */

import {
  afterFunc,
  background,
  CanceledError,
  cause,
  createKey,
  DeadlineExceededError,
  isDeadlineExceeded,
  todo,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Cancel, Context, ContextLike, Key } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it, vi } from 'vitest'
import { countListeners, microtask } from './support.ts'

/** A context of another library, which passes on what it wraps. */
function custom(ctx: Context): ContextLike {
  return {
    get signal() {
      return ctx.signal
    },
    get deadline() {
      return ctx.deadline
    },
    value: (key: Key<unknown>) => ctx.value(key),
  } as ContextLike
}

/** The states of `contexts`, which signal and err must agree on. */
function state(...contexts: Context[]): string {
  const states = contexts.map(({ signal, err }) => {
    if (signal.aborted !== (err !== undefined)) return 'at odds'
    if (err instanceof CanceledError) return 'canceled'
    return err instanceof DeadlineExceededError ? 'expired' : 'live'
  })
  return [...new Set(states)].join()
}

/** Pseudo-random numbers, the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

it('Background: never ends', () => {
  expect(state(background())).toBe('live')
  expect(String(background())).toBe('background')
})

it('TODO: never ends', () => {
  expect(state(todo())).toBe('live')
  expect(String(todo())).toBe('todo')
})

it('WithCancel: ends a context, and one derived from a foreign context around it', () => {
  const [ctx, cancel] = withCancel(background())
  expect(String(ctx)).toBe('background.withCancel')
  const [child] = withCancel(custom(ctx))
  expect(state(ctx, child)).toBe('live')
  cancel()
  expect(state(ctx, child)).toBe('canceled')
})

it('ParentFinishesChild: a cancel ends children, values and timeouts, and contexts derived later', () => {
  const key = createKey<string>('key')
  const [parent, cancel] = withCancel(background())
  const [cancelChild] = withCancel(parent)
  const valueChild = withValue(parent, key, 'value')
  const [timerChild] = withTimeout(valueChild, 10_000 * 3_600_000)
  expect(state(parent, cancelChild, valueChild, timerChild)).toBe('live')
  cancel()
  expect(state(parent, cancelChild, valueChild, timerChild)).toBe('canceled')
  expect(state(withValue(parent, key, 'value'), withCancel(parent)[0])).toBe('canceled')
})

it('ChildFinishesFirst: a child that ends leaves its parent alone', () => {
  const [cancelable, stop] = withCancel(background())
  using _ = stop
  for (const parent of [background(), cancelable]) {
    const [child, cancel] = withCancel(parent)
    expect(state(parent, child)).toBe('live')
    cancel()
    expect(state(child)).toBe('canceled')
    expect(state(parent)).toBe('live')
  }
})

it('Deadline: ends by itself, also through a foreign context, and at once if it has passed', async () => {
  const clock = fakeClock(1_000)
  const [ctx] = withDeadline(clock.root, 1_050)
  const [throughCustom] = withDeadline(custom(withDeadline(clock.root, 1_050)[0]), Date.now() + 4_000_000)
  expect(state(ctx, throughCustom)).toBe('live')
  expect(state(withDeadline(clock.root, 999)[0], withDeadline(clock.root, 1_000)[0])).toBe('expired')
  await clock.advance(50)
  expect(state(ctx, throughCustom)).toBe('expired')
})

it('Timeout: ends by itself, also through a foreign context', async () => {
  const clock = fakeClock(0)
  const [ctx] = withTimeout(clock.root, 50)
  const [throughCustom] = withTimeout(custom(withTimeout(clock.root, 50)[0]), 3_000_000)
  expect(state(ctx, throughCustom)).toBe('live')
  await clock.advance(50)
  expect(state(ctx, throughCustom)).toBe('expired')
})

it('CanceledTimeout: a cancel comes before the deadline', async () => {
  const clock = fakeClock(0)
  const [outer] = withTimeout(clock.root, 1_000)
  const [ctx, cancel] = withTimeout(custom(outer), 2_000)
  cancel()
  expect(state(ctx)).toBe('canceled')
  await clock.advance(5_000)
  expect(state(ctx)).toBe('canceled')
})

it('Values: the nearest wins, two keys with one name differ, and undefined hides the value above', () => {
  const one = createKey<string | undefined>('key')
  const two = createKey<string | undefined>('key')
  const three = createKey<string | undefined>('other')
  const values = (ctx: Context) => [one, two, three].map((key) => ctx.value(key))

  const c1 = withValue(background(), one, 'c1')
  const c2 = withValue(c1, two, 'c2')
  const c3 = withValue(c2, three, 'c3')
  const c4 = withValue(c3, one, undefined)
  expect(values(background())).toEqual([undefined, undefined, undefined])
  expect(values(c1)).toEqual(['c1', undefined, undefined])
  expect(values(c2)).toEqual(['c1', 'c2', undefined])
  expect(values(c3)).toEqual(['c1', 'c2', 'c3'])
  expect(values(c4)).toEqual([undefined, 'c2', 'c3'])
  expect(String(c1)).toBe('background.withValue(key)')

  expect(values(withCancel(custom(background()))[0])).toEqual([undefined, undefined, undefined])
  expect(values(withValue(custom(c1), two, 'o2'))).toEqual(['c1', 'o2', undefined])
  expect(values(withValue(custom(c4), three, undefined))).toEqual([undefined, 'c2', undefined])
})

it('SimultaneousCancels: every context of a tree is canceled, in any order, and all of them are done', () => {
  const next = sequence(7)
  const all: [ctx: Context, cancel: Cancel][] = [withCancel(background())]
  for (let index = 0; all.length < 100; index++) {
    const [parent] = all[index] ?? []
    if (parent) for (let child = 0; child < 4; child++) all.push(withCancel(parent))
  }
  const placed = all.map(([, cancel]) => ({ cancel, place: next(1_000_000) }))
  for (const { cancel } of placed.toSorted((one, other) => one.place - other.place)) cancel()
  expect(state(...all.map(([ctx]) => ctx))).toBe('canceled')
})

it('InterlockedCancels: a listener of the parent may cancel the child', () => {
  const [parent, cancelParent] = withCancel(background())
  const [child, cancelChild] = withCancel(parent)
  parent.signal.addEventListener('abort', () => cancelChild())
  child.signal.addEventListener('abort', () => cancelParent())
  cancelParent()
  expect(state(parent, child)).toBe('canceled')
})

describe.each([1, 2, 3, 4, 5])('layers of values, cancels and timeouts (%i)', (seed) => {
  async function layers(end: 'cancel' | 'timeout'): Promise<string[]> {
    const next = sequence(seed)
    const clock = fakeClock(0)
    const keys: Key<number>[] = []
    const cancels: Cancel[] = []
    let timers = 0
    let ctx = clock.root
    for (let layer = 0; layer < 30 || keys.length === 0 || cancels.length === 0 || timers === 0; layer++) {
      const kind = next(3)
      if (kind === 0) {
        const key = createKey<number>('layer')
        ctx = withValue(ctx, key, keys.length)
        keys.push(key)
      } else {
        const [inner, cancel] = kind === 1 ? withCancel(ctx) : withTimeout(ctx, 200)
        if (kind === 2) timers++
        ctx = inner
        cancels.push(cancel)
      }
    }
    const hasAll = () => keys.every((key, index) => ctx.value(key) === index)
    const look = () => `${state(ctx)}, ${hasAll() ? 'all' : 'not all'} values`
    const before = look()
    if (end === 'cancel') cancels[next(cancels.length)]?.()
    else await clock.advance(200)
    return [before, look()]
  }

  it('LayersCancel: any of the cancels ends the innermost', async () => {
    expect(await layers('cancel')).toEqual(['live, all values', 'canceled, all values'])
  })

  it('LayersTimeout: the first of the timeouts ends the innermost', async () => {
    expect(await layers('timeout')).toEqual(['live, all values', 'expired, all values'])
  })
})

it('CancelRemoves: a child that ends is removed from its parent', () => {
  const controller = new AbortController()
  const listeners = countListeners(controller.signal)
  for (const derive of [() => withCancel(controller), () => withTimeout(controller, 3_600_000)]) {
    const [, cancel] = derive()
    expect(listeners()).toBe(1)
    cancel()
    expect(listeners()).toBe(0)
  }
  const stop = afterFunc(controller, () => {})
  expect(listeners()).toBe(1)
  stop()
  expect(listeners()).toBe(0)
})

it('WithCancelCanceledParent: a context derived from an ended one has ended with the same cause', () => {
  const [parent, cancelParent] = withCancel(background())
  cancelParent('because')
  const [ctx] = withCancel(parent)
  expect(state(ctx)).toBe('canceled')
  expect(cause(ctx)).toBe('because')
})

it('WithCancelSimultaneouslyCanceledParent: a context derived while its parent is canceled ends with it', async () => {
  const [parent, cancelParent] = withCancel(background())
  const derived: Context[] = []
  const deriveChild = () => void derived.push(withCancel(parent)[0])
  parent.signal.addEventListener('abort', deriveChild)
  withCancel(parent)[0].signal.addEventListener('abort', deriveChild)
  afterFunc(parent, deriveChild)
  cancelParent('because')
  await microtask()
  expect(derived).toHaveLength(3)
  expect(state(...derived)).toBe('canceled')
  expect(derived.map((ctx) => cause(ctx))).toEqual(['because', 'because', 'because'])
})

it('WithValueChecksKey: only createKey makes keys', () => {
  for (const key of [undefined, null, 'key', Symbol('key'), [], {}]) {
    expect(() => withValue(background(), key as never, 'value' as never)).toThrow(TypeError)
  }
})

it('InvalidDerivedFail: deriving from undefined or null throws', () => {
  for (const parent of [undefined, null] as never[]) {
    expect(() => withCancel(parent)).toThrow(TypeError)
    expect(() => withTimeout(parent, 1_000)).toThrow(TypeError)
    expect(() => withDeadline(parent, Date.now())).toThrow(TypeError)
    expect(() => withValue(parent, createKey('key'), 'value')).toThrow(TypeError)
    expect(() => withoutCancel(parent)).toThrow(TypeError)
    expect(() => afterFunc(parent, () => {})).toThrow(TypeError)
  }
})

it('DeadlineExceededSupportsTimeout: the platform sees an expired deadline as a timeout', () => {
  const [ctx] = withTimeout(background(), 0)
  expect(ctx.err?.name).toBe('TimeoutError')
  expect(isDeadlineExceeded(ctx.err)).toBe(true)
  expect(isDeadlineExceeded(new Error('fetching failed', { cause: ctx.err }))).toBe(true)
})

it('CustomContextPropagation: contexts on both sides of a foreign one end with the outermost, and not upwards', () => {
  const key = createKey<string>('key')
  const [outer, cancelOuter] = withCancel(withValue(background(), key, 'outer'))
  const [middle] = withCancel(custom(outer))
  const [inner, cancelInner] = withCancel(custom(middle))
  expect(inner.value(key)).toBe('outer')
  cancelInner('inner')
  expect(state(outer, middle)).toBe('live')
  const [other] = withTimeout(custom(middle), 60_000)
  cancelOuter('outer')
  expect(state(outer, middle, inner, other)).toBe('canceled')
  expect([outer, middle, inner, other].map((ctx) => cause(ctx))).toEqual(['outer', 'outer', 'inner', 'outer'])
})

it('CustomContextGoroutines: a foreign parent carries one listener at most, however many follow it', () => {
  const { signal } = new AbortController()
  const listeners = countListeners(signal)
  const parent = { signal, value: () => undefined }
  const first = withCancel(parent)
  expect(listeners()).toBe(1)
  const more = [
    withCancel(parent),
    withTimeout(parent, 60_000),
    withCancel(withValue(parent, createKey('key'), 1)),
    withCancel(first[0]),
  ]
  const stop = afterFunc(first[0], () => {})
  expect(listeners()).toBe(1)
  for (const [, cancel] of [...more, first]) cancel()
  expect(stop()).toBe(false)
  expect(listeners()).toBe(0)
})

describe('Cause', () => {
  const parentCause = 'parent'
  const childCause = 'child'

  it.each<[name: string, make: () => Context, errName: string | undefined, expected: unknown]>([
    ['background', () => background(), undefined, undefined],
    ['todo', () => todo(), undefined, undefined],
    ['withCancel, live', () => withCancel(background())[0], undefined, undefined],
    [
      'withCancel, canceled',
      () => {
        const [ctx, cancel] = withCancel(background())
        cancel()
        return ctx
      },
      'AbortError',
      'err',
    ],
    [
      'withCancel, canceled with a cause',
      () => {
        const [ctx, cancel] = withCancel(background())
        cancel(parentCause)
        return ctx
      },
      'AbortError',
      parentCause,
    ],
    [
      'withCancel, canceled with undefined',
      () => {
        const [ctx, cancel] = withCancel(background())
        cancel(undefined)
        return ctx
      },
      'AbortError',
      'err',
    ],
    [
      'withCancel, canceled twice',
      () => {
        const [ctx, cancel] = withCancel(background())
        cancel(parentCause)
        cancel(childCause)
        return ctx
      },
      'AbortError',
      parentCause,
    ],
    [
      'a child, of which the parent is canceled first',
      () => {
        const [parent, cancelParent] = withCancel(background())
        const [ctx, cancel] = withCancel(parent)
        cancelParent(parentCause)
        cancel(childCause)
        return ctx
      },
      'AbortError',
      parentCause,
    ],
    [
      'a child that is canceled before its parent',
      () => {
        const [parent, cancelParent] = withCancel(background())
        const [ctx, cancel] = withCancel(parent)
        cancel(childCause)
        cancelParent(parentCause)
        return ctx
      },
      'AbortError',
      childCause,
    ],
    [
      'a parent of which the child is canceled first',
      () => {
        const [parent, cancelParent] = withCancel(background())
        withCancel(parent)[1](childCause)
        cancelParent(parentCause)
        return parent
      },
      'AbortError',
      parentCause,
    ],
    [
      'a timeout under a canceled parent',
      () => {
        const [parent, cancel] = withCancel(background())
        cancel(parentCause)
        return withTimeout(parent, 0, { cause: childCause })[0]
      },
      'AbortError',
      parentCause,
    ],
    ['withTimeout, expired', () => withTimeout(background(), 0)[0], 'TimeoutError', 'err'],
    [
      'withTimeout with a cause, expired',
      () => withTimeout(background(), 0, { cause: childCause })[0],
      'TimeoutError',
      childCause,
    ],
    [
      'withDeadline with a cause, expired',
      () => withDeadline(background(), 0, { cause: childCause })[0],
      'TimeoutError',
      childCause,
    ],
    [
      'withTimeout with a cause, canceled',
      () => {
        const [ctx, cancel] = withTimeout(background(), 60_000, { cause: childCause })
        cancel()
        return ctx
      },
      'AbortError',
      'err',
    ],
    [
      'withValue of a canceled parent',
      () => {
        const [parent, cancel] = withCancel(background())
        cancel(parentCause)
        return withValue(parent, createKey('key'), 1)
      },
      'AbortError',
      parentCause,
    ],
    [
      'withoutCancel of a canceled parent',
      () => {
        const [parent, cancel] = withCancel(background())
        cancel(parentCause)
        return withoutCancel(parent)
      },
      undefined,
      undefined,
    ],
    ['withSignal, aborted', () => withSignal(background(), AbortSignal.abort(childCause))[0], 'AbortError', childCause],
  ])('%s', (_, make, errName, expected) => {
    const ctx = make()
    expect(ctx.err?.name).toBe(errName)
    expect(cause(ctx)).toBe(expected === 'err' ? ctx.err : expected)
    expect(ctx.signal.aborted).toBe(errName !== undefined)
  })
})

it('CauseRace: whichever cancel comes first, err and cause belong together', async () => {
  const clock = fakeClock(0)
  for (const delay of [5, 10]) {
    const [ctx, cancel] = withTimeout(clock.root, 10, { cause: 'deadline' })
    await clock.advance(delay)
    cancel('cancel')
    const [name, why] = delay < 10 ? ['AbortError', 'cancel'] : ['TimeoutError', 'deadline']
    expect(ctx.err?.name).toBe(name)
    expect(ctx.err?.cause).toBe(why)
    expect(cause(ctx)).toBe(why)
  }
})

it('WithoutCancel: neither ends nor has a deadline, but has the values', () => {
  const key = createKey<string>('key')
  const [parent, cancel] = withTimeout(withValue(background(), key, 'value'), 60_000)
  const ctx = withoutCancel(parent)
  cancel()
  expect(state(ctx)).toBe('live')
  expect(ctx.deadline).toBeUndefined()
  expect(cause(ctx)).toBeUndefined()
  expect(ctx.value(key)).toBe('value')
  expect(String(withoutCancel(background()))).toBe('background.withoutCancel')
})

describe('AfterFunc', () => {
  it('CalledAfterCancel: runs when the context is canceled, and not before', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<() => void>()
    const stop = afterFunc(ctx, fn)
    await microtask()
    expect(fn).not.toHaveBeenCalled()
    cancel()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
    expect(stop()).toBe(false)
  })

  it('CalledAfterTimeout: runs when the deadline has passed', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 10)
    const fn = vi.fn<() => void>()
    afterFunc(ctx, fn)
    await clock.advance(9)
    expect(fn).not.toHaveBeenCalled()
    await clock.advance(1)
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it('CalledImmediately: runs for a context that has ended', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    const fn = vi.fn<() => void>()
    afterFunc(ctx, fn)
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it('NotCalledAfterStop: does not run after it was stopped', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<() => void>()
    const stop = afterFunc(ctx, fn)
    expect(stop()).toBe(true)
    cancel()
    await microtask()
    expect(fn).not.toHaveBeenCalled()
    expect(stop()).toBe(false)
  })

  it('CalledAsynchronously: does not run inside cancel', async () => {
    const [ctx, cancel] = withCancel(background())
    const log: string[] = []
    afterFunc(ctx, () => log.push('callback'))
    cancel()
    log.push('cancel has returned')
    await microtask()
    expect(log).toEqual(['cancel has returned', 'callback'])
  })

  it('runs for a foreign context, and for one derived from it', async () => {
    const [ctx, cancel] = withCancel(background())
    const fn = vi.fn<() => void>()
    afterFunc(custom(ctx), fn)
    afterFunc(withCancel(custom(ctx))[0], fn)
    const stop = afterFunc(custom(ctx), fn)
    expect(stop()).toBe(true)
    cancel()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(2)
  })
})

describe('CustomContextAfterFunc', () => {
  it('Cancel: a foreign context ends contexts that withCancel derives', () => {
    const controller = new AbortController()
    const [ctx] = withCancel(controller)
    controller.abort()
    expect(state(ctx)).toBe('canceled')
  })

  it('Timeout: a foreign context ends contexts that withTimeout derives', () => {
    const controller = new AbortController()
    const [ctx] = withTimeout(controller, 3_600_000)
    controller.abort()
    expect(state(ctx)).toBe('canceled')
  })

  it('AfterFunc: a function runs after the end of a foreign context', async () => {
    const controller = new AbortController()
    const fn = vi.fn<() => void>()
    afterFunc(controller, fn)
    controller.abort()
    await microtask()
    expect(fn).toHaveBeenCalledTimes(1)
  })

  it.each<[name: string, use: (ctx: ContextLike) => (() => unknown)[]]>([
    ['UnregisterCancel', (ctx) => [withCancel(ctx)[1], withCancel(ctx)[1]]],
    ['UnregisterTimeout', (ctx) => [withTimeout(ctx, 3_600_000)[1]]],
    ['UnregisterAfterFunc', (ctx) => [afterFunc(ctx, () => {})]],
  ])('%s: an ended context is removed from a foreign one', (_, use) => {
    const controller = new AbortController()
    const listeners = countListeners(controller.signal)
    const stops = use(controller)
    expect(listeners()).toBe(1)
    for (const stop of stops) stop()
    expect(listeners()).toBe(0)
  })
})
