/** The inspector in the demo: opened after everything has happened, it shows which search was stopped, and why. */

import { describe, it } from 'vitest'
import { outcome, patiently, visitAfresh } from './demo.ts'

describe('the inspector', () => {
  it('shows the searches that a keystroke has superseded, and the one that was completed', async ({ expect }) => {
    await using demo = await visitAfresh('#/stale-search?latency=1500&pause=150')
    const { page } = demo
    await outcome(page, '“mexico” shows its results')
    const before = demo.scripts.length
    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    const lines = page.getByRole('tree', { name: 'Contexts' }).getByRole('treeitem')
    await lines.first().waitFor()
    // The panel was not part of the page until now.
    expect(demo.scripts.length).toBeGreaterThan(before)
    const filter = page.getByRole('searchbox', { name: 'Filter' })
    await filter.fill('withTimeout superseded')
    // A busy page may draw two keys at once, and never search for the first.
    await page.getByText(new RegExp(`^${demo.requests.length - 1} match`)).waitFor()
    await page.getByRole('treeitem', { name: 'superseded' }).last().click()
    const details = page.getByRole('complementary', { name: 'Context' })
    await details.getByText('Superseded: newer work took its place').first().waitFor()
    await filter.fill('withTimeout completed')
    await page.getByRole('treeitem', { name: 'completed' }).first().waitFor()
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    await page.setViewportSize({ width: 1280, height: 720 })
    // Escape belongs to the panel: first its details, then its filter, then the panel itself.
    for (let count = 0; count < 3; count++) await page.keyboard.press('Escape')
    await expect.poll(() => lines.count(), patiently).toBe(0)
    expect(demo.complaints).toEqual([])
  })
})
