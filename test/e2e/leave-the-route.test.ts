/** The scenario Leave the route: work of a page ends with its route, on the server too. */

import { describe, it } from 'vitest'
import { outcome, patiently, row, total, visit } from './demo.ts'

const REPORTS = ['report 2024', 'report 2025']

describe.concurrent('Leave the route', () => {
  it('stops the report of the old page', async ({ expect }) => {
    await using demo = await visit('#/leave-the-route?latency=5000&leave=500')
    await outcome(demo.page, '2 reports stopped with the route')
    for (const name of REPORTS) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
      expect((await demo.entry(name))?.ended).toBeLessThan(5000)
      await row(demo.page, 'Browser', name).filter({ hasText: 'navigated' }).waitFor()
      await row(demo.page, 'Server', name).filter({ hasText: 'client gone' }).waitFor()
    }
    expect(demo.requests).toHaveLength(2)
    await total(demo.page, 'With rescind', 'navigated', 2)
    expect(demo.page.url()).not.toContain('?report')
    expect(demo.complaints).toEqual([])
  })

  it('lets both reports finish for nothing without rescind', async ({ expect }) => {
    await using demo = await visit('#/leave-the-route?latency=1500&leave=100&rescind=off')
    await outcome(demo.page, '2 reports arrived for a page that was left')
    await total(demo.page, 'Without rescind', 'requests', 2)
    for (const name of REPORTS) {
      const entry = await demo.entry(name)
      expect(entry).toMatchObject({ outcome: 'finished' })
      expect(entry?.ended).toBeGreaterThanOrEqual(1499)
      expect(entry?.wasted.ms).toBeGreaterThan(0)
      expect(entry?.wasted.bytes).toBeGreaterThan(0)
    }
    expect(demo.requests).toHaveLength(2)
    expect(demo.complaints).toEqual([])
  })

  it('follows links and the back button, with one request for each page', async ({ expect }) => {
    await using demo = await visit('#/leave-the-route?latency=5000&leave=50')
    const { page } = demo
    const pages = page.getByRole('list', { name: 'Pages of the application' })
    // The outcome of the automatic run does not matter.
    await outcome(page)
    const before = demo.requests.length
    await pages.getByRole('link', { name: 'report 2024' }).click()
    await page.waitForURL(/\?report=2024#\/leave-the-route/)
    await expect.poll(async () => (await demo.entry('report 2024'))?.outcome, patiently).toBeUndefined()
    const [first] = demo.requests.slice(before)
    await expect.poll(async () => (await demo.entry('report 2024'))?.id, patiently).toBe(first)

    await pages.getByRole('link', { name: 'report 2025' }).click()
    const stopped = { id: first, outcome: 'stopped', cause: 'client gone' }
    await expect.poll(() => demo.entry('report 2024'), patiently).toMatchObject(stopped)
    await row(page, 'Browser', 'report 2024').filter({ hasText: 'navigated' }).waitFor()
    const [, second] = demo.requests.slice(before)
    await expect.poll(async () => (await demo.entry('report 2025'))?.id, patiently).toBe(second)

    await page.goBack()
    await expect.poll(() => demo.entry('report 2025'), patiently).toMatchObject({ ...stopped, id: second })
    await row(page, 'Browser', 'report 2025').filter({ hasText: 'navigated' }).waitFor()
    await expect.poll(() => demo.requests.length, patiently).toBe(before + 3)

    await page.getByRole('link', { name: 'HTTP timeout' }).click()
    await outcome(page, 'context deadline exceeded')
    expect(page.url()).not.toContain('?report')
    expect(demo.complaints).toEqual([])
  })
})
