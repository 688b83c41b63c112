/**
 * A limit for callers with contexts of their own: what golang.org/x/sync/semaphore promises, and that no caller waits
 * while a slot is free, whatever ends meanwhile. Random callers are compared with a model.
 */

import { background, DeadlineExceededError, semaphore, sleep, until, withCancel, withTimeout } from 'rescind'
import type { Cancel, Slot } from 'rescind'
import { fakeClock } from 'rescind/testing'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countListeners, failOnUnhandled, isCollected, microtask, microtasks, outcome, task, wrong } from './support.ts'
import type { Outcome } from './support.ts'

failOnUnhandled()

describe('acquire', () => {
  it('gives as many slots as the limit, and another when one is released', async () => {
    const two = semaphore(2)
    const slots = [outcome(two.acquire(background())), outcome(two.acquire(background()))]
    const third = outcome(two.acquire(background()))
    await microtasks()
    expect(slots.map(({ settled }) => settled)).toEqual([true, true])
    expect(third.settled).toBe(false)
    slots[1]?.value?.release()
    await microtasks()
    expect(third.settled).toBe(true)
  })

  it('serves callers in the order of their calls', async () => {
    const one = semaphore(1)
    const order: number[] = []
    let slot = await one.acquire(background())
    const waiting = [1, 2, 3].map((id) => one.acquire(background()).then((next) => (order.push(id), (slot = next))))
    while (order.length < waiting.length) {
      slot.release()
      await microtasks()
    }
    expect(order).toEqual([1, 2, 3])
  })

  it('does not let a new caller overtake one that waits', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const waiting = outcome(one.acquire(background()))
    slot.release()
    // The slot is assigned, though its promise has not settled yet.
    expect(one.tryAcquire()).toBeUndefined()
    const newcomer = outcome(one.acquire(background()))
    await microtasks()
    expect([waiting.settled, newcomer.settled]).toEqual([true, false])
  })

  it('rejects with the error of a context that ends while it waits, and loses no slot', async () => {
    const clock = fakeClock(0)
    const one = semaphore(1)
    const slot = await one.acquire(clock.root)
    const [hasty] = withTimeout(clock.root, 10, { label: 'hasty' })
    const [asked, stop] = withCancel(clock.root)
    const waiting = [one.acquire(hasty), one.acquire(asked), one.acquire(clock.root)].map((next) => outcome(next))
    await clock.advance(10)
    expect(waiting[0]?.error).toBe(hasty.err)
    expect(hasty.err).toBeInstanceOf(DeadlineExceededError)
    stop('the reader pressed Stop')
    await clock.advance(0)
    expect(waiting[1]?.error).toBe(asked.err)
    expect(waiting[2]?.settled).toBe(false)
    slot.release()
    await clock.advance(0)
    expect(waiting[2]?.settled).toBe(true)
    waiting[2]?.value?.release()
    expect(one.tryAcquire()).toBeDefined()
  })

  it('passes a slot on to the next caller if the context of the first one has just ended', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const [ctx, cancel] = withCancel(background())
    const ended = outcome(one.acquire(ctx))
    const next = outcome(one.acquire(background()))
    cancel()
    slot.release()
    await microtasks()
    expect(ended.error).toBe(ctx.err)
    expect(next.settled).toBe(true)
  })

  it('keeps those in line that wait behind a caller whose context has just ended', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const [ctx, cancel] = withCancel(background())
    const ended = outcome(one.acquire(ctx))
    const [second, third] = [outcome(one.acquire(background())), outcome(one.acquire(background()))]
    cancel()
    slot.release()
    await microtasks()
    const fourth = outcome(one.acquire(background()))
    second.value?.release()
    await microtasks()
    expect([ended.settled, third.settled, fourth.settled]).toEqual([true, true, false])
    third.value?.release()
    await microtasks()
    expect(fourth.settled).toBe(true)
  })

  it('frees a slot whose waiting callers have all just ended', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const [ctx, cancel] = withCancel(background())
    const ended = [outcome(one.acquire(ctx)), outcome(one.acquire(ctx))]
    cancel()
    slot.release()
    expect(one.tryAcquire()).toBeDefined()
    await microtasks()
    expect(ended.map(({ error }) => error)).toEqual([ctx.err, ctx.err])
  })

  it('keeps those in line that come in the turn in which all waiting callers have ended', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const [ctx, cancel] = withCancel(background())
    const ended = outcome(one.acquire(ctx))
    cancel()
    slot.release()
    const later = [1, 2].map(() => outcome(one.acquire(background())))
    await microtasks()
    later.push(outcome(one.acquire(background())))
    for (const caller of later) {
      await microtasks()
      caller.value?.release()
    }
    expect(ended.error).toBe(ctx.err)
    expect(later.map(({ settled }) => settled)).toEqual([true, true, true])
  })

  it('takes no slot for a context that has ended, though one is free', async () => {
    const one = semaphore(1)
    const [ctx, cancel] = withCancel(background())
    cancel('before')
    await expect(one.acquire(ctx)).rejects.toBe(ctx.err)
    expect(one.tryAcquire()).toBeDefined()
  })

  it('rejects all waiting callers at shutdown, when their root ends', async () => {
    const [root, shutDown] = withCancel(background())
    const one = semaphore(1)
    const held = await one.acquire(root)
    const waiting = Array.from({ length: 10 }, () => outcome(one.acquire(withCancel(root)[0])))
    shutDown('shutdown')
    await microtasks()
    expect(new Set(waiting.map(({ error }) => error))).toEqual(new Set([root.err]))
    held.release()
    expect(one.tryAcquire()).toBeDefined()
  })

  it('removes 10,000 waiters from anywhere in the queue, and keeps the order of the others', async () => {
    const one = semaphore(1)
    let slot = await one.acquire(background())
    const cancels: Cancel[] = []
    const order: number[] = []
    const waiting = Array.from({ length: 10_000 }, async (_, id) => {
      const [ctx, cancel] = withCancel(background())
      cancels.push(cancel)
      slot = await one.acquire(ctx)
      order.push(id)
    }).map((result) => outcome(result))
    const staying = new Set([1, 4_000, 7_000, 9_998])
    for (const [id, cancel] of [...cancels.entries()].toReversed()) if (!staying.has(id)) cancel()
    await microtasks()
    expect(waiting.filter(({ settled }) => !settled)).toHaveLength(4)
    while (order.length < 4) {
      slot.release()
      await microtasks()
    }
    expect(order).toEqual([1, 4_000, 7_000, 9_998])
  })
})

