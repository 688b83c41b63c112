/**
 * Several functions that work on parts of one task: what golang.org/x/sync/errgroup promises, and that nothing is left
 * running, waiting or unhandled when a group is over.
 */

import {
  background,
  CanceledError,
  cause,
  createKey,
  group,
  isCanceled,
  shield,
  sleep,
  until,
  withCancel,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context, Group } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { countListeners, failOnUnhandled, isCollected, microtask, outcome, task, wrong } from './support.ts'

failOnUnhandled()

afterEach(() => {
  vi.useRealTimers()
})

/** Work that ends with its context and takes 5 ms to clean up. */
function cleansUp(log: string[], name: string): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    try {
      await sleep(ctx, 60_000)
    } finally {
      await shield(ctx, 1_000, (ctx) => sleep(ctx, 5))
      log.push(`${name} is clean`)
    }
  }
}

async function failsInCleanUp(ctx: Context): Promise<void> {
  await sleep(ctx, 60_000).catch(() => {})
  throw new Error('in clean-up')
}

async function leavesWorkThatCannotRollBack(): Promise<void> {
  await using g = group(background())
  void g.go(async (ctx) => {
    await sleep(ctx, 60_000).catch((error: unknown) => {
      throw new Error('rollback failed', { cause: error })
    })
  })
}

async function leavesWorkThatFailsInCleanUp(): Promise<void> {
  await using g = group(background())
  void g.go(failsInCleanUp)
}

async function leavesOtherWorkBesideThat(): Promise<void> {
  await using g = group(background())
  void g.go(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))))
  void g.go(failsInCleanUp)
}

/** Functions that run until they are told to stop, and which of them are running. */
interface Switchboard {
  readonly running: string[]
  work(name: string): () => Promise<void>
  stop(name: string): void
}

function switchboard(): Switchboard {
  const running: string[] = []
  const stops = new Map<string, () => void>()
  return {
    running,
    work: (name) => () => {
      running.push(name)
      return new Promise<void>((resolve) => stops.set(name, resolve))
    },
    stop(name) {
      running.splice(running.indexOf(name), 1)
      stops.get(name)?.()
    },
  }
}

describe('group', () => {
  it('runs its functions at the same time, and waits for all of them', async () => {
    const clock = fakeClock(0)
    const g = group(clock.root)
    const log: string[] = []
    for (const ms of [30, 10, 20]) {
      void g.go(async (ctx) => {
        await sleep(ctx, ms)
        log.push(`${ms} at ${clock.at}`)
      })
    }
    const waiting = outcome(g.wait())
    await clock.advance(29)
    expect(waiting.settled).toBe(false)
    await clock.advance(1)
    expect(waiting).toEqual({ settled: true, value: undefined })
    expect(log).toEqual(['10 at 10', '20 at 20', '30 at 30'])
  })

  it('starts a function at once, with its own context', () => {
    const g = group(background())
    const started: Context[] = []
    void g.go((ctx) => started.push(ctx))
    expect(g.tryGo((ctx) => started.push(ctx))).toBe(true)
    expect(started).toEqual([g.ctx, g.ctx])
  })

  it('accepts functions that return no promise', async () => {
    const g = group(background())
    const log: string[] = []
    void g.go(() => log.push('ran'))
    await g.wait()
    expect(log).toEqual(['ran'])
  })

  it('is over at once if it was given no work', async () => {
    const g = group(background())
    await expect(g.wait()).resolves.toBeUndefined()
    expect(g.ctx.err?.name).toBe('AbortError')
  })

  it('passes on the values and the deadline of its parent', () => {
    const clock = fakeClock(1_000)
    const user = createKey<string>('user')
    const [parent] = withTimeout(withValue(clock.root, user, 'ada'), 5_000)
    const { ctx } = group(parent)
    expect(ctx.value(user)).toBe('ada')
    expect(ctx.deadline).toBe(6_000)
    expect(String(group(background(), { label: 'page' }).ctx)).toBe('background.group(page)')
  })

  it('accepts a foreign context', async () => {
    const controller = new AbortController()
    const g = group(controller)
    void g.go((ctx) => sleep(ctx, 60_000))
    controller.abort('why')
    await expect(g.wait()).rejects.toMatchObject({ name: 'AbortError', cause: 'why' })
  })
})

