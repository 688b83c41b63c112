/** The demo in a folder of a static host: a service worker answers, and its log shows when work stops. */

import { createReadStream, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'
import { outcome, patiently, visit } from './demo.ts'

const FOLDER = '/some/folder/'
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

interface Host extends AsyncDisposable {
  readonly url: string
  /** The paths of all requests. */
  readonly asked: string[]
}

/** A minimal static host. */
async function serveFiles(): Promise<Host> {
  const asked: string[] = []
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://localhost')
    asked.push(pathname)
    const file = `dist-demo/client/${pathname.slice(FOLDER.length) || 'index.html'}`
    if (!pathname.startsWith(FOLDER) || !existsSync(file)) return void res.writeHead(404).end()
    res.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' })
    createReadStream(file).pipe(res)
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}${FOLDER}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The newest entry called `name` in the service worker's log. */
async function entry(page: Page, name: string): Promise<Entry | undefined> {
  const log = await page.evaluate(async () => (await fetch('./api/log')).json())
  return (log as Entry[]).findLast((entry) => entry.name === name)
}

describe('on a static host', () => {
  let host: Host
  beforeAll(async () => {
    host = await serveFiles()
  })
  afterAll(() => host[Symbol.asyncDispose]())

  it('stops the handlers of the service worker, and says that a service worker answers', async ({ expect }) => {
    await using demo = await visit('#/http-timeout?latency=3000&timeout=300', host.url)
    const { page } = demo
    await page.getByText('No server here: a service worker streams in its place').waitFor()
    await outcome(page, 'context deadline exceeded')
    const stopped = { outcome: 'stopped', cause: 'client gone' }
    await expect.poll(() => entry(page, 'report'), patiently).toMatchObject(stopped)
    expect((await entry(page, 'report'))?.ended).toBeLessThan(3000)
    await page.getByRole('switch').click()
    await outcome(page, 'timed out')
    await expect.poll(() => entry(page, 'report'), patiently).toMatchObject({ outcome: 'finished' })
    await page.goto(`${host.url}#/client-leaves?latency=5000&leave=300`)
    await outcome(page, 'the frame was closed')
    await expect.poll(async () => (await entry(page, 'report'))?.latency, patiently).toBe(5000)
    await expect.poll(() => entry(page, 'report'), patiently).toMatchObject(stopped)
    expect(host.asked.filter((path) => path.includes('/api/'))).toEqual([])
    expect(demo.complaints).toEqual([])
  })

  it('accepts uploads and notes in the service worker', async ({ expect }) => {
    await using demo = await visit('#/uploads?latency=400&cancel=50', host.url)
    const { page } = demo
    await outcome(page, '19 of 20 files stored, 1 canceled')
    const stored = async () => {
      const log = await page.evaluate(async () => (await fetch('./api/log')).json())
      return (log as Entry[]).filter(({ name, outcome }) => name.startsWith('file ') && outcome === 'finished').length
    }
    await expect.poll(stored, patiently).toBe(19)
    await page.goto(`${host.url}#/save-survives?latency=300&pause=20&debounce=50`)
    await outcome(page, 'the server has “Kind of Blue”, pinned')
    await page.goto(`${host.url}#/stop-the-answer?latency=8000&stop=500&idle=5000`)
    await outcome(page, /^stopped, \d+ words kept/)
    const stopped = { outcome: 'stopped', cause: 'client gone' }
    await expect.poll(() => entry(page, 'answer'), patiently).toMatchObject(stopped)
    expect(demo.complaints).toEqual([])
  })

  it('shares, retries and computes without a server', async ({ expect }) => {
    await using demo = await visit('#/one-request-for-two?latency=1000&pause=100', host.url)
    const { page } = demo
    await outcome(page, '2 requests, the card has its report')
    const stopped = { outcome: 'stopped', cause: 'client gone' }
    await expect.poll(() => entry(page, 'report 2 #2'), patiently).toMatchObject(stopped)
    await page.goto(`${host.url}#/server-in-trouble?trouble=300&pause=100&latency=10`)
    await outcome(page, /^\d+ of 20 answered, \d+ requests(?!,)/)
    await expect.poll(() => entry(page, 'call 20'), patiently).toMatchObject({ outcome: 'finished' })
    await page.goto(`${host.url}#/heavy-work?latency=8000&stop=300&timeout=8000`)
    await outcome(page, /^stopped after/)
    await page.getByRole('region', { name: 'Worker', exact: true }).getByText('stopped: Stop').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('serves the manual, with its live examples', async ({ expect }) => {
    await using demo = await visit('docs/streams.html#an-answer-with-stop-in-react', host.url)
    const { page } = demo
    await page.getByRole('region', { name: 'Live example' }).scrollIntoViewIfNeeded()
    await outcome(page, /^stopped, \d+ words kept/)
    const log = await page.evaluate(async () => (await fetch('../api/log')).json())
    expect((log as Entry[]).findLast(({ name }) => name === 'answer')).toMatchObject({ cause: 'client gone' })
    await page.keyboard.press('/')
    await page.getByRole('combobox', { name: 'Search the docs' }).fill('keep-alive silence')
    await page.getByRole('option').filter({ hasText: 'Streams' }).first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'rescind', exact: true }).click()
    await page.waitForURL(host.url)
    await page.getByRole('link', { name: 'HTTP timeout' }).click()
    await outcome(page, 'context deadline exceeded')
    expect(demo.complaints).toEqual([])
  })

  it('queries the database of the tab', async ({ expect }) => {
    await using demo = await visit('#/database-timeout?engine=0&query=1&timeout=5000', host.url)
    await outcome(demo.page, '6 rows received')
    const elsewhere = demo.page.getByRole('option', { name: 'SQLite on a server: npm start' })
    expect(await elsewhere.isDisabled()).toBe(true)
    // An old link may still select it.
    await demo.page.goto(`${host.url}#/database-timeout?engine=1&query=1&timeout=5000`)
    await outcome(demo.page, 'there is no server here: choose SQLite in this tab')
    expect(demo.complaints).toEqual([])
  })
})

describe.concurrent('on its own server', () => {
  it('shows that a server answers', async ({ expect }) => {
    await using demo = await visit('')
    await demo.page.getByText('Server: Node, on real sockets').waitFor()
    expect(demo.complaints).toEqual([])
  })
})