describe('a slot', () => {
  it('is released at the end of a block with `using`', async () => {
    const one = semaphore(1)
    {
      using slot = await one.acquire(background())
      expect(slot).toBeDefined()
      expect(one.tryAcquire()).toBeUndefined()
    }
    expect(one.tryAcquire()).toBeDefined()
  })

  it('throws a TypeError if it is released twice, and adds no slot', async () => {
    const one = semaphore(1)
    const { release } = await one.acquire(background())
    release()
    expect(release).toThrow(new TypeError('rescind: the slot was released before'))
    expect(one.tryAcquire()).toBeDefined()
    expect(one.tryAcquire()).toBeUndefined()
  })

  it('can be released before the end of its block', async () => {
    const one = semaphore(1)
    {
      using slot = await one.acquire(background())
      slot.release()
      expect(one.tryAcquire()).toBeDefined()
    }
    expect(one.tryAcquire()).toBeUndefined()
  })
})

function throws(): never {
  throw new Error('down')
}

describe('run', () => {
  it('runs no more than the limit at once, and resolves to the result of the work', async () => {
    const clock = fakeClock(0)
    const two = semaphore(2)
    const log: string[] = []
    const runs = [1, 2, 3].map((id) =>
      two.run(clock.root, async (ctx) => {
        log.push(`${id} at ${clock.at}`)
        await sleep(ctx, 10 * id)
        return id
      }),
    )
    await clock.advance(100)
    expect(await Promise.all(runs)).toEqual([1, 2, 3])
    expect(log).toEqual(['1 at 0', '2 at 0', '3 at 10'])
  })

  it('passes the context on unchanged', async () => {
    const [ctx, cancel] = withCancel(background())
    expect(await semaphore(1).run(ctx, (own) => own)).toBe(ctx)
    cancel()
  })

  it.each<[how: string, fail: () => never | Promise<never>]>([
    ['throws', throws],
    ['rejects', () => Promise.reject(new Error('down'))],
  ])('releases the slot when the work %s', async (_, fail) => {
    const one = semaphore(1)
    await expect(one.run(background(), fail)).rejects.toThrow('down')
    expect(one.tryAcquire()).toBeDefined()
  })

  it('rejects when the context ends, and keeps the slot until the work has settled', async () => {
    const one = semaphore(1)
    const [ctx, cancel] = withCancel(background())
    let finish: (() => void) | undefined
    const deaf = outcome(one.run(ctx, () => new Promise<void>((resolve) => (finish = resolve))))
    await microtasks()
    cancel()
    await microtasks()
    expect(deaf.error).toBe(ctx.err)
    expect(one.tryAcquire()).toBeUndefined()
    finish?.()
    await microtasks()
    expect(one.tryAcquire()).toBeDefined()
  })

  it('does not call work whose context ends just as its slot comes, and loses no slot', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const [ctx, cancel] = withCancel(background())
    let calls = 0
    const result = outcome(one.run(ctx, () => calls++))
    await microtasks()
    slot.release()
    cancel()
    await microtasks()
    expect(result.error).toBe(ctx.err)
    expect(calls).toBe(0)
    expect(one.tryAcquire()).toBeDefined()
  })

  it('ignores a late error of the work, like `until`', async () => {
    const [ctx, cancel] = withCancel(background())
    const late = outcome(semaphore(1).run(ctx, () => task().then(() => Promise.reject(new Error('late')))))
    await microtasks()
    cancel()
    await task()
    await task()
    expect(late.error).toBe(ctx.err)
  })
})

