/** The scenario Heavy work in a worker: when the worker stops. Its lane shows the worker's own reports. */

import { describe, it } from 'vitest'
import { demoUrl, outcome, row, visit } from './demo.ts'

describe.concurrent('Heavy work in a worker', () => {
  it('ends the computation on Stop, at the deadline, or with its result', async ({ expect }) => {
    await using demo = await visit('#/heavy-work?latency=8000&stop=400&timeout=8000')
    const { page } = demo
    await outcome(page, /^stopped after/)
    await row(page, 'Browser', 'Stop').waitFor()
    await page.getByRole('region', { name: 'Worker', exact: true }).getByText('stopped: Stop').waitFor()
    const log = page.getByRole('region', { name: 'Worker log' })
    await log.getByText(/^count stopped: Stop, [\d,]+ primes up to/).waitFor()
    await page.goto(`${demoUrl}#/heavy-work?latency=8000&stop=8000&timeout=300`)
    await outcome(page, 'context deadline exceeded')
    await page.locator('.heavy', { hasText: 'context deadline exceeded (count, 300ms)' }).waitFor()
    await page.getByRole('region', { name: 'Worker', exact: true }).getByText('stopped: deadline').waitFor()
    await page.goto(`${demoUrl}#/heavy-work?latency=200&stop=8000&timeout=8000`)
    await outcome(page, 'complete')
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('1')
    expect(demo.requests).toEqual([])
    expect(demo.complaints).toEqual([])
  })

  it('continues the computation after Stop without rescind', async ({ expect }) => {
    await using demo = await visit('#/heavy-work?latency=1200&stop=300&timeout=8000&rescind=off')
    const { page } = demo
    await outcome(page, 'stopped, and the worker kept computing')
    await page
      .getByRole('region', { name: 'Worker', exact: true })
      .getByText(/finished for nothing: \d+ ms/)
      .waitFor()
    await page
      .getByRole('region', { name: 'Worker log' })
      .getByText(/^count finished: [\d,]+ primes up to/)
      .waitFor()
    expect(demo.complaints).toEqual([])
  })
})