describe('the first error', () => {
  it('cancels the other functions as their cause, and wait rejects with it', async () => {
    const g = group(background())
    const first = new Error('first')
    const causes: unknown[] = []
    void g.go(() => Promise.reject(first))
    for (let sibling = 0; sibling < 3; sibling++) {
      void g.go((ctx) => sleep(ctx, 60_000).finally(() => causes.push(cause(ctx), ctx.err?.name)))
    }
    await expect(g.wait()).rejects.toBe(first)
    expect(causes).toEqual([first, 'AbortError', first, 'AbortError', first, 'AbortError'])
    expect(cause(g.ctx)).toBe(first)
  })

  it('wins over all later errors', async () => {
    const g = group(background())
    void g.go(failsInCleanUp)
    void g.go(() => Promise.reject(new Error('first')))
    void g.go(() => Promise.reject(new Error('second')))
    void g.go(failsInCleanUp)
    await expect(g.wait()).rejects.toThrow('first')
    await expect(g.wait()).rejects.toThrow('first')
  })

  it('may be thrown synchronously', async () => {
    const g = group(background())
    const thrown = new Error('thrown')
    const starting = g.go(() => {
      throw thrown
    })
    await expect(starting).resolves.toBe(true)
    await expect(g.wait()).rejects.toBe(thrown)
    expect(cause(g.ctx)).toBe(thrown)
  })

  it.each([undefined, null, 0, '', false, Number.NaN])('may be %s', async (error) => {
    const g = group(background())
    void g.go(() => Promise.reject(error))
    void g.go(() => Promise.reject(new Error('second')))
    const waiting = outcome(g.wait())
    await task()
    expect(waiting).toStrictEqual({ settled: true, error })
    expect(cause(g.ctx)).toBe(error === undefined ? g.ctx.err : error)
  })

  it('may be the cancel of another context, which is an error like any other', async () => {
    const [other, cancel] = withCancel(background())
    const g = group(background())
    void g.go(() => sleep(other, 60_000))
    void g.go((ctx) => sleep(ctx, 60_000))
    cancel('other')
    await expect(g.wait()).rejects.toBe(other.err)
    expect(cause(g.ctx)).toBe(other.err)
  })

  it('may be any value, even one that throws when it is read', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const g = group(background())
    g.go((ctx) => sleep(ctx, 60_000))
    g.go(() => Promise.reject(proxy))
    const waiting = outcome(g.wait())
    await task()
    // `Object.is` is the one check that does not read it.
    expect(Object.is(waiting.error, proxy)).toBe(true)
  })

  it('does not end the parent', async () => {
    const [parent] = withCancel(background())
    const g = group(parent)
    void g.go(() => Promise.reject(new Error('first')))
    await expect(g.wait()).rejects.toThrow('first')
    expect(parent.err).toBeUndefined()
  })

  it('is no unhandled rejection if nothing calls wait', async () => {
    const g = group(background())
    void g.go(() => Promise.reject(new Error('nobody waits')))
    void g.go((ctx) => sleep(ctx, 60_000))
    await task()
    expect(g.ctx.err?.cause).toEqual(new Error('nobody waits'))
  })
})

