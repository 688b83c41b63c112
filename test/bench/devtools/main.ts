/**
 * The cost of the panel in Chromium, with a production build: the share of the main thread at 2,000 rows and 1,000
 * events a second, beyond that of the same page without the panel; and the heap over 100,000 contexts with the panel.
 */

import { chromium } from 'playwright'
import type { CDPSession } from 'playwright'
import { build } from 'vite'
import { browserArgs, findBrowser } from '../../../scripts/browser.mjs'
import type { Measured } from './page.tsx'

const SECONDS = 10
const CONTEXTS = 100_000
const ROUNDS = 5

declare const measured: Measured

const result = await build({
  root: process.cwd(),
  logLevel: 'error',
  build: {
    write: false,
    ssr: false,
    outDir: 'dist-bench/page',
    rolldownOptions: { input: 'test/bench/devtools/page.tsx' },
  },
})
if (!('output' in result)) throw new Error('one bundle was expected')
const files = new Map(result.output.map((file) => [`/${file.fileName}`, 'code' in file ? file.code : '']))
const entry = result.output[0].fileName

const executablePath = await findBrowser()
const browser = await chromium.launch({
  args: [...browserArgs, '--js-flags=--expose-gc'],
  ...(executablePath && { executablePath }),
})
try {
  const without = await share(false)
  const open = await share(true)
  console.log(`main thread at 2,000 rows and 1,000 events a second, for ${SECONDS} s`)
  console.log(`  without the panel  ${percent(without)}`)
  console.log(`  with the panel     ${percent(open)}`)
  console.log(`  the panel          ${percent(open - without)}`)
  const heaps = await heap()
  console.log(`heap over ${CONTEXTS} contexts, in MB: ${heaps.map((bytes) => (bytes / 1e6).toFixed(2)).join(', ')}`)
} finally {
  await browser.close()
}

async function visit(isOpen: boolean) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.on('pageerror', (error) => console.log(String(error)))
  await page.route('**/*', (route) => {
    const { pathname } = new URL(route.request().url())
    const script = files.get(pathname)
    if (script !== undefined) return route.fulfill({ contentType: 'text/javascript', body: script })
    const body = `<!doctype html><script type="module" src="/${entry}"></script>`
    return route.fulfill({ contentType: 'text/html', body })
  })
  await page.goto('http://panel.test/')
  await page.waitForFunction(() => 'measured' in globalThis)
  if (isOpen) {
    await page.evaluate(() => measured.open())
    await page.getByRole('treeitem').first().waitFor()
  }
  return { page, session: await page.context().newCDPSession(page) }
}

/** The share of time in which the main thread of the page is busy. */
async function share(isOpen: boolean): Promise<number> {
  const { page, session } = await visit(isOpen)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.evaluate(() => measured.load(2))
  const before = await metrics(session)
  await page.evaluate((seconds) => measured.load(seconds), SECONDS)
  const after = await metrics(session)
  await page.close()
  return (after - before) / SECONDS
}

async function metrics(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}

async function heap(): Promise<number[]> {
  const { page, session } = await visit(true)
  const heaps = []
  for (let round = 0; round <= ROUNDS; round++) {
    if (round > 0) await page.evaluate((count) => measured.many(count), CONTEXTS / ROUNDS)
    for (let count = 0; count < 3; count++) await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    heaps.push(usedSize)
  }
  await page.close()
  return heaps
}

function percent(part: number): string {
  return `${(part * 100).toFixed(2)} %`
}
