/**
 * The engines that browsers are made of, and the programs they come in: Chromium, Firefox and WebKitGTK as Playwright
 * keeps them or, on Linux, as the distribution does.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findBrowser } from './browser.mjs'

export const engines = ['chromium', 'firefox', 'webkit']

/** Debian's. Any X server would do, but this one shows nothing. */
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

/** Where Playwright keeps its build of the engine; undefined if it does not. */
export async function keptByPlaywright(name) {
  try {
    const playwright = await import('playwright')
    const path = playwright[name].executablePath()
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** Installs the engine, if that takes no more than packages of Debian. */
export function installEngine(name) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return
  console.log(`Installing ${PACKAGES[name].join(', ')} for the tests in ${name}.`)
  process.env.DEBIAN_FRONTEND = 'noninteractive'
  run('apt-get', ['update', '-qq'])
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES[name]])
}

/** The sentence for somebody who has to do it. */
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

/** Distributions keep it among the libraries, each elsewhere. */
function miniBrowser() {
  const multiarch = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`)
  const folders = ['/usr/libexec', '/usr/lib64', '/usr/lib', ...multiarch]
  return folders.map((folder) => `${folder}/webkit2gtk-4.1/MiniBrowser`).find((path) => existsSync(path))
}
