/** The first screen: a measured comparison of two sides that runs without a click. */

import { gzipSync } from 'node:zlib'
import { describe, it } from 'vitest'
import { patiently, total, visit, visitAfresh } from './demo.ts'
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

describe.concurrent('the first screen', () => {
  it('runs without a click, and counts what the server finished for nothing', async ({ expect }) => {
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
    // All three, unless a busy machine answers before the next key.
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

  it('needs no scrolling, and at most 150 kB of JavaScript', async ({ expect }) => {
    await using demo = await visitAfresh('')
    const { page } = demo
    await page.setViewportSize({ width: 1280, height: 800 })
    await ends(demo)
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(800)
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(844)
    expect(demo.scripts.length).toBeGreaterThan(0)
    const sizes = await Promise.all(demo.scripts.map(async (url) => gzipped(await fetch(url))))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000)
  })

  it('shows only the result if the user prefers reduced motion, and can play again', async ({ expect }) => {
    await using demo = await visit('')
    const { page } = demo
    await page.getByText('Measuring').first().waitFor()
    expect(await page.locator('.bar').count()).toBe(0)
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
