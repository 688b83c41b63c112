/** The front page: what rescind is, and a measured comparison that runs without a click. */

import { readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, it } from 'vitest'
import { demoUrl, hold, outcome, patiently, total, visit, visitInNewTab } from './demo.ts'
import type { Visit } from './demo.ts'

const OVERTAKEN = ['p', 'pe', 'per']

/** Waits until both sides have finished. */
async function ends({ page }: Visit): Promise<void> {
  for (const title of ['Without rescind, live', 'With rescind, live']) {
    await page.getByRole('region', { name: title }).locator('.summary:not([data-outcome=running])').waitFor()
  }
  await page.getByRole('button', { name: 'Play', exact: true }).and(page.locator(':enabled')).waitFor()
}

async function gzipped(response: Response): Promise<number> {
  return gzipSync(new Uint8Array(await response.arrayBuffer())).byteLength
}

describe.concurrent('the front page', () => {
  it('runs without a click, and counts the work that the server finished for nothing', async ({ expect }) => {
    await using demo = await visit('')
    await ends(demo)
    const entries = await demo.entries()
    // Requests of the right side that were canceled in transit have not arrived.
    const stopped = entries.filter(({ outcome }) => outcome === 'stopped')
    const finished = entries.filter(({ outcome }) => outcome === 'finished')
    const wasted = finished.filter(({ wasted }) => wasted.ms > 0)
    await total(demo.page, 'Without rescind', 'requests', wasted.length)
    await total(demo.page, 'With rescind', 'requests', 0)
    await total(demo.page, 'With rescind', 'wrong', 0)
    // All three are wasted, unless a busy page types the next key only after the answer.
    expect(wasted.length).toBeGreaterThan(0)
    for (const name of OVERTAKEN) expect(finished.map(({ name }) => name)).toContain(name)
    expect(finished.filter(({ name }) => name === 'peru')).toHaveLength(2)
    for (const { name } of [...stopped, ...wasted]) expect(OVERTAKEN).toContain(name)
    for (const entry of stopped) expect(entry).toMatchObject({ cause: 'client gone', wasted: { bytes: 0 } })
    const left = demo.page.getByRole('region', { name: 'Without rescind', exact: true })
    const ms = wasted.reduce((sum, { wasted }) => sum + wasted.ms, 0)
    expect(await left.locator('[data-total=ms]').innerText()).toBe(`${Math.round(ms)} ms`)
    expect(Number(await left.locator('[data-total=wrong]').innerText())).toBeGreaterThan(0)
    expect(demo.complaints).toEqual([])
  })

  it('shows the introduction and both results on the first screen, and loads at most 150 kB', async ({ expect }) => {
    await using demo = await visitInNewTab('')
    const { page } = demo
    await page.setViewportSize({ width: 1280, height: 800 })
    await ends(demo)
    const loaded = await page.evaluate(() => {
      const files = performance.getEntriesByType('resource').map(({ name }) => name)
      return [location.href.replace(/#.*/, ''), ...files.filter((name) => !name.includes('/api/'))]
    })
    expect(loaded.length).toBeGreaterThan(demo.scripts.length + 1)
    const sizes = await Promise.all(loaded.map(async (url) => gzipped(await fetch(url))))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000)
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await page.locator('.hero').innerText()).not.toMatch(/\bGo\b/)
      const first = [page.getByRole('heading', { level: 1 }), page.locator('.install')]
      const results = ['Without rescind', 'With rescind'].map((name) => page.getByRole('region', { name, exact: true }))
      for (const part of [...first, ...results]) {
        expect(await part.evaluate((element) => element.getBoundingClientRect().bottom)).toBeLessThanOrEqual(844)
      }
    }
    const html = await (await fetch(demoUrl)).text()
    // The HTML has this, before any script is loaded.
    expect(html).toContain('npm install rescind')
    expect((await page.getByRole('region', { name: 'Code', exact: true }).locator('.line').count()) <= 12).toBe(true)
    expect(demo.complaints).toEqual([])
  })

  it('copies the install command, and links to the docs and to every example', async ({ expect }) => {
    await using demo = await visit('')
    const { page } = demo
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.locator('.install').getByRole('button', { name: 'Copy' }).click()
    await page.locator('.install').getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('npm install rescind')
    const examples = page.getByRole('region', { name: /^\d+ examples/ }).getByRole('link')
    expect(await examples.count()).toBe(readdirSync('demo/scenarios').length)
    await page.getByRole('link', { name: 'Start here' }).click()
    await page.getByRole('heading', { level: 1, name: 'Start here' }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Stop the work' }).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('shows the progress while it connects to the server', async ({ expect }) => {
    await using demo = await visitInNewTab('#/nowhere')
    const { page } = demo
    const releaseScripts = await hold(page, /\.js$/)
    await page.reload({ waitUntil: 'commit' })
    await page.getByRole('progressbar', { name: 'Loading' }).waitFor()
    // The front page is at the same address, but does not flash before an example.
    expect(await page.getByRole('heading', { level: 1 }).count()).toBe(0)
    await releaseScripts()
    await page.getByRole('heading', { name: 'No such example' }).waitFor()
    const release = await hold(page, '**/api/clock')
    await page.reload()
    await page.goto(`${demoUrl}#/`)
    const bar = page.getByRole('progressbar', { name: 'Connecting to the server' }).first()
    await expect.poll(() => bar.evaluate((element: HTMLProgressElement) => element.value), patiently).toBeGreaterThan(0)
    await page.goto(`${demoUrl}#/http-timeout`)
    await bar.waitFor()
    await release()
    await outcome(page)
    expect(demo.complaints).toEqual([])
  })

  it('shows only the result if the user prefers reduced motion, and can play again', async ({ expect }) => {
    await using demo = await visit('#/nowhere')
    const { page } = demo
    const release = await hold(page, /\/api\/search\?/)
    await page.goto(demoUrl)
    await page.getByText('Measuring').first().waitFor()
    expect(await page.locator('.bar').count()).toBe(0)
    await release()
    await ends(demo)
    expect(await page.locator('.bar').count()).toBeGreaterThan(0)
    const before = demo.requests.length
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    await expect.poll(() => demo.requests.length, patiently).toBe(before + 8)
    await ends(demo)
  })

  it('stops on Esc', async ({ expect }) => {
    await using demo = await visit('')
    // At once, while the search still runs.
    await demo.page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const look = () => {
            if (document.querySelector('input')?.value !== 'peru') return void setTimeout(look)
            dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))
            resolve()
          }
          look()
        }),
    )
    await ends(demo)
    const right = demo.page.getByRole('region', { name: 'With rescind, live' })
    await right.locator('.outcome', { hasText: 'context canceled: Esc' }).waitFor()
    // The left search continues; the right one is stopped, in transit or in its handler.
    const ways = async () => (await demo.entries()).flatMap(({ name, outcome }) => (name === 'peru' ? [outcome] : []))
    await expect.poll(ways, patiently).toContain('finished')
    expect((await ways()).filter((outcome) => outcome !== 'stopped')).toEqual(['finished'])
    expect(demo.complaints).toEqual([])
  })

  it('types on both sides what the user types on one', async ({ expect }) => {
    await using demo = await visit('')
    await ends(demo)
    const [left, right] = await demo.page.getByRole('searchbox').all()
    await right?.fill('Chad')
    await expect.poll(() => left?.inputValue(), patiently).toBe('Chad')
    const asked = async () => (await demo.entries()).filter(({ name }) => name === 'Chad').length
    await expect.poll(asked, patiently).toBe(2)
    expect(demo.complaints).toEqual([])
  })
})
