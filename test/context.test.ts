/** What every context promises: its life, its end, its signal and its values. */

import {
  afterFunc,
  background,
  CanceledError,
  cause,
  createKey,
  isDeadlineExceeded,
  todo,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { countListeners, derivations, microtask } from './support.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

describe.each([
  ['background', background],
  ['todo', todo],
])('%s', (name, root) => {
  it('is one context that never ends, without a deadline or values', () => {
    const ctx = root()
    expect(root()).toBe(ctx)
    expect(ctx.err).toBeUndefined()
    expect(ctx.deadline).toBeUndefined()
    expect(ctx.signal.aborted).toBe(false)
    expect(ctx.value(createKey('anything'))).toBeUndefined()
    expect(cause(ctx)).toBeUndefined()
    expect(() => ctx.throwIfDone()).not.toThrow()
  })

  it('shows its name', () => {
    expect(String(root())).toBe(name)
  })
})

it('background and todo are two different roots', () => {
  expect(background()).not.toBe(todo())
})

describe('withCancel', () => {
  it('lives until cancel is called', () => {
    const [ctx, cancel] = withCancel(background())
    expect(ctx.err).toBeUndefined()
    expect(cause(ctx)).toBeUndefined()
    expect(() => ctx.throwIfDone()).not.toThrow()
    cancel()
    expect(ctx.err).toBeInstanceOf(CanceledError)
    expect(cause(ctx)).toBe(ctx.err)
    expect(ctx.deadline).toBeUndefined()
  })

  it('makes throwIfDone throw exactly its err once it has ended', () => {
    const [ctx, cancel] = withCancel(background())
    cancel('why')
    let thrown: unknown
    try {
      ctx.throwIfDone()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBe(ctx.err)
    expect(ctx.err).toBe(ctx.err)
  })

  it('keeps the cause apart from the error', () => {
    const why = new Error('the user left')
    const [ctx, cancel] = withCancel(background())
    cancel(why)
    expect(cause(ctx)).toBe(why)
    expect(ctx.err?.cause).toBe(why)
    expect(ctx.err).toMatchObject({ name: 'AbortError', message: 'context canceled: the user left' })
  })

  it.each([null, 0, '', false, Number.NaN])('takes %s as a cause', (why) => {
    const [ctx, cancel] = withCancel(background())
    cancel(why)
    expect(cause(ctx)).toBe(why)
    expect(ctx.err).toHaveProperty('cause', why)
  })

  it('has no cause if cancel is called with undefined', () => {
    const [ctx, cancel] = withCancel(background())
    cancel(undefined)
    expect(cause(ctx)).toBe(ctx.err)
    expect(ctx.err).not.toHaveProperty('cause')
  })

  it('keeps the first cause permanently', () => {
    const [parent, cancelParent] = withCancel(background())
    const [ctx, cancel] = withCancel(parent)
    cancel('first')
    const { err } = ctx
    cancel('second')
    cancel()
    cancelParent('third')
    expect(cause(ctx)).toBe('first')
    expect(ctx.err).toBe(err)
    expect(cause(parent)).toBe('third')
  })

  it('keeps having no cause if it was first canceled without one', () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    cancel('too late')
    expect(cause(ctx)).toBe(ctx.err)
  })

  it('keeps the cause of a parent that ended first', () => {
    const [parent, cancelParent] = withCancel(background())
    const [ctx, cancel] = withCancel(parent)
    cancelParent('parent')
    cancel('child')
    expect(cause(ctx)).toBe('parent')
  })

  it('ends all descendants before cancel returns, all with one error', () => {
    const [top, cancel] = withCancel(background())
    const below: Context[] = []
    for (const [, derive] of derivations) {
      const [ctx] = derive(top)
      const [child] = derive(withValue(ctx, createKey('key'), 1))
      below.push(ctx, child)
    }
    cancel('why')
    for (const ctx of below) {
      expect(ctx.err).toBe(top.err)
      expect(cause(ctx)).toBe('why')
      expect(ctx.signal.aborted).toBe(true)
      expect(ctx.signal.reason).toBe(top.err)
    }
  })

  it('does not end its parent and its siblings', () => {
    const [parent, cancelParent] = withCancel(background())
    const siblings = [withCancel(parent), withCancel(parent), withCancel(parent)]
    siblings[1]?.[1]()
    expect(parent.err).toBeUndefined()
    expect(siblings.map(([{ err }]) => err?.name)).toEqual([undefined, 'AbortError', undefined])
    cancelParent()
    expect(siblings.map(([{ err }]) => err?.name)).toEqual(['AbortError', 'AbortError', 'AbortError'])
  })

  it.each([[[0]], [[1]], [[2]], [[0, 1]], [[1, 2]], [[2, 0]], [[0, 1, 2]], [[2, 1, 0]], [[1, 0, 2]]])(
    'keeps the order of the remaining children when %j of three end',
    async (ended) => {
      const [parent, cancelParent] = withCancel(background())
      const log: number[] = []
      const children = [0, 1, 2].map((index) => {
        const [ctx, cancel] = withCancel(parent)
        afterFunc(ctx, () => log.push(index))
        return cancel
      })
      for (const index of ended) children[index]?.()
      afterFunc(parent, () => log.push(3))
      await microtask()
      expect(log).toEqual(ended)
      log.length = 0
      cancelParent()
      await microtask()
      // The callback is one level above those of the children.
      expect(log).toEqual([3, ...[0, 1, 2].filter((index) => !ended.includes(index))])
    },
  )

  it('has ended from the start under a parent that has ended', async () => {
    const [parent, cancelParent] = withCancel(background())
    cancelParent('before')
    for (const [, derive] of derivations) {
      const [ctx, cancel] = derive(parent)
      expect(ctx.err).toBe(parent.err)
      expect(ctx.signal.reason).toBe(parent.err)
      cancel('after')
      expect(cause(ctx)).toBe('before')
    }
  })

  it('ends at the end of a block that holds its cancel with `using`', () => {
    let inside: Context
    {
      const [ctx, cancel] = withCancel(background())
      using _ = cancel
      inside = ctx
      expect(inside.err).toBeUndefined()
    }
    expect(inside.err).toBeInstanceOf(CanceledError)
    expect(cause(inside)).toBe(inside.err)
  })

  it('ends when such a block throws', () => {
    const [ctx, cancel] = withCancel(background())
    expect(() => {
      using _ = cancel
      throw new Error('thrown')
    }).toThrow('thrown')
    expect(ctx.err).toBeInstanceOf(CanceledError)
  })

  it('builds no error until one is read', () => {
    const built: unknown[] = []
    const why = {
      get message() {
        built.push(why)
        return 'why'
      },
    }
    const [ctx, cancel] = withCancel(background())
    cancel(why)
    expect([cause(ctx), built.length]).toEqual([why, 0])
    expect([ctx.err?.message, built.length]).toEqual(['context canceled: why', 1])
    expect([ctx.err, built.length]).toEqual([ctx.err, 1])
  })

  it('builds one error for a whole subtree, whichever context is read first', () => {
    for (const why of [undefined, 'why']) {
      for (const first of [0, 1, 2]) {
        const [top, cancel] = withCancel(background())
        const [child] = withCancel(top)
        const all = [top, child, withValue(child, createKey('key'), 1)]
        cancel(why)
        const { err } = all[first] as Context
        expect(err).toBeInstanceOf(CanceledError)
        expect(all.map((ctx) => ctx.err)).toEqual([err, err, err])
        for (const ctx of all) expect(ctx.err).toBe(err)
        expect(withCancel(child)[0].err).toBe(err)
        expect(child.signal.reason).toBe(err)
      }
    }
  })

  it('builds a separate error for each cancel', () => {
    const [one, cancelOne] = withCancel(background())
    const [other, cancelOther] = withCancel(background())
    cancelOne('why')
    cancelOther('why')
    expect(one.err).not.toBe(other.err)
    const [plain, cancelPlain] = withCancel(background())
    const [another, cancelAnother] = withCancel(background())
    cancelPlain()
    cancelAnother()
    expect(plain.err).not.toBe(another.err)
  })
})

describe('cause', () => {
  it('is undefined while the context lives', () => {
    expect(cause(withTimeout(background(), 60_000, { cause: 'slow' })[0])).toBeUndefined()
  })

  it('accepts a foreign context', () => {
    const controller = new AbortController()
    expect(cause(controller)).toBeUndefined()
    controller.abort('why')
    expect(cause(controller)).toBe('why')
  })
})

describe('signal', () => {
  it('is an AbortSignal, and the same one at every read', () => {
    const [ctx, cancel] = withCancel(background())
    const { signal } = ctx
    expect(signal).toBeInstanceOf(AbortSignal)
    expect(signal.aborted).toBe(false)
    const merged = AbortSignal.any([signal])
    cancel('why')
    expect(ctx.signal).toBe(signal)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBe(ctx.err)
    expect(merged.reason).toBe(ctx.err)
  })

  it('is accepted by the platform', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel('why')
    await expect(fetch('data:,text', { signal: ctx.signal })).rejects.toBe(ctx.err)
  })

  it('has aborted when it is first read after the end', () => {
    const [ctx, cancel] = withCancel(background())
    cancel('why')
    expect(ctx.signal.aborted).toBe(true)
    expect(ctx.signal.reason).toBe(ctx.err)
    expect(() => ctx.signal.throwIfAborted()).toThrow(ctx.err)
  })

  it('fires its event once', () => {
    const [ctx, cancel] = withCancel(background())
    const listener = vi.fn<() => void>()
    ctx.signal.addEventListener('abort', listener)
    cancel()
    cancel()
    expect(ctx.signal.aborted).toBe(true)
    expect(listener).toHaveBeenCalledTimes(1)
  })

  it('is made at the first read, with the error as its reason', () => {
    const aborts: unknown[][] = []
    let made = 0
    vi.stubGlobal(
      'AbortController',
      class extends AbortController {
        constructor() {
          super()
          made++
        }

        override abort(...reason: [unknown?]): void {
          aborts.push(reason)
          super.abort(...reason)
        }
      },
    )
    const [parent, cancel] = withCancel(background())
    const [ctx] = withCancel(parent)
    withTimeout(ctx, 60_000)
    afterFunc(ctx, () => {})
    void [ctx.err, ctx.deadline, String(ctx), cause(ctx)]
    expect(made).toBe(0)
    void [ctx.signal, ctx.signal]
    expect(made).toBe(1)
    cancel()
    expect(made).toBe(1)
    expect(aborts).toEqual([[ctx.err]])
  })

  it('is shared by contexts that differ only in a value', () => {
    const [ctx] = withCancel(background())
    expect(withValue(ctx, createKey('key'), 1).signal).toBe(ctx.signal)
  })
})

