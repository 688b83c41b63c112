/** Ended contexts leave nothing behind at their parents and signals. Needs `gc`, which the test projects switch on. */

import { afterFunc, background, createKey, withCancel, withSignal, withTimeout, withValue } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { derivations, isCollected } from './support.ts'

describe('a context that has ended', () => {
  it.each(derivations)('is not retained by its parent: %s', async (_, derive) => {
    const [parent] = withCancel(background())
    const older = withCancel(parent)
    const make = () => {
      const [ctx, cancel] = derive(parent)
      cancel()
      return ctx
    }
    expect(await isCollected(make)).toBe(true)
    expect(await isCollected(() => (void withCancel(parent), make()))).toBe(true)
    expect(older[0].err).toBeUndefined()
  })

  it('is not retained by its parent, though its signal was read and listened to', async () => {
    const [parent] = withCancel(background())
    void parent.signal
    const make = () => {
      const [ctx, cancel] = withCancel(parent)
      ctx.signal.addEventListener('abort', () => void ctx.err)
      cancel('why')
      return ctx
    }
    expect(await isCollected(make)).toBe(true)
  })

  it('is not retained by its parent after its deadline', async () => {
    const clock = fakeClock(0)
    const [parent] = withCancel(clock.root)
    const refs = Array.from({ length: 2 }, () => new WeakRef(withTimeout(parent, 10)[0]))
    await clock.advance(10)
    for (const ref of refs) expect(await isCollected(() => ref.deref() ?? {})).toBe(true)
    expect(parent.err).toBeUndefined()
  })

  it('is not retained by the signals that it followed', async () => {
    const { signal } = new AbortController()
    const [parent] = withCancel(background())
    const [other] = withSignal(parent, signal)
    const make = () => {
      const [ctx, cancel] = withSignal(parent, signal)
      cancel()
      return ctx
    }
    expect(await isCollected(make)).toBe(true)
    expect(other.err).toBeUndefined()
    expect(signal.aborted).toBe(false)
  })

  it.each([0, 1])('does not retain its children, nor they each other: with %i older siblings', async (older) => {
    const [parent, cancel] = withCancel(background())
    const kept = Array.from({ length: older }, () => withCancel(parent)[0])
    const make = () => {
      const [ctx] = withCancel(parent)
      withCancel(ctx)
      cancel()
      return ctx
    }
    expect(await isCollected(make)).toBe(true)
    expect(kept.every(({ err }) => err === parent.err)).toBe(true)
  })

  it('does not retain its values, deadlines or signals while its parent is in use', async () => {
    const { signal } = new AbortController()
    const [parent] = withCancel({ signal })
    const make = () => {
      const big = { size: 'big' }
      const [ctx, cancel] = withSignal(withValue(parent, createKey<object>('key'), big), signal)
      withTimeout(ctx, 60_000, { cause: big })
      afterFunc(ctx, () => void big)
      cancel()
      return big
    }
    expect(await isCollected(make)).toBe(true)
    expect([parent.err, signal.aborted]).toEqual([undefined, false])
  })

  it('does not retain a callback that was stopped', async () => {
    const [parent] = withCancel(background())
    const stops: (() => boolean)[] = []
    const make = () => {
      const big = { size: 'big' }
      const stop = afterFunc(parent, () => void big)
      stop()
      stops.push(stop)
      return big
    }
    expect(await isCollected(make)).toBe(true)
    expect(stops[0]?.()).toBe(false)
  })

  it('is retained while it lives', async () => {
    const [parent] = withCancel(background())
    expect(await isCollected(() => withCancel(parent)[0])).toBe(false)
    expect(parent.err).toBeUndefined()
  })
})
