/** Fast Refresh with Vite's dev server: the edited work runs, and the previous work is aborted. */

import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, serve } from './site.ts'

const patiently = { timeout: 20_000 }

const main = (mode: string) => `
import { ${mode} } from 'react'
import { createRoot } from 'react-dom/client'
import { Scope } from 'rescind/react'
import { Report } from './report.jsx'

window.calls = []
createRoot(document.querySelector('#root')).render(<${mode}><Scope><Report /></Scope></${mode}>)
`

const PAGE = `<!doctype html><link rel="icon" href="data:,"><main id="root"></main>
<script type="module" src="/main.jsx"></script>`

const report = (version: string, label = 'a') => `
import { useState } from 'react'
import { cause } from 'rescind'
import { useTask, useCancellable, useScope } from 'rescind/react'

export function Report() {
  const [mounted] = useState(() => Math.random())
  const [ctx] = useCancellable(useScope())
  const { data } = useTask((ctx) => {
    window.calls.push(() => ['${version}', cause(ctx)?.name])
    return '${version}'
  }, [], { parent: ctx })
  return <p data-mounted={mounted}>${label} {data}</p>
}
`

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
})

describe('Fast Refresh', () => {
  const modes = ['StrictMode', 'Fragment']

  it.each(modes)('in %s runs the edited work once, aborts the previous work, and keeps state', async (mode) => {
    await using site = await serve(
      {
        'index.html': PAGE,
        'main.jsx': main(mode),
        'report.jsx': report('one'),
      },
      'dev',
    )
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(site.url)
    const shown = page.locator('p')
    await shown.filter({ hasText: 'a one' }).waitFor({ timeout: 30_000 })
    const calls = () => page.evaluate('window.calls.map((call) => call())')
    // The dev server may reload once, when it discovers the dependencies.
    expect(await calls()).toEqual([['one', undefined]])
    const mounted = await shown.getAttribute('data-mounted')

    await site.write('report.jsx', report('two'))
    await shown.filter({ hasText: 'a two' }).waitFor()
    expect(await shown.getAttribute('data-mounted')).toBe(mounted)
    await expect.poll(calls, patiently).toEqual([
      ['one', 'Superseded'],
      ['two', undefined],
    ])

    await site.write('report.jsx', report('two', 'b'))
    await shown.filter({ hasText: 'b two' }).waitFor()
    expect(await shown.getAttribute('data-mounted')).toBe(mounted)
    await expect.poll(calls, patiently).toEqual([
      ['one', 'Superseded'],
      ['two', 'Superseded'],
      ['two', undefined],
    ])
    expect(complaints).toEqual([])
    await page.close()
  })
})
