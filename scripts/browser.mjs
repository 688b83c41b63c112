/**
 * Finds the browsers for the tests: an installed Chromium, Chrome or Edge, or else the one that Playwright has
 * downloaded, and the headless shell of Chromium. The environment variable CHROME_PATH overrides both searches.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/**
 * Features of Chromium that start two more processes for each window: a list below the address bar, and a renderer in
 * advance. The others are on Playwright's list, which this one replaces.
 */
const OFF = [
  'SpareRendererForSitePerProcess',
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'OptimizationHints',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
]

/** Without a sandbox: it does not work in containers, and the tests load only their own pages. Leak tests need `gc`. */
export const browserArgs = [
  '--no-sandbox',
  `--disable-features=${OFF.join(',')}`,
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--js-flags=--expose-gc',
]

export async function findBrowser() {
  return chosen() ?? installed().find(starts) ?? (await kept())
}

/**
 * The headless shell, which takes less time and memory than a browser, or else the browser. The shell has no
 * back/forward cache and no real windows.
 */
export async function findShell() {
  return chosen() ?? inPath(['chromium-headless-shell', 'chrome-headless-shell']).find(starts) ?? (await findBrowser())
}

function chosen() {
  const { CHROME_PATH } = process.env
  if (!CHROME_PATH) return undefined
  if (existsSync(CHROME_PATH)) return CHROME_PATH
  throw new Error(`CHROME_PATH is ${JSON.stringify(CHROME_PATH)}, but this file does not exist.`)
}

function installed() {
  const { platform, env } = process
  if (platform === 'darwin') {
    const apps = ['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) => `${name}.app/Contents/MacOS/${name}`)
    return ['/Applications', join(homedir(), 'Applications')].flatMap((folder) => apps.map((app) => join(folder, app)))
  }
  if (platform === 'win32') {
    const apps = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe']
    const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter(Boolean)
    return folders.flatMap((folder) => apps.map((app) => join(folder, app)))
  }
  return inPath(['chromium', 'google-chrome', 'google-chrome-stable', 'microsoft-edge', 'chromium-browser'])
}

function inPath(names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/snap/bin']
  return names.flatMap((name) => folders.map((folder) => join(folder, name)))
}

/** Ubuntu has a `chromium-browser` without a browser, so we start it; not on Windows, where that opens a window. */
function starts(path) {
  if (!existsSync(path)) return false
  return process.platform === 'win32' || spawnSync(path, ['--version'], { timeout: 20_000 }).status === 0
}

async function kept() {
  try {
    const { chromium } = await import('playwright')
    const path = chromium.executablePath()
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}
