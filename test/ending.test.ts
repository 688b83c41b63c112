/** Ending is one step: all descendants are marked before any listener runs, and listeners run once and in order. */

import { afterFunc, background, cause, createKey, sleep, withCancel, withSignal, withTimeout, withValue } from 'rescind'
import type { Context, ContextLike } from 'rescind'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { catchUncaught, derivations, logAbort, microtask, task } from './support.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Ways in which everything below a parent comes to its end. */
const ends: [name: string, make: () => [parent: ContextLike, end: () => void]][] = [
  ['a cancel', () => withCancel(background())],
  [
    'the end of a parent',
    () => {
      const [parent, cancel] = withCancel(background())
      return [withCancel(parent)[0], cancel]
    },
  ],
  [
    'a deadline that a read finds passed',
    () => {
      vi.useFakeTimers({ toFake: ['performance'] })
      const [ctx] = withTimeout(background(), 1_000)
      return [
        ctx,
        () => {
          vi.advanceTimersByTime(1_000)
          expect(ctx.err).toBeDefined()
        },
      ]
    },
  ],
  [
    'a foreign signal',
    () => {
      const controller = new AbortController()
      return [controller, () => controller.abort()]
    },
  ],
  [
    'a signal',
    () => {
      const controller = new AbortController()
      return [withSignal(background(), controller.signal)[0], () => controller.abort()]
    },
  ],
]

/** A tree of three levels. */
function tree(top: ContextLike): Context[] {
  const [ctx] = withCancel(top)
  const [left] = withCancel(ctx)
  const [right] = withTimeout(ctx, 60_000)
  const children = [left, right].map((parent) => withCancel(parent)[0])
  const value = withValue(left, createKey('key'), 1)
  return [ctx, left, right, ...children, value, withCancel(value)[0]]
}