describe('tryAcquire', () => {
  it('takes a free slot, and returns undefined if there is none', () => {
    const one = semaphore(1)
    const slot = one.tryAcquire()
    expect(slot).toBeDefined()
    expect(one.tryAcquire()).toBeUndefined()
    slot?.release()
    expect(one.tryAcquire()).toBeDefined()
  })

  it('always succeeds with an infinite limit', () => {
    const none = semaphore(Infinity)
    expect(Array.from({ length: 100 }, () => none.tryAcquire())).not.toContain(undefined)
  })
})

describe('misuse of a semaphore', () => {
  it.each([0, -1, 1.5, NaN, '2', undefined, null])('refuses the limit %s', (limit) => {
    expect(() => semaphore(wrong(limit))).toThrow(/^rescind: limit must be a positive integer or Infinity, got /)
  })

  it('refuses an invalid context and invalid work', async () => {
    const one = semaphore(1)
    await expect(one.acquire(wrong(undefined))).rejects.toThrow(
      new TypeError('rescind: ctx must be a context, got undefined'),
    )
    await expect(one.run(wrong(7), () => {})).rejects.toThrow(new TypeError('rescind: ctx must be a context, got 7'))
    await expect(one.run(background(), wrong<() => void>(5))).rejects.toThrow(
      new TypeError('rescind: work must be a function, got 5'),
    )
    expect(one.tryAcquire()).toBeDefined()
  })
})

describe('a caller that is done', () => {
  it('is not retained, whether it got a slot or not', async () => {
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const older = outcome(one.acquire(background()))
    expect(
      await isCollected(() => {
        const [ctx, cancel] = withCancel(background())
        one.acquire(ctx).catch(() => {})
        cancel()
        return ctx
      }),
    ).toBe(true)
    slot.release()
    await task()
    older.value?.release()
    expect(
      await isCollected(() => {
        const [ctx] = withCancel(background())
        void one.run(ctx, () => {})
        return ctx
      }),
    ).toBe(true)
  })

  it('leaves no listener', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const one = semaphore(1)
    const slot = await one.acquire(background())
    const next = one.acquire({ signal })
    await microtask()
    expect(listeners()).toBe(1)
    slot.release()
    await next
    expect(listeners()).toBe(0)
  })
})

type Step =
  | { readonly step: 'acquire'; readonly ms: number }
  | { readonly step: 'release' | 'cancel'; readonly target: number }
  | { readonly step: 'advance'; readonly ms: number }

/** A caller of the model. */
interface Caller {
  due: number
  state: 'waiting' | 'holding' | 'gone' | 'AbortError' | 'TimeoutError'
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant('acquire' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(Infinity)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ step: fc.constantFrom('release' as const, 'cancel' as const), target: fc.nat({ max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('advance' as const), ms: fc.nat({ max: 15 }) }) },
)

async function live(limit: number, steps: readonly Step[]): Promise<void> {
  const clock = fakeClock(0)
  const shared = semaphore(limit)
  const cancels: Cancel[] = []
  const outcomes: Outcome<Slot>[] = []
  const callers: Caller[] = []
  let now = 0
  const admit = () => {
    for (const caller of callers) {
      const held = callers.filter(({ state }) => state === 'holding').length
      if (caller.state === 'waiting' && held < limit) caller.state = 'holding'
    }
  }
  for (const one of steps) {
    if (one.step === 'acquire') {
      const [ctx, cancel] = withTimeout(clock.root, one.ms)
      cancels.push(cancel)
      outcomes.push(outcome(shared.acquire(ctx)))
      callers.push({ due: now + one.ms, state: 'waiting' })
    } else if (one.step === 'advance') {
      await clock.advance(one.ms)
      now += one.ms
      for (const caller of callers) if (caller.state === 'waiting' && caller.due <= now) caller.state = 'TimeoutError'
    } else if (callers.length > 0) {
      const target = one.target % callers.length
      const caller = callers[target] as Caller
      if (one.step === 'cancel') {
        cancels[target]?.()
        if (caller.state === 'waiting') caller.state = 'AbortError'
      } else if (caller.state === 'holding') {
        outcomes[target]?.value?.release()
        caller.state = 'gone'
      }
    }
    admit()
    await clock.advance(0)
    expect(outcomes.map(({ settled, error }) => (error as Error | undefined)?.name ?? settled)).toEqual(
      callers.map(({ state }) => (state === 'waiting' ? false : state.endsWith('Error') ? state : true)),
    )
  }
}

describe('a semaphore with random callers', () => {
  it('behaves like the model', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 25 }), live), {
      numRuns: 150,
    })
  })

  it('never lets a caller wait while a slot is free', async () => {
    const two = semaphore(2)
    await until(background(), () => two.run(background(), () => two.run(background(), () => {})))
    expect([two.tryAcquire(), two.tryAcquire()]).not.toContain(undefined)
  })
})