describe('withValue', () => {
  const name = createKey<string>('name')
  const count = createKey('count', 7)

  it('returns the nearest value, or the fallback if there is none', () => {
    const one = withValue(background(), name, 'one')
    const two = withValue(withCancel(one)[0], name, 'two')
    expect(background().value(name)).toBeUndefined()
    expect(background().value(count)).toBe(7)
    expect([one.value(name), two.value(name)]).toEqual(['one', 'two'])
    expect(two.value(count)).toBe(7)
    expect(withValue(two, count, 8).value(count)).toBe(8)
  })

  it('compares keys by identity, not by name', () => {
    const other = createKey<string>('name')
    const ctx = withValue(background(), name, 'value')
    expect(ctx.value(other)).toBeUndefined()
    expect(withValue(ctx, other, 'other').value(name)).toBe('value')
  })

  it.each([undefined, null, 0, '', false])('holds the value %s', (value) => {
    const key = createKey<unknown>('key', 'fallback')
    expect(withValue(background(), key, value).value(key)).toBe(value)
  })

  it('lives exactly as long as its parent', () => {
    const [parent, cancel] = withTimeout(background(), 60_000)
    const ctx = withValue(parent, name, 'value')
    expect(ctx.deadline).toBe(parent.deadline)
    expect(ctx.err).toBeUndefined()
    cancel('why')
    expect(ctx.err).toBe(parent.err)
    expect(cause(ctx)).toBe('why')
    expect(ctx.signal).toBe(parent.signal)
    expect(() => ctx.throwIfDone()).toThrow(parent.err)
  })

  it('passes values to all that derive, also after the end', () => {
    const ctx = withValue(background(), name, 'value')
    for (const [, derive] of derivations) {
      const [child, cancel] = derive(ctx)
      expect(child.value(name)).toBe('value')
      cancel()
      expect(child.value(name)).toBe('value')
    }
    expect(withoutCancel(ctx).value(name)).toBe('value')
  })

  it('hides its value from parents and siblings', () => {
    const [parent] = withCancel(background())
    const [sibling] = withCancel(parent)
    withValue(parent, name, 'value')
    expect(parent.value(name)).toBeUndefined()
    expect(sibling.value(name)).toBeUndefined()
  })
})

