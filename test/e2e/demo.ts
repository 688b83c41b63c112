/**
 * The demo as its users have it: its server in a process of its own, and Chromium. What is proved about the server
 * comes from the server's log, never from the page.
 */

import { chromium } from 'playwright'
import type { Page } from 'playwright'
import { inject } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'

/** Where the demo is served, with a slash at the end. */
export const demoUrl: string = inject('demo')

/** The test files share it, and the tabs that no test uses: the process that runs them ends it. */
const browser = await chromium.connect(inject('browser'))

/** A page of the demo, and what the server's log says of its requests. */
export interface Visit extends AsyncDisposable {
  readonly page: Page
  /** The entry of the visit's newest request called `name`; undefined as long as the server has none. */
  entry(name: string): Promise<Entry | undefined>
  /** All entries of the visit, oldest first. */
  entries(): Promise<Entry[]>
  /** The ids of what the page has asked of the server in this visit so far. */
  readonly requests: readonly string[]
  /** The addresses of the scripts that the page has loaded. */
  readonly scripts: readonly string[]
  /** Everything that went to the console as an error or a warning in this visit, and every uncaught error. */
  readonly complaints: readonly string[]
}

/** A page that is open, and where it notes what happens. Visits follow one another on it: to open one takes longest. */
interface Tab {
  readonly page: Page
  readonly scripts: string[]
  requests: string[]
  complaints: string[]
}

/** The tabs that no test uses, by the demo that they show. */
const idle = new Map<string, Tab[]>()

const VIEWPORT = { width: 1280, height: 720 }

/** Shows no scenario, so what was under way there has been canceled. */
const NOWHERE = '#/nowhere'

/** @param hash the scenario and its settings: `#/http-timeout?latency=800` */
export async function visit(hash: string, url: string = demoUrl): Promise<Visit> {
  const tab = idle.get(url)?.pop() ?? (await openTab())
  return visitIn(tab, hash, url)
}

/** The same in a tab that has shown nothing before: for what a page loads, and what it keeps while it is open. */
export async function visitAfresh(hash: string): Promise<Visit> {
  return visitIn(await openTab(), hash, demoUrl)
}

async function visitIn(tab: Tab, hash: string, url: string): Promise<Visit> {
  const { page, scripts } = tab
  const requests: string[] = (tab.requests = [])
  const complaints: string[] = (tab.complaints = [])
  const entries = async () => {
    // Only its own: the log of all the pages there are would be read again and again.
    const pages = new Set(requests.map((id) => id.replace(/\d+$/, '')))
    const logs = await Promise.all([...pages].map((page) => fetch(`${url}api/log?page=${page}`)))
    const log = (await Promise.all(logs.map((response) => response.json() as Promise<Entry[]>))).flat()
    return log.filter(({ id }) => requests.includes(id))
  }
  await page.goto(`${url}${hash === '' ? '#/' : hash}`)
  return {
    page,
    requests,
    scripts,
    complaints,
    entries,
    entry: async (name) => (await entries()).findLast((entry) => entry.name === name),
    async [Symbol.asyncDispose]() {
      await page.goto(`${url}${NOWHERE}`)
      await page.setViewportSize(VIEWPORT)
      await page.emulateMedia({ colorScheme: null })
      idle.set(url, [...(idle.get(url) ?? []), tab])
    },
  }
}

async function openTab(): Promise<Tab> {
  const page = await browser.newPage({ reducedMotion: 'reduce', viewport: VIEWPORT })
  const tab: Tab = { page, scripts: [], requests: [], complaints: [] }
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) tab.complaints.push(message.text())
  })
  page.on('pageerror', (error) => tab.complaints.push(String(error)))
  page.on('request', (request) => {
    if (request.resourceType() === 'script') tab.scripts.push(request.url())
    const { pathname, searchParams } = new URL(request.url())
    if (pathname !== '/api/unwanted' && searchParams.has('id')) tab.requests.push(searchParams.get('id') ?? '')
  })
  return tab
}

/** Waits until the page says that the run came to this; to anything at all, if left out. */
export async function outcome(page: Page, text: string | RegExp = ''): Promise<void> {
  await page.locator('.summary:not([data-outcome=running]) .outcome', { hasText: text }).waitFor()
}

/** Waits until the page has counted that. */
export async function total(
  page: Page,
  title: 'Without rescind' | 'With rescind',
  name: string,
  count: number,
): Promise<void> {
  const result = page.getByRole('region', { name: title, exact: true })
  await result.locator(`[data-total=${name}]`, { hasText: new RegExp(`^${count}$`) }).waitFor()
}

/** For `expect.poll`: what comes at all comes sooner, however busy the machine is. */
export const patiently = { timeout: 30_000, interval: 100 }

/** A row of a lane. */
export function row(page: Page, lane: 'Browser' | 'Server', name: string): ReturnType<Page['locator']> {
  return page.getByRole('region', { name: lane, exact: true }).getByRole('listitem').filter({ hasText: name })
}
