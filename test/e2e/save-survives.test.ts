/** The scenario A save that survives: what the server has stored in the end, and in which order. */

import { setTimeout as pass } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'
import { demoUrl, outcome, patiently, row, visit } from './demo.ts'
import { openWindow } from './window.ts'
import type { Window } from './window.ts'

describe.concurrent('A save that survives', () => {
  it('saves the last text, in order, and pins the note that the same click closes', async ({ expect }) => {
    await using demo = await visit('#/save-survives?latency=800&pause=20&debounce=100')
    const { page } = demo
    await outcome(page, 'the server has “Kind of Blue”, pinned')
    await page.getByText('The note is closed. What was typed: “Kind of Blue”.').waitFor()
    const entries = await demo.entries()
    for (const entry of entries) expect(entry).toMatchObject({ outcome: 'finished', wasted: { ms: 0 } })
    // Newer texts replace waiting ones; how many depends on the speed of the machine.
    const saves = entries.filter(({ name }) => name !== 'pin')
    expect(saves.length).toBeLessThan('Kind of Blue'.length)
    expect(saves.at(-1)?.name).toBe('Kind of Blue')
    expect(saves.at(-1)?.lines.at(-1)?.text).toBe('finished: 12 of 12 characters written')
    for (const [index, { arrived }] of saves.entries()) {
      const before = saves[index - 1]
      if (before !== undefined) expect(arrived).toBeGreaterThanOrEqual(before.arrived + (before.ended ?? NaN))
    }
    const result = page.getByRole('region', { name: 'useAction', exact: true })
    await result.locator('[data-total=overtaken]', { hasText: /^0$/ }).waitFor()
    await result.locator('[data-total=aborted]', { hasText: /^0$/ }).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('loses the last text and the pin without rescind, and stores an old text over a newer one', async ({ expect }) => {
    await using demo = await visit('#/save-survives?latency=3000&pause=20&debounce=400&rescind=off')
    const { page } = demo
    await outcome(page, 'the server has “Kind”, not pinned')
    const entries = await demo.entries()
    const end = (name: string) => {
      const { arrived, ended = NaN } = entries.find((entry) => entry.name === name) ?? { arrived: NaN }
      return arrived + ended
    }
    expect(entries.map(({ name }) => name)).not.toContain('Kind of Blue')
    expect(end('Kind of')).toBeLessThan(end('Kind'))
    // A request that is aborted in transit does not arrive.
    expect(entries.find(({ name }) => name === 'pin')?.outcome ?? 'stopped').toBe('stopped')
    await row(page, 'Browser', 'pin').filter({ hasText: 'aborted' }).waitFor()
    const result = page.getByRole('region', { name: 'By hand', exact: true })
    await result.locator('[data-total=overtaken]', { hasText: /^1$/ }).waitFor()
    await result.locator('[data-total=aborted]', { hasText: /^1$/ }).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('saves typed text when another scenario is opened before it is sent', async ({ expect }) => {
    await using demo = await visit('#/save-survives?latency=100&pause=300&debounce=1000')
    const { page } = demo
    await page.getByRole('textbox', { name: 'Note' }).fill('So What')
    await page.getByRole('link', { name: 'Stop the answer' }).click()
    await expect.poll(() => demo.entry('So What'), patiently).toMatchObject({ outcome: 'finished' })
    expect(demo.complaints).toEqual([])
  })
})

describe('A save that waits in a tab that is hidden, frozen and then closed', () => {
  let window: Window

  beforeAll(async () => {
    window = await openWindow()
  })

  afterAll(() => window[Symbol.asyncDispose]())

  /** Types, and hides the tab before the debounce is over. `saves` reads the saves in the server's log. */
  async function typeAndHide(rescind: 'on' | 'off') {
    const { page, hide } = await window.open()
    const events = page.waitForRequest(/api\/events/)
    await page.goto(`${demoUrl}#/save-survives?latency=100&pause=300&debounce=1000&rescind=${rescind}`)
    const id = new URL((await events).url()).searchParams.get('page') ?? ''
    await page.getByRole('textbox', { name: 'Note' }).fill('So What')
    await hide()
    const saves = async () => {
      const response = await fetch(`${demoUrl}api/log?page=${id}`)
      return ((await response.json()) as Entry[]).filter(({ name }) => name === 'So What')
    }
    return { page, saves }
  }

  it('arrives with rescind', async ({ expect }) => {
    const { page, saves } = await typeAndHide('on')
    await expect.poll(saves, patiently).toMatchObject([{ outcome: 'finished' }])
    await page.close()
  })

  it('is lost with the code by hand', async ({ expect }) => {
    const { page, saves } = await typeAndHide('off')
    // Longer than the debounce: no timer of a frozen page fires.
    await pass(1_200)
    await page.close()
    expect(await saves()).toEqual([])
  })
})
