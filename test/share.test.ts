/**
 * One run for all callers with the same arguments. Each known fault of other implementations of this idea is a test
 * with a name of its own. Random calls, cancels and results are compared with a model.
 */

import {
  afterFunc,
  background,
  CanceledError,
  cause,
  createKey,
  DeadlineExceededError,
  share,
  sleep,
  Unused,
  until,
  withCancel,
  withTimeout,
  withValue,
} from 'rescind'
import type { Cancel, Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countListeners, failOnUnhandled, isCollected, microtasks, outcome, task, wrong } from './support.ts'
import type { Outcome } from './support.ts'

failOnUnhandled()

/** A run of work that lasts until the test settles it, and ignores its context. */
interface Call {
  readonly ctx: Context
  readonly args: readonly unknown[]
  resolve(value: string): void
  reject(error: unknown): void
}

/** Work that the test settles, and its runs. */
function stub() {
  const calls: Call[] = []
  const work = (ctx: Context, ...args: unknown[]) =>
    new Promise<string>((resolve, reject) => void calls.push({ ctx, args, resolve, reject }))
  return { calls, work, call: (index: number) => calls[index] as Call }
}

describe('share', () => {
  it('runs once for all callers with the same arguments, and gives each the result', async () => {
    const { calls, work, call } = stub()
    const user = share(background(), work)
    const both = Promise.all([user(background(), 1), user(background(), 1)])
    expect(calls.map(({ args }) => args)).toEqual([[1]])
    call(0).resolve('Ann')
    expect(await both).toEqual(['Ann', 'Ann'])
  })

  it('calls the work synchronously', () => {
    const { calls, work } = stub()
    void share(background(), work)(background(), 1)
    expect(calls).toHaveLength(1)
  })

  it.each<[what: string, one: unknown[], other: unknown[]]>([
    ['another value', [1], [2]],
    ['another type', [1], ['1']],
    ['another object', [{}], [{}]],
    ['more arguments', [1], [1, undefined]],
    ['fewer arguments', [1], []],
    ['another order', [1, 2], [2, 1]],
  ])('runs again for %s', (_, one, other) => {
    const { calls, work } = stub()
    const user = share(background(), work)
    void user(background(), ...one)
    void user(background(), ...other)
    expect(calls.map(({ args }) => args)).toEqual([one, other])
  })

  it.each<[what: string, args: unknown[]]>([
    ['no arguments', []],
    ['NaN', [NaN]],
    ['undefined', [undefined]],
    ['an object and a number', [background(), 1]],
  ])('shares a run between callers with %s', (_, args) => {
    const { calls, work } = stub()
    const user = share(background(), work)
    void user(background(), ...args)
    void user(background(), ...args)
    expect(calls).toHaveLength(1)
  })

  it('compares the keys that `key` returns, arrays element by element', () => {
    const names: string[] = []
    const byKey = (key: (user: { name: string; team: number }) => unknown) => {
      const load = share(
        background(),
        (ctx, { name }: { name: string; team: number }) => sleep(ctx, names.push(name)),
        { key },
      )
      for (const team of [1, 2, 1]) for (const name of ['Ann', 'Bob']) void load(background(), { name, team })
      return names.splice(0)
    }
    expect(byKey(({ name }) => name)).toEqual(['Ann', 'Bob'])
    expect(byKey(({ team }) => team)).toEqual(['Ann', 'Ann'])
    expect(byKey(({ name, team }) => [team, name])).toEqual(['Ann', 'Bob', 'Ann', 'Bob'])
  })

  it('ends the run when the last caller has left, with the cause Unused, and never before', async () => {
    const { work, call } = stub()
    const user = share(background(), work)
    const [one, leaveOne] = withCancel(background())
    const [other, leaveOther] = withCancel(background())
    const results = [outcome(user(one, 1)), outcome(user(other, 1))]
    leaveOne()
    await microtasks()
    expect(call(0).ctx.err).toBeUndefined()
    leaveOther()
    await microtasks()
    expect(cause(call(0).ctx)).toBe(Unused)
    expect(results).toEqual([
      { settled: true, error: one.err },
      { settled: true, error: other.err },
    ])
  })

  it("keeps each caller's own deadline and cause", async () => {
    const clock = fakeClock(0)
    const { work, call } = stub()
    const user = share(clock.root, work)
    const [hasty] = withTimeout(clock.root, 10, { label: 'hasty' })
    const [asked, stop] = withCancel(clock.root)
    const results = [user(hasty, 1), user(asked, 1), user(clock.root, 1)].map((result) => outcome(result))
    await clock.advance(10)
    stop('the reader pressed Stop')
    await clock.advance(0)
    expect(results[0]?.error).toMatchObject({ name: 'TimeoutError', label: 'hasty', ms: 10 })
    expect(results[1]?.error).toMatchObject({ name: 'AbortError', cause: 'the reader pressed Stop' })
    expect(results[2]).toEqual({ settled: false })
    call(0).resolve('Ann')
    await clock.advance(0)
    expect(results[2]).toEqual({ settled: true, value: 'Ann' })
  })

  it('does not pass the cancel of one caller to the next one', async () => {
    const { calls, work, call } = stub()
    const user = share(background(), work)
    const [ctx, leave] = withCancel(background())
    const left = outcome(user(ctx, 1))
    leave('gone')
    await microtasks()
    const next = outcome(user(background(), 1))
    // The first run settles late, and fails.
    call(0).reject(new Error('aborted'))
    await microtasks()
    expect(left.error).toBe(ctx.err)
    expect(next.settled).toBe(false)
    call(1).resolve('Ann')
    await microtasks()
    expect(next.value).toBe('Ann')
    expect(calls).toHaveLength(2)
  })

  it('does not start a second run beside the first because a caller was cancelled', async () => {
    const { calls, work } = stub()
    const user = share(background(), work)
    const [ctx, leave] = withCancel(background())
    user(ctx, 1).catch(() => {})
    void user(background(), 1)
    leave()
    await microtasks()
    void user(background(), 1)
    expect(calls).toHaveLength(1)
  })

  it('does not end for others when the first caller aborts', async () => {
    const { work, call } = stub()
    const user = share(background(), work)
    const [first, leave] = withCancel(background())
    const aborted = outcome(user(first, 1))
    const other = outcome(user(background(), 1))
    leave()
    await microtasks()
    expect(aborted.error).toBe(first.err)
    expect(call(0).ctx.err).toBeUndefined()
    call(0).resolve('Ann')
    await microtasks()
    expect(other.value).toBe('Ann')
  })

  it('does not retain a run that failed or succeeded', async () => {
    const { calls, work, call } = stub()
    const user = share(background(), work)
    const failed = outcome(user(background(), 1))
    call(0).reject(new Error('down'))
    await microtasks()
    expect(failed.error).toEqual(new Error('down'))
    const succeeded = outcome(user(background(), 1))
    call(1).resolve('Ann')
    await microtasks()
    expect(succeeded.value).toBe('Ann')
    void user(background(), 1)
    expect(calls).toHaveLength(3)
  })

  it('does not retain a run whose work throws synchronously', async () => {
    let calls = 0
    const user = share(background(), () => {
      throw new Error(`down ${++calls}`)
    })
    await expect(user(background())).rejects.toThrow('down 1')
    await expect(user(background())).rejects.toThrow('down 2')
  })

  it('starts a new run for a caller that joins while the last one leaves', async () => {
    const { calls, work, call } = stub()
    const user = share(background(), work)
    const [ctx, leave] = withCancel(background())
    user(ctx, 1).catch(() => {})
    // As soon as the run ends, before any other listener runs.
    call(0).ctx.signal.addEventListener('abort', () => void joined.push(outcome(user(background(), 1))))
    const joined: Outcome<string>[] = []
    leave()
    await microtasks()
    expect(calls.map(({ ctx }) => cause(ctx))).toEqual([Unused, undefined])
    call(1).resolve('Ann')
    await microtasks()
    expect(joined).toEqual([{ settled: true, value: 'Ann' }])
  })

  it('counts two calls with one context as two callers', async () => {
    const { calls, work, call } = stub()
    const user = share(background(), work)
    const [ctx, leave] = withCancel(background())
    const own = [outcome(user(ctx, 1)), outcome(user(ctx, 1))]
    const other = outcome(user(background(), 1))
    leave()
    await microtasks()
    expect(own.map(({ error }) => error)).toEqual([ctx.err, ctx.err])
    expect(call(0).ctx.err).toBeUndefined()
    call(0).resolve('Ann')
    await microtasks()
    expect(other.value).toBe('Ann')
    const [again, leaveAgain] = withCancel(background())
    user(again, 1).catch(() => {})
    user(again, 1).catch(() => {})
    leaveAgain()
    await microtasks()
    expect(cause(call(1).ctx)).toBe(Unused)
    expect(calls).toHaveLength(2)
  })

  it('gives the run the values of its parent, never those of a caller', async () => {
    const user = createKey<string>('user')
    const seen: (string | undefined)[] = []
    const load = share(withValue(background(), user, 'of the parent'), (ctx) => void seen.push(ctx.value(user)))
    await load(withValue(background(), user, 'of the caller'))
    expect(seen).toEqual(['of the parent'])
  })

  it('ends the run with its parent, and all callers with the error of the run', async () => {
    const { work, call } = stub()
    const [page, leave] = withCancel(background(), { label: 'page' })
    const user = share(page, work, { label: 'user' })
    const results = [outcome(user(background(), 1)), outcome(user(background(), 1))]
    expect(String(call(0).ctx)).toBe('background.withCancel(page).share(user)')
    leave('closed')
    await microtasks()
    expect(results.map(({ error }) => error)).toEqual([page.err, page.err])
    const late = outcome(user(background(), 1))
    await microtasks()
    expect(late.error).toBe(page.err)
  })

  it('starts no run under an ended parent, or for a caller whose context has ended', async () => {
    const { calls, work } = stub()
    const [ctx, cancel] = withCancel(background())
    cancel('before')
    const results = [share(ctx, work)(background()), share(background(), work)(ctx)].map((result) => outcome(result))
    await microtasks()
    expect(results.map(({ error }) => error)).toEqual([ctx.err, ctx.err])
    expect(calls).toEqual([])
  })

  it('does not join a run whose deadline has passed before its timer fires', async () => {
    const clock = fakeClock(0)
    const { calls, work } = stub()
    const [ctx, cancel] = withTimeout(clock.root, 10)
    const user = share(ctx, work)
    const first = outcome(user(clock.root, 1))
    await clock.advance(20)
    const second = outcome(user(clock.root, 1))
    await clock.advance(0)
    expect([first.error, second.error]).toEqual([ctx.err, ctx.err])
    expect(calls).toHaveLength(1)
    cancel()
  })

  it('releases the context of a run that has settled', async () => {
    const { work, call } = stub()
    const result = share(background(), work)(background(), 1)
    call(0).resolve('Ann')
    await result
    expect(call(0).ctx.err).toEqual(new CanceledError())
  })

  it('rejects work that calls the same share, since it would wait forever', async () => {
    const own = share(background(), (ctx): Promise<unknown> => own(ctx))
    await expect(own(background())).rejects.toThrow('rescind: shared work must not wait for its own result')
    const later = share(background(), async (ctx, id: number): Promise<number> => {
      await until(ctx, Promise.resolve())
      return id < 3 ? later(withValue(ctx, createKey('key'), 1), id + 1) : later(ctx, 3)
    })
    await expect(later(background(), 1)).rejects.toThrow('its own result')
    const below = share(background(), async (ctx): Promise<unknown> => {
      await until(ctx, Promise.resolve())
      return below(withCancel(withCancel(ctx)[0])[0])
    })
    const result = outcome(below(background()))
    for (let round = 0; round < 5; round++) await microtasks()
    expect(result.error).toMatchObject({ message: expect.stringContaining('its own result') as string })
    const foreign = share(background(), (): Promise<unknown> => foreign(background()))
    await expect(foreign(background())).rejects.toThrow('its own result')
  })

  it('accepts a foreign parent and foreign callers', async () => {
    const { work, call } = stub()
    const parent = new AbortController()
    const caller = new AbortController()
    const user = share(parent, work)
    const [left, other] = [outcome(user(caller, 1)), outcome(user(background(), 1))]
    caller.abort('gone')
    await microtasks()
    expect(left.error).toMatchObject({ name: 'AbortError', cause: 'gone' })
    expect(call(0).ctx.err).toBeUndefined()
    parent.abort('closed')
    await microtasks()
    expect(other.error).toMatchObject({ name: 'AbortError', cause: 'closed' })
  })
})