describe('withoutCancel', () => {
  it('keeps the values and drops the deadline and the end of its parent', async () => {
    const clock = fakeClock(1_000)
    const key = createKey<string>('key')
    const controller = new AbortController()
    const [parent, cancel] = withTimeout(withSignal(clock.root, controller.signal)[0], 5_000)
    const ctx = withoutCancel(withValue(parent, key, 'value'))
    const [child] = withCancel(ctx)
    expect(ctx.deadline).toBeUndefined()
    cancel('parent')
    controller.abort()
    await clock.advance(5_000)
    for (const survivor of [ctx, child]) {
      expect(survivor.err).toBeUndefined()
      expect(survivor.signal.aborted).toBe(false)
      expect(survivor.value(key)).toBe('value')
    }
  })

  it('lives under a parent that has ended', () => {
    const [parent, cancel] = withCancel(background())
    cancel()
    const ctx = withoutCancel(parent)
    expect(ctx.err).toBeUndefined()
    expect(cause(ctx)).toBeUndefined()
    expect(withCancel(ctx)[0].err).toBeUndefined()
  })

  it('lets its children end', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 5)
    const [child] = withTimeout(withoutCancel(parent), 10)
    const [other, cancel] = withCancel(withoutCancel(parent))
    cancel('why')
    await clock.advance(9)
    expect(child.err).toBeUndefined()
    await clock.advance(1)
    expect(isDeadlineExceeded(child.err)).toBe(true)
    expect(cause(other)).toBe('why')
  })

  it('leaves no listener on a foreign signal', () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    withCancel(withoutCancel({ signal }))
    expect(listeners()).toBe(0)
  })
})

