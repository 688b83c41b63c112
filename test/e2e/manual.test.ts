/** The manual in the site: its pages, the links between them, the search, and the live examples. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { THEME_SCRIPT } from '../../demo/ui/theme.ts'
import { demoUrl, outcome, patiently, visit, visitInNewTab } from './demo.ts'

const CLIENT = 'dist-demo/client'
const sources = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)
const built = readdirSync(CLIENT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.html') && name !== 'frame.html')
  .map((name) => name.replaceAll('\\', '/'))
const bodies = new Map(built.map((name) => [name, readFileSync(join(CLIENT, name), 'utf8')]))

describe('the built manual', () => {
  it('has a page and its Markdown for each page of docs, and a list of them for language models', () => {
    const llms = readFileSync(join(CLIENT, 'llms.txt'), 'utf8')
    for (const source of ['README.md', ...sources]) {
      expect(readFileSync(join(CLIENT, source), 'utf8')).toBe(readFileSync(source, 'utf8'))
      expect(llms).toContain(`](${source}): `)
    }
    for (const source of sources) expect(built).toContain(source.replace(/\.md$/, '.html'))
  })

  it('has no broken link within the site', () => {
    expect([...bodies].flatMap(([name, html]) => brokenLinks(name, html).map((link) => `${name}: ${link}`))).toEqual([])
    expect(brokenLinks('docs/start.html', '<a href="streams.html#none"> <a href="none.html">')).toHaveLength(2)
  })

  it('applies the stored theme in its head, before anything is painted', () => {
    const late = [...bodies].filter(([, html]) => {
      const script = html.indexOf(`<script>${THEME_SCRIPT}</script>`)
      return script < 0 || script > html.indexOf('<link rel="stylesheet"')
    })
    expect(late.map(([name]) => name)).toEqual([])
  })

  it('loads nothing from other hosts', () => {
    const all = [...bodies.values()].join('')
    expect(all.match(/ src="https?:[^"]*"|<link[^>]* href="https?:[^>]*>|@import[^;]*/g)).toBeNull()
  })
})