describe('forget', () => {
  it('starts a new run for the next caller, and keeps the run that was forgotten alive', async () => {
    const { calls, work, call } = stub()
    const user = share(background(), work)
    const [ctx, leave] = withCancel(background())
    const before = [outcome(user(ctx, 1)), outcome(user(background(), 1))]
    user.forget(1)
    const after = outcome(user(background(), 1))
    expect(calls).toHaveLength(2)
    leave()
    await microtasks()
    expect(call(0).ctx.err).toBeUndefined()
    call(0).resolve('before')
    await microtasks()
    expect(before.map(({ value }) => value)).toEqual([undefined, 'before'])
    // Go's issue 31420: the end of the forgotten run must not forget its successor.
    const joined = outcome(user(background(), 1))
    expect(calls).toHaveLength(2)
    call(1).resolve('after')
    await microtasks()
    expect([after.value, joined.value]).toEqual(['after', 'after'])
  })

  it('still ends the forgotten run when its last caller leaves', async () => {
    const { work, call } = stub()
    const user = share(background(), work)
    const [ctx, leave] = withCancel(background())
    user(ctx, 1).catch(() => {})
    user.forget(1)
    leave()
    await microtasks()
    expect(cause(call(0).ctx)).toBe(Unused)
  })

  it('does nothing if nothing is in flight, and affects no other arguments', () => {
    const { calls, work } = stub()
    const user = share(background(), work)
    void user(background(), 1, 2)
    user.forget(1)
    user.forget()
    user.forget(1, 2, 3)
    void user(background(), 1, 2)
    expect(calls).toHaveLength(1)
  })

  it('uses `key`', () => {
    const { calls, work } = stub()
    const user = share(background(), work, { key: (id) => String(id) })
    void user(background(), 1)
    user.forget('1')
    void user(background(), 1)
    expect(calls).toHaveLength(2)
  })
})

