/** What holds for each scenario: it shows the code that it runs, axe finds no violation, and it fits a telephone. */

import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'vitest'
import type { ExpectStatic } from 'vitest'
import { DESKTOP, TELEPHONE, violations } from './axe.ts'
import { demoUrl, outcome, patiently, visit } from './demo.ts'
import type { Visit } from './demo.ts'

const scenarios = readdirSync('demo/scenarios').map((file) => file.replace(/\.tsx$/, ''))
const QUICK =
  'latency=200&timeout=100&failure=100&pause=100&leave=50&step=50&background=100&query=1&trouble=200&cancel=50'
/** The scenarios are split into this many concurrent tests. */
const PARTS = [0, 1]

describe.concurrent('each scenario', () => {
  // One page for several scenarios, since opening a page takes longest.
  it.for(PARTS)('shows its code, has no violation, and fits a telephone: part %i', async (part, { expect }) => {
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
      await page.setViewportSize(DESKTOP)
      await checkCode(expect, demo, id, rescind)
    }
    expect(demo.complaints).toEqual([])
  })
})

/** @param rescind which side is shown */
async function checkCode(expect: ExpectStatic, { page }: Visit, id: string, rescind: 'on' | 'off'): Promise<void> {
  const scenario = await readFile(`demo/scenarios/${id}.tsx`, 'utf8')
  const elsewhere = /^ {2}source: '\.\.\/(.*)',$/m.exec(scenario)?.[1]
  const source = elsewhere === undefined ? scenario : await readFile(`demo/${elsewhere}`, 'utf8')
  const text = (label: string) => page.getByRole('region', { name: label, exact: true }).locator('pre').innerText()
  const shown = rescind === 'on' ? 'with' : 'without'
  for (const region of [shown, shown === 'with' ? 'without' : 'with']) {
    if (region !== shown) await page.getByRole('switch').click()
    const isShown = async () => source.includes(`// #region ${region}\n${await text('Code')}\n// #endregion\n`)
    await expect.poll(isShown, { ...patiently, message: `${id}, ${region}` }).toBe(true)
    expect((await text('Code')).split('\n').length).toBeLessThanOrEqual(12)
  }
  const go = await text('Go')
  expect(go.split('\n').length).toBeLessThanOrEqual(12)
  expect(scenario).toContain(`const GO = \`${go.replaceAll('\t', '    ').replaceAll('\\', '\\\\')}\`\n`)
}