describe('wait', () => {
  it('settles when all functions have cleaned up', async () => {
    const g = group(background())
    const log: string[] = []
    void g.go(cleansUp(log, 'one'))
    void g.go(cleansUp(log, 'other'))
    void g.go(() => Promise.reject(new Error('first')))
    await expect(g.wait()).rejects.toThrow('first')
    expect(log).toEqual(['one is clean', 'other is clean'])
  })

  it('may be called several times, by several callers', async () => {
    const g = group(background())
    void g.go(() => Promise.reject(new Error('first')))
    const outcomes = await Promise.allSettled([g.wait(), g.wait(), g.wait()])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    const done = group(background())
    void done.go(() => {})
    await Promise.all([done.wait(), done.wait()])
    await done.wait()
  })

  it('ends the context of the group, without a cause', async () => {
    const g = group(background())
    void g.go(() => {})
    expect(g.ctx.err).toBeUndefined()
    await g.wait()
    expect(isCanceled(g.ctx.err)).toBe(true)
    expect(g.ctx.err).not.toHaveProperty('cause')
  })

  it('waits for functions that were added while it waited', async () => {
    const clock = fakeClock(0)
    const g = group(clock.root)
    void g.go((ctx) => sleep(ctx, 10))
    const waiting = outcome(g.wait())
    void g.go((ctx) => sleep(ctx, 20))
    await clock.advance(10)
    expect(waiting.settled).toBe(false)
    await clock.advance(10)
    expect(waiting.settled).toBe(true)
  })

  it.each<[how: string, work: (ctx: Context) => Promise<unknown>]>([
    ['its context', (ctx) => sleep(ctx, 60_000)],
    [
      "the platform's own error",
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
        }),
    ],
  ])('rejects with the err of the context if the parent ended and work failed by %s', async (_, work) => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 10, { label: 'page' })
    const g = group(parent)
    void g.go(work)
    const waiting = outcome(g.wait())
    await clock.advance(10)
    expect(waiting.error).toBe(parent.err)
    expect(waiting.error).toMatchObject({ name: 'TimeoutError', label: 'page' })
  })

  it.each<[what: string, abort: (err: unknown) => unknown]>([
    ["axios's name", () => Object.assign(new Error('canceled'), { name: 'CanceledError' })],
    ["axios's code", () => Object.assign(new Error('canceled'), { code: 'ERR_CANCELED' })],
    ["Node's code", () => Object.assign(new Error('aborted'), { code: 'ABORT_ERR' })],
    ["got's name", () => Object.assign(new Error('canceled'), { name: 'CancelError' })],
    ['a cause', (cause) => new Error('no response', { cause })],
    ['a cause further down', (err) => new Error('no page', { cause: new Error('no response', { cause: err }) })],
    ['the cause of another abort', () => new Error('no page', { cause: new DOMException('aborted', 'AbortError') })],
    ['an own context', () => new CanceledError('work')],
  ])('rejects with the err of the context where work reports the abort by %s', async (_, abort) => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 10)
    const g = group(parent)
    g.go((ctx) => sleep(ctx, 60_000).catch((error: unknown) => Promise.reject(abort(error))))
    const waiting = outcome(g.wait())
    await clock.advance(10)
    expect(waiting.error).toBe(parent.err)
  })

  it('rejects with an abort as it is while the group lives', async () => {
    const abort = new DOMException('aborted', 'AbortError')
    const g = group(background())
    g.go(() => Promise.reject(abort))
    await expect(g.wait()).rejects.toBe(abort)
    expect(cause(g.ctx)).toBe(abort)
  })

  it('rejects with a failed clean-up instead of the end of the parent, whichever came first', async () => {
    const [parent, cancel] = withCancel(background())
    const g = group(parent)
    const failure = new Error('rollback failed')
    g.go((ctx) => sleep(ctx, 60_000))
    g.go(async (ctx) => {
      await sleep(ctx, 60_000).catch(() => {})
      await task()
      throw failure
    })
    cancel()
    await expect(g.wait()).rejects.toBe(failure)
  })

  it('rejects with the timeout of a clean-up, which is not an abort', async () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 10, { label: 'page' })
    const g = group(parent)
    g.go((ctx) => sleep(ctx, 60_000).catch(() => shield(ctx, 5, (own) => sleep(own, 60_000))))
    const waiting = outcome(g.wait())
    await clock.advance(15)
    expect(waiting.error).toMatchObject({ name: 'TimeoutError', label: 'shield' })
  })

  it('rejects with an error of the work although the parent has ended', async () => {
    const [parent, cancel] = withCancel(background())
    const g = group(parent)
    void g.go((ctx) => sleep(ctx, 60_000).catch(() => Promise.reject(new Error('clean-up failed'))))
    cancel()
    await expect(g.wait()).rejects.toThrow('clean-up failed')
  })

  it('resolves if all work was done before the parent ended', async () => {
    const [parent, cancel] = withCancel(background())
    const g = group(parent)
    void g.go((ctx) => sleep(ctx, 60_000).catch(() => 'fine'))
    cancel()
    await expect(g.wait()).resolves.toBeUndefined()
  })
})

