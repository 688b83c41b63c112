/** Leaving a page and coming back, in a browser with a back/forward cache; the server reports what happens to work. */

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { launch, serve } from './site.ts'
import type { Site } from './site.ts'

const patiently = { timeout: 20_000 }

const MAIN = `
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { withPage, background } from 'rescind'
import { Scope, useAction, useTask } from 'rescind/react'

const params = new URLSearchParams(location.search)
const slow = (id) => params.get('server') + 'slow?ms=60000&id=' + params.get('visit') + '-' + id

let calls = 0
function Report() {
  const { status } = useTask(({ signal }) => fetch(slow('report-' + ++calls), { signal }).then((r) => r.text()), [])
  return <p>{status}</p>
}

function Autosave() {
  const { run } = useAction(
    ({ signal }, version) => fetch(slow('save-' + version).replace('60000', '300'), { signal, keepalive: true }),
    { mode: 'keepLatest', debounce: 60_000 },
  )
  window.save = (version) => void run(version)
  return null
}

createRoot(document.querySelector('#root')).render(
  <StrictMode><Scope>{params.has('save') ? <Autosave /> : <Report />}</Scope></StrictMode>,
)

const [ctx] = withPage(background())
if (params.has('bare')) fetch(slow('bare'), { signal: ctx.signal }).catch(() => {})
addEventListener('pageshow', ({ persisted }) => document.body.setAttribute('data-restored', String(persisted)))
`

const HEAD = '<!doctype html><link rel="icon" href="data:,">'

const page = (body: string) => `${HEAD}<body><main id="root"></main>${body}</body>`

let site: Site
let browser: Browser

beforeAll(async () => {
  site = await serve(
    {
      'index.html': page('<script type="module" src="/main.jsx"></script>'),
      'other.html': page('<h1>Another page</h1>'),
      'main.jsx': MAIN,
    },
    'built',
  )
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await site?.[Symbol.asyncDispose]()
})

async function fate(id: string): Promise<unknown> {
  const log = (await (await fetch(`${inject('server')}log`)).json()) as Record<string, unknown>
  return log[id]
}

describe('a page that is left', () => {
  it('stops its requests, and restarts automatic work when it comes back from the cache', async () => {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(`${site.url}?visit=one&bare&server=${encodeURIComponent(inject('server'))}`)
    await expect.poll(() => fate('one-report-1'), patiently).toBe('running')
    await expect.poll(() => fate('one-bare'), patiently).toBe('running')

    await page.goto(`${site.url}other.html`)
    await expect.poll(() => fate('one-report-1'), patiently).toBe('client gone')
    await expect.poll(() => fate('one-bare'), patiently).toBe('client gone')

    // No load event: the page comes from the cache.
    await page.goBack({ waitUntil: 'commit' })
    await page.locator('body[data-restored=true]').waitFor()
    await expect.poll(() => fate('one-report-2'), patiently).toBe('running')
    expect(await page.locator('p').innerText()).toBe('pending')
    expect(await fate('one-report-3')).toBeUndefined()

    await page.goto(`${site.url}other.html`)
    await expect.poll(() => fate('one-report-2'), patiently).toBe('client gone')
    expect(complaints).toEqual([])
    await page.close()
  })

  it.each<[how: string, leave: (page: Page) => Promise<unknown>]>([
    ['for another page', (page) => page.goto(`${site.url}other.html`)],
    ['by closing it', (page) => page.close()],
  ])('%s saves the last edit of a pending debounce, once', async (how, leave) => {
    const visit = how.replaceAll(' ', '-')
    // Its own browser context, since closing the page closes the network of its context.
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${site.url}?visit=${visit}&save&server=${encodeURIComponent(inject('server'))}`)
    await page.waitForFunction('window.save !== undefined')
    await page.evaluate("save('v1'); save('v2')")
    expect(await fate(`${visit}-save-v2`)).toBeUndefined()
    await leave(page)
    await expect.poll(() => fate(`${visit}-save-v2`), patiently).toBe('finished')
    expect(await fate(`${visit}-save-v1`)).toBeUndefined()
    await context.close()
  })

  it('stops its requests when it is closed', async () => {
    const page = await browser.newPage()
    await page.goto(`${site.url}?visit=two&server=${encodeURIComponent(inject('server'))}`)
    await expect.poll(() => fate('two-report-1'), patiently).toBe('running')
    await page.close({ runBeforeUnload: false })
    await expect.poll(() => fate('two-report-1'), patiently).toBe('client gone')
  })
})
