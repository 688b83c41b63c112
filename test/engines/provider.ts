/**
 * Starts a browser of each engine for Vitest. Playwright drives Chromium, and its own builds of the others. It cannot
 * drive the distribution's Firefox or WebKit, which is not needed: the tests run by themselves in a page that a program
 * opens, each time in a new profile.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defineBrowserProvider } from '@vitest/browser'
import { playwright } from '@vitest/browser-playwright'
import type { BrowserProvider, BrowserProviderOption } from 'vitest/node'
import { browserArgs } from '../../scripts/browser.mjs'
import { findEngine, keptByPlaywright } from '../../scripts/engines.mjs'
import type { Engine } from '../../scripts/engines.mjs'

/** What setup.ts needs, without the pages, dialogs and requests of a first start. */
const FIREFOX_PREFERENCES: Record<string, boolean | number | string> = {
  'app.normandy.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.testing.testutils.enabled': true,
}

export async function providerOf(engine: Engine): Promise<BrowserProviderOption> {
  const executablePath = await findEngine(engine)
  const program = await programOf(engine)
  if (program) return defineBrowserProvider({ name: program.name, providerFactory: () => program })
  return playwright({
    launchOptions: {
      ...(engine === 'chromium' && { args: browserArgs }),
      ...(engine === 'firefox' && { firefoxUserPrefs: FIREFOX_PREFERENCES }),
      ...(executablePath && { executablePath }),
    },
  })
}

/** The browser that the distribution installed; undefined if Playwright drives the engine. */
export async function programOf(engine: Engine): Promise<Program | undefined> {
  const path = await findEngine(engine)
  if (engine === 'chromium' || !path || path === (await keptByPlaywright(engine))) return undefined
  return new Program(engine === 'firefox' ? firefox(path) : webkit(path))
}

/** Starts a program that opens `url`, with all its files in `profile`. */
type Start = (url: string, profile: string) => ChildProcess

function firefox(path: string): Start {
  return (url, profile) => {
    const lines = Object.entries(FIREFOX_PREFERENCES).map(([name, value]) => `user_pref("${name}", ${value});\n`)
    writeFileSync(join(profile, 'user.js'), lines.join(''))
    return spawn(path, ['--headless', '--no-remote', '--profile', profile, url], OPTIONS)
  }
}

/** WebKitGTK has no headless mode. */
function webkit(path: string): Start {
  return (url, profile) => {
    const names = ['HOME', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME']
    const env = { ...process.env, ...Object.fromEntries(names.map((name) => [name, profile])) }
    return spawn('xvfb-run', ['--auto-servernum', path, url], { ...OPTIONS, env })
  }
}

/** Each has its own process group, since both programs start others. */
const OPTIONS = { detached: true, stdio: 'ignore' } as const

export class Program implements BrowserProvider {
  readonly name = 'program'
  /** One page at a time: a second window would hide the first. */
  readonly supportsParallelism = false
  readonly #start: Start
  readonly #running: [child: ChildProcess, profile: string][] = []

  constructor(start: Start) {
    this.#start = start
    process.once('exit', this.#kill)
  }

  async openPage(_sessionId: string, url: string): Promise<void> {
    // Not in the system's temporary folder: a Firefox from a snap has another one.
    const folder = resolve('node_modules/.rescind')
    mkdirSync(folder, { recursive: true })
    const profile = mkdtempSync(join(folder, 'profile-'))
    const child = this.#start(url, profile)
    this.#running.push([child, profile])
    await once(child, 'spawn')
  }

  /** Commands of the tests to the driver: none. */
  getCommandsContext(): Record<string, unknown> {
    return {}
  }

  async close(): Promise<void> {
    process.off('exit', this.#kill)
    const alive = this.#running.filter(([{ exitCode, signalCode }]) => exitCode === null && signalCode === null)
    const gone = alive.map(([child]) => once(child, 'exit'))
    this.#kill()
    await Promise.all(gone)
    for (const [, profile] of this.#running.splice(0)) rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }

  readonly #kill = (): void => {
    for (const [{ pid }] of this.#running) {
      try {
        if (pid) process.kill(-pid)
      } catch {
        // It has already exited.
      }
    }
  }
}