describe('misuse of share', () => {
  it.each<[what: string, make: () => unknown, message: string]>([
    ['no parent', () => share(wrong(undefined), () => {}), 'rescind: parent must be a context, got undefined'],
    ['no work', () => share(background(), wrong<() => void>(5)), 'rescind: work must be a function, got 5'],
    ['no options', () => share(background(), () => {}, wrong(null)), 'rescind: options must be an object, got null'],
    [
      'a key that is no function',
      () => share(background(), () => {}, { key: wrong('id') }),
      'rescind: key must be a function, got "id"',
    ],
  ])('throws for %s', (_, make, message) => {
    expect(make).toThrow(new TypeError(message))
  })

  it('rejects a call without a context, and one whose key throws', async () => {
    const user = share(background(), (_, { id }: { id: number }) => id, { key: ({ id }) => id })
    await expect(user(wrong(7), { id: 7 })).rejects.toThrow(new TypeError('rescind: ctx must be a context, got 7'))
    await expect(user(background(), wrong(null))).rejects.toThrow(TypeError)
  })
})

describe('a run that is over', () => {
  it('is not retained, nor are its arguments, callers and results', async () => {
    const { calls, work } = stub()
    const user = share(background(), work)
    void user(background(), 'other', 'args')
    for (const settle of ['resolve', 'reject', undefined] as const) {
      const make = () => {
        const arg = {}
        const [ctx, leave] = withCancel(background())
        user(ctx, 'other', arg, arg).catch(() => {})
        if (settle) calls.pop()?.[settle]('done')
        else calls.pop()
        leave()
        return arg
      }
      expect(await isCollected(make)).toBe(true)
    }
    await task()
    expect(await isCollected(() => (user.forget({}), user.forget(1, 2), {}))).toBe(true)
  })

  it('leaves no listener on its callers', async () => {
    const { signal } = new AbortController()
    const listeners = countListeners(signal)
    const { work, call } = stub()
    const user = share(background(), work)
    const results = [user({ signal }, 1), user({ signal }, 1)]
    expect(listeners()).toBe(1)
    call(0).resolve('Ann')
    await Promise.all(results)
    expect(listeners()).toBe(0)
  })
})

