/**
 * A window of a browser whose tabs can be hidden. In a browser that Playwright has launched, every page seems to be in
 * front. In a browser to which it only connects, hidden pages are hidden.
 */

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright'
import type { Page } from 'playwright'
import { browserArgs, findBrowser } from '../../scripts/browser.mjs'

interface Tab {
  readonly page: Page
  /** Opens another tab in front of it, and freezes it, as browsers do with tabs that were hidden for a while. */
  hide(): Promise<void>
}

export interface Window extends AsyncDisposable {
  /** Opens a tab in front. */
  open(): Promise<Tab>
}

export async function openWindow(): Promise<Window> {
  const executablePath = await findBrowser()
  const port = await freePort()
  const args = [...browserArgs, `--remote-debugging-port=${port}`]
  const owner = await chromium.launch({ args, ...(executablePath !== undefined && { executablePath }) })
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true })
  const [window] = browser.contexts()
  if (!window) throw new Error('The browser has no window.')
  const front = await window.newPage()
  return {
    async open() {
      const page = await window.newPage()
      await page.bringToFront()
      const devtools = await window.newCDPSession(page)
      return {
        page,
        async hide() {
          await front.bringToFront()
          await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await browser.close()
      await owner.close()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
