/** The scenario Stale search: a superseded search is stopped, on the server too, and never shown. */

import { describe, it } from 'vitest'
import { outcome, patiently, row, total, visit } from './demo.ts'

const OVERTAKEN = ['m', 'me', 'mex', 'mexi', 'mexic']

describe.concurrent('Stale search', () => {
  it('stops every search that a keystroke supersedes', async ({ expect }) => {
    await using demo = await visit('#/stale-search?latency=4000&pause=150')
    await outcome(demo.page, '“mexico” shows its results')
    await expect.poll(() => demo.entry('mexico'), patiently).toMatchObject({ outcome: 'finished' })
    // A busy page may render two keys at once, and skip the search for the first.
    expect(demo.requests.length).toBeGreaterThan(2)
    expect((await demo.entry('mexico'))?.wasted).toEqual({ ms: 0, bytes: 0 })
    // A request that is canceled in transit does not arrive.
    const arrived = async () => (await demo.entries()).filter(({ name }) => OVERTAKEN.includes(name))
    expect((await arrived()).length).toBeGreaterThan(0)
    await expect.poll(async () => (await arrived()).every(({ ended }) => ended !== undefined), patiently).toBe(true)
    for (const entry of await arrived()) {
      expect(entry).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
      expect(entry.ended).toBeLessThan(entry.latency)
      expect(entry.wasted.bytes).toBe(0)
    }
    const superseded = row(demo.page, 'Browser', 'superseded')
    await expect.poll(() => superseded.count(), patiently).toBe(demo.requests.length - 1)
    for (const name of await superseded.locator('.name').allInnerTexts()) expect(OVERTAKEN).toContain(name)
    await row(demo.page, 'Server', 'stopped: client gone').first().waitFor()
    await total(demo.page, 'With rescind', 'wrong', 0)
    await total(demo.page, 'With rescind', 'requests', 0)
    expect(demo.complaints).toEqual([])
  })

  it('finishes all searches and shows wrong results without rescind', async ({ expect }) => {
    await using demo = await visit('#/stale-search?latency=1500&pause=40&rescind=off')
    await outcome(demo.page)
    const asked = demo.requests.length
    expect(asked).toBeGreaterThan(2)
    await total(demo.page, 'Without rescind', 'requests', asked - 1)
    const entries = await demo.entries()
    expect(entries.map(({ outcome }) => outcome)).toEqual(Array.from({ length: asked }, () => 'finished'))
    for (const entry of entries.filter(({ name }) => name !== 'mexico')) {
      expect(OVERTAKEN).toContain(entry.name)
      expect(entry.ended).toBeGreaterThanOrEqual(entry.latency - 1)
      expect(entry.wasted.ms).toBeGreaterThan(0)
      expect(entry.wasted.bytes).toBeGreaterThan(0)
    }
    expect(entries.find(({ name }) => name === 'mexico')).not.toHaveProperty('unwanted')
    const wrong = demo.page.getByRole('region', { name: 'Without rescind' }).locator('[data-total=wrong]')
    expect(Number(await wrong.innerText())).toBeGreaterThan(0)
    const ms = demo.page.getByRole('region', { name: 'Without rescind' }).locator('[data-total=ms]')
    const wasted = entries.reduce((sum, { wasted }) => sum + wasted.ms, 0)
    expect(await ms.innerText()).toBe(`${Math.round(wasted)} ms`)
    expect(demo.complaints).toEqual([])
  })

  it.for(['on', 'off'])('sends one request with a debounce, rescind %s', async (rescind, { expect }) => {
    const hash = `#/stale-search?latency=100&pause=40&debounce=500&rescind=${rescind}`
    await using demo = await visit(hash)
    await outcome(demo.page, '“mexico” shows its results')
    expect(demo.requests).toHaveLength(1)
    const finished = { outcome: 'finished', wasted: { ms: 0, bytes: 0 } }
    await expect.poll(() => demo.entry('mexico'), patiently).toMatchObject(finished)
  })

  it('searches for what the user types', async ({ expect }) => {
    await using demo = await visit('#/stale-search?latency=200&pause=40')
    await outcome(demo.page, '“mexico” shows its results')
    const input = demo.page.getByRole('searchbox')
    await input.fill('Ελλ')
    await input.press('End')
    await input.pressSequentially('ά')
    expect(await input.inputValue()).toBe('Ελλά')
    await outcome(demo.page, '“Ελλά” shows its results')
    expect(await demo.page.locator('.hits').innerText()).toMatch(/^Greece/)
    await expect.poll(() => demo.entry('Ελλά'), patiently).toMatchObject({ outcome: 'finished' })
    expect(demo.complaints).toEqual([])
  })
})
