/** The scenario A scope's budget: one deadline and one cancel for all parts below. */

import { describe, it } from 'vitest'
import { outcome, patiently, row, visit } from './demo.ts'

const PARTS = ['orders', 'stock', 'prices', 'reviews']

describe.concurrent("A scope's budget", () => {
  it('stops all parts at the deadline', async ({ expect }) => {
    await using demo = await visit('#/scope-budget?latency=5000&timeout=400')
    await outcome(demo.page, 'context deadline exceeded, 4 of 4 missing')
    for (const name of PARTS) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
      const entry = await demo.entry(name)
      expect(entry?.ended).toBeLessThan(entry?.latency ?? NaN)
      await row(demo.page, 'Browser', name).filter({ hasText: 'deadline' }).waitFor()
    }
    expect(demo.requests).toHaveLength(PARTS.length)
    await demo.page.locator('.countdown', { hasText: '0 ms left of 400 ms' }).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('stops all parts on Cancel', async ({ expect }) => {
    await using demo = await visit('#/scope-budget?latency=5000&timeout=5000')
    await expect.poll(async () => (await demo.entries()).length, patiently).toBe(PARTS.length)
    await demo.page.getByRole('button', { name: 'Cancel' }).click()
    await outcome(demo.page, 'context canceled: Cancel button')
    const isOver = async () => (await demo.entries()).every(({ outcome }) => outcome !== undefined)
    await expect.poll(isOver, patiently).toBe(true)
    const entries = await demo.entries()
    // On a busy machine the faster parts may finish before the click, at least on the server.
    const stopped = entries.filter(({ outcome }) => outcome !== 'finished')
    expect(stopped.map(({ name }) => name)).toEqual(expect.arrayContaining(['prices', 'reviews']))
    for (const entry of stopped) {
      expect(entry).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
      await row(demo.page, 'Browser', entry.name).filter({ hasText: 'Cancel button' }).waitFor()
    }
    const canceled = await demo.page.locator('.parts [data-status=canceled]').count()
    expect(canceled).toBeGreaterThanOrEqual(stopped.length)
    expect(await demo.page.locator('.parts [data-status=success]').count()).toBe(PARTS.length - canceled)
    expect(demo.complaints).toEqual([])
  })

  it.for(['on', 'off'])('shows all parts that arrive in time, rescind %s', async (rescind, { expect }) => {
    await using demo = await visit(`#/scope-budget?latency=100&timeout=5000&rescind=${rescind}`)
    await outcome(demo.page, 'everything arrived within the budget')
    for (const name of PARTS) {
      const finished = { outcome: 'finished', wasted: { ms: 0, bytes: 0 } }
      await expect.poll(() => demo.entry(name), patiently).toMatchObject(finished)
    }
    expect(demo.requests).toHaveLength(PARTS.length)
    expect(demo.complaints).toEqual([])
  })

  it('lets all parts finish for nothing without rescind', async ({ expect }) => {
    await using demo = await visit('#/scope-budget?latency=2000&timeout=100&rescind=off')
    await outcome(demo.page, 'timed out, 4 of 4 missing')
    for (const name of PARTS) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject({ outcome: 'finished' })
      await expect.poll(async () => (await demo.entry(name))?.wasted.ms, patiently).toBeGreaterThan(0)
      const entry = await demo.entry(name)
      expect(entry?.ended).toBeGreaterThanOrEqual((entry?.latency ?? NaN) - 1)
      expect(entry?.wasted.bytes).toBeGreaterThan(0)
    }
    await row(demo.page, 'Server', 'finished for nothing')
      .nth(PARTS.length - 1)
      .waitFor()
    expect(demo.complaints).toEqual([])
  })
})
