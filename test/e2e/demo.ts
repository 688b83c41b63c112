/**
 * The demo as its users have it: its server in a process of its own, and Chromium. What is proved about the server
 * comes from the server's log, never from the page.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chromium } from 'playwright'
import type { Browser, Page } from 'playwright'
import type { Entry } from '../../demo/server/log.ts'
import { browserArgs, findBrowser } from '../../scripts/browser.mjs'

export interface Server extends AsyncDisposable {
  /** With a slash at the end. */
  readonly url: string
}

/** The production server of the built demo. Port 0 is any that is free. */
export function serveDemo(port = 0): Promise<Server> {
  return serve(['dist-demo/main.js'], { PORT: String(port) })
}

/** Vite's dev server, as `npm start` runs it. */
export function serveDev(): Promise<Server> {
  return serve(['node_modules/vite/bin/vite.js'], { VITEST: undefined, NODE_ENV: undefined })
}

async function serve(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Server> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  try {
    return { url: await urlOf(child), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += String(chunk)
        const url = /http:\/\/localhost:\d+\//.exec(output)?.[0]
        if (url !== undefined) resolve(url)
      })
    }
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`The server has ended:\n${output}`)))
  })
}

export async function launch(): Promise<Browser> {
  const executablePath = await findBrowser()
  return chromium.launch({ args: browserArgs, ...(executablePath !== undefined && { executablePath }) })
}

/** A page of the demo, and what the server's log says of its requests. */
export interface Visit extends AsyncDisposable {
  readonly page: Page
  /** The entry of the page's newest request called `name`; undefined as long as the server has none. */
  entry(name: string): Promise<Entry | undefined>
  /** The ids of what the page has asked of the server so far. */
  readonly requests: readonly string[]
  /** Everything that went to the console as an error or a warning, and every uncaught error. */
  readonly complaints: readonly string[]
}

/** @param hash the scenario and its settings: `#/http-timeout?latency=800` */
export async function visit(browser: Browser, { url }: Server, hash: string): Promise<Visit> {
  const page = await browser.newPage({ reducedMotion: 'reduce' })
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url())
    if (pathname === '/api/work') requests.push(searchParams.get('id') ?? '')
  })
  await page.goto(`${url}${hash}`)
  return {
    page,
    requests,
    complaints,
    async entry(name) {
      const response = await fetch(`${url}api/log`)
      const log = (await response.json()) as Entry[]
      return log.findLast((entry) => entry.name === name && requests.includes(entry.id))
    },
    [Symbol.asyncDispose]: () => page.close(),
  }
}

/** Waits until the page says that the run came to this. */
export async function outcome(page: Page, text: string): Promise<void> {
  await page.locator('.summary .outcome', { hasText: text }).waitFor()
}

/** For `expect.poll`: what comes at all comes sooner, however busy the machine is. */
export const patiently = { timeout: 30_000 }

/** A row of a lane. */
export function row(page: Page, lane: 'Browser' | 'Server', name: string): ReturnType<Page['locator']> {
  return page.getByRole('region', { name: lane, exact: true }).getByRole('listitem').filter({ hasText: name })
}
