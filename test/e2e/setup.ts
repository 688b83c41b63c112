/** Shared by all tests: the demo, built now, its server, and a browser. */

import type { TestProject } from 'vitest/node'
import { run } from '../package/run.ts'
import { launchBrowser, serveDemo } from './servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the demo, with a slash at the end. */
    readonly demo: string
    /** The address of the browser. */
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