describe('supervise', () => {
  it('keeps the others running when one fails', async () => {
    const clock = fakeClock(0)
    const g = group(clock.root, { supervise: true })
    const log: string[] = []
    void g.go(() => Promise.reject(new Error('first')))
    void g.go(async (ctx) => {
      await sleep(ctx, 10)
      log.push('other')
      throw new Error('second')
    })
    const waiting = outcome(g.wait())
    await clock.advance(9)
    expect(g.ctx.err).toBeUndefined()
    await expect(g.go(() => log.push('later'))).resolves.toBe(true)
    await clock.advance(1)
    expect(log).toEqual(['later', 'other'])
    expect(waiting.error).toBeInstanceOf(AggregateError)
    expect(waiting.error).toMatchObject({
      message: '2 functions of the group failed',
      errors: [new Error('first'), new Error('second')],
    })
    expect(g.ctx.err).not.toHaveProperty('cause')
  })

  it('runs functions that wait for a slot though another has failed', async () => {
    const g = group(background(), { supervise: true, limit: 1 })
    const log: string[] = []
    void g.go(() => Promise.reject(new Error('first')))
    await expect(g.go(() => log.push('second'))).resolves.toBe(true)
    await expect(g.wait()).rejects.toThrow('first')
    expect(log).toEqual(['second'])
  })

  it('still ends all functions with the parent', async () => {
    const [parent, cancel] = withCancel(background())
    const g = group(parent, { supervise: true })
    void g.go((ctx) => sleep(ctx, 60_000))
    cancel('parent')
    await expect(g.wait()).rejects.toBe(parent.err)
  })
})

describe('limit', () => {
  it('runs one function after the other, in order, if it is 1', async () => {
    const clock = fakeClock(0)
    const g = group(clock.root, { limit: 1 })
    const log: string[] = []
    for (const name of ['one', 'two', 'three']) {
      void g.go(async (ctx) => {
        log.push(`${name} starts at ${clock.at}`)
        await sleep(ctx, 10)
        log.push(`${name} stops`)
      })
    }
    const waiting = outcome(g.wait())
    await clock.advance(30)
    expect(log.join(', ')).toBe(
      'one starts at 0, one stops, two starts at 10, two stops, three starts at 20, three stops',
    )
    expect(waiting.settled).toBe(true)
  })

  it('is never exceeded, and all slots are used', async () => {
    const board = switchboard()
    const g = group(background(), { limit: 2 })
    const admitted: string[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) void g.go(board.work(name)).then(() => admitted.push(name))
    expect(board.running).toEqual(['a', 'b'])
    await task()
    expect(admitted).toEqual(['a', 'b'])
    board.stop('b')
    await task()
    expect(board.running).toEqual(['a', 'c'])
    board.stop('c')
    board.stop('a')
    await task()
    expect(board.running).toEqual(['d', 'e'])
    expect(admitted).toEqual(['a', 'b', 'c', 'd', 'e'])
    board.stop('d')
    board.stop('e')
    await g.wait()
    expect(board.running).toEqual([])
  })

  it('makes tryGo return false while all slots are taken', async () => {
    const board = switchboard()
    const g = group(background(), { limit: 2 })
    expect(['a', 'b', 'c'].map((name) => g.tryGo(board.work(name)))).toEqual([true, true, false])
    board.stop('a')
    await task()
    expect(g.tryGo(board.work('d'))).toBe(true)
    expect(g.tryGo(board.work('e'))).toBe(false)
    board.stop('b')
    board.stop('d')
    await g.wait()
    expect(board.running).toEqual([])
  })

  it('serves waiting functions first: no later one overtakes them', async () => {
    const g = group(background(), { limit: 1 })
    const log: string[] = []
    const overtake = () => g.tryGo(() => log.push('overtaker'))
    void g.go(() => log.push('first'))
    void g.go(() => log.push(`second, and overtaken: ${overtake()}`))
    void g.go(() => log.push('third'))
    expect(overtake()).toBe(false)
    await g.wait()
    expect(log).toEqual(['first', 'second, and overtaken: false', 'third'])
  })

  it('lets running functions add more, and waits for those', async () => {
    const g = group(background(), { limit: 1 })
    const log: number[] = []
    const next = (depth: number): void => {
      log.push(depth)
      if (depth < 100) void g.go(() => next(depth + 1))
    }
    void g.go(() => next(0))
    await g.wait()
    expect(log).toEqual([...Array(101).keys()])
  })

  it('slows down a producer that awaits its slots', async () => {
    const g = group(background(), { limit: 3 })
    let running = 0
    let most = 0
    for (let item = 0; item < 50; item++) {
      await g.go(async () => {
        most = Math.max(most, ++running)
        await task()
        running--
      })
    }
    await g.wait()
    expect(most).toBe(3)
  })

  it.each(['an error', 'the parent'])('resolves waiting calls to false when the group ends by %s', async (by) => {
    const [parent, cancel] = withCancel(background())
    const g = group(parent, { limit: 1 })
    const failure = new Error('failed')
    const log: string[] = []
    void g.go(async (ctx) => {
      if (by === 'an error') throw failure
      await until(ctx, new Promise(() => {})).catch(() => {})
    })
    const waiting = [g.go(() => log.push('second')), g.go(() => log.push('third'))]
    if (by === 'the parent') cancel('parent')
    await expect(Promise.all(waiting)).resolves.toEqual([false, false])
    await expect(g.wait()).rejects.toBe(by === 'an error' ? failure : parent.err)
    expect(log).toEqual([])
  })

  it('resolves waiting calls to false as soon as the group ends, before any slot is released', async () => {
    const board = switchboard()
    const [parent, cancel] = withCancel(background())
    const g = group(parent, { limit: 1 })
    void g.go(board.work('stubborn'))
    const waiting = outcome(g.go(board.work('second')))
    cancel('parent')
    await task()
    expect(waiting.value).toBe(false)
    const over = outcome(g.wait())
    await task()
    expect(over.settled).toBe(false)
    board.stop('stubborn')
    await task()
    expect(over.error).toBe(parent.err)
  })
})

