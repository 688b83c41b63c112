/** `AsyncLocalStorage`: a callback sees the store of the code that registered it, never that of another request. */

import { AsyncLocalStorage } from 'node:async_hooks'
import { afterFunc, background, group, retry, semaphore, share, sleep, withCancel, withTimeout } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { microtask, task } from '../support.ts'

const store = new AsyncLocalStorage<string>()

describe('afterFunc', () => {
  it('runs each function in the store in which it was registered, at deadlines that share one timer', async () => {
    const clock = fakeClock(0)
    const seen: string[] = []
    for (const [index, request] of ['A', 'B', 'C'].entries()) {
      store.run(request, () => {
        const [ctx] = withTimeout(clock.root, 30 + index)
        afterFunc(ctx, () => seen.push(`${request} in ${store.getStore()}`))
      })
    }
    await store.run('other', () => clock.advance(100))
    expect(seen).toEqual(['A in A', 'B in B', 'C in C'])
  })

  it('runs each function in its own store if one cancel ends all contexts', async () => {
    const [parent, cancel] = withCancel(background())
    const seen: (string | undefined)[] = []
    for (const request of ['A', 'B', undefined]) {
      const register = () => afterFunc(parent, () => seen.push(store.getStore()))
      if (request === undefined) register()
      else store.run(request, register)
    }
    store.run('admin', cancel)
    await microtask()
    expect(seen).toEqual(['A', 'B', undefined])
  })

  it('runs a function in its own store if the context had ended before', async () => {
    const [ctx, cancel] = withCancel(background())
    cancel()
    const seen: (string | undefined)[] = []
    store.run('A', () => afterFunc(ctx, () => seen.push(store.getStore())))
    await microtask()
    expect(seen).toEqual(['A'])
  })
})

describe('a group', () => {
  it('runs functions that waited for a slot in the store of their call', async () => {
    const seen: (string | undefined)[] = []
    const g = group(background(), { limit: 1 })
    for (const request of ['A', 'B', 'C']) {
      store.run(request, () =>
        g.go(async (ctx) => {
          seen.push(store.getStore())
          await sleep(ctx, 0)
          seen.push(store.getStore())
        }),
      )
    }
    await g.wait()
    expect(seen).toEqual(['A', 'A', 'B', 'B', 'C', 'C'])
  })
})

describe('a semaphore', () => {
  it('runs work that waited for a slot in the store of its call', async () => {
    const seen: (string | undefined)[] = []
    const one = semaphore(1)
    const runs = ['A', 'B', 'C'].map((request) =>
      store.run(request, () =>
        one.run(background(), async (ctx) => {
          seen.push(store.getStore())
          await sleep(ctx, 0)
          seen.push(store.getStore())
        }),
      ),
    )
    await Promise.all(runs)
    expect(seen).toEqual(['A', 'A', 'B', 'B', 'C', 'C'])
  })
})

describe('a retry', () => {
  it('makes each attempt in the store of its call', async () => {
    const clock = fakeClock(0)
    const seen: (string | undefined)[] = []
    const work = () => {
      seen.push(store.getStore())
      throw new Error('down')
    }
    const call = () => void retry(clock.root, work, { delay: () => 5 }).catch(() => {})
    for (const request of ['A', 'B']) store.run(request, call)
    await store.run('other', () => clock.advance(100))
    expect(seen).toEqual(['A', 'B', 'A', 'B', 'A', 'B'])
  })
})

describe('shared work', () => {
  it('runs in the store in which it was shared, and each caller continues in its own', async () => {
    const seen: (string | undefined)[] = []
    const load = share(background(), async (ctx, id: number) => {
      seen.push(store.getStore())
      await sleep(ctx, id)
      seen.push(store.getStore())
    })
    const ask = () => load(background(), 1).then(() => store.getStore())
    const asked = ['A', 'B'].map((request) => store.run(request, ask))
    expect(await Promise.all(asked)).toEqual(['A', 'B'])
    expect(seen).toEqual([undefined, undefined])
    const own = store.run('app', () => share(background(), () => store.getStore()))
    expect(await store.run('A', () => own(background()))).toBe('app')
    expect(await store.run('B', () => own(background()))).toBe('app')
  })
})

describe('a sleep', () => {
  it('continues in the store in which it began', async () => {
    const seen = await Promise.all(
      ['A', 'B'].map((request) => store.run(request, () => sleep(background(), 0).then(() => store.getStore()))),
    )
    expect(seen).toEqual(['A', 'B'])
    await task()
  })
})
