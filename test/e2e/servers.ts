/** The demo's servers, in processes of their own, and the browser. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chromium } from 'playwright'
import type { BrowserServer } from 'playwright'
import { browserArgs, findShell } from '../../scripts/browser.mjs'

export interface Server extends AsyncDisposable {
  /** The address, with a slash at the end. */
  readonly url: string
}

/** The production server of the built demo. Port 0 takes any free port. */
export function serveDemo(port = 0, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []): Promise<Server> {
  return serve(['dist-demo/main.js', ...args], { ...env, PORT: String(port) })
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
    child.on('exit', () => reject(new Error(`The server has exited:\n${output}`)))
  })
}

/** A Chromium without windows for many tests. */
export async function launchBrowser(): Promise<BrowserServer> {
  const executablePath = await findShell()
  return chromium.launchServer({ args: browserArgs, ...(executablePath !== undefined && { executablePath }) })
}