/** The model: a share that searches all callers for every answer. */
interface Asked {
  readonly key: number
  readonly run: number
  readonly due: number
  isGone: boolean
  end: string
}

type Step =
  | { readonly step: 'ask'; readonly key: number; readonly ms: number }
  | { readonly step: 'leave' | 'settle' | 'fail' | 'forget'; readonly target: number }
  | { readonly step: 'advance'; readonly ms: number }

const anyone = fc.nat({ max: 30 })

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      step: fc.constant('ask' as const),
      key: fc.nat({ max: 2 }),
      ms: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(Infinity)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ step: fc.constantFrom('leave', 'settle', 'fail', 'forget'), target: anyone }),
  },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('advance' as const), ms: fc.nat({ max: 15 }) }) },
)

async function live(steps: readonly Step[]): Promise<void> {
  const clock = fakeClock(0)
  const { calls, work } = stub()
  const user = share(clock.root, work)
  const cancels: Cancel[] = []
  const outcomes: Outcome<string>[] = []
  // The model.
  const asked: Asked[] = []
  const runs: { key: number; state: 'open' | 'forgotten' | 'over'; unused: boolean }[] = []
  const settle = (run: number, end: string) => {
    ;(runs[run] as (typeof runs)[number]).state = 'over'
    for (const caller of asked) if (caller.run === run && !caller.isGone) Object.assign(caller, { isGone: true, end })
  }
  const leave = (caller: Asked, end: string) => {
    if (caller.isGone) return
    Object.assign(caller, { isGone: true, end })
    const run = runs[caller.run] as (typeof runs)[number]
    if (run.state === 'over' || asked.some((other) => other.run === caller.run && !other.isGone)) return
    Object.assign(run, { state: 'over', unused: true })
  }
  let now = 0
  for (const one of steps) {
    if (one.step === 'ask') {
      const [ctx, cancel] = withTimeout(clock.root, one.ms)
      cancels.push(cancel)
      outcomes.push(outcome(user(ctx, one.key)))
      let run = runs.findIndex(({ key, state }) => key === one.key && state === 'open')
      if (run < 0) run = runs.push({ key: one.key, state: 'open', unused: false }) - 1
      asked.push({ key: one.key, run, due: now + one.ms, isGone: false, end: 'pending' })
    } else if (one.step === 'advance') {
      await clock.advance(one.ms)
      now += one.ms
      for (const caller of asked) if (caller.due <= now) leave(caller, 'TimeoutError')
    } else if (one.step === 'leave' && asked.length > 0) {
      const target = one.target % asked.length
      cancels[target]?.()
      leave(asked[target] as Asked, 'AbortError')
    } else if (one.step === 'forget') {
      user.forget(one.target % 3)
      for (const run of runs) if (run.key === one.target % 3 && run.state === 'open') run.state = 'forgotten'
    } else if (runs.length > 0) {
      const target = one.target % runs.length
      if (one.step === 'settle') calls[target]?.resolve(`result ${target}`)
      else calls[target]?.reject(new Error(`error ${target}`))
      if (runs[target]?.state !== 'over') settle(target, one.step === 'settle' ? `result ${target}` : `error ${target}`)
    }
    await clock.advance(0)
    expect(outcomes.map(({ settled, value, error }) => (settled ? (value ?? nameOf(error)) : 'pending'))).toEqual(
      asked.map(({ end }) => end),
    )
    expect(calls.map(({ ctx }) => [ctx.err !== undefined, cause(ctx) === Unused])).toEqual(
      runs.map(({ state, unused }) => [state === 'over', unused]),
    )
  }
}

