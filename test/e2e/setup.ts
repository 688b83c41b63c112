/** What all tests share: the demo, built so that no test drives an old one, its server, and a browser. */

import type { TestProject } from 'vitest/node'
import { run } from '../package/run.ts'
import { launchBrowser, serveDemo } from './servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the demo is served, with a slash at the end. */
    readonly demo: string
    /** Where the browser listens. */
    readonly browser: string
  }
}

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  await run('npm', ['run', 'build:demo', '--silent'])
  const server = await serveDemo()
  const browser = await launchBrowser()
  provide('demo', server.url)
  provide('browser', browser.wsEndpoint())
  return async () => {
    await browser.close()
    await server[Symbol.asyncDispose]()
  }
}
