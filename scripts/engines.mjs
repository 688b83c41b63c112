/**
 * Finds and installs browser engines: Chromium, Firefox and WebKitGTK, downloaded by Playwright or, on Linux, from the
 * packages of the distribution.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findBrowser } from './browser.mjs'

export const engines = ['chromium', 'firefox', 'webkit']

/** The packages of Debian. WebKitGTK needs an X server; xvfb is one without a screen. */
const PACKAGES = {
  chromium: ['chromium'],
  firefox: ['firefox-esr'],
  webkit: ['libwebkit2gtk-4.1-0', 'xvfb', 'xauth'],
}

const CALLED = {
  chromium: 'Chrome, Chromium or Edge',
  firefox: 'Firefox',
  webkit: "WebKitGTK 4.1's MiniBrowser and xvfb-run",
}

export async function findEngine(name) {
  if (name === 'chromium') return findBrowser()
  const kept = await keptByPlaywright(name)
  if (kept || process.platform !== 'linux') return kept
  return name === 'firefox' ? inPath('firefox-esr', 'firefox') : inPath('xvfb-run') && miniBrowser()
}

/** The path of Playwright's build of the engine; undefined if it is not downloaded. */
export async function keptByPlaywright(name) {
  try {
    const playwright = await import('playwright')
    const path = playwright[name].executablePath()
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** Installs the engine from Debian's packages, if this runs as root on Debian. */
export function installEngine(name) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return
  console.log(`Installing ${PACKAGES[name].join(', ')} for the tests in ${name}.`)
  process.env.DEBIAN_FRONTEND = 'noninteractive'
  run('apt-get', ['update', '-qq'])
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES[name]])
}

/** A sentence that tells how to install the engine by hand. */
export function howToInstall(name) {
  const ways = [`run "npx playwright-core install ${name}"`]
  if (process.platform === 'linux') {
    ways.unshift(`install ${CALLED[name]} (on Debian: apt-get install ${PACKAGES[name].join(' ')})`)
  } else if (name === 'chromium') ways.unshift(`install ${CALLED[name]}`)
  return `not found; ${ways.join(', or ')}.`
}

function run(command, args) {
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: 600_000 })
}

function inPath(...names) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path))
}

/** Finds MiniBrowser in the library folders, which differ between distributions. */
function miniBrowser() {
  const multiarch = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`)
  const folders = ['/usr/libexec', '/usr/lib64', '/usr/lib', ...multiarch]
  return folders.map((folder) => `${folder}/webkit2gtk-4.1/MiniBrowser`).find((path) => existsSync(path))
}
