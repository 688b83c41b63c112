/** The parts that all scenarios share: buttons, keyboard, address, code, and what the page shows without a server. */

import { readdirSync } from 'node:fs'
import { describe, it } from 'vitest'
import { demoUrl, hold, outcome, patiently, total, visit, visitInNewTab } from './demo.ts'
import { serveDemo } from './servers.ts'

const scenarios = readdirSync('demo/scenarios').map((file) => file.replace(/\.tsx$/, ''))
const SLOW = '#/http-timeout?latency=5000&timeout=5000'

describe.concurrent('Cancel', () => {
  it('stops the handler on a click', async ({ expect }) => {
    await using demo = await visit(SLOW)
    await expect.poll(() => demo.entry('report'), patiently).toBeDefined()
    await demo.page.getByRole('button', { name: 'Cancel' }).click()
    await outcome(demo.page, 'context canceled: Cancel button')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    expect(await demo.page.getByRole('button', { name: 'Cancel' }).isDisabled()).toBe(true)
    expect(demo.complaints).toEqual([])
  })

  it('stops the handler on Esc', async ({ expect }) => {
    await using demo = await visit(SLOW)
    await expect.poll(() => demo.entry('report'), patiently).toBeDefined()
    await demo.page.keyboard.press('Escape')
    await outcome(demo.page, 'context canceled: Esc')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
  })

  it('lets the handler finish for nothing without rescind', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=2500&timeout=5000&rescind=off')
    await expect.poll(() => demo.entry('report'), patiently).toBeDefined()
    await demo.page.keyboard.press('Escape')
    await outcome(demo.page, 'wait canceled: Esc')
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'finished' })
    expect((await demo.entry('report'))?.wasted.ms).toBeGreaterThan(0)
  })
})

describe.concurrent('a run', () => {
  it('is canceled by the next run', async ({ expect }) => {
    await using demo = await visit(SLOW)
    await expect.poll(() => demo.entry('report'), patiently).toBeDefined()
    const first = await demo.entry('report')
    await demo.page.getByRole('button', { name: 'Run' }).click()
    await expect.poll(async () => (await demo.entry('report'))?.id, patiently).not.toBe(first?.id)
    const log = async () => (await fetch(`${demoUrl}api/log?page=${first?.id}`)).json()
    const stopped = [{ id: first?.id, outcome: 'stopped', cause: 'client gone' }]
    // The second request can arrive before the server notices the end of the first.
    await expect.poll(log, patiently).toMatchObject(stopped)
  })

  it('is canceled when another scenario is opened', async ({ expect }) => {
    await using demo = await visit(SLOW)
    await expect.poll(() => demo.entry('report'), patiently).toBeDefined()
    await demo.page.getByRole('link', { name: 'Dependent operations' }).click()
    await expect.poll(() => demo.entry('report'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    await outcome(demo.page, 'operation 1 failed')
    expect(await demo.page.title()).toBe('Dependent operations · rescind')
    expect(demo.complaints).toEqual([])
  })

  it('announces its outcome to screen readers', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=3000&timeout=500')
    await demo.page
      .getByRole('status')
      .filter({ hasText: /^context deadline exceeded, after \d+ ms\. The server stopped too, after/ })
      .waitFor()
    expect(demo.complaints).toEqual([])
  })
})

describe.concurrent('Compare', () => {
  it.for(['on', 'off'])('runs without rescind and then with it, starting from %s', async (rescind, { expect }) => {
    await using demo = await visit(`#/http-timeout?latency=2500&timeout=100&rescind=${rescind}`)
    const { page } = demo
    await outcome(page, rescind === 'on' ? 'context deadline exceeded' : 'timed out')
    await page.getByRole('button', { name: 'Compare' }).click()
    await outcome(page, 'context deadline exceeded')
    await total(page, 'Without rescind', 'requests', 1)
    await total(page, 'With rescind', 'requests', 0)
    expect(await page.getByRole('switch', { name: 'rescind' }).getAttribute('aria-checked')).toBe('true')
    expect(demo.complaints).toEqual([])
  })

  it('ends with Esc', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=500&timeout=5000&rescind=off')
    const { page } = demo
    await outcome(page, 'response received')
    // At once, before the answer can arrive.
    await page.getByRole('button', { name: 'Compare' }).evaluate((button: HTMLButtonElement) => {
      button.click()
      dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))
    })
    await outcome(page, 'wait canceled: Esc')
    await total(page, 'Without rescind', 'requests', 1)
    expect(await page.getByRole('switch', { name: 'rescind' }).getAttribute('aria-checked')).toBe('false')
    const asked = demo.requests.length
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await expect.poll(() => demo.requests.length, patiently).toBe(asked + 1)
    await outcome(page, 'response received')
    expect(await page.getByRole('switch', { name: 'rescind' }).getAttribute('aria-checked')).toBe('false')
  })
})

