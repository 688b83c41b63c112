/** No violation of the rules of accessibility that a machine can check, in any scenario, light or dark. */

import { readdirSync } from 'node:fs'
import { source } from 'axe-core'
import type * as Axe from 'axe-core'
import type { Page } from 'playwright'
import { describe, it } from 'vitest'
import { outcome, visit } from './demo.ts'

const scenarios = readdirSync('demo/scenarios').map((file) => file.replace(/\.tsx$/, ''))

// Colours are all that differs between light and dark.
describe.concurrent('axe', () => {
  it.for(scenarios)('finds nothing in %s, with and without rescind, light and dark', async (id, { expect }) => {
    const hash = `#/${id}?latency=400&timeout=100&failure=100&pause=100&leave=100&step=50&background=100&rescind=off`
    await using demo = await visit(hash)
    const { page } = demo
    await outcome(page)
    for (const rescind of ['off', 'on']) {
      if (rescind === 'on') await page.getByRole('switch').click()
      await page.locator(`.result[data-mode=${rescind}] p`, { hasNotText: 'running' }).waitFor()
      await outcome(page)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        const rules = colorScheme === 'light' ? [] : ['color-contrast']
        expect(await violations(page, rules), `${rescind}, ${colorScheme}`).toEqual([])
      }
    }
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'on a telephone').toBe(390)
  })

  it('finds nothing on the first screen, light and dark', async ({ expect }) => {
    await using demo = await visit('')
    await demo.page.getByRole('button', { name: 'Play', exact: true }).and(demo.page.locator(':enabled')).waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await demo.page.emulateMedia({ colorScheme })
      expect(await violations(demo.page), colorScheme).toEqual([])
    }
  })

  it('would find something', async ({ expect }) => {
    await using demo = await visit('#/nowhere')
    expect(await violations(demo.page)).toEqual([])
    await demo.page.locator('.about').evaluate((about) => about.setAttribute('style', 'color: #ddd'))
    expect(await violations(demo.page)).toEqual([expect.stringContaining('color-contrast')])
  })
})

/** What is wrong, and where, by these rules; by all of them, if there is none. */
async function violations(page: Page, rules: readonly string[] = []): Promise<string[]> {
  await page.evaluate(source)
  return page.evaluate(
    async (values) => {
      const { axe } = globalThis as unknown as { axe: typeof Axe }
      const { violations } = await axe.run(values.length > 0 ? { runOnly: { type: 'rule', values } } : {})
      return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
    },
    [...rules],
  )
}