describe('a group', () => {
  const ways: [how: string, end: () => Promise<Group>][] = [
    [
      'by wait',
      async () => {
        const g = group(background())
        await g.wait()
        return g
      },
    ],
    [
      'by an error',
      async () => {
        const g = group(background())
        void g.go(() => Promise.reject(new Error('first')))
        await g.wait().catch(() => {})
        return g
      },
    ],
    [
      'with its parent',
      async () => {
        const [parent, cancel] = withCancel(background())
        const g = group(parent)
        cancel('parent')
        return g
      },
    ],
    [
      'before it began',
      async () => {
        const [parent, cancel] = withCancel(background())
        cancel('parent')
        return group(parent)
      },
    ],
  ]

  it.each(ways)('starts nothing more after it has ended %s', async (_, end) => {
    const g = await end()
    const fn = vi.fn<() => void>()
    expect(g.tryGo(fn)).toBe(false)
    await expect(g.go(fn)).resolves.toBe(false)
    expect(fn).not.toHaveBeenCalled()
  })

  it('rejects wait if go was called after its end', async () => {
    const [parent, cancel] = withCancel(background())
    cancel('parent')
    const g = group(parent)
    await expect(g.go(() => {})).resolves.toBe(false)
    await expect(g.wait()).rejects.toBe(parent.err)
  })

  it('resolves wait if only tryGo was called after its end, which promises nothing', async () => {
    const [parent, cancel] = withCancel(background())
    cancel('parent')
    const g = group(parent)
    expect(g.tryGo(() => {})).toBe(false)
    await expect(g.wait()).resolves.toBeUndefined()
  })

  it('starts nothing more after its deadline, though no timer has fired yet', () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 0)
    expect(group(parent).tryGo(() => {})).toBe(false)
  })
})

