/** The scenario A server in trouble: how many requests the server receives, and whether it recovers. */

import { describe, it } from 'vitest'
import { outcome, patiently, visit } from './demo.ts'

describe.concurrent('A server in trouble', () => {
  it('receives no more retries than the budget allows, and answers again after its recovery', async ({ expect }) => {
    await using demo = await visit('#/server-in-trouble?trouble=1800&pause=120&latency=20')
    const { page } = demo
    await outcome(page, /^\d+ of 20 answered, \d+ requests(?!,)/)
    const result = page.getByRole('region', { name: 'retry', exact: true })
    const sent = Number(await result.locator('[data-total=sent]').innerText())
    await expect.poll(async () => (await demo.entries()).length, patiently).toBe(sent)
    const entries = await demo.entries()
    const failed = entries.filter(({ outcome }) => outcome === 'failed')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed[0]?.cause).toBe('503, overloaded')
    // Ten tokens, and a tenth for each successful call.
    expect(entries.length).toBeLessThanOrEqual(32)
    for (const name of ['call 1', 'call 20']) {
      expect(entries.findLast((entry) => entry.name === name)).toMatchObject({ outcome: 'finished' })
    }
    // The lane has one line for each call, with all of its attempts.
    expect(await page.getByRole('region', { name: 'Server', exact: true }).getByRole('listitem').count()).toBe(20)
    expect(demo.complaints).toEqual([])
  })

  it('does not recover under loops that retry at once', async ({ expect }) => {
    await using demo = await visit('#/server-in-trouble?trouble=3000&pause=80&latency=10&rescind=off')
    const { page } = demo
    await outcome(page, /^\d+ of 20 answered, \d+ requests, a storm/)
    const refused = async () => (await demo.entries()).filter(({ outcome }) => outcome === 'failed').length
    await expect.poll(refused, patiently).toBeGreaterThan(20)
    await page.getByText(/^\d+ earlier lines$/).waitFor()
    expect(await page.getByRole('region', { name: 'Server log' }).getByRole('listitem').count()).toBe(80)
    expect(demo.complaints).toEqual([])
  })
})
