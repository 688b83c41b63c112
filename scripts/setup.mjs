/**
 * Makes a fresh clone ready: installs the dependencies when they are missing or older than the lock file and, with
 * `--browser`, sees to it that there is a browser. Runs before `npm start` and `npm test`; the second time it finds
 * everything in place.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBrowser } from './browser.mjs'

const NO_BROWSER = `The tests need a browser, and none was found or could be installed.
Install Chrome, Chromium or Edge, or set CHROME_PATH to the executable of one, and run npm test again.`

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) fail(`rescind needs Node 20.19 or newer; this is ${process.version}.`)

if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  // Also installs what NODE_ENV=production would leave out.
  if (!run('npm', ['ci', '--include=dev', '--ignore-scripts'])) {
    fail('The dependencies could not be installed: see what npm said above.')
  }
}

if (process.argv.includes('--browser')) {
  try {
    if (!(await findBrowser()) && !(await installBrowser())) fail(NO_BROWSER)
  } catch (error) {
    fail(error.message)
  }
}

async function installBrowser() {
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log('No browser found: installing the chromium package for the tests.')
    process.env.DEBIAN_FRONTEND = 'noninteractive'
    run('apt-get', ['update', '-qq'])
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'])
    if (await findBrowser()) return true
  }
  console.log("No browser found: downloading Playwright's Chromium for the tests.")
  run(process.execPath, ['node_modules/playwright/cli.js', 'install', '--no-shell', 'chromium'])
  return (await findBrowser()) !== undefined
}

/** When `path` was last changed; 0 if it is not there. */
function changed(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Whether `command` went well. npm is a batch file on Windows: that takes a shell. */
function run(command, args) {
  const shell = process.platform === 'win32' && command === 'npm'
  return spawnSync(command, args, { shell, stdio: ['ignore', 'inherit', 'inherit'], timeout: 240_000 }).status === 0
}

function fail(sentence) {
  console.error(`\n${sentence}\n`)
  process.exit(1)
}
