/** How many timers of Node are used. Replaced timer functions would change that, so Node's own timers are counted. */

import { createHook } from 'node:async_hooks'
import { afterFunc, background, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { describe, expect, it } from 'vitest'
import { microtask, task } from '../support.ts'

/** The number of timers that `work` makes. */
async function timersOf(work: () => Promise<void>): Promise<number> {
  let count = 0
  const hook = createHook({
    init: (_, type) => {
      if (type === 'Timeout') count++
    },
  })
  await task()
  hook.enable()
  await work()
  hook.disable()
  return count
}

describe('the platform timer', () => {
  it('is not set for timeouts that are canceled in the turn in which they were made', async () => {
    const count = await timersOf(async () => {
      for (let turn = 0; turn < 3; turn++) {
        for (let round = 0; round < 10; round++) withTimeout(background(), 5_000 - round)[1]()
        await microtask()
      }
    })
    expect(count).toBe(0)
  })

  it('is kept for a timeout that replaces another in the same turn', async () => {
    const [, cancel] = withTimeout(background(), 50_000)
    const count = await timersOf(async () => {
      cancel()
      const [, cancelNext] = withTimeout(background(), 60_000)
      await microtask()
      cancelNext()
    })
    expect(count).toBe(0)
  })

  it('is set once for all timeouts of a turn', async () => {
    const contexts: Context[] = []
    const count = await timersOf(async () => {
      for (const ms of [60_000, 20, 30_000]) contexts.push(withTimeout(background(), ms)[0])
      await microtask()
    })
    expect(count).toBe(1)
    await new Promise<void>((resolve) => void afterFunc(contexts[1] ?? background(), resolve))
    expect(contexts.map(({ err }) => err?.name)).toEqual([undefined, 'TimeoutError', undefined])
  })
})