describe.concurrent('on a narrow screen', () => {
  it('a button says how many examples there are, and shows all of them', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=50')
    const { page } = demo
    await page.setViewportSize({ width: 390, height: 844 })
    const links = page.getByRole('navigation', { name: 'Examples' }).getByRole('link')
    expect(await links.count()).toBe(0)
    await page.getByRole('button', { name: `of ${scenarios.length} examples` }).click()
    for (const link of await links.all()) {
      await link.scrollIntoViewIfNeeded()
      const { bottom, right } = await link.evaluate((element) => element.getBoundingClientRect())
      expect(right).toBeLessThanOrEqual(390)
      expect(bottom).toBeLessThanOrEqual(844)
    }
    expect(await links.count()).toBe(scenarios.length)
    await links.filter({ hasText: 'Dependent operations' }).click()
    await page.getByRole('heading', { name: 'Dependent operations' }).waitFor()
    expect(await links.count()).toBe(0)
    await outcome(page, 'operation 1 failed')
    expect(demo.complaints).toEqual([])
  })

  it('the last label of the axis stays within its card', async ({ expect }) => {
    // Its tick is as close to the end as possible, on a card as narrow as those of the first screen.
    await using demo = await visit('#/http-timeout?latency=1950&timeout=100')
    const { page } = demo
    await page.setViewportSize({ width: 280, height: 844 })
    await outcome(page, 'context deadline exceeded')
    const edges = [page.locator('.tick span', { hasText: '2000 ms' }), page.locator('.card')].map((part) =>
      part.evaluate((element) => element.getBoundingClientRect().right),
    )
    const [label = NaN, card = NaN] = await Promise.all(edges)
    expect(label).toBeLessThanOrEqual(card)
  })
})

describe.concurrent('the address', () => {
  it('keeps the sliders and the switch', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=850&timeout=350&rescind=off')
    const { page } = demo
    expect(await page.getByRole('slider', { name: 'Latency' }).inputValue()).toBe('850')
    expect(await page.getByRole('slider', { name: 'Timeout' }).inputValue()).toBe('350')
    expect(await page.getByRole('switch', { name: 'rescind' }).getAttribute('aria-checked')).toBe('false')
    await page.getByRole('slider', { name: 'Latency' }).press('ArrowRight')
    await page.waitForURL(/#\/http-timeout\?latency=900&timeout=350&rescind=off$/)
    await page.reload()
    expect(await page.getByRole('slider', { name: 'Latency' }).getAttribute('aria-valuetext')).toBe('900 ms')
  })

  it('starts one run for a change, and another for a link with other values', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=50&timeout=3000')
    const { page } = demo
    await outcome(page, 'response received')
    expect(demo.requests).toHaveLength(1)
    await page.getByRole('slider', { name: 'Latency' }).press('ArrowRight')
    await page.waitForURL(/latency=100&timeout=3000&rescind=on$/)
    await expect.poll(() => demo.requests.length, patiently).toBe(2)
    await outcome(page, 'response received')
    await page.goto(`${demoUrl}#/http-timeout?latency=50&timeout=3000`)
    await expect.poll(() => page.getByRole('slider', { name: 'Latency' }).inputValue(), patiently).toBe('50')
    await expect.poll(() => demo.requests.length, patiently).toBe(3)
    await outcome(page, 'response received')
    expect(demo.requests).toHaveLength(3)
  })

  it('replaces invalid values with the nearest valid ones', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=99999&timeout=soon')
    expect(await demo.page.getByRole('slider', { name: 'Latency' }).inputValue()).toBe('5000')
    expect(await demo.page.getByRole('slider', { name: 'Timeout' }).inputValue()).toBe('500')
  })

  it('shows a message for an unknown scenario', async ({ expect }) => {
    await using demo = await visit('#/nowhere')
    await demo.page.getByRole('heading', { name: 'No such example' }).waitFor()
    expect(demo.complaints).toEqual([])
  })
})

