/** The scenario Database query timeout: the engine itself stops at the deadline, on the server and in the tab. */

import { Pool } from 'pg'
import type { Page } from 'playwright'
import { describe, it } from 'vitest'
import { startPostgres } from '../../scripts/postgres.ts'
import { outcome, patiently, row, total, visit } from './demo.ts'
import { serveDemo } from './servers.ts'

const TAB = 0
const SERVER = 1
const POSTGRES = 2

/** The options for the engine, with the disabled ones marked. */
function engines(page: Page): Promise<string[]> {
  return page
    .getByRole('combobox', { name: 'Engine' })
    .locator('option')
    .evaluateAll((options) =>
      options.map((option) => `${option.textContent}${option.matches(':disabled') ? ' (disabled)' : ''}`),
    )
}

/** Runs the short query with the longest timeout, since the machine may be busy. */
async function selectAlbums(page: Page): Promise<void> {
  await page.getByRole('slider', { name: 'Timeout' }).fill('5000')
  await page.getByRole('combobox', { name: 'Query' }).selectOption('SELECT * FROM album')
}

describe.concurrent('Database query timeout', () => {
  it('stops the scan of SQLite on the server at the deadline', async ({ expect }) => {
    await using demo = await visit(`#/database-timeout?engine=${SERVER}&query=0&timeout=600`)
    await outcome(demo.page, 'context deadline exceeded')
    await expect.poll(() => demo.entry('query'), patiently).toMatchObject({ outcome: 'stopped', wasted: { bytes: 0 } })
    const entry = await demo.entry('query')
    // The header has the deadline too; which side ends first is a matter of milliseconds.
    expect(entry?.cause).toMatch(/^(client gone|deadline)$/)
    expect(entry?.lines.at(-1)?.text).toMatch(/, [\d,]+ rows scanned$/)
    expect(entry?.ended).toBeLessThan(5000)
    await row(demo.page, 'Browser', 'deadline').waitFor()
    // The connection is free at once for the next statement.
    await selectAlbums(demo.page)
    await outcome(demo.page, '6 rows received')
    await expect.poll(() => demo.entry('query'), patiently).toMatchObject({ outcome: 'finished' })
    await demo.page.getByText('Kind of Blue · Mingus Ah Um').waitFor()
    const { id, lines } = (await demo.entry('query')) ?? {}
    expect(lines?.[0]?.text).toBe(`[${id}] arrived: SELECT * FROM album /* ${id} */ on sqlite`)
    expect(demo.complaints).toEqual([])
  })

  it('lets the server finish the scan for nothing without rescind', async ({ expect }) => {
    await using demo = await visit(`#/database-timeout?engine=${SERVER}&query=0&timeout=300&rescind=off`)
    await outcome(demo.page, 'timed out')
    await expect.poll(() => demo.entry('query'), patiently).toMatchObject({ outcome: 'finished' })
    const entry = await demo.entry('query')
    expect(entry?.ended).toBeGreaterThanOrEqual(4999)
    expect(entry?.lines.at(-1)?.text).toMatch(/ given up by the demo: [\d,]+ rows scanned$/)
    expect(entry?.wasted.ms).toBeGreaterThan(0)
    await total(demo.page, 'Without rescind', 'requests', 1)
    expect(demo.complaints).toEqual([])
  })

  it('stops the scan in the tab without a server, and the worker answers the next query', async ({ expect }) => {
    await using demo = await visit(`#/database-timeout?engine=${TAB}&query=0&timeout=1000`)
    const { page } = demo
    const log = page.getByRole('region', { name: 'Worker log' })
    const stopped = async () => {
      await outcome(page, 'context deadline exceeded')
      await log.getByText('query stopped: deadline').waitFor()
      return Number((await page.locator('.scanned b').innerText()).replaceAll(',', ''))
    }
    let rows = await stopped()
    // Opening the database may take longer than the timeout. The next query finds it open; after five seconds the demo
    // itself would stop the scan.
    if (rows === 0) {
      await page.getByRole('slider', { name: 'Timeout' }).fill('3000')
      await page.locator('.summary[data-outcome=running]').waitFor()
      rows = await stopped()
    }
    expect(rows).toBeGreaterThan(0)
    await selectAlbums(page)
    await outcome(page, '6 rows received')
    expect(demo.requests).toEqual([])
    expect(demo.complaints).toEqual([])
  })

  it('stops the scan in the tab on Esc', async ({ expect }) => {
    await using demo = await visit(`#/database-timeout?engine=${TAB}&query=0&timeout=5000`)
    const { page } = demo
    const arrived = page.getByText('query arrived in the worker')
    const late = page.locator('.summary .outcome', { hasText: 'context deadline exceeded' })
    // Opening the database may take longer than the timeout. A later run finds it open.
    for (;;) {
      await arrived.or(late).first().waitFor()
      if (await arrived.isVisible()) break
      await page.getByRole('button', { name: 'Run', exact: true }).click()
    }
    await page.keyboard.press('Escape')
    await outcome(page, 'context canceled: Esc')
    await page.getByText('query stopped: Esc').waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('stops the scan in PostgreSQL, and its session becomes idle', async ({ expect }) => {
    const postgres = await startPostgres()
    const pool = new Pool(postgres.access)
    // `pool.end()` does not wait for its connections, and the server ends each with an error.
    pool.on('error', () => {})
    const { host, port, user, password, database } = postgres.access
    try {
      const access = `postgres://${user}:${password}@${host}:${port}/${database}`
      await using server = await serveDemo(0, { DEMO_POSTGRES: access })
      await using demo = await visit(`#/database-timeout?engine=${POSTGRES}&query=0&timeout=5000`, server.url)
      const all = ['SQLite in this tab', 'SQLite on the server', 'PostgreSQL']
      await expect.poll(() => engines(demo.page), patiently).toEqual(all)
      const active = async () => {
        // A cursor is idle in its transaction while its rows are read.
        const { rowCount } = await pool.query(
          "SELECT FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle' AND pid <> pg_backend_pid()",
          [user],
        )
        return rowCount
      }
      await expect.poll(active, patiently).toBe(1)
      await demo.page.keyboard.press('Escape')
      await outcome(demo.page, 'context canceled: Esc')
      const stopped = { outcome: 'stopped', cause: 'client gone' }
      await expect.poll(() => demo.entry('query'), patiently).toMatchObject(stopped)
      await expect.poll(active, patiently).toBe(0)
      await selectAlbums(demo.page)
      await outcome(demo.page, '6 rows received')
      expect(demo.complaints).toEqual([])
    } finally {
      await pool.end()
      await postgres.stop()
    }
  })

  it('explains how to start PostgreSQL if there is none', async ({ expect }) => {
    await using demo = await visit(`#/database-timeout?engine=${POSTGRES}&query=1&timeout=5000`)
    await outcome(demo.page, 'there is no PostgreSQL: npm run demo:postgres starts one')
    expect((await engines(demo.page)).at(-1)).toBe('PostgreSQL: npm run demo:postgres (disabled)')
    await expect.poll(() => demo.entry('query'), patiently).toMatchObject({ outcome: 'failed' })
    expect(demo.complaints).toEqual([])
  })
})
