/** The scenario Is this code safe to run?: background work lives as long as its context. */

import { describe, it } from 'vitest'
import { outcome, patiently, visit } from './demo.ts'

const HASH = '#/safe-to-run?latency=100&background=1500'

describe.concurrent('Is this code safe to run?', () => {
  it('sends the receipt with withoutCancel', async ({ expect }) => {
    await using demo = await visit(HASH)
    await outcome(demo.page, 'order placed, receipt sent')
    await expect.poll(() => demo.entry('order'), patiently).toMatchObject({ outcome: 'finished' })
    await expect.poll(() => demo.entry('receipt'), patiently).toMatchObject({ outcome: 'finished' })
    expect(demo.complaints).toEqual([])
  })

  it('loses the receipt with the context of the order', async ({ expect }) => {
    await using demo = await visit(`${HASH}&rescind=off`)
    await outcome(demo.page, 'order placed, receipt lost')
    await expect.poll(() => demo.entry('order'), patiently).toMatchObject({ outcome: 'finished' })
    // A request that is canceled in transit does not arrive.
    await expect.poll(async () => (await demo.entry('receipt'))?.outcome ?? 'stopped', patiently).toBe('stopped')
    const result = demo.page.getByRole('region', { name: 'ctx passed on' })
    await result.locator('[data-total=lost]', { hasText: /^1$/ }).waitFor()
    expect(demo.complaints).toEqual([])
  })
})
