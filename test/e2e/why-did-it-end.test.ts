/** The scenario Why did it end?: err and cause for every way to end, each of which reaches the server. */

import { describe, it } from 'vitest'
import { outcome, patiently, visit } from './demo.ts'

const WITH = [
  ['cancel()', 'context canceled', 'as err'],
  ['cancel(why)', 'context canceled', 'user clicked'],
  ['timeout', 'context deadline exceeded', 'as err'],
  ['parent', 'context canceled', 'page closed'],
  ['signal', 'context canceled', 'a library gave up'],
]

describe.concurrent('Why did it end?', () => {
  it('shows err and cause for each way to end', async ({ expect }) => {
    await using demo = await visit('#/why-did-it-end?step=100')
    await outcome(demo.page, '5 ends, 2 kinds of err, 4 causes')
    const rows = await demo.page.locator('.ways tbody tr').all()
    expect(await Promise.all(rows.map((row) => row.locator('th, td').allInnerTexts()))).toEqual(WITH)
    for (const [name = ''] of WITH) {
      // A request that is canceled in transit does not arrive.
      await expect.poll(async () => (await demo.entry(name))?.outcome ?? 'stopped', patiently).toBe('stopped')
    }
    expect((await demo.entries()).length).toBeGreaterThan(0)
    expect(demo.complaints).toEqual([])
  })

  it('shows no cause without rescind', async ({ expect }) => {
    await using demo = await visit('#/why-did-it-end?step=100&rescind=off')
    await outcome(demo.page, '5 ends, and all look alike')
    expect(demo.complaints).toEqual([])
  })
})
