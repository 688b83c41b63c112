/** The scenario Dependent operations: the failure of the first stops the second, on the server too. */

import { describe, it } from 'vitest'
import { outcome, patiently, row, visit } from './demo.ts'

const HALTED = { outcome: 'stopped', cause: 'client gone' }

describe.concurrent('Dependent operations', () => {
  it('stops operation 2 when operation 1 fails', async ({ expect }) => {
    await using demo = await visit('#/dependent-operations?failure=100&latency=2000&timeout=3000')
    await outcome(demo.page, 'operation 1 failed')
    await expect.poll(() => demo.entry('operation 2'), patiently).toMatchObject(HALTED)
    const failed = { outcome: 'failed', cause: 'operation 1 failed' }
    await expect.poll(() => demo.entry('operation 1'), patiently).toMatchObject(failed)
    const entry = await demo.entry('operation 2')
    expect(entry?.ended).toBeLessThan(2000)
    expect(entry?.wasted.bytes).toBe(0)
    const halted = { hasText: /^operation 2\d+ ms operation 1 failed$/ }
    await row(demo.page, 'Browser', 'operation 2').filter(halted).waitFor()
    const log = demo.page.getByRole('region', { name: 'Server log' })
    await log.getByText(/operation 2 stopped: client gone, \d+ of 200 rows/).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('stops both operations at the deadline', async ({ expect }) => {
    await using demo = await visit('#/dependent-operations?failure=1950&latency=2000&timeout=600')
    await outcome(demo.page, 'context deadline exceeded')
    for (const name of ['operation 1', 'operation 2']) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject(HALTED)
    }
    expect(demo.complaints).toEqual([])
  })

  it('lets both operations finish when nothing fails', async ({ expect }) => {
    await using demo = await visit('#/dependent-operations?failure=2000&latency=50&timeout=3000')
    await outcome(demo.page, 'both operations done')
    for (const name of ['operation 1', 'operation 2']) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject({ outcome: 'finished' })
      expect((await demo.entry(name))?.wasted).toEqual({ ms: 0, bytes: 0 })
    }
    expect(demo.complaints).toEqual([])
  })

  it('lets operation 2 finish for nothing without rescind', async ({ expect }) => {
    const hash = '#/dependent-operations?failure=50&latency=1500&timeout=3000&rescind=off'
    await using demo = await visit(hash)
    await outcome(demo.page, 'operation 1 failed')
    await expect.poll(() => demo.entry('operation 2'), patiently).toMatchObject({ outcome: 'finished' })
    const entry = await demo.entry('operation 2')
    expect(entry?.ended).toBeGreaterThanOrEqual(1499)
    expect(entry?.wasted.ms).toBeGreaterThan(0)
    expect(entry?.wasted.bytes).toBeGreaterThan(0)
    await row(demo.page, 'Server', 'finished for nothing').waitFor()
    expect(demo.complaints).toEqual([])
  })
})
