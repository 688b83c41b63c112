/** The last message of a page: the recipe of docs/streams.md, in a browser that leaves the page. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Browser, BrowserContext } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, serve } from './site.ts'
import type { Site } from './site.ts'

const [, RECIPE = ''] =
  /^## A last request[^]*?^```ts\n([^]*?)^```$/m.exec(readFileSync('docs/streams.md', 'utf8')) ?? []

const MAIN = `
import { background, withCancel } from 'rescind'
import { lastWord } from './last-word.ts'

const params = new URLSearchParams(location.search)
if (params.has('old')) delete window.fetchLater
const [ctx, cancel] = withCancel(background())
const say = lastWord(ctx, params.get('server'))
say('first')
say(params.get('say'))
if (params.has('cancel')) cancel()
document.title = 'said'
`

const page = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>'

/** The messages that the server has received. */
const words: string[] = []
const server = createServer(async (req, res) => {
  if (req.method === 'POST') words.push(await text(req))
  res.writeHead(200, { 'access-control-allow-origin': '*' }).end()
})

let site: Site
let browser: Browser
/** Outlives its pages, and so do their requests. */
let context: BrowserContext
let target: string

beforeAll(async () => {
  await once(server.listen(0), 'listening')
  target = `http://localhost:${(server.address() as AddressInfo).port}/`
  const files = { 'index.html': page, 'main.js': MAIN, 'last-word.ts': RECIPE }
  site = await serve(files, 'built')
  browser = await launch()
  context = await browser.newContext()
})

afterAll(async () => {
  await browser?.close()
  await site?.[Symbol.asyncDispose]()
  server.close()
})

/** Opens the page, makes it store `word`, and leaves it. */
async function leave(word: string, search: string): Promise<void> {
  const tab = await context.newPage()
  await tab.goto(`${site.url}?say=${word}&server=${encodeURIComponent(target)}${search}`)
  await expect.poll(() => tab.title()).toBe('said')
  await tab.goto('about:blank')
  await tab.close()
}

describe('the last message of a page', () => {
  it.each(['', '&old'])('is sent once, when the page is left: %s', async (search) => {
    const word = `word${search}`.replace('&', '-')
    await leave(word, search)
    await expect.poll(() => words.filter((said) => said === word), { timeout: 20_000 }).toHaveLength(1)
    expect(words).not.toContain('first')
  })

  it.each(['', '&old'])('is not sent after the end of its context: %s', async (search) => {
    await leave('dropped', `&cancel${search}`)
    await leave('after', search)
    await expect.poll(() => words, { timeout: 20_000 }).toContain('after')
    expect(words).not.toContain('dropped')
  })
})