describe.concurrent('SQLite in the tab', () => {
  it('says that it is being loaded', async ({ expect }) => {
    await using demo = await visitInNewTab('#/nowhere')
    const { page } = demo
    const release = await hold(page, /assets\/sqlite-/)
    await page.goto(`${demoUrl}#/database-timeout?engine=0&query=1&timeout=5000`)
    await page.getByRole('progressbar', { name: 'Loading SQLite' }).waitFor()
    await release()
    await outcome(page, '6 rows received')
    expect(await page.getByRole('progressbar').count()).toBe(0)
    expect(demo.complaints).toEqual([])
  })
})

// Not concurrent, since there is one clipboard.
describe('Copy', () => {
  it.for(['Code', 'Go'])('copies the code under %s', async (label, { expect }) => {
    await using demo = await visit('#/http-timeout')
    const { page } = demo
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const region = page.getByRole('region', { name: label, exact: true })
    await region.getByRole('button', { name: 'Copy' }).click()
    await region.getByRole('button', { name: 'Copied' }).waitFor()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toBe(await region.locator('pre').innerText())
  })

  it('copies the comparison as a table in Markdown', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=900&timeout=100&rescind=off')
    const { page } = demo
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await total(page, 'Without rescind', 'requests', 1)
    await page.getByRole('switch', { name: 'rescind' }).click()
    await outcome(page, 'context deadline exceeded')
    await page.getByRole('button', { name: 'Copy as Markdown' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    const table = (await page.evaluate(() => navigator.clipboard.readText())).split('\n')
    expect(table.slice(0, 4)).toEqual([
      '| HTTP timeout | Without rescind | With rescind |',
      '| --- | ---: | ---: |',
      '| outcome | timed out | context deadline exceeded |',
      '| finished for nothing | 1 | 0 |',
    ])
    expect(table[4]).toMatch(/^\| unwanted work \| \d+ ms \| (< 1|\d+) ms \|$/)
    expect(table).toHaveLength(6)
  })
})

describe.concurrent('without a server', () => {
  it('the page shows an alert, and continues when the server is back', async ({ expect }) => {
    const first = await serveDemo()
    await using demo = await visit('#/http-timeout?latency=50&timeout=3000', first.url)
    const { page } = demo
    await outcome(page, 'response received')
    await first[Symbol.asyncDispose]()
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor()
    await page.getByRole('button', { name: 'Run' }).click()
    await outcome(page, 'no answer from the server')
    // The browser itself reconnects every few seconds, which would remove the button.
    const release = await hold(page, /\/api\/events/)
    await using _ = await serveDemo(Number(new URL(first.url).port))
    await page.getByRole('button', { name: 'Retry' }).click()
    await release()
    await outcome(page, 'response received')
    expect(await page.getByRole('alert').count()).toBe(0)
  })
})
