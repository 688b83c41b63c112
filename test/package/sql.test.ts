/**
 * The worker of `rescind/sql/sqlite`, loaded from the package: in Node, in a page that Vite has built, and in one from
 * Vite's dev server.
 */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { chromium } from 'playwright'
import type { Browser } from 'playwright'
import { build, createServer, preview } from 'vite'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { browserArgs, findShell } from '../../scripts/browser.mjs'
import { run } from './run.ts'

const consumer = inject('consumer')
const app = join(consumer, 'app')

/** Runs a statement, cancels another one, and reports both outcomes. */
const PROGRAM = `
  import { background, withTimeout } from 'rescind'
  import { engineError, queryContext } from 'rescind/sql'
  import { openSqlite } from 'rescind/sql/sqlite'

  export async function tell() {
    const db = await openSqlite(background())
    const [row] = await queryContext(background(), db, 'SELECT sqlite_version() AS version')
    const [ctx] = withTimeout(background(), 300)
    const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
    const error = await queryContext(ctx, db, endless).catch((error) => error)
    const { mechanism } = db
    await db.close()
    return [row.version, error === ctx.err, engineError(ctx).code, mechanism].join(' ')
  }
`

let browser: Browser

beforeAll(async () => {
  for (const name of ['@sqlite.org', 'pg']) {
    symlinkSync(resolve('node_modules', name), join(consumer, 'node_modules', name), 'junction')
  }
  mkdirSync(app)
  writeFileSync(join(app, 'program.js'), PROGRAM)
  const page = '<!doctype html><title>app</title><script type="module" src="./page.js"></script>'
  writeFileSync(join(app, 'index.html'), page)
  writeFileSync(
    join(app, 'page.js'),
    "import { tell } from './program.js'\ntell().catch(String).then((told) => { document.title = told })",
  )
  const executablePath = await findShell()
  browser = await chromium.launch({ args: browserArgs, ...(executablePath && { executablePath }) })
})

afterAll(() => browser.close())

describe('the worker', () => {
  it('loads in Node, and does not keep the process alive', async () => {
    writeFileSync(join(consumer, 'package.json'), JSON.stringify({ type: 'module' }))
    writeFileSync(join(app, 'main.js'), "import { tell } from './program.js'\nconsole.log(await tell())")
    expect((await run('node', ['main.js'], app)).trim()).toMatch(expected('flag'))
  })

  it('loads in a page that Vite has built', async () => {
    await build({ configFile: false, root: app, logLevel: 'silent', build: { target: 'es2022' } })
    const server = await preview({ configFile: false, root: app, logLevel: 'silent', preview: { port: 0 } })
    try {
      expect(await titleOf(server.resolvedUrls?.local[0])).toMatch(expected('poll'))
    } finally {
      await server.close()
    }
  })

  it("loads in a page from Vite's dev server", async () => {
    const server = await createServer({
      configFile: false,
      root: app,
      logLevel: 'silent',
      // As in the documentation of SQLite's package.
      optimizeDeps: { exclude: ['@sqlite.org/sqlite-wasm'] },
      server: { port: 0, fs: { strict: false } },
    })
    try {
      await server.listen()
      expect(await titleOf(server.resolvedUrls?.local[0])).toMatch(expected('poll'))
    } finally {
      await server.close()
    }
  })
})

/** The report of the program after success. */
function expected(mechanism: string): RegExp {
  return new RegExp(`^3\\.\\d+\\.\\d+ true SQLITE_INTERRUPT ${mechanism}$`)
}

/** Resolves to the title of the page once its program has set it. */
async function titleOf(url: string | undefined): Promise<string> {
  const page = await browser.newPage()
  try {
    await page.goto(url ?? '')
    await page.waitForFunction("document.title !== 'app'")
    return await page.title()
  } finally {
    await page.close()
  }
}
