/** The inspector in the demo: even if it is opened later, it shows which searches were stopped, and why. */

import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { open } from 'rescind/inspect'
import { describe, it } from 'vitest'
import { outcome, patiently, visitInNewTab } from './demo.ts'

/** Times of the server and of the page may differ by this much: half the time of a ping, on a busy machine. */
const SKEW_MS = 50

describe('the inspector', () => {
  it('shows the searches that a keystroke superseded, and the completed one', async ({ expect }) => {
    await using demo = await visitInNewTab('#/stale-search?latency=1500&pause=150')
    const { page } = demo
    await outcome(page, '“mexico” shows its results')
    const before = demo.scripts.length
    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    const tree = page.getByRole('tree', { name: 'Contexts' })
    const lines = tree.getByRole('treeitem')
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
    // Zoom with the wheel and with keys, then move.
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    const ruler = () => page.locator('.ruler .track').innerText()
    const bar = () => page.locator('.bar').last().getAttribute('style')
    const all = await ruler()
    await lines.last().hover()
    for (const [down, up] of [
      [() => wheel(page, -100), () => wheel(page, 100)],
      [() => tree.press('+'), () => tree.press('-')],
    ] as const) {
      await down()
      await expect.poll(ruler, patiently).not.toBe(all)
      await up()
      await expect.poll(ruler, patiently).toBe(all)
    }
    for (const move of [() => page.mouse.wheel(100, 0), () => tree.press('Shift+ArrowLeft')]) {
      const before = await bar()
      await move()
      await expect.poll(bar, patiently).not.toBe(before)
    }
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    await page.setViewportSize({ width: 1280, height: 720 })
    // Escape closes the details first, then the filter, then the panel.
    for (let count = 0; count < 3; count++) await page.keyboard.press('Escape')
    await expect.poll(() => lines.count(), patiently).toBe(0)
    expect(demo.complaints).toEqual([])
  })

  it('shows how a keystroke canceled the fetch, its handler on the server, and its query', async ({ expect }) => {
    await using demo = await visitInNewTab('#/stale-search?latency=1500&pause=400')
    const { page } = demo
    await outcome(page, '“mexico” shows its results')
    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    await page.getByRole('button', { name: 'Server', exact: true }).click()
    await page.getByText('Shows the page and the server on one time axis').waitFor()
    await page.getByRole('searchbox', { name: 'Filter' }).fill('within(query)')
    const queries = page.getByRole('treeitem', { name: 'within(query), ended with its parent: ClientGone' })
    await queries.first().click()
    // The chain leads from the query up to the search that the keystroke ended.
    const details = page.getByRole('complementary', { name: 'Context' })
    const chain = await details.locator('.chain li').allInnerTexts()
    expect(chain.map((link) => link.replace(/^↑ /, '').replace(/#\d+ /, ''))).toEqual([
      expect.stringMatching(/^This context ended with its parent: ClientGone: the client has gone$/),
      expect.stringMatching(/^withRequest\(GET \/api\/search\) canceled: ClientGone: the client has gone$/),
      expect.stringMatching(/^within\(fetch\) ended with its parent: Superseded/),
      expect.stringMatching(/^withTimeout\(m\w*\) canceled: Superseded/),
      expect.any(String),
    ])
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('toolbar', { name: 'Inspector' }).getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Copied', { exact: true }).waitFor()
    const tree = await page.evaluate(() => navigator.clipboard.readText())
    // On one time axis: the handler begins after its request, and ends before it or because of it.
    const line =
      /\+(\S+) \d\S* completed.*\n\s+#\d+ within\(fetch\).*\n\s+#\d+ withRequest\(GET \/api\/search\) in server/
    expect(tree).toMatch(line)
    const { rows } = open(await recordOf(page))
    const byId = new Map(rows.map((row) => [row.id, row]))
    // The server has answered other pages, too.
    const calls = rows.flatMap((handler) => {
      const request = byId.get(handler.parent ?? 0)
      return handler.kind === 'withRequest' && request?.place === 'page' ? [{ handler, request }] : []
    })
    expect(calls.length).toBeGreaterThan(2)
    for (const { handler, request } of calls) {
      expect([request.label, handler.label]).toEqual(['fetch', 'GET /api/search'])
      expect(handler).toMatchObject({ place: 'server', trace: request.trace, span: request.span })
      expect(handler.born).toBeGreaterThan(request.born - SKEW_MS)
      const [ended = 0, over = 0] = [handler.ended, request.ended]
      if (handler.cause?.startsWith('ClientGone')) expect(ended).toBeGreaterThan(over - SKEW_MS)
      else expect(ended).toBeLessThan(over + SKEW_MS)
    }
    expect(demo.complaints).toEqual([])
  })
})

/** Turns the wheel with the key that zooms. */
async function wheel(page: Page, pixels: number): Promise<void> {
  await page.keyboard.down('Control')
  await page.mouse.wheel(0, pixels)
  await page.keyboard.up('Control')
}

/** The recording that *Save* downloads. */
async function recordOf(page: Page): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save', exact: true }).click(),
  ])
  const path = join(tmpdir(), `rescind-recording-${process.pid}.json`)
  await download.saveAs(path)
  return readFile(path, 'utf8')
}
