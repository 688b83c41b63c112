/** The scenario StrictMode and Activity: how often the work runs, and when it is stopped. */

import { describe, it } from 'vitest'
import { outcome, patiently, total, visit } from './demo.ts'
import { measured, ONCE } from './measured.ts'

describe.concurrent('StrictMode and Activity', () => {
  it('sends one request each time the component is shown, and stops it when it is hidden', async ({ expect }) => {
    await using demo = await visit('#/strict-mode-activity?latency=5000&pause=500')
    await outcome(demo.page, '2 requests sent, 2 aborted')
    expect(await measured(demo.page)).toEqual(ONCE)
    for (const name of ['report 1', 'report 2']) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
      expect((await demo.entry(name))?.ended).toBeLessThan(5000)
    }
    expect(demo.requests).toHaveLength(2)
    const browserLane = demo.page.getByRole('region', { name: 'Browser', exact: true })
    expect(await browserLane.locator('.note').allInnerTexts()).toEqual([
      expect.stringMatching(/ hidden$/),
      expect.stringMatching(/ unmounted$/),
    ])
    await demo.page.getByText('Production build of React').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('lets the handlers finish without rescind', async ({ expect }) => {
    await using demo = await visit('#/strict-mode-activity?latency=1500&pause=400&rescind=off')
    await outcome(demo.page, '2 requests sent, 2 aborted')
    expect(await measured(demo.page)).toEqual(ONCE)
    await total(demo.page, 'Without rescind', 'requests', 2)
    for (const entry of await demo.entries()) {
      expect(entry).toMatchObject({ outcome: 'finished' })
      expect(entry.ended).toBeGreaterThanOrEqual(1499)
      expect(entry.wasted.ms).toBeGreaterThan(0)
    }
    expect(demo.complaints).toEqual([])
  })

  it('mounts and hides the component when the user clicks the buttons', async ({ expect }) => {
    await using demo = await visit('#/strict-mode-activity?latency=5000&pause=100')
    const { page } = demo
    await outcome(page, '2 requests sent, 2 aborted')
    const before = demo.requests.length
    await page.getByRole('button', { name: 'Mount' }).click()
    await expect.poll(() => demo.requests.length, patiently).toBe(before + 1)
    await expect.poll(async () => (await demo.entries()).at(-1)?.id, patiently).toBe(demo.requests.at(-1))
    await page.getByRole('button', { name: 'Hide' }).click()
    const stopped = { outcome: 'stopped', cause: 'client gone' }
    await expect.poll(async () => (await demo.entries()).at(-1), patiently).toMatchObject(stopped)
    await outcome(page, '1 request sent, 1 aborted')
    expect(demo.requests).toHaveLength(before + 1)
    expect(demo.complaints).toEqual([])
  })
})
