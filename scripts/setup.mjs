/**
 * Sets up a fresh clone, before `npm start` and `npm test`: installs the dependencies if they are missing or older than
 * the lock file and, with `--browser`, a browser if none is found. Does nothing if everything is in place.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBrowser } from './browser.mjs'

const NO_BROWSER = `The tests need a browser, but none was found, and none could be installed.
Install Chrome, Chromium or Edge, or set CHROME_PATH to the executable of one, and run npm test again.`

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) fail(`rescind needs Node 20.19 or newer; this is ${process.version}.`)

if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  // Includes the development dependencies, which NODE_ENV=production would omit. Engines were checked above.
  if (!run('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-fund', '--loglevel=error'])) {
    fail('The dependencies could not be installed: see the output of npm above.')
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
    console.log("No browser found: installing Debian's packages of Chromium for the tests.")
    process.env.DEBIAN_FRONTEND = 'noninteractive'
    run('apt-get', ['update', '-qq'])
    // One by one: older releases of Debian have no headless shell.
    for (const name of ['chromium', 'chromium-headless-shell']) {
      run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name])
    }
    if (await findBrowser()) return true
  }
  console.log("No browser found: downloading Playwright's Chromium for the tests.")
  run(process.execPath, ['node_modules/playwright/cli.js', 'install', '--no-shell', 'chromium'])
  return (await findBrowser()) !== undefined
}

/** When `path` was last changed; 0 if it does not exist. */
function changed(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Runs `command`; returns whether it succeeded. On Windows, npm is a batch file, which needs a shell. */
function run(command, args) {
  const shell = process.platform === 'win32' && command === 'npm'
  return spawnSync(command, args, { shell, stdio: ['ignore', 'inherit', 'inherit'], timeout: 240_000 }).status === 0
}

function fail(sentence) {
  console.error(`\n${sentence}\n`)
  process.exit(1)
}
