/** One run alone: its timeout, and when its host is notified. */

import { isDeadlineExceeded, rearm, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { Run } from '../../hooks/run.ts'
import type { Work } from '../../hooks/run.ts'
import { microtask } from '../support.ts'

function runOf(root: Context, work: Partial<Work<string, []>>) {
  const told: string[] = []
  const host = {
    yielded: (_: unknown, data: string) => void told.push(`yielded ${data}`),
    slowed: () => void told.push('slowed'),
    settled: (_: unknown, { status }: { readonly status: string }) => void told.push(status),
  }
  const job: Work<string, []> = { fn: () => new Promise(() => {}), timeout: Infinity, slowAfter: Infinity, ...work }
  const run = new Run<string, []>(host, job, [], withTimeout(root, Infinity), () => {})
  return { run, told }
}

describe('the timeout of a run', () => {
  it('is removed once the work has returned, even if another timeout is set before the run settles', async () => {
    const clock = fakeClock(0)
    const { run, told } = runOf(clock.root, { fn: async () => 'answer', timeout: 100 })
    run.start()
    for (let timeout = 200; told.length === 0; timeout += 100) {
      run.limit(timeout)
      await microtask()
    }
    expect(told).toEqual(['success'])
    expect(run.ctx.deadline).toBeUndefined()
  })

  it('counts from the start after every change, and only while the work runs', async () => {
    const clock = fakeClock(1_000)
    const { run, told } = runOf(clock.root, { timeout: 100 })
    run.limit(300)
    expect(run.ctx.deadline).toBeUndefined()
    await clock.advance(50)
    run.start()
    expect(run.ctx.deadline).toBe(1_350)
    await clock.advance(50)
    run.limit(200)
    expect(run.ctx.deadline).toBe(1_250)
    await clock.advance(150)
    expect(told).toEqual(['error'])
    expect(isDeadlineExceeded(run.ctx.err)).toBe(true)
  })

  it('keeps a deadline that the work has set by rearm until another timeout is set', async () => {
    const clock = fakeClock(0)
    const { run } = runOf(clock.root, { timeout: 100 })
    run.start()
    const { deadline } = run.ctx
    expect(deadline).toBe(100)
    rearm(run.ctx, 500)
    run.limit(100)
    expect(run.ctx.deadline).toBe(500)
    run.limit(200)
    expect(run.ctx.deadline).toBe(200)
  })

  it('ends the run without calling the work if it is 0', async () => {
    let calls = 0
    const { run, told } = runOf(fakeClock(0).root, { fn: () => `call ${calls++}`, timeout: 0 })
    run.start()
    for (let turn = 0; told.length === 0 && turn < 10; turn++) await microtask()
    expect(told).toEqual(['error'])
    expect(calls).toBe(0)
  })
})

describe('a run that is canceled before it is slow', () => {
  it('never becomes slow', async () => {
    const clock = fakeClock(0)
    const { run, told } = runOf(clock.root, { slowAfter: 100 })
    run.start()
    run.cancel('why')
    await clock.advance(1_000)
    expect(told).toEqual(['canceled'])
    expect(run.isSlow).toBe(false)
  })
})
