/** The browser of all tests, with the back/forward cache that users have. */

import { chromium } from 'playwright'
import type { TestProject } from 'vitest/node'
import { browserArgs, findBrowser } from '../../scripts/browser.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the browser. */
    readonly browser: string
  }
}

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const executablePath = await findBrowser()
  const browser = await chromium.launchServer({
    args: browserArgs,
    // Playwright disables the cache by default.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    ...(executablePath !== undefined && { executablePath }),
  })
  provide('browser', browser.wsEndpoint())
  return () => browser.close()
}
