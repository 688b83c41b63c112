/** The debounce alone: when it opens, under which context it waits, and its timers. */

import { background, withCancel } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Gate } from '../../hooks/gate.ts'
import { microtask } from '../support.ts'

afterEach(() => void vi.useRealTimers())

function counted() {
  const clock = fakeClock(0)
  const opened: number[] = []
  const gate = new Gate(() => void opened.push(clock.at))
  return { clock, gate, opened }
}

describe('a gate', () => {
  it('opens once, after a pause of the time of the latest close', async () => {
    const { clock, gate, opened } = counted()
    expect(gate.close(clock.root, { ms: 100 })).toBe(true)
    await clock.advance(60)
    gate.close(clock.root, { ms: 100 })
    await clock.advance(1_000)
    expect(opened).toEqual([160])
    // Open again: the next run counts as the first.
    expect(gate.close(clock.root, { ms: 100, leading: true })).toBe(false)
  })

  it('opens after maxWait, counted from the first close, however often it closes', async () => {
    const { clock, gate, opened } = counted()
    for (let n = 0; n < 5; n++) {
      gate.close(clock.root, { ms: 100, maxWait: 130 })
      await clock.advance(30)
    }
    expect(opened).toEqual([130])
  })

  it('lets only the first run pass if it is leading', () => {
    const { clock, gate } = counted()
    const debounce = { ms: 100, leading: true }
    expect([gate.close(clock.root, debounce), gate.close(clock.root, debounce)]).toEqual([false, true])
    gate.stop()
    expect(gate.close(clock.root, debounce)).toBe(false)
  })

  it.each(['stop', 'open'] as const)('leaves no timer after %s', (end) => {
    vi.useFakeTimers()
    const gate = new Gate(() => {})
    gate.close(background(), { ms: 100, maxWait: 200 })
    gate.close(background(), { ms: 100, maxWait: 200 })
    expect(vi.getTimerCount()).toBe(1)
    gate[end]()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('opens at once when the context under which it waits is canceled', async () => {
    const { clock, gate, opened } = counted()
    const [ctx, cancel] = withCancel(clock.root)
    gate.close(ctx, { ms: 100 })
    cancel()
    await microtask()
    expect(opened).toEqual([0])
    expect(gate.close(clock.root, { ms: 100, leading: true })).toBe(false)
  })

  it('waits its whole time under another context if the previous one was canceled in the same turn', async () => {
    const { clock, gate, opened } = counted()
    const [ctx, cancel] = withCancel(clock.root)
    gate.close(ctx, { ms: 100, maxWait: 150 })
    await clock.advance(90)
    cancel()
    expect(gate.close(clock.root, { ms: 100, maxWait: 150, leading: true })).toBe(false)
    expect(gate.close(clock.root, { ms: 100, maxWait: 150 })).toBe(true)
    await clock.advance(1_000)
    expect(opened).toEqual([190])
  })

  it('waits under the context of the latest close, and ignores the end of earlier ones', async () => {
    const { clock, gate, opened } = counted()
    const [ctx, cancel] = withCancel(clock.root)
    gate.close(ctx, { ms: 100 })
    gate.close(clock.root, { ms: 100 })
    cancel()
    await clock.advance(1_000)
    expect(opened).toEqual([100])
  })
})