function nameOf(error: unknown): string {
  if (error instanceof CanceledError || error instanceof DeadlineExceededError) return error.name
  return (error as Error).message
}

describe('share with random callers', () => {
  it('behaves like the model', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), live), { numRuns: 150 })
  })
})

describe('a batch, like that of a data loader', () => {
  it('makes one request for all that is asked for in one turn', async () => {
    const clock = fakeClock(0)
    const requests: number[][] = []
    let ids = new Set<number>()
    const batch = share(clock.root, async (ctx) => {
      await sleep(ctx, 0)
      batch.forget()
      const asked = [...ids]
      ids = new Set()
      requests.push(asked)
      await sleep(ctx, 10)
      return new Map(asked.map((id) => [id, `user ${id}`]))
    })
    const user = async (ctx: Context, id: number) => {
      ids.add(id)
      return (await batch(ctx)).get(id)
    }
    const [ctx, leave] = withCancel(clock.root)
    const results = [user(ctx, 1), user(clock.root, 2), user(clock.root, 1)].map((result) => outcome(result))
    await clock.advance(1)
    // The first batch is in flight: later calls are in the next one.
    results.push(outcome(user(clock.root, 3)))
    leave()
    await clock.advance(20)
    expect(requests).toEqual([[1, 2], [3]])
    expect(results.map(({ value }) => value)).toEqual([undefined, 'user 2', 'user 1', 'user 3'])
    const [all, leaveAll] = withCancel(clock.root)
    const seen: unknown[] = []
    user(all, 4).catch((error: unknown) => seen.push(error))
    afterFunc(all, () => seen.push('left'))
    leaveAll()
    await clock.advance(20)
    expect(requests).toHaveLength(2)
    expect(seen).toContain(all.err)
  })
})
