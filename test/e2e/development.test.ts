/** The demo from `npm start`: the development build of React, in which StrictMode mounts everything twice. */

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { outcome, patiently, visit } from './demo.ts'
import { measured, ONCE } from './measured.ts'
import { READ_BY_THE_DEMO, withstands } from './hostile.ts'
import { serveDev } from './servers.ts'
import type { Server } from './servers.ts'

const TWICE = { mount: '2 sent, 1', hide: '0 sent, 1', show: '2 sent, 1', unmount: '0 sent, 1' }

let dev: Server
beforeAll(async () => {
  dev = await serveDev()
})
afterAll(() => dev[Symbol.asyncDispose]())

describe('the development build', () => {
  it('serves the manual, with its search and its live examples', async ({ expect }) => {
    const get = async (path: string) => (await fetch(`${dev.url}${path}`)).text()
    expect(await get('docs/streams.md')).toBe(readFileSync('docs/streams.md', 'utf8'))
    expect(await get('llms.txt')).toContain('](docs/streams.md)')
    await using demo = await visit('docs/streams.html#silence', dev.url)
    const { page } = demo
    await page.keyboard.press('/')
    await page.getByRole('combobox', { name: 'Search the docs' }).fill('keep-alive silence')
    await page.getByRole('option').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('region', { name: 'Live example' }).scrollIntoViewIfNeeded()
    await outcome(page, /^stopped, \d+ words kept/)
    expect(demo.complaints).toEqual([])
  })

  it('counts each part once, even if StrictMode requests it twice', async ({ expect }) => {
    await using demo = await visit('#/scope-budget?latency=2000&timeout=100&rescind=off', dev.url)
    await outcome(demo.page, 'timed out, 4 of 4 missing')
    expect(demo.requests).toHaveLength(8)
  })

  it('mounts a component twice, but sends its request once', async ({ expect }) => {
    await using demo = await visit('#/strict-mode-activity?latency=3000&pause=300&rescind=on', dev.url)
    const { page } = demo
    await outcome(page, '2 requests sent, 2 aborted')
    expect(await measured(page)).toEqual(ONCE)
    expect(demo.requests).toHaveLength(2)
    for (const name of ['report 1', 'report 2']) {
      await expect.poll(() => demo.entry(name), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    }
    await page.getByText('Development build of React').waitFor()
    await page.getByRole('switch', { name: 'rescind' }).click()
    await outcome(page, '4 requests sent, 4 aborted')
    expect(await measured(page)).toEqual(TWICE)
    expect(demo.requests).toHaveLength(6)
    expect(demo.complaints).toEqual([])
  })

  it('sends each save, upload and question once', async ({ expect }) => {
    await using demo = await visit('#/save-survives?latency=300&pause=20&debounce=50&rescind=on', dev.url)
    const { page } = demo
    await outcome(page, 'the server has “Kind of Blue”, pinned')
    const writes = (await demo.entries()).map(({ name }) => name)
    expect(new Set(writes).size).toBe(writes.length)
    await page.goto(`${dev.url}#/uploads?latency=50&cancel=1000`)
    // On a slow machine, the fifth file is still under way when it is canceled.
    await outcome(page, /^(19|20) of 20 files stored/)
    const sent = (await demo.entries()).map(({ name }) => name)
    expect(new Set(sent).size).toBe(sent.length)
    expect(sent.length - writes.length).toBeGreaterThanOrEqual(19)
    const before = demo.requests.length
    await page.goto(`${dev.url}#/stop-the-answer?latency=200&stop=8000&first=5000&idle=5000`)
    await outcome(page, 'complete')
    expect(demo.requests).toHaveLength(before + 1)
    expect(demo.complaints).toEqual([])
  })
})

describe('the dev server', () => {
  withstands(async () => dev, READ_BY_THE_DEMO)
})
