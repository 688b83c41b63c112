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
const PARTS = [0, 1, 2, 3]
const WITHOUT_CONTRAST: Axe.RunOptions = { rules: { 'color-contrast': { enabled: false } } }
const TELEPHONE = { width: 390, height: 844 }

describe.concurrent('axe', () => {
  // One page for several scenarios, since opening a page takes longest.
  it.for(PARTS)('finds no violation in any scenario, on and off, light and dark: part %i', async (part, { expect }) => {
    await using demo = await visit('')
    const { page } = demo
    const own = scenarios.filter((_, index) => index % PARTS.length === part)
    for (const [index, id] of own.entries()) {
      await page.setViewportSize({ width: 1280, height: 800 })
      for (const [rescind, colorScheme] of [
        ['off', 'dark'],
        ['on', 'light'],
      ] as const) {
        await page.goto(`${demoUrl}#/${id}?${QUICK}&rescind=${rescind}`)
        await page.locator(`.result[data-mode=${rescind}] p`, { hasNotText: 'running' }).waitFor()
        await outcome(page)
        await page.emulateMedia({ colorScheme })
        // Contrast takes longest, so it is checked in light for one scenario, and in dark for the next.
        const options = (colorScheme === 'dark') === (index % 2 === 0) ? {} : WITHOUT_CONTRAST
        expect(await violations(page, options), `${id}, ${rescind}, ${colorScheme}`).toEqual([])
      }
      await page.setViewportSize(TELEPHONE)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `${id} on a telephone`).toBe(390)
    }
  })

  it('finds no violation in any page of the manual, and none is wider than a phone', async ({ expect }) => {
    await using demo = await visit('docs/index.html')
    const { page } = demo
    for (const name of manual) {
      await page.setViewportSize({ width: 1280, height: 800 })
      await page.goto(`${demoUrl}docs/${name}`)
      // Contrast takes longest. All pages have the same colors, so it is checked on a few.
      expect(await violations(page, WITHOUT_CONTRAST), name).toEqual([])
      await page.setViewportSize(TELEPHONE)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(TELEPHONE.width)
    }
    expect(demo.complaints).toEqual([])
  })

  it.for(['index.html', 'start.html', 'platform.html', 'streams.html'])(
    'finds no violation in %s of the manual, light and dark, wide and on a phone',
    async (name, { expect }) => {
      await using demo = await visit(`docs/${name}`)
      for (const colorScheme of ['light', 'dark'] as const) {
        await demo.page.emulateMedia({ colorScheme })
        for (const viewport of [{ width: 1280, height: 800 }, TELEPHONE]) {
          await demo.page.setViewportSize(viewport)
          expect(await violations(demo.page), `${colorScheme}, ${viewport.width}`).toEqual([])
        }
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

  it('finds no violation in the inspector, light and dark, wide and on a phone', async ({ expect }) => {
    await using demo = await visit(`#/stale-search?${QUICK}`)
    const { page } = demo
    await outcome(page)
    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    await page.getByRole('treeitem', { name: 'completed' }).first().click()
    await page.getByRole('complementary', { name: 'Context' }).waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 844 })
        expect(await violations(page), `${colorScheme}, ${width}`).toEqual([])
      }
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