describe('nested groups', () => {
  it('end with the outer group, from the inside out', async () => {
    const log: string[] = []
    const outer = group(background())
    void outer.go(async (ctx) => {
      const inner = group(ctx)
      void inner.go(cleansUp(log, 'inner work'))
      await inner.wait().finally(() => log.push('inner group is over'))
    })
    const failure = new Error('outer work failed')
    void outer.go(() => Promise.reject(failure))
    await expect(outer.wait()).rejects.toBe(failure)
    expect(log).toEqual(['inner work is clean', 'inner group is over'])
  })

  it('pass an error from the inner group to the outer one', async () => {
    const outer = group(background())
    const failure = new Error('inner work failed')
    const causes: unknown[] = []
    void outer.go(async (ctx) => {
      const inner = group(ctx)
      void inner.go(() => Promise.reject(failure))
      await inner.wait()
    })
    void outer.go((ctx) => sleep(ctx, 60_000).finally(() => causes.push(cause(ctx))))
    await expect(outer.wait()).rejects.toBe(failure)
    expect(causes).toEqual([failure])
  })
})

describe('await using', () => {
  it('cancels work that still runs at the end of the block, and waits for its clean-up', async () => {
    const log: string[] = []
    let ctx: Context
    {
      await using g = group(background())
      ctx = g.ctx
      void g.go(cleansUp(log, 'work'))
      log.push('end of the block')
    }
    expect(log).toEqual(['end of the block', 'work is clean'])
    expect(isCanceled(ctx.err)).toBe(true)
  })

  it('throws a failure that no wait has reported', async () => {
    const failure = new Error('first')
    const block = async () => {
      await using g = group(background())
      void g.go(() => Promise.reject(failure))
      await task()
    }
    await expect(block()).rejects.toBe(failure)
  })

  it('throws the end of the parent if that stopped work before the end of the block', async () => {
    const [parent, cancel] = withCancel(background())
    const block = async () => {
      await using g = group(parent)
      g.go((ctx) => sleep(ctx, 60_000))
      cancel('left')
      await task()
    }
    await expect(block()).rejects.toBe(parent.err)
  })

  it('throws a failed clean-up though its cause is the cancel', async () => {
    await expect(leavesWorkThatCannotRollBack()).rejects.toThrow('rollback failed')
  })

  it('throws a failed clean-up though another function was only canceled before', async () => {
    await expect(leavesOtherWorkBesideThat()).rejects.toThrow('in clean-up')
  })

  it.each(['before', 'after'])('lets a wait %s the end of the block report that work was stopped', async (when) => {
    const g = group(background(), { limit: 1 })
    const waits: Promise<void>[] = []
    void g.go((ctx) => sleep(ctx, 60_000))
    const saved = g.go(() => {})
    if (when === 'before') waits.push(g.wait())
    const closed = g[Symbol.asyncDispose]()
    if (when === 'after') waits.push(g.wait())
    await expect(waits[0]).rejects.toBe(g.ctx.err)
    await closed
    await expect(saved).resolves.toBe(false)
  })

  it('waits for work that was added when all other work had just settled', async () => {
    const g = group(background())
    const log: string[] = []
    void g.go(() => {})
    const waiting = g.wait().then(() => log.push('wait is over'))
    await microtask()
    const started = g.tryGo(async () => {
      await task()
      log.push('work is over')
    })
    await waiting
    expect(log).toEqual(started ? ['work is over', 'wait is over'] : ['wait is over'])
  })

  it('throws the failure of a clean-up that it started itself', async () => {
    await expect(leavesWorkThatFailsInCleanUp()).rejects.toThrow('in clean-up')
  })

  it('throws no failure twice', async () => {
    let reported: unknown
    {
      await using g = group(background())
      void g.go(() => Promise.reject(new Error('first')))
      await g.wait().catch((error: unknown) => {
        reported = error
      })
    }
    expect(reported).toEqual(new Error('first'))
  })

  it('rethrows what the block throws, after all functions have cleaned up', async () => {
    const log: string[] = []
    const block = async () => {
      await using g = group(background())
      void g.go(cleansUp(log, 'work'))
      throw new Error('thrown by the block')
    }
    await expect(block()).rejects.toThrow('thrown by the block')
    expect(log).toEqual(['work is clean'])
  })

  it('throws a SuppressedError if both the block and a function fail', async () => {
    const failure = new Error('first')
    const thrown = new Error('thrown by the block')
    const block = async () => {
      await using g = group(background())
      void g.go(() => Promise.reject(failure))
      await task()
      throw thrown
    }
    await expect(block()).rejects.toMatchObject({ error: failure, suppressed: thrown })
  })

  it('resolves waiting calls to false, which is not a failure', async () => {
    const board = switchboard()
    const waiting: PromiseLike<boolean>[] = []
    {
      await using g = group(background(), { limit: 1 })
      void g.go((ctx) => sleep(ctx, 60_000))
      waiting.push(g.go(board.work('second')))
    }
    await expect(Promise.all(waiting)).resolves.toEqual([false])
    expect(board.running).toEqual([])
  })

  it('ends a group without work at once', async () => {
    let ctx: Context
    {
      await using g = group(background())
      ctx = g.ctx
    }
    expect(isCanceled(ctx.err)).toBe(true)
  })
})

