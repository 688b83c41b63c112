/** The scenario One request for two: the number of requests, and the effect of a caller that leaves on others. */

import { describe, it } from 'vitest'
import { demoUrl, outcome, patiently, row, visit } from './demo.ts'

describe.concurrent('One request for two', () => {
  it('sends one request for all components, which ends when the last one leaves', async ({ expect }) => {
    await using demo = await visit('#/one-request-for-two?latency=1500&pause=200')
    const { page } = demo
    await outcome(page, '2 requests, the card has its report')
    expect(demo.requests).toHaveLength(2)
    const first = { outcome: 'finished', wasted: { ms: 0 } }
    await expect.poll(() => demo.entry('report 1 #1'), patiently).toMatchObject(first)
    const second = { outcome: 'stopped', cause: 'client gone' }
    await expect.poll(() => demo.entry('report 2 #2'), patiently).toMatchObject(second)
    await row(page, 'Browser', 'report 2 #2').filter({ hasText: 'unused' }).waitFor()
    // The click joins the request of the hover, which does not end when the pointer leaves.
    await page.getByRole('button', { name: 'Report 1' }).hover()
    await page.getByRole('button', { name: 'Report 1' }).click()
    await page.getByRole('heading', { name: 'One request for two' }).hover()
    await page.getByRole('button', { name: 'Close the header' }).click()
    await page.locator('.sharers li', { hasText: 'card' }).filter({ hasText: 'report 1' }).waitFor()
    expect(demo.requests).toHaveLength(3)
    expect(demo.complaints).toEqual([])
  })

  it('sends a request for each component without rescind, or loses the report to the first one’s abort', async ({
    expect,
  }) => {
    await using demo = await visit('#/one-request-for-two?latency=1000&pause=50&hand=0&rescind=off')
    const { page } = demo
    await outcome(page, '5 requests, the card has its report')
    expect(demo.requests).toHaveLength(5)
    await page.goto(`${demoUrl}#/one-request-for-two?latency=1000&pause=50&hand=1&rescind=off`)
    await outcome(page, '2 requests, the card lost its report: another part aborted it')
    const result = page.getByRole('region', { name: 'By hand', exact: true })
    await result.locator('[data-total=lost]', { hasText: /^2$/ }).waitFor()
    expect(demo.complaints).toEqual([])
  })
})
