/** The scenario The client leaves: closing a frame stops the handler of its request. */

import { describe, it } from 'vitest'
import { outcome, patiently, row, total, visit } from './demo.ts'

describe.concurrent('The client leaves', () => {
  it('stops the handler when the scenario closes the frame', async ({ expect }) => {
    await using demo = await visit('#/client-leaves?latency=5000&leave=400')
    await outcome(demo.page, 'the frame was closed')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    const entry = await demo.entry('report')
    expect(entry?.ended).toBeLessThan(5000)
    expect(entry?.lines.at(-1)?.text).toMatch(/^stopped: client gone, \d+ of 500 rows sent$/)
    await row(demo.page, 'Browser', 'frame closed').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('stops the handler when the user closes the frame', async ({ expect }) => {
    await using demo = await visit('#/client-leaves?latency=5000&leave=3000')
    await demo.page
      .frameLocator('iframe')
      .getByText(/row \d+ of 500/)
      .waitFor()
    await demo.page.getByRole('button', { name: 'Close the frame' }).click()
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    expect(demo.complaints).toEqual([])
  })

  it('lets the handler finish for nothing without rescind', async ({ expect }) => {
    await using demo = await visit('#/client-leaves?latency=1500&leave=100&rescind=off')
    await outcome(demo.page, 'the frame was closed')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'finished' })
    expect((await demo.entry('report'))?.wasted.ms).toBeGreaterThan(0)
    expect((await demo.entry('report'))?.wasted.bytes).toBeGreaterThan(0)
    await total(demo.page, 'Without rescind', 'requests', 1)
    expect(demo.complaints).toEqual([])
  })

  it('lets an open frame read its whole report', async ({ expect }) => {
    await using demo = await visit('#/client-leaves?latency=100&leave=3000')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'finished' })
    expect((await demo.entry('report'))?.wasted).toEqual({ ms: 0, bytes: 0 })
    await demo.page.frameLocator('iframe').getByText('row 10 of 10').waitFor()
    expect(demo.complaints).toEqual([])
  })
})