describe.concurrent('a page of the manual', () => {
  it('has links to its headings, and to the next page', async ({ expect }) => {
    await using demo = await visit('docs/streams.html#silence')
    const { page } = demo
    expect(await page.title()).toBe('Streams · rescind')
    const heading = page.getByRole('heading', { name: 'Silence' })
    const isInView = () => heading.evaluate((element) => Math.abs(element.getBoundingClientRect().top) < 100)
    await expect.poll(isInView, patiently).toBe(true)
    expect(await heading.getByRole('link').getAttribute('href')).toBe('#silence')
    await page.getByRole('navigation', { name: 'On this page' }).getByRole('link', { name: 'Text and lines' }).click()
    await page.waitForURL(/streams\.html#text-and-lines$/)
    expect(await page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]').innerText()).toBe(
      'Streams',
    )
    await page.getByRole('link', { name: 'Next' }).click()
    await page.waitForURL(/docs\/workers\.html$/)
    await page.getByRole('link', { name: 'Previous' }).click()
    await page.waitForURL(/docs\/streams\.html$/)
    await page.setViewportSize({ width: 390, height: 844 })
    await page.getByRole('button', { name: 'On this page' }).click()
    await page.getByRole('navigation', { name: 'On this page' }).getByRole('link', { name: 'Text and lines' }).click()
    await page.waitForURL(/#text-and-lines$/)
    await page.getByRole('button', { name: 'Streams' }).click()
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Concepts' }).click()
    await page.getByRole('heading', { level: 1, name: 'Concepts' }).waitFor()
    await page.getByRole('img', { name: 'page: withCancel' }).waitFor()
    expect(demo.complaints).toEqual([])
  })

  it('shows the theme chosen on the front page, and the front page the theme chosen on it', async ({ expect }) => {
    await using demo = await visit('docs/start.html')
    const { page } = demo
    await page.emulateMedia({ colorScheme: 'dark' })
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const theme = (name: string) => page.getByRole('button', { name: `Theme: ${name}`, exact: true })
    const dark = await paper()
    await theme('System').press('Enter')
    await theme('Light').waitFor()
    const light = await paper()
    expect(light).not.toBe(dark)
    await page.goto(`${demoUrl}#/nowhere`)
    await page.getByRole('heading', { name: 'No such example' }).waitFor()
    expect(await paper()).toBe(light)
    await theme('Light').click()
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(`${demoUrl}docs/start.html`)
    await theme('Dark').waitFor()
    expect(await paper()).toBe(dark)
    await theme('Dark').click()
    await theme('System').waitFor()
    expect(await paper()).toBe(light)
    expect(demo.complaints).toEqual([])
  })

  it('finds text on other pages, with the keyboard alone', async ({ expect }) => {
    await using demo = await visitInNewTab('docs/start.html')
    const { page } = demo
    const before = demo.scripts.length
    await page.keyboard.press('/')
    const field = page.getByRole('combobox', { name: 'Search the docs' })
    await field.waitFor()
    expect(demo.scripts.length).toBeGreaterThan(before)
    const found = page.getByRole('option')
    await field.fill('keep-alive silence')
    await found.filter({ hasText: 'Streams' }).first().waitFor()
    await field.press('ArrowDown')
    await field.press('ArrowUp')
    expect(await field.getAttribute('aria-activedescendant')).toBe('found-0')
    await field.fill('no such thing at all')
    await page.getByText('Nothing found for').waitFor()
    await field.fill('keep-alive silence')
    await found.first().waitFor()
    await field.press('Enter')
    await page.waitForURL(/docs\/streams\.html#silence$/)
    await page.keyboard.press('Control+k')
    await field.waitFor()
    await field.press('Escape')
    await field.waitFor({ state: 'hidden' })
    // While a scenario runs, Escape closes the search, and does not cancel the run.
    await page.goto(`${demoUrl}#/http-timeout?latency=5000&timeout=5000`)
    await expect.poll(() => demo.entry('report'), patiently).toBeDefined()
    await page.getByRole('button', { name: 'Search' }).click()
    await field.press('Escape')
    await field.waitFor({ state: 'hidden' })
    expect((await demo.entry('report'))?.outcome).toBeUndefined()
    expect(demo.complaints).toEqual([])
  })

  it('runs its live example when the reader scrolls to it', async ({ expect }) => {
    await using demo = await visit('docs/streams.html')
    const { page } = demo
    expect(demo.requests).toEqual([])
    await page.getByRole('region', { name: 'Live example' }).scrollIntoViewIfNeeded()
    await outcome(page, /^stopped, \d+ words kept/)
    await expect.poll(() => demo.entry('answer'), patiently).toMatchObject({ outcome: 'stopped', cause: 'client gone' })
    await page.getByRole('switch', { name: 'rescind' }).click()
    await expect.poll(() => demo.requests.length, patiently).toBe(2)
    // A scenario on its own page would change the address.
    expect(page.url()).toBe(`${demoUrl}docs/streams.html`)
    expect(demo.complaints).toEqual([])
  })
})

/** The links of `html`, the page called `name`, to files or anchors that the site does not have. */
function brokenLinks(name: string, html: string): string[] {
  const links = [...html.matchAll(/<a\b[^>]* href="([^"]+)"/g)].map(([, href = '']) => href)
  return links.filter((href) => {
    if (/^[a-z]+:/.test(href)) return false
    const [path = '', anchor] = href.split('#', 2)
    const target = path === '' ? name : join(dirname(name), path.replace(/\/$/, '/index.html')).replaceAll('\\', '/')
    // Another command builds the reference.
    if (target === 'reference/index.html') return false
    const page = path === '' ? html : bodies.get(target)
    if (page === undefined) return !existsSync(join(CLIENT, target))
    return anchor !== undefined && !anchor.startsWith('/') && !page.includes(` id="${anchor}"`)
  })
}