describe('a structured clone', () => {
  it('throws instead of copying the values of a context', () => {
    const secret = createKey<string>('secret')
    const [ctx] = withTimeout(withValue(background(), secret, 'password'), 60_000)
    for (const one of [background(), withValue(background(), secret, 'password'), ctx, withCancel(ctx)[0]]) {
      expect(() => structuredClone(one)).toThrow(expect.objectContaining({ name: 'DataCloneError' }) as Error)
    }
  })
})

describe('toString', () => {
  it('shows how the context was derived, and how much time is left', async () => {
    const clock = fakeClock(0)
    const [search] = withCancel(clock.root, { label: 'search' })
    const [ctx, cancel] = withTimeout(search, 5_000)
    expect(String(ctx)).toBe('background.withCancel(search).withTimeout(5s, 5s left)')
    await clock.advance(1_800)
    expect(String(ctx)).toBe('background.withCancel(search).withTimeout(5s, 3.2s left)')
    cancel()
    expect(String(ctx)).toBe('background.withCancel(search).withTimeout(5s, canceled)')
  })

  it('shows where and why the context ended', async () => {
    const clock = fakeClock(0)
    const [page, leave] = withCancel(clock.root, { label: 'page' })
    const [ctx] = withTimeout(page, 5_000, { label: 'search' })
    const [child, cancelChild] = withCancel(ctx)
    const view = withValue(child, createKey('user'), 1)
    cancelChild()
    expect(String(view)).toBe(
      'background.withCancel(page).withTimeout(search, 5s, 5s left).withCancel(canceled).withValue(user)',
    )
    expect(String(ctx)).toBe('background.withCancel(page).withTimeout(search, 5s, 5s left)')
    const [other] = withCancel(ctx)
    await clock.advance(5_000)
    expect(String(other)).toBe('background.withCancel(page).withTimeout(search, 5s, deadline exceeded).withCancel')
    leave('the reader pressed Stop')
    expect(String(page)).toBe('background.withCancel(page, canceled: the reader pressed Stop)')
    expect(String(withCancel(page)[0])).toBe(
      'background.withCancel(page, canceled: the reader pressed Stop).withCancel',
    )
    expect(String(other)).toContain('deadline exceeded')
    expect(String(withoutCancel(page))).toBe('background.withCancel(page).withoutCancel')
  })

  it('is the same whether the error was read before or not', () => {
    const [page, leave] = withCancel(background(), { label: 'page' })
    const [ctx] = withCancel(page)
    leave()
    const before = String(ctx)
    expect(ctx.err).toBeDefined()
    expect(before).toBe('background.withCancel(page, canceled).withCancel')
    expect(String(ctx)).toBe(before)
  })

  it('shows the reason of a foreign signal at the context that follows it', () => {
    const controller = new AbortController()
    const [ctx] = withSignal(background(), controller.signal, { label: 'upload' })
    const [foreign] = withCancel(controller)
    controller.abort(new Error('the tab was closed'))
    expect(String(withCancel(ctx)[0])).toBe('background.withSignal(upload, canceled: the tab was closed).withCancel')
    expect(String(foreign)).toBe('signal(canceled: the tab was closed).withCancel')
  })

  it('shows the innermost contexts of a long chain, its root, and where it ended', () => {
    const [top, cancel] = withCancel(background(), { label: 'top' })
    let ctx = top
    for (let depth = 0; depth < 100; depth++) [ctx] = withCancel(ctx)
    const inner = '.withCancel'.repeat(20)
    expect(String(ctx)).toBe(`background.…${inner}`)
    cancel('why')
    expect(String(ctx)).toBe(`background.withCancel(top, canceled: why).…${inner}`)
    expect(ctx.err?.stack).toBe('AbortError: context canceled (top): why\n    in background.withCancel(top)')
  })

  it('shows all kinds of contexts', () => {
    const clock = fakeClock(0)
    const key = createKey<string>('user')
    const { signal } = new AbortController()
    expect(String(withCancel(todo())[0])).toBe('todo.withCancel')
    expect(String(withValue(background(), key, 'secret'))).toBe('background.withValue(user)')
    expect(String(withoutCancel(background()))).toBe('background.withoutCancel')
    expect(String(withSignal(background(), signal)[0])).toBe('background.withSignal')
    expect(String(withDeadline(clock.root, 250, { label: 'query' })[0])).toBe(
      'background.withDeadline(query, 250ms, 250ms left)',
    )
    expect(String(withCancel({ signal })[0])).toBe('signal.withCancel')
    expect(String(withCancel({ signal, deadline: 5 })[0])).toBe('foreign.withCancel')
  })

  it('shows 0 ms for a limit that was not positive, and nothing for Infinity', async () => {
    const clock = fakeClock(1_000)
    for (const ms of [0, -0, -5, -5_000, -Infinity]) {
      expect(String(withTimeout(clock.root, ms)[0])).toBe('background.withTimeout(0ms, deadline exceeded)')
    }
    expect(String(withDeadline(clock.root, 0)[0])).toBe('background.withDeadline(0ms, deadline exceeded)')
    const [ctx] = withTimeout(clock.root, 2)
    await clock.advance(5)
    expect(String(ctx)).toBe('background.withTimeout(2ms, deadline exceeded)')
    expect(String(withTimeout(clock.root, Infinity, { label: 'long' })[0])).toBe('background.withTimeout(long)')
  })

  it('is the JSON of a context, however large the tree is and whatever the values are', () => {
    const [parent] = withCancel(background(), { label: 'search' })
    const ctx = withValue(parent, createKey<unknown>('user'), { password: 'secret', big: 1n })
    for (let count = 0; count < 10; count++) withCancel(ctx)
    expect(JSON.stringify({ url: '/albums', ctx })).toBe(
      '{"url":"/albums","ctx":"background.withCancel(search).withValue(user)"}',
    )
    const [foreign] = withCancel(new AbortController())
    expect(JSON.stringify([todo(), foreign])).toBe(`["todo","${foreign}"]`)
  })
})