describe('a group that is over', () => {
  it('leaves no listener on a foreign parent', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const g = group({ signal })
    void g.go(() => {})
    expect(listeners()).toBe(1)
    await g.wait()
    expect(listeners()).toBe(0)
    const failed = group({ signal }, { limit: 1 })
    void failed.go(() => Promise.reject(new Error('first')))
    void failed.go(() => {})
    await failed.wait().catch(() => {})
    expect(listeners()).toBe(0)
    {
      await using disposed = group({ signal })
      void disposed.go((ctx) => sleep(ctx, 60_000))
    }
    expect(listeners()).toBe(0)
  })

  it('leaves no timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
    const g = group(background())
    for (let sibling = 0; sibling < 10; sibling++) void g.go((ctx) => sleep(ctx, 60_000))
    void g.go(() => Promise.reject(new Error('first')))
    await g.wait().catch(() => {})
    await microtask()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no child in its parent', async () => {
    const [parent] = withCancel(background())
    const run = async () => {
      const g = group(parent)
      void g.go((ctx) => ctx.err)
      await g.wait()
      return new WeakRef(g.ctx)
    }
    const ref = await run()
    expect(await isCollected(() => ref.deref() ?? {})).toBe(true)
    expect(parent.err).toBeUndefined()
  })
})

describe('a wrong argument', () => {
  it.each<[shown: string, limit: unknown]>([
    ['0', 0],
    ['-1', -1],
    ['1.5', 1.5],
    ['NaN', Number.NaN],
    ['-Infinity', -Infinity],
    ['"2"', '2'],
    ['null', null],
  ])('a wrong limit is a TypeError that names it: %s', (shown, limit) => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const message = `rescind: limit must be a positive integer or Infinity, got ${shown}`
    expect(() => group({ signal }, { limit: wrong(limit) })).toThrow(new TypeError(message))
    expect(listeners()).toBe(0)
  })

  it('an undefined limit means none', async () => {
    for (const limit of [undefined, Infinity, 1]) {
      const g = group(background(), { limit, supervise: undefined })
      await expect(g.go(() => {})).resolves.toBe(true)
      await g.wait()
    }
  })

  it.each<[shown: string, value: unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['5', 5],
    ['[object Promise]', Promise.resolve()],
  ])('a wrong function is a TypeError that names it, also after the end: %s', async (shown, value) => {
    const message = `rescind: fn must be a function, got ${shown}`
    const g = group(background())
    for (let round = 0; round < 2; round++) {
      expect(() => g.tryGo(wrong(value))).toThrow(new TypeError(message))
      expect(() => g.go(wrong(value))).toThrow(new TypeError(message))
      await g.wait()
    }
  })

  it('a wrong parent and wrong options are TypeErrors that name them', () => {
    const message = 'rescind: options must be an object, got'
    expect(() => group(wrong(undefined))).toThrow(new TypeError('rescind: parent must be a context, got undefined'))
    expect(() => group(background(), wrong(null))).toThrow(new TypeError(`${message} null`))
    expect(() => group(background(), wrong(2))).toThrow(new TypeError(`${message} 2`))
  })
})
