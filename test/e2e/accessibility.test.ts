/** axe finds no violation of accessibility rules on any page, in light and dark. */

import { readdirSync } from 'node:fs'
import { source } from 'axe-core'
import type * as Axe from 'axe-core'
import type { Page } from 'playwright'
import { describe, it } from 'vitest'
import { demoUrl, outcome, visit } from './demo.ts'

const scenarios = readdirSync('demo/scenarios').map((file) => file.replace(/\.tsx$/, ''))
const manual = [
  'index.html',
  ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`${name.slice(0, -3)}.html`] : [])),
]
const QUICK = 'latency=400&timeout=100&failure=100&pause=100&leave=100&step=50&background=100&query=1'
/** The scenarios are split into this many concurrent tests. */
const PARTS = [0, 1]
const WITHOUT_CONTRAST: Axe.RunOptions = { rules: { 'color-contrast': { enabled: false } } }
const DESKTOP = { width: 1280, height: 800 }
const TELEPHONE = { width: 390, height: 844 }
/** The two views that differ most: all colors and all widths are in one of them. */
const VIEWS = [
  ['light', DESKTOP],
  ['dark', TELEPHONE],
] as const

describe.concurrent('axe', () => {
  // One page for several scenarios, since opening a page takes longest.
  it.for(PARTS)('finds no violation in any scenario: part %i', async (part, { expect }) => {
    await using demo = await visit('')
    const { page } = demo
    for (const [index, id] of scenarios.entries()) {
      if (index % PARTS.length !== part) continue
      // Both sides and both schemes, in turn.
      const rescind = index % 4 < 2 ? 'off' : 'on'
      const colorScheme = index % 8 < 4 ? 'dark' : 'light'
      await page.setViewportSize(DESKTOP)
      await page.emulateMedia({ colorScheme })
      await page.goto(`${demoUrl}#/${id}?${QUICK}&rescind=${rescind}`)
      await page.locator(`.result[data-mode=${rescind}] p`, { hasNotText: 'running' }).waitFor()
      await outcome(page)
      expect(await violations(page), `${id}, ${rescind}, ${colorScheme}`).toEqual([])
      await page.setViewportSize(TELEPHONE)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `${id} on a telephone`).toBe(390)
    }
  })

  it('finds no violation in any page of the manual, and none is wider than a phone', async ({ expect }) => {
    await using demo = await visit('docs/index.html')
    const { page } = demo
    for (const name of manual) {
      await page.setViewportSize(DESKTOP)
      await page.goto(`${demoUrl}docs/${name}`)
      // Contrast takes longest. All pages have the same colors, so it is checked on two.
      expect(await violations(page, WITHOUT_CONTRAST), name).toEqual([])
      await page.setViewportSize(TELEPHONE)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(TELEPHONE.width)
    }
    expect(demo.complaints).toEqual([])
  })

  it.for(['start.html', 'streams.html'])(
    'finds no violation in %s of the manual, in each view',
    async (name, { expect }) => {
      await using demo = await visit(`docs/${name}`)
      for (const [colorScheme, viewport] of VIEWS) {
        await demo.page.emulateMedia({ colorScheme })
        await demo.page.setViewportSize(viewport)
        expect(await violations(demo.page), colorScheme).toEqual([])
      }
    },
  )

  it('finds no violation on the front page, light and dark', async ({ expect }) => {
    await using demo = await visit('')
    await demo.page.getByRole('button', { name: 'Play', exact: true }).and(demo.page.locator(':enabled')).waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await demo.page.emulateMedia({ colorScheme })
      expect(await violations(demo.page), colorScheme).toEqual([])
    }
  })

  it('finds no violation in the inspector, in each view', async ({ expect }) => {
    await using demo = await visit(`#/stale-search?${QUICK}`)
    const { page } = demo
    await outcome(page)
    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    await page.getByRole('treeitem', { name: 'completed' }).first().click()
    await page.getByRole('complementary', { name: 'Context' }).waitFor()
    for (const [colorScheme, viewport] of VIEWS) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(viewport)
      expect(await violations(page), colorScheme).toEqual([])
    }
    await page.getByRole('button', { name: 'Close the inspector' }).click()
  })

  it('finds a violation that the test adds', async ({ expect }) => {
    await using demo = await visit('#/nowhere')
    expect(await violations(demo.page)).toEqual([])
    await demo.page.locator('.about').evaluate((about) => about.setAttribute('style', 'color: #ddd'))
    expect(await violations(demo.page)).toEqual([expect.stringContaining('color-contrast')])
  })
})

/** Violated rules with their elements. */
async function violations(page: Page, options: Axe.RunOptions = {}): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(source)
  return page.evaluate(async (options) => {
    const { axe } = globalThis as unknown as { axe: typeof Axe }
    const { violations } = await axe.run(document, { ...options, resultTypes: ['violations'] })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
  }, options)
}
