/**
 * The cost of the panel in Chromium, with a production build: the share of the main thread at 2,000 rows and 1,000
 * events a second, beyond that of the same page without the panel; and the heap over 100,000 contexts with the panel.
 */

import { busySeconds, heapOf, launchChromium, pageOf, visit } from '../page.ts'
import type { Visit } from '../page.ts'
import type { Measured } from './page.tsx'

const SECONDS = 10
const CONTEXTS = 100_000
const ROUNDS = 5

declare const measured: Measured

const files = await pageOf('test/bench/devtools/page.tsx')
const browser = await launchChromium()
try {
  const without = await share(false)
  const shown = await share(true)
  console.log(`main thread at 2,000 rows and 1,000 events a second, for ${SECONDS} s`)
  console.log(`  without the panel  ${percent(without)}`)
  console.log(`  with the panel     ${percent(shown)}`)
  console.log(`  the panel          ${percent(shown - without)}`)
  const heaps = await heap()
  console.log(`heap over ${CONTEXTS} contexts, in MB: ${heaps.map((bytes) => (bytes / 1e6).toFixed(2)).join(', ')}`)
} finally {
  await browser.close()
}

async function open(isOpen: boolean): Promise<Visit> {
  const opened = await visit(browser, files, 'measured')
  if (isOpen) {
    await opened.page.evaluate(() => measured.open())
    await opened.page.getByRole('treeitem').first().waitFor()
  }
  return opened
}

/** The share of time in which the main thread of the page is busy. */
async function share(isOpen: boolean): Promise<number> {
  await using opened = await open(isOpen)
  const { page, session } = opened
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.evaluate(() => measured.load(2))
  const before = await busySeconds(session)
  await page.evaluate((seconds) => measured.load(seconds), SECONDS)
  return ((await busySeconds(session)) - before) / SECONDS
}

async function heap(): Promise<number[]> {
  await using opened = await open(true)
  const { page, session } = opened
  const heaps = []
  for (let round = 0; round <= ROUNDS; round++) {
    if (round > 0) await page.evaluate((count) => measured.many(count), CONTEXTS / ROUNDS)
    heaps.push(await heapOf(session))
  }
  return heaps
}

function percent(part: number): string {
  return `${(part * 100).toFixed(2)} %`
}
