/** The scenario Stop the answer: the page keeps the text so far, and the server stops writing. */

import { describe, it } from 'vitest'
import { demoUrl, outcome, patiently, row, total, visit } from './demo.ts'

describe.concurrent('Stop the answer', () => {
  it('keeps the text so far, and the server stops writing', async ({ expect }) => {
    await using demo = await visit('#/stop-the-answer?latency=8000&stop=700&first=5000&idle=5000')
    const { page } = demo
    await outcome(page, /^stopped, [1-9]\d* words kept/)
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    const entry = await demo.entry('answer')
    expect(entry?.ended).toBeLessThan(8000)
    expect(entry?.lines.at(-1)?.text).toMatch(/^stopped: client gone, \d+ of \d+ words written$/)
    expect(await page.locator('.answer').innerText()).toMatch(/\nA /)
    await row(page, 'Browser', 'Stop').waitFor()
    await row(page, 'Server', 'stopped: client gone').waitFor()
    await total(page, 'With rescind', 'requests', 0)
    expect(demo.complaints).toEqual([])
  })

  it('lets the server finish writing without rescind', async ({ expect }) => {
    await using demo = await visit('#/stop-the-answer?latency=1500&stop=300&rescind=off')
    const { page } = demo
    await outcome(page, /^stopped, \d+ words kept, and the server kept writing/)
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject({ outcome: 'finished' })
    await total(page, 'Without rescind', 'requests', 1)
    const { lines = [], wasted } = (await demo.entry('answer')) ?? {}
    const [, written] = /finished: (\d+) of \1 words written$/.exec(lines.at(-1)?.text ?? '') ?? []
    expect(Number(written)).toBeGreaterThan(50)
    expect(wasted?.ms).toBeGreaterThan(0)
    expect(wasted?.bytes).toBeGreaterThan(0)
    const kept = /(\d+) words kept/.exec(await page.locator('.outcome').innerText())?.[1]
    expect(Number(kept)).toBeLessThan(Number(written))
    expect(demo.complaints).toEqual([])
  })

  it('distinguishes a server that falls silent from one that starts slowly', async ({ expect }) => {
    await using demo = await visit('#/stop-the-answer?server=1&latency=300&stop=8000&first=5000&idle=1500')
    const { page } = demo
    const stopped = { outcome: 'stopped', cause: 'client gone' }
    await outcome(page, /^context deadline exceeded, [1-9]\d* words kept/)
    await page.locator('.answer', { hasText: 'context deadline exceeded (idle, 1.5s)' }).waitFor()
    await row(page, 'Browser', 'deadline').waitFor()
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject(stopped)
    await page.goto(`${demoUrl}#/stop-the-answer?server=2&latency=400&stop=8000&first=400&idle=5000`)
    await page.locator('.answer', { hasText: 'context deadline exceeded (first, 400ms)' }).waitFor()
    await outcome(page, 'context deadline exceeded, 0 words kept')
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject({ ...stopped, latency: 400 })
    expect(demo.complaints).toEqual([])
  })

  it('stops when the user clicks Stop, and writes the next answer to its end', async ({ expect }) => {
    await using demo = await visit('#/stop-the-answer?latency=3000&stop=8000&first=5000&idle=5000')
    const { page } = demo
    await page.getByText(/A context says/).waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await outcome(page, /^stopped/)
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject({ outcome: 'stopped' })
    await page.getByRole('slider', { name: 'The answer takes' }).fill('200')
    await outcome(page, /^complete, \d\d words kept/)
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject({ outcome: 'finished', wasted: { ms: 0 } })
    expect(demo.complaints).toEqual([])
  })
})
