/** axe finds no violation of accessibility rules on the pages other than the scenarios, in light and dark. */

import { readdirSync } from 'node:fs'
import type * as Axe from 'axe-core'
import { describe, it } from 'vitest'
import { DESKTOP, TELEPHONE, violations } from './axe.ts'
import { demoUrl, outcome, visit } from './demo.ts'

const manual = [
  'index.html',
  ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`${name.slice(0, -3)}.html`] : [])),
]
/** The pages are split into this many concurrent tests. */
const PARTS = [0, 1]
const WITHOUT_CONTRAST: Axe.RunOptions = { rules: { 'color-contrast': { enabled: false } } }
/** The two views that differ most: all colors and all widths are in one of them. */
const VIEWS = [
  ['light', DESKTOP],
  ['dark', TELEPHONE],
] as const

describe.concurrent('axe', () => {
  it.for(PARTS)(
    'finds no violation in any page of the manual, and none is too wide: part %i',
    async (part, { expect }) => {
      await using demo = await visit('docs/index.html')
      const { page } = demo
      for (const [index, name] of manual.entries()) {
        if (index % PARTS.length !== part) continue
        await page.setViewportSize(DESKTOP)
        await page.goto(`${demoUrl}docs/${name}`)
        // Contrast and highlighted code take longest. They are alike on all pages, so two are checked whole.
        await page
          .locator('pre code')
          .evaluateAll((all) => all.forEach((code) => code.replaceChildren(code.textContent ?? '')))
        expect(await violations(page, WITHOUT_CONTRAST), name).toEqual([])
        await page.setViewportSize(TELEPHONE)
        expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(
          TELEPHONE.width,
        )
      }
      expect(demo.complaints).toEqual([])
    },
  )

  it.for([
    ['start.html', 0],
    ['streams.html', 1],
  ] as const)('finds no violation in the whole of %s', async ([name, view], { expect }) => {
    const [colorScheme, viewport] = VIEWS[view]
    await using demo = await visit(`docs/${name}`)
    await demo.page.emulateMedia({ colorScheme })
    await demo.page.setViewportSize(viewport)
    expect(await violations(demo.page)).toEqual([])
  })

  it('finds no violation on the front page, light and dark', async ({ expect }) => {
    await using demo = await visit('')
    await demo.page.getByRole('button', { name: 'Play', exact: true }).and(demo.page.locator(':enabled')).waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await demo.page.emulateMedia({ colorScheme })
      expect(await violations(demo.page), colorScheme).toEqual([])
    }
  })

  it('finds no violation in the inspector, in each view', async ({ expect }) => {
    await using demo = await visit('#/stale-search?latency=400&pause=100')
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
