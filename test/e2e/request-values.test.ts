/** The scenario Request-scoped values: the id from the page is in the lines of the server's log. */

import { describe, it } from 'vitest'
import { outcome, patiently, visit } from './demo.ts'

describe.concurrent('Request-scoped values', () => {
  it('shows the id in every line of the log', async ({ expect }) => {
    await using demo = await visit('#/request-values?latency=100')
    await outcome(demo.page, 'the server’s log says order-17')
    await demo.page.getByRole('textbox', { name: 'Request id' }).fill('größer 18')
    await outcome(demo.page, 'the server’s log says größer 18')
    await expect.poll(() => demo.entry('order'), patiently).toMatchObject({ outcome: 'finished', tag: 'größer 18' })
    const entry = await demo.entry('order')
    expect(entry?.lines.map(({ text }) => text)).toEqual([
      '[größer 18] arrived: 100 ms of work',
      '[größer 18] finished: 10 of 10 rows made',
    ])
    await demo.page.getByRole('region', { name: 'Server log' }).getByText('[größer 18] finished').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('shows no id in the log without rescind', async ({ expect }) => {
    await using demo = await visit('#/request-values?latency=100&rescind=off')
    await outcome(demo.page, 'the server’s log has no id')
    const entry = await demo.entry('order')
    expect(entry?.tag).toBeUndefined()
    expect(entry?.lines[0]?.text).toBe('arrived: 100 ms of work')
    expect(demo.complaints).toEqual([])
  })
})
