/**
 * The demo as its users see it, with its server in a separate process, and Chromium. Facts about the server come from
 * the server's log, never from the page.
 */

import { setTimeout } from 'node:timers/promises'
import { chromium } from 'playwright'
import type { Page } from 'playwright'
import { inject } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'

/** The address of the demo, with a slash at the end. */
export const demoUrl: string = inject('demo')

/** Shared by the test files, like the idle tabs; the process that runs them closes it. */
const browser = await chromium.connect(inject('browser'))

/** A page of the demo, and the entries of its requests in the server's log. */
export interface Visit extends AsyncDisposable {
  readonly page: Page
  /** The entry of the visit's newest request called `name`; undefined as long as the server has none. */
  entry(name: string): Promise<Entry | undefined>
  /** All entries of the visit, oldest first. */
  entries(): Promise<Entry[]>
  /** The ids of the page's requests in this visit so far. */
  readonly requests: readonly string[]
  /** The addresses of the scripts that the page has loaded. */
  readonly scripts: readonly string[]
  /** Errors and warnings on the console in this visit, and uncaught errors. */
  readonly complaints: readonly string[]
}

/** An open page, with records of the current visit. Several visits use it, since opening a page takes longest. */
interface Tab {
  readonly page: Page
  readonly scripts: string[]
  requests: string[]
  complaints: string[]
}

/** The tabs that no test uses at the moment, by the address of their demo. */
const idle = new Map<string, Tab[]>()

const VIEWPORT = { width: 1280, height: 720 }

/** Shows no scenario, so runs of the previous one have been canceled. */
const NOWHERE = '#/nowhere'

/** @param hash the scenario and its settings: `#/http-timeout?latency=800` */
export async function visit(hash: string, url: string = demoUrl): Promise<Visit> {
  const tab = idle.get(url)?.pop() ?? (await openTab())
  return visitIn(tab, hash, url)
}

/** Visits in a new tab, for tests of what a page loads and keeps. */
export async function visitInNewTab(hash: string): Promise<Visit> {
  return visitIn(await openTab(), hash, demoUrl)
}

async function visitIn(tab: Tab, hash: string, url: string): Promise<Visit> {
  const { page, scripts } = tab
  const requests: string[] = (tab.requests = [])
  const complaints: string[] = (tab.complaints = [])
  const entries = async () => {
    // Only the entries of this visit, since the log of all pages is long.
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
      // The inspector stays open from page to page, with its filter.
      const close = page.getByRole('button', { name: 'Close the inspector' })
      if (await close.isVisible()) await close.click()
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

/** Waits until the page shows the outcome `text` of the run; any outcome by default. */
export async function outcome(page: Page, text: string | RegExp = ''): Promise<void> {
  await page.locator('.summary:not([data-outcome=running]) .outcome', { hasText: text }).waitFor()
}

/** Waits until the page shows `count` in the total `name`. */
export async function total(
  page: Page,
  title: 'Without rescind' | 'With rescind',
  name: string,
  count: number,
): Promise<void> {
  const result = page.getByRole('region', { name: title, exact: true })
  await result.locator(`[data-total=${name}]`, { hasText: new RegExp(`^${count}$`) }).waitFor()
}

/** For `expect.poll`: longer than anything takes, even on a busy machine. */
export const patiently = { timeout: 30_000, interval: 100 }

/** Holds back the requests to `url` until the returned function is called. */
export async function hold(page: Page, url: string | RegExp): Promise<() => Promise<void>> {
  let isHeld = true
  await page.route(url, async (route) => {
    while (isHeld) await setTimeout(20)
    // A page that has been left has aborted its requests.
    await route.continue().catch(() => {})
  })
  return async () => {
    isHeld = false
    await page.unroute(url)
  }
}

/** A row of a lane. */
export function row(page: Page, lane: 'Browser' | 'Server', name: string): ReturnType<Page['locator']> {
  return page.getByRole('region', { name: lane, exact: true }).getByRole('listitem').filter({ hasText: name })
}
