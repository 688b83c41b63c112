/**
 * The worker of `rescind/sql/sqlite` out of every bundler, started in every way that the documentation names: the page
 * that was built opens a database with each of them, and gets a row.
 */

import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, resolve } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build as esbuild } from 'esbuild'
import { chromium } from 'playwright'
import type { Browser } from 'playwright'
import { rollup } from 'rollup'
import { build as vite } from 'vite'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import webpack from 'webpack'
import { browserArgs, findBrowser } from '../../scripts/browser.mjs'

const WASM = 'node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm'

/** A file of the user that runs the worker, as the documentation says. */
const OWN = "import 'rescind/sql/sqlite-worker'\n"

const PAGE = `
  import { background } from 'rescind'
  import { queryContext } from 'rescind/sql'
  import { openSqlite } from 'rescind/sql/sqlite'

  const ways = {
    default: undefined,
    own: () => new Worker(new URL('./own.js', import.meta.url), { type: 'module' }),
  }

  async function tell([name, worker]) {
    const db = await openSqlite(background(), { worker })
    const [row] = await queryContext(background(), db, 'SELECT ? AS answer', [42])
    await db.close()
    return name + ': ' + row.answer
  }

  Promise.all(Object.entries(ways).map((way) => tell(way).catch(String))).then((told) => {
    document.title = told.join(', ')
  })
`

/** Each builds the page in `root` into `root/out`, not minified, and is told no more than it has to be. */
const BUNDLERS: Readonly<Record<string, (root: string) => Promise<unknown>>> = {
  Vite: (root) =>
    vite({ configFile: false, root, logLevel: 'silent', base: './', build: { outDir: 'out', minify: false } }),
  webpack: (root) =>
    new Promise((resolved, reject) => {
      const output = { path: join(root, 'out'), filename: 'page.js' }
      const optimization = { minimize: false }
      webpack({ mode: 'production', context: root, entry: './page.js', output, optimization }, (error, stats) => {
        if (error ?? stats?.hasErrors()) reject(error ?? new Error(stats?.toString()))
        else resolved(undefined)
      })
    }),
  async esbuild(root) {
    const options = { bundle: true, splitting: true, format: 'esm', logLevel: 'silent', outdir: 'out' } as const
    const entryPoints = { page: './page.js', 'sqlite-worker': 'rescind/sql/sqlite-worker' }
    await esbuild({ ...options, absWorkingDir: root, entryPoints })
    // By itself: what one entry needs stays in the others, too.
    await esbuild({ ...options, absWorkingDir: root, entryPoints: ['./own.js'] })
    copyFileSync(WASM, join(root, 'out/sqlite3.wasm'))
  },
  async Rollup(root) {
    const own = { page: join(root, 'page.js'), own: join(root, 'own.js') }
    const input = { ...own, 'sqlite-worker': 'rescind/sql/sqlite-worker' }
    const plugins = [nodeResolve({ browser: true, rootDir: root })]
    const bundle = await rollup({ input, plugins, onwarn: () => {} })
    await bundle.write({ dir: join(root, 'out'), chunkFileNames: '[name].js' })
    copyFileSync(WASM, join(root, 'out/sqlite3.wasm'))
  },
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.wasm': 'application/wasm',
}

const folder = join(inject('consumer'), 'bundlers')
let browser: Browser
let server: Server

beforeAll(async () => {
  cpSync(join(inject('consumer'), 'node_modules/rescind'), join(folder, 'node_modules/rescind'), { recursive: true })
  symlinkSync(resolve('node_modules/@sqlite.org'), join(folder, 'node_modules/@sqlite.org'), 'junction')
  server = createServer(({ url = '' }, response) => {
    try {
      const body = readFileSync(join(folder, new URL(url, 'http://localhost').pathname))
      response.writeHead(200, { 'Content-Type': TYPES[extname(url)] ?? 'text/javascript' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolved) => {
    server.listen(0, '127.0.0.1', resolved)
  })
  const executablePath = await findBrowser()
  browser = await chromium.launch({ args: browserArgs, ...(executablePath && { executablePath }) })
})

afterAll(async () => {
  await browser.close()
  server.close()
})

it.concurrent.each(Object.entries(BUNDLERS))(
  'a page that %s has built opens a database',
  async (name, bundle) => {
    const root = join(folder, name)
    const script = name === 'Vite' ? './page.js' : './out/page.js'
    mkdirSync(root)
    const html = `<!doctype html><title>-</title><script type="module" src="${script}"></script>`
    writeFileSync(join(root, 'index.html'), html)
    writeFileSync(join(root, 'page.js'), PAGE)
    writeFileSync(join(root, 'own.js'), OWN)
    await bundle(root)
    const { port } = server.address() as AddressInfo
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${port}/${name}/${name === 'Vite' ? 'out/' : ''}index.html`)
    await page.waitForFunction("document.title !== '-'", undefined, { timeout: 60_000 })
    const title = await page.title()
    expect(title).toBe('default: 42, own: 42')
  },
  180_000,
)
