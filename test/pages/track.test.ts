/** The tracks of an inspector in the Performance panel, in a recorded trace of Chromium. */

import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, serve } from './site.ts'
import type { Site } from './site.ts'

const MAIN = `
import { background, sleep, withCancel, within, withTimeout } from 'rescind'
import { inspect } from 'rescind/inspect'

window.run = async () => {
  using inspector = inspect({ track: true })
  const [page, cancel] = withCancel(background(), { label: 'page' })
  withCancel(page, { label: 'search' })
  await within(page, 1_000, (ctx) => sleep(ctx, 20))
  const [slow] = withTimeout(page, 20, { label: 'slow' })
  await sleep(slow, 1_000).catch(() => {})
  cancel('the reader pressed Stop')
  await sleep(background(), 0)
}
window.ready = true
`

interface Event {
  readonly name: string
  readonly args: { readonly data?: Readonly<Record<string, unknown>> }
}

/** The data of a context for the panel. */
function entry(text: string, track: string, color: string): object {
  return { text, track, trackGroup: 'rescind', color }
}

let site: Site
let browser: Browser

beforeAll(async () => {
  site = await serve(
    {
      'index.html': '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>',
      'main.js': MAIN,
    },
    'built',
  )
  browser = await launch()
})

afterAll(async () => {
  await browser.close()
  await site[Symbol.asyncDispose]()
})

describe('a trace that is recorded while an inspector tracks', () => {
  it('has each context in a track named by its label, coloured by its end, with the cause', async () => {
    const page = await browser.newPage()
    await page.goto(site.url)
    await page.waitForFunction('window.ready')
    const session = await page.context().newCDPSession(page)
    const events: Event[] = []
    session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as Event[])))
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
    await session.send('Tracing.start', { transferMode: 'ReportEvents', categories: 'devtools.timeline' })
    await page.evaluate('window.run()')
    await session.send('Tracing.end')
    await complete
    await page.close()

    const stamps = events.filter(({ name }) => name === 'TimeStamp').map(({ args }) => args.data ?? {})
    const entries = stamps.map(({ color, name, message, track, trackGroup }) => ({
      text: name ?? message,
      track,
      trackGroup,
      color,
    }))
    expect(entries).toEqual(
      expect.arrayContaining([
        entry('within completed', 'within', 'primary'),
        entry('withTimeout(slow) deadline', 'slow', 'error'),
        entry('withCancel(page) canceled: the reader pressed Stop', 'page', 'secondary'),
        entry('withCancel(search) parent: the reader pressed Stop', 'search', 'secondary-light'),
      ]),
    )
    const { end, start } = stamps.find(({ track }) => track === 'slow') ?? {}
    expect(Number(end) - Number(start)).toBeGreaterThan(0)
  })
})
