/** The scenario Uploads: how many run at once, and how the cancel of one affects the others. */

import { describe, it } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'
import { outcome, patiently, row, visit } from './demo.ts'

/** How many requests the server handled at the same time. */
function mostOf(entries: readonly Entry[]): number {
  const isOpen = (at: number) =>
    entries.filter(({ arrived, ended = Infinity }) => arrived <= at && at < arrived + ended).length
  return Math.max(...entries.map(({ arrived }) => isOpen(arrived)))
}

describe.concurrent('Uploads', () => {
  it('sends three at once, and stores all but the canceled one', async ({ expect }) => {
    await using demo = await visit('#/uploads?latency=400&cancel=50')
    const { page } = demo
    await outcome(page, '19 of 20 files stored, 1 canceled')
    await row(page, 'Browser', 'file 5').filter({ hasText: 'canceled alone' }).waitFor()
    const others = (await demo.entries()).filter(({ name }) => name !== 'file 5')
    expect(others).toHaveLength(19)
    for (const entry of others) expect(entry).toMatchObject({ outcome: 'finished', wasted: { ms: 0 } })
    expect(mostOf(others)).toBeLessThanOrEqual(3)
    expect(others.find(({ name }) => name === 'file 1')?.lines.at(-1)?.text).toBe('finished: 20 of 20 kB stored')
    const result = page.getByRole('region', { name: 'useAction', exact: true })
    await result.locator('[data-total=most]', { hasText: /^3$/ }).waitFor()
    await result.locator('[data-total=stored]', { hasText: /^19$/ }).waitFor()
    await page.getByText('19 stored, 0 sent, 1 canceled').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('sends all at once without rescind, and stops all with the canceled one', async ({ expect }) => {
    await using demo = await visit('#/uploads?latency=4000&cancel=50&rescind=off')
    const { page } = demo
    await outcome(page, /^\d+ of 20 files stored, \d+ stopped with the one that was canceled/)
    const over = async () => (await demo.entries()).every(({ ended }) => ended !== undefined)
    await expect.poll(over, patiently).toBe(true)
    const finished = (await demo.entries()).filter(({ outcome }) => outcome === 'finished')
    expect(finished.length).toBeLessThan(19)
    const result = page.getByRole('region', { name: 'By hand', exact: true })
    await result.locator('[data-total=most]', { hasText: /^20$/ }).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('lets the user cancel a waiting upload and a running one, and all with Esc', async ({ expect }) => {
    await using demo = await visit('#/uploads?latency=4000&cancel=1000')
    const { page } = demo
    await expect.poll(() => demo.requests.length, patiently).toBe(3)
    // At once, while the third is still being stored: it is the largest of those that run.
    await page.evaluate(() => {
      for (const file of [20, 3]) document.querySelector<HTMLElement>(`[aria-label='Cancel file ${file}']`)?.click()
    })
    // The next upload takes its place.
    await expect.poll(() => demo.requests.length, patiently).toBeGreaterThan(3)
    await page.keyboard.press('Escape')
    await outcome(page, 'context canceled: Esc')
    await row(page, 'Browser', 'file 3').filter({ hasText: 'canceled alone' }).waitFor()
    const stopped = { outcome: 'stopped', cause: 'client gone' }
    await expect.poll(() => demo.entry('file 3'), patiently).toMatchObject(stopped)
    await expect.poll(() => demo.entry('file 2'), patiently).toMatchObject(stopped)
    const names = (await demo.entries()).map(({ name }) => name)
    expect(names).not.toContain('file 20')
    expect(demo.requests.length).toBeLessThan(20)
    expect(demo.complaints).toEqual([])
  })
})
