/**
 * Takes screenshots of the pages of the built site, light and dark, into `shots/`: of all pages, or of those named as
 * arguments, such as `stale-search` or `docs/streams`. With `--readme`, makes the small pictures of the README in
 * `docs/` instead.
 */

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { chromium } from 'playwright'
import { browserArgs, findBrowser } from './browser.mjs'

const README = { 'side-by-side': 'light', 'database-timeout': 'dark', 'scope-budget': 'light', inspector: 'light' }
/** The limit for a picture of the README. */
const MAX_BYTES = 60_000
const SCHEMES = ['light', 'dark']
const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 390, height: 844 }

const args = process.argv.slice(2)
const isReadme = args.includes('--readme')
const named = args.filter((arg) => !arg.startsWith('--'))
const scenarios = readdirSync('demo/scenarios').map((file) => file.replace(/\.tsx$/, ''))
const manual = readdirSync('docs').flatMap((file) => (file.endsWith('.md') ? [`docs/${file.slice(0, -3)}`] : []))
const all = ['side-by-side', ...scenarios, 'docs/index', ...manual]
const pages = named.length > 0 ? named : isReadme ? Object.keys(README) : all
const folder = isReadme ? 'docs' : 'shots'
mkdirSync(folder, { recursive: true })

const server = spawn(process.execPath, ['dist-demo/main.js'], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const executablePath = await findBrowser()
const browser = await chromium.launch({ args: browserArgs, ...(executablePath && { executablePath }) })
try {
  const url = await new Promise((resolve, reject) => {
    server.stdout.on('data', (line) => resolve(/http:\S+/.exec(String(line))?.[0]))
    server.on('exit', () => reject(new Error('The demo did not start: run `npm run build:demo` first.')))
  })
  for (const page of pages) await (page === 'inspector' ? shootInspector(url) : shoot(url, page))
} finally {
  await browser.close()
  server.kill()
}

async function shoot(url, name) {
  const tab = await browser.newPage({ viewport: WIDE, deviceScaleFactor: isReadme ? 0.75 : 1 })
  const isManual = name.startsWith('docs/')
  await tab.goto(name === 'side-by-side' ? url : isManual ? `${url}${name}.html` : `${url}#/${name}`)
  // Live examples are loaded when they are scrolled into view.
  for (const live of await tab.locator('[data-live]').all()) await live.scrollIntoViewIfNeeded()
  if (name !== 'side-by-side' && !isManual) {
    await over(tab)
    await tab.getByRole('button', { name: 'Compare' }).click()
    // The comparison runs with the switch off, and then on: wait for both.
    for (const checked of [false, true]) await tab.getByRole('switch', { checked }).waitFor({ timeout: 60_000 })
  }
  await over(tab)
  for (const colorScheme of isReadme ? [README[name]] : SCHEMES) {
    await tab.emulateMedia({ colorScheme })
    if (isReadme) {
      writeFileSync(`${folder}/${name}.jpg`, await smallShot(name === 'side-by-side' ? tab.locator('.twice') : tab))
      continue
    }
    for (const [width, viewport] of Object.entries({ 1280: WIDE, 390: NARROW })) {
      await tab.setViewportSize(viewport)
      await tab.screenshot({ path: `${folder}/${name.replace('/', '-')}-${colorScheme}-${width}.png`, fullPage: true })
    }
  }
  await tab.close()
  console.log(`${folder}/${name}`)
}

/** Takes the picture of the panel, with a superseded search selected. */
async function shootInspector(url) {
  const width = 1080
  const tab = await browser.newPage({ viewport: { width, height: 1_000 }, colorScheme: README.inspector })
  await tab.goto(`${url}#/stale-search`)
  await over(tab)
  await tab.getByRole('button', { name: 'Inspector', exact: true }).click()
  await tab.getByRole('treeitem', { name: 'superseded' }).last().click()
  // The height of the panel depends on that of the window. Find one at which no line is cut off.
  const tree = tab.getByRole('tree', { name: 'Contexts' })
  const line = await tree.getByRole('treeitem').first().boundingBox()
  for (let height = 1_000; height > 900; height--) {
    await tab.setViewportSize({ width, height })
    if ((await tree.evaluate(({ clientHeight }) => clientHeight)) % line.height === 0) break
  }
  await tab.waitForTimeout(500)
  writeFileSync('docs/inspector.jpg', await smallShot(tab.getByRole('region', { name: 'Inspector of contexts' })))
  await tab.close()
  console.log('docs/inspector')
}

/** Takes a picture of less than `MAX_BYTES`, with the best possible quality. */
async function smallShot(tab) {
  for (let quality = 85; ; quality -= 5) {
    const shot = await tab.screenshot({ type: 'jpeg', quality })
    if (shot.byteLength < MAX_BYTES || quality <= 30) return shot
  }
}

/** Waits until nothing on the page is running. */
async function over(tab) {
  await tab.waitForTimeout(500)
  await tab.waitForFunction(
    () =>
      [...document.querySelectorAll('.summary')].every(({ dataset, textContent }) => {
        return dataset.outcome !== 'running' && !textContent.includes('still working')
      }),
    undefined,
    { timeout: 60_000 },
  )
}
