/** A page for measurements in a browser: a production build, which Chromium loads without a server. */

import { chromium } from 'playwright'
import type { Browser, CDPSession, Page } from 'playwright'
import { build } from 'vite'
import { browserArgs, findBrowser } from '../../scripts/browser.mjs'

/** The files of a page, by their paths. */
export type Files = ReadonlyMap<string, string>

/** Builds the page whose script is `entry`. */
export async function pageOf(entry: string): Promise<Files> {
  const result = await build({
    root: process.cwd(),
    logLevel: 'error',
    build: { write: false, ssr: false, outDir: 'dist-bench/page', rolldownOptions: { input: entry } },
  })
  if (!('output' in result)) throw new Error('one bundle was expected')
  const files = new Map(result.output.map((file) => [`/${file.fileName}`, 'code' in file ? file.code : '']))
  return files.set('/', `<!doctype html><script type="module" src="/${result.output[0].fileName}"></script>`)
}

export async function launchChromium(): Promise<Browser> {
  const executablePath = await findBrowser()
  return chromium.launch({ args: browserArgs, ...(executablePath && { executablePath }) })
}

export interface Visit extends AsyncDisposable {
  readonly page: Page
  readonly session: CDPSession
}

/** Opens the page, which is ready when its script has set `ready` on the global object. */
export async function visit(browser: Browser, files: Files, ready: string): Promise<Visit> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.on('pageerror', (error) => console.error(String(error)))
  await page.route('**/*', (route) => {
    const script = files.get(new URL(route.request().url()).pathname)
    return route.fulfill(
      script === undefined || script.startsWith('<')
        ? { contentType: 'text/html', body: files.get('/') ?? '' }
        : { contentType: 'text/javascript', body: script },
    )
  })
  await page.goto('http://bench.test/')
  await page.waitForFunction((name) => name in globalThis, ready)
  return {
    page,
    session: await page.context().newCDPSession(page),
    [Symbol.asyncDispose]: () => page.close(),
  }
}

/** The bytes of the page's heap that are in use after garbage collection. */
export async function heapOf(session: CDPSession): Promise<number> {
  for (let count = 0; count < 3; count++) await session.send('HeapProfiler.collectGarbage')
  return (await session.send('Runtime.getHeapUsage')).usedSize
}

/** The seconds that the main thread of the page has been busy. */
export async function busySeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}
