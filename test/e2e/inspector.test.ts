/** The inspector in the demo: opened afterwards, it shows which searches were stopped, and why. */

import { describe, it } from 'vitest'
import { outcome, patiently, visitAfresh } from './demo.ts'

describe('the inspector', () => {
  it('shows the searches that a keystroke superseded, and the completed one', async ({ expect }) => {
    await using demo = await visitAfresh('#/stale-search?latency=1500&pause=150')
    const { page } = demo
    await outcome(page, '“mexico” shows its results')
    const before = demo.scripts.length
    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    const lines = page.getByRole('tree', { name: 'Contexts' }).getByRole('treeitem')
    await lines.first().waitFor()
    // The panel is loaded only now.
    expect(demo.scripts.length).toBeGreaterThan(before)
    const filter = page.getByRole('searchbox', { name: 'Filter' })
    await filter.fill('withTimeout superseded')
    // A busy page may render two keys at once, and skip the search for the first.
    await page.getByText(new RegExp(`^${demo.requests.length - 1} match`)).waitFor()
    await page.getByRole('treeitem', { name: 'superseded' }).last().click()
    const details = page.getByRole('complementary', { name: 'Context' })
    await details.getByText('Superseded: newer work took its place').first().waitFor()
    await filter.fill('withTimeout completed')
    await page.getByRole('treeitem', { name: 'completed' }).first().waitFor()
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    await page.setViewportSize({ width: 1280, height: 720 })
    // Escape closes the details first, then the filter, then the panel.
    for (let count = 0; count < 3; count++) await page.keyboard.press('Escape')
    await expect.poll(() => lines.count(), patiently).toBe(0)
    expect(demo.complaints).toEqual([])
  })
})