describe('ending', () => {
  it.each(ends)('is one step for every listener: %s', (_, make) => {
    const [parent, end] = make()
    const contexts = tree(parent)
    const seen: boolean[] = []
    for (const ctx of contexts) {
      ctx.signal.addEventListener('abort', () => {
        for (const { err, signal } of contexts) {
          seen.push(err !== undefined, signal.aborted, signal.reason === ctx.err)
        }
      })
    }
    end()
    // The context with the value shares the signal of its parent.
    expect(seen).toHaveLength(contexts.length * contexts.length * 3)
    expect(new Set(seen)).toEqual(new Set([true]))
  })

  it.each(ends)(
    'notifies parents before children, and siblings in the order in which they were derived: %s',
    async (_, make) => {
      const [parent, end] = make()
      const log: string[] = []
      const [ctx] = withCancel(parent)
      const [first] = withCancel(ctx)
      const [second] = withCancel(ctx)
      const [secondsChild] = withCancel(second)
      const [firstsChild] = withCancel(first)
      const [third] = withCancel(ctx)
      const named = { thirdChild: withCancel(third)[0], secondsChild, firstsChild, third, second, first, ctx }
      for (const [name, context] of Object.entries(named)) {
        logAbort(context, log, name)
        afterFunc(context, () => log.push(`after ${name}`))
      }
      end()
      const order = ['ctx', 'first', 'second', 'third', 'firstsChild', 'secondsChild', 'thirdChild']
      expect(log).toEqual(order)
      await microtask()
      expect(log).toEqual([...order, ...order.map((name) => `after ${name}`)])
    },
  )

  it('is complete for a listener that a foreign signal had before ours', () => {
    const controller = new AbortController()
    const seen: unknown[] = []
    const contexts: Context[] = []
    controller.signal.addEventListener('abort', () => {
      for (const ctx of contexts) {
        seen.push(cause(ctx), ctx.err?.name, ctx.signal.aborted, ctx.signal.reason === ctx.err)
      }
    })
    contexts.push(
      ...tree(controller),
      withSignal(background(), controller.signal)[0],
      withValue(controller, createKey('key'), 1),
    )
    controller.abort('why')
    expect(seen).toEqual(contexts.flatMap(() => ['why', 'AbortError', true, true]))
  })

  it('is re-entrant: listeners may cancel the same context and others', () => {
    const [one, cancelOne] = withCancel(background())
    const [other, cancelOther] = withCancel(background())
    const [child] = withCancel(other)
    const log: string[] = []
    one.signal.addEventListener('abort', () => {
      cancelOne('again')
      cancelOther('from within')
      log.push(`other is ${other.err?.name}, its child ${child.err?.name}`)
      cancelOther('and again')
    })
    other.signal.addEventListener('abort', () => {
      cancelOne('and back')
      log.push('other')
    })
    cancelOne('first')
    expect(log).toEqual(['other', 'other is AbortError, its child AbortError'])
    expect([one, other, child].map((ctx) => cause(ctx))).toEqual(['first', 'from within', 'from within'])
  })

  it('notifies a child once if a listener of its parent cancels it', async () => {
    const [parent, cancelParent] = withCancel(background())
    const [child, cancelChild] = withCancel(parent)
    const log: string[] = []
    afterFunc(child, () => log.push('callback'))
    logAbort(child, log, 'listener')
    parent.signal.addEventListener('abort', () => cancelChild('child'))
    cancelParent('parent')
    await microtask()
    expect(cause(child)).toBe('parent')
    expect(log).toEqual(['listener', 'callback'])
  })

  it('ends what a listener derives from an ended context', () => {
    const [parent, cancel] = withCancel(background())
    const [child] = withCancel(parent)
    const derived: Context[] = []
    parent.signal.addEventListener('abort', () => {
      for (const [, derive] of derivations) derived.push(derive(parent)[0], derive(child)[0])
    })
    cancel('why')
    expect(derived.map((ctx) => cause(ctx))).toEqual(derivations.flatMap(() => ['why', 'why']))
  })

  it('continues when a listener throws, and the error is reported', async () => {
    const [parent, cancel] = withCancel(background())
    const [child] = withCancel(parent)
    const log: string[] = []
    const thrown = new Error('thrown by a listener')
    parent.signal.addEventListener('abort', () => {
      throw thrown
    })
    logAbort(parent, log, 'parent')
    logAbort(child, log, 'child')
    afterFunc(child, () => log.push('callback'))
    using uncaught = catchUncaught()
    expect(() => cancel()).not.toThrow()
    expect(log).toEqual(['parent', 'child'])
    await task()
    expect(log).toEqual(['parent', 'child', 'callback'])
    expect(uncaught.errors).toEqual([thrown])
  })
})

/** Listens to the signals of two children, and to the end of `ctx`. */
function listen(ctx: Context): string[] {
  const log: string[] = []
  logAbort(withCancel(ctx)[0], log, 'first')
  logAbort(withCancel(ctx)[0], log, 'second')
  afterFunc(ctx, () => log.push('callback'))
  return log
}

describe('a signal whose abort throws what its listeners throw, as polyfills may', () => {
  const error = new Error('thrown by a listener')

  it.each<[name: string, end: () => Promise<[Context, string[]]>]>([
    [
      'a cancel',
      async () => {
        const [ctx, cancel] = withCancel(background())
        const log = listen(ctx)
        cancel()
        return [ctx, log]
      },
    ],
    [
      'a deadline',
      async () => {
        const [ctx] = withTimeout(background(), 30)
        const log = listen(ctx)
        await sleep(background(), 40)
        return [ctx, log]
      },
    ],
  ])('does not keep listeners from running, nor later deadlines from ending: %s', async (_, end) => {
    vi.stubGlobal(
      'AbortController',
      class extends AbortController {
        override abort(reason?: unknown) {
          super.abort(reason)
          throw error
        }
      },
    )
    using uncaught = catchUncaught()
    const [ctx, log] = await end()
    await task()
    expect(ctx.err).toBeDefined()
    expect(log).toEqual(['first', 'second', 'callback'])
    expect(uncaught.errors).toEqual([error, error])
    const [later] = withTimeout(background(), 1)
    await sleep(background(), 5)
    expect(later.err).toBeDefined()
    expect(later.signal.aborted).toBe(true)
    await task()
    expect(uncaught.errors).toHaveLength(3)
  })
})
