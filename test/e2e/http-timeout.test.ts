/** The scenario HTTP timeout: which side ends first, and that the handler on the server ends too. */

import { describe, it } from 'vitest'
import { outcome, patiently, row, visit } from './demo.ts'

describe.concurrent('HTTP timeout', () => {
  it('receives the response if that arrives before the deadline', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=50&timeout=3000')
    await outcome(demo.page, 'response received')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'finished' })
    const entry = await demo.entry('report')
    expect(entry?.wasted).toEqual({ ms: 0, bytes: 0 })
    expect(entry).not.toHaveProperty('unwanted')
    await row(demo.page, 'Browser', 'answered').waitFor()
    await row(demo.page, 'Server', 'finished').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('stops the handler if the deadline comes first', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=3000&timeout=100')
    await outcome(demo.page, 'context deadline exceeded')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    const entry = await demo.entry('report')
    expect(entry?.ended).toBeLessThan(3000)
    expect(entry?.wasted.bytes).toBe(0)
    expect(entry?.lines.at(-1)?.text).toMatch(/^stopped: client gone, \d+ of 300 rows made$/)
    await row(demo.page, 'Browser', 'deadline').waitFor()
    await row(demo.page, 'Server', 'stopped: client gone').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('lets the handler finish for nothing without rescind', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=1500&timeout=50&rescind=off')
    await outcome(demo.page, 'timed out')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'finished' })
    const entry = await demo.entry('report')
    expect(entry?.ended).toBeGreaterThanOrEqual(1499)
    expect(entry).toHaveProperty('unwanted')
    expect(entry?.wasted.ms).toBeCloseTo((entry?.ended ?? NaN) - (entry?.unwanted ?? NaN))
    expect(entry?.wasted.ms).toBeGreaterThan(0)
    expect(entry?.wasted.bytes).toBeGreaterThan(0)
    const result = demo.page.getByRole('region', { name: 'Without rescind' })
    await result.locator('[data-total=requests]', { hasText: /^1$/ }).waitFor()
    expect(await result.locator('[data-total=ms]').innerText()).toBe(`${Math.round(entry?.wasted.ms ?? NaN)} ms`)
    expect(demo.complaints).toEqual([])
  })

  it('follows the sliders and the switch', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=50&timeout=3000')
    await outcome(demo.page, 'response received')
    await demo.page.getByRole('slider', { name: 'Timeout' }).fill('100')
    await demo.page.getByRole('slider', { name: 'Latency' }).fill('2000')
    await outcome(demo.page, 'context deadline exceeded')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    await demo.page.getByRole('switch', { name: 'rescind' }).click()
    await outcome(demo.page, 'timed out')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'finished' })
    expect(demo.page.url()).toMatch(/#\/http-timeout\?latency=2000&timeout=100&rescind=off$/)
    expect(demo.complaints).toEqual([])
  })
})
