/** The panel as its user sees it: its contents, its keys, and that no context can harm it. */

import { StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { background, withCancel, withTimeout, withValue } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { Devtools, DevtoolsPanel, tanStackDevtoolsPlugin } from 'rescind/devtools'
import { inspect } from 'rescind/inspect'
import type { Inspector, InspectOptions, Recording } from 'rescind/inspect'
import { Scope, useTask } from 'rescind/react'
import { traceparent } from 'rescind/wire'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Activity } from '../hooks/support.tsx'
import { found, inPages, linesOf, linesWhen, press, rowOf, show, type } from './support.tsx'
import type { Shown } from './support.tsx'
import { task } from '../support.ts'

inPages()

let inspector: Inspector

function start(options: InspectOptions = {}): void {
  inspector?.detach()
  inspector = inspect({ silence: 'all', ...options })
}

beforeEach(() => start())
afterEach(() => inspector.detach())

async function openPanel(): Promise<Shown> {
  const page = show(<Devtools inspector={inspector} />)
  const button = await found(page, 'button', 'Contexts')
  button.click()
  await found(page, '[role=tree]')
  return page
}

function page(): [Context, Cancel] {
  return withCancel(background(), { label: 'page' })
}

function Reader({ query }: { readonly query: string }) {
  useTask(() => Promise.resolve(query), [query], { label: query })
  return null
}

function Waiter() {
  useTask(() => new Promise<void>(() => {}), [], { label: 'first' })
  return null
}

async function choose(panel: Shown, text: string, name: string): Promise<void> {
  await chooseAll(panel, { [name]: text })
}

async function chooseAll(panel: Shown, texts: Readonly<Record<string, string>>): Promise<void> {
  const input = await found(panel, 'input[type=file]')
  const files = Object.entries(texts).map(([name, text]) => {
    const file = new File([text], name)
    // Files of jsdom have no text().
    Object.defineProperty(file, 'text', { value: () => Promise.resolve(text) })
    return file
  })
  Object.defineProperty(input, 'files', { value: files, configurable: true })
  input.dispatchEvent(new Event('change', { bubbles: true }))
}

function has(text: string): (names: string[]) => boolean {
  return (names) => names.some((name) => name.includes(text))
}

describe('the panel', () => {
  it('shows the origin and the cause of an end, even if it is opened later', async () => {
    start({ stacks: true })
    const [ctx, cancel] = page()
    withCancel(ctx, { label: 'search' })
    function onStop() {
      cancel('the reader pressed Stop')
    }
    onStop()
    const panel = await openPanel()
    await linesWhen(panel, has('withCancel(page), canceled: the reader pressed Stop'))
    const line = await found(panel, '[role=treeitem]', 'search')
    expect(line.getAttribute('aria-level')).toBe('3')
    line.click()
    const details = await found(panel, '.details')
    expect(details.querySelector('.outcome')?.textContent).toBe('ended with its parent: the reader pressed Stop')
    const chain = [...details.querySelectorAll('.chain li')].map((link) => link.textContent)
    expect(chain).toHaveLength(3)
    expect(chain[0]).toBe('This context ended with its parent: the reader pressed Stop')
    expect(chain[1]).toContain('withCancel(page) canceled: the reader pressed Stop')
    expect(chain[2]).toContain('onStop')
  })

  it('explains how to record stacks if there are none', async () => {
    const [, cancel] = page()
    cancel()
    const panel = await openPanel()
    const line = await found(panel, '[role=treeitem]', 'page')
    line.click()
    await found(panel, '.details .chain li', 'stacks: true')
    expect(panel.shadow().querySelectorAll('pre')).toHaveLength(0)
  })

  it('updates its lines while it is open, with the time that is left', async () => {
    const panel = await openPanel()
    const [, cancel] = withTimeout(background(), 60_000, { label: 'load' })
    const names = await linesWhen(panel, has('load'))
    const name = names.find((one) => one.includes('load'))
    expect(name).toMatch(/withTimeout\(load, 1m 0s\), alive, (60s|59\.\d+s|59s|1m 0s) left/)
    cancel('enough')
    await linesWhen(panel, has('canceled: enough'))
    const line = await found(panel, '[role=treeitem]', 'load')
    expect(line.dataset.how).toBe('canceled')
    expect(line.querySelectorAll('.bar')).toHaveLength(1)
    expect(line.querySelector<HTMLElement>('.why')?.dataset.words).toBe('enough')
  })

  it('cancels the selected context', async () => {
    const [ctx] = page()
    const panel = await openPanel()
    const line = await found(panel, '[role=treeitem]', 'page')
    line.click()
    const button = await found(panel, 'button', 'Cancel this context')
    button.click()
    expect(ctx.err?.cause).toBe('canceled in the inspector')
    await linesWhen(panel, has('canceled: canceled in the inspector'))
    await vi.waitFor(() => {
      expect(panel.shadow().querySelector('.details button:not(.plain)')).toBeNull()
    })
  })

  it('filters by text, by age and by leaks', async () => {
    const [, cancel] = withCancel(background(), { label: 'search' })
    cancel('superseded')
    page()
    const panel = await openPanel()
    await linesWhen(panel, has('page'))
    type(await found(panel, 'input[type=search]'), 'superseded')
    await linesWhen(panel, (names) => names.length === 2 && !has('page')(names))
    type(await found(panel, 'input[type=search]'), '')
    await linesWhen(panel, has('page'))
    for (const name of ['Leaks', 'Alive > 10 s']) {
      const button = await found(panel, '[aria-pressed]', name)
      expect(button.ariaPressed).toBe('false')
      button.click()
      await linesWhen(panel, (names) => names.length === 0)
      button.click()
      await linesWhen(panel, has('page'))
    }
  })

  it('does not change while it is paused, and is updated when it resumes', async () => {
    page()
    const panel = await openPanel()
    await linesWhen(panel, has('page'))
    const pause = await found(panel, 'button', 'Pause')
    pause.click()
    const resume = await found(panel, 'button', 'Resume')
    withCancel(background(), { label: 'later' })
    await new Promise((resolve) => void setTimeout(resolve, 20))
    expect(has('later')(linesOf(panel))).toBe(false)
    resume.click()
    await linesWhen(panel, has('later'))
  })

  it('clears all rows on Clear', async () => {
    page()
    const panel = await openPanel()
    await linesWhen(panel, has('page'))
    const clear = await found(panel, 'button', 'Clear')
    clear.click()
    await linesWhen(panel, (names) => names.length === 0)
    expect(inspector.rows).toEqual([])
  })

  it('opens a recording, and returns to the live rows', async () => {
    const [, cancel] = withCancel(background(), { label: 'recorded' })
    cancel('long ago')
    const json = JSON.stringify(inspector.record())
    inspector.clear()
    const panel = await openPanel()
    await choose(panel, '<html>', 'page.html')
    await found(panel, '.status', 'page.html is not a recording')
    await choose(panel, json, 'recording.json')
    await linesWhen(panel, has('recorded), canceled: long ago'))
    const back = await found(panel, 'button', 'Back to live')
    back.click()
    expect(await linesWhen(panel, (names) => !has('recorded')(names))).toEqual([])
  })

  it('opens several recordings as one', async () => {
    const texts = ['browser', 'server'].map((place) => {
      return JSON.stringify({ ...inspector.record(), rows: [rowOf({ id: 1, place, label: place })] })
    })
    const panel = await openPanel()
    await chooseAll(panel, { 'a.json': '{}', 'b.json': '{}' })
    await found(panel, '.status', 'Not all of these are recordings: a.json, b.json')
    await chooseAll(panel, { 'a.json': texts[0] ?? '', 'b.json': texts[1] ?? '' })
    await found(panel, '.status', 'Shows the recording a.json, b.json')
    const names = await linesWhen(panel, has('withCancel(server)'))
    expect(names).toEqual([
      expect.stringMatching(/^#1 withCancel\(browser\) in browser, alive/),
      expect.stringMatching(/^#2 withCancel\(server\) in server, alive/),
    ])
  })

  it('shows the contexts of the server below the requests of the page', async () => {
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const [, cancel] = withCancel(withValue(background(), traceparent.key, header), { label: 'fetch' })
    let answer: Promise<Recording> = Promise.reject(new Error('no server'))
    answer.catch(() => {})
    const server = () => answer
    const panel = show(<Devtools inspector={inspector} server={server} open onOpenChange={() => {}} />)
    const button = await found(panel, 'button', 'Server')
    button.click()
    await found(panel, '.status', 'The server has sent no recording')
    await linesWhen(panel, has('withCancel(fetch), alive'))
    const [trace, span] = header.split('-').slice(1)
    const ended = { born: 1_000, ended: 1_001, how: 'canceled', cause: 'ClientGone: the client has gone' } as const
    const row = rowOf({ id: 1, place: 'server', kind: 'withRequest', trace, span, ...ended })
    answer = Promise.resolve({ ...inspector.record(), rows: [row] })
    cancel('typed on')
    button.click()
    await linesWhen(panel, has('withRequest in server, canceled: ClientGone'))
    const line = await found(panel, '[role=treeitem]', 'withRequest')
    expect(line.getAttribute('aria-level')).toBe('3')
    line.click()
    const details = await found(panel, '.details')
    const chain = [...details.querySelectorAll('.chain li')].map((link) => link.textContent)
    expect(chain[1]).toMatch(/withCancel\(fetch\) canceled: typed on$/)
  })

  it('marks leaks, filters by them, and shows their warning', async () => {
    page()
    withCancel(background(), { label: 'lost' })
    const { rows, ...recording } = inspector.record()
    const row = rows.find(({ label }) => label === 'lost')?.id
    const warnings = [{ code: 'RESCIND_LOST_CANCEL', message: 'withCancel(lost) lives on', row, at: 0 }]
    const panel = await openPanel()
    await choose(panel, JSON.stringify({ ...recording, rows, warnings }), 'leaks.json')
    await linesWhen(panel, has('withCancel(lost), alive, leak'))
    expect(panel.shadow().querySelectorAll('.badge')).toHaveLength(1)
    const leaks = await found(panel, '[aria-pressed]', 'Leaks')
    leaks.click()
    await linesWhen(panel, (names) => !has('page')(names))
    const line = await found(panel, '[role=treeitem]', 'lost')
    line.click()
    await found(panel, '.warning', 'lives on')
    // Contexts in a recording cannot be canceled.
    expect(panel.shadow().querySelector('.details button:not(.plain)')).toBeNull()
  })

  it('saves a recording as JSON', async () => {
    const [, cancel] = withCancel(background(), { label: 'saved' })
    cancel()
    const panel = await openPanel()
    const blobs: Blob[] = []
    const { createObjectURL, revokeObjectURL } = URL
    URL.createObjectURL = (blob) => `blob:${blobs.push(blob as Blob)}`
    URL.revokeObjectURL = () => {}
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {})
    try {
      const save = await found(panel, 'button', 'Save')
      save.click()
      await found(panel, '.status', 'Saved')
    } finally {
      click.mockRestore()
      Object.assign(URL, { createObjectURL, revokeObjectURL })
    }
    expect(blobs).toHaveLength(1)
    expect(blobs[0]?.type).toBe('application/json')
  })

  it('has only the visible lines in the document', async () => {
    const [ctx] = page()
    for (let count = 0; count < 1_990; count++) withCancel(ctx)[1]()
    const panel = await openPanel()
    await found(panel, '.ruler', '1992 contexts')
    expect(linesOf(panel).length).toBeGreaterThan(3)
    expect(linesOf(panel).length).toBeLessThan(40)
  })
})

describe('the keys of the panel', () => {
  it('move, fold, select and close, and do not reach the page', async () => {
    const [ctx] = page()
    withCancel(ctx, { label: 'below' })
    const panel = await openPanel()
    await linesWhen(panel, has('below'))
    const tree = await found(panel, '[role=tree]')
    const active = () => tree.getAttribute('aria-activedescendant')
    const name = () => panel.shadow().querySelector(`#${active()}`)?.getAttribute('aria-label')
    const seen = vi.fn<() => void>()
    document.addEventListener('keydown', seen)
    press(tree, 'Home')
    await vi.waitFor(() => expect(name()).toContain('background'))
    press(tree, 'ArrowDown')
    await vi.waitFor(() => expect(name()).toContain('page'))
    press(tree, 'ArrowLeft')
    await linesWhen(panel, (names) => !has('below')(names))
    press(tree, 'ArrowRight')
    await linesWhen(panel, has('below'))
    press(tree, 'End')
    await vi.waitFor(() => expect(name()).toContain('below'))
    press(tree, 'ArrowLeft')
    await vi.waitFor(() => expect(name()).toContain('page'))
    press(tree, 'Enter')
    const details = await found(panel, '.details', '#')
    expect(panel.shadow().querySelector('[aria-selected=true]')?.getAttribute('aria-label')).toContain('page')
    press(details, 'Escape')
    await vi.waitFor(() => expect(panel.shadow().querySelector('.details')).toBeNull())
    press(tree, 'Escape')
    const toggle = await found(panel, '.toggle')
    await vi.waitFor(() => expect(panel.shadow().activeElement).toBe(toggle))
    document.removeEventListener('keydown', seen)
    expect(seen).not.toHaveBeenCalled()
  })
})

describe('hostile text', () => {
  it('damages neither the panel nor the page', async () => {
    const html = '<img src=x onerror="document.title = 1"><script>document.title = 1</script>'
    const getters = {
      get message(): string {
        throw new Error('no message')
      },
      get name(): string {
        throw new Error('no name')
      },
      toString() {
        throw new Error('no text')
      },
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const cause of [html, 'x'.repeat(10_000_000), getters, proxy, '\u202E\nreversed']) {
      const [, cancel] = withCancel(background(), { label: html + 'y'.repeat(1_000_000) })
      cancel(cause)
    }
    const { title } = document
    const panel = await openPanel()
    const names = await linesWhen(panel, (all) => all.length === 6)
    expect(Math.max(...names.map((name) => name.length))).toBeLessThan(500)
    for (const line of panel.shadow().querySelectorAll<HTMLElement>('[role=treeitem]')) {
      line.click()
      await found(panel, '.details', 'Context')
    }
    expect(panel.shadow().querySelector('img, script')).toBeNull()
    expect(document.title).toBe(title)
  })
})

describe('<Devtools>', () => {
  it('shows each run once in StrictMode, and leaves no live contexts', async () => {
    const element = (query: string) => (
      <StrictMode>
        <Devtools inspector={inspector} />
        <Scope label="boundary">
          <Reader query={query} />
        </Scope>
      </StrictMode>
    )
    const panel = show(element('a'))
    const button = await found(panel, 'button', 'Contexts')
    button.click()
    await linesWhen(panel, has('(a), completed'))
    const runs = inspector.rows.filter(({ label }) => label === 'a')
    expect(runs.filter(({ how }) => how === 'completed')).toHaveLength(1)
    expect(panel.host.querySelectorAll('[data-rescind]')).toHaveLength(1)
    expect(panel.shadow().querySelectorAll('.root')).toHaveLength(1)
    panel.unmount()
    await vi.waitFor(() => {
      const ghosts = inspector.rows.filter(({ how, parent }) => how === undefined && parent !== undefined)
      expect(ghosts.map(({ kind, label }) => `${kind} ${label}`)).toEqual([])
    })
  })

  it('shows 99 superseded runs and a completed one after 100 keystrokes', async () => {
    const settle: (() => void)[] = []
    const App = ({ query }: { readonly query: number }) => {
      useTask(() => new Promise<void>((resolve) => void settle.push(resolve)), [query], { label: 'search' })
      return null
    }
    const keys = show(<App query={0} />)
    for (let query = 0; query < 100; query++) {
      keys.render(<App query={query} />)
      await task()
    }
    await vi.waitFor(() => expect(settle).toHaveLength(100))
    settle.at(-1)?.()
    const panel = await openPanel()
    for (const [words, count] of [
      ['search superseded', 99],
      ['search completed', 1],
    ] as const) {
      type(await found(panel, 'input[type=search]'), words)
      await found(panel, '.ruler', count === 1 ? '1 match' : `${count} matches`)
    }
    const runs = inspector.rows.filter(({ label }) => label === 'search')
    expect(runs.filter(({ cause }) => cause?.startsWith('Superseded'))).toHaveLength(99)
    expect(runs.filter(({ how }) => how === 'completed')).toHaveLength(1)
  })

  it('has no button if the page controls it with `open`', async () => {
    const changes: boolean[] = []
    const element = (open: boolean) => (
      <Devtools inspector={inspector} open={open} onOpenChange={(next) => changes.push(next)} />
    )
    const panel = show(element(true))
    const close = await found(panel, 'button', 'Close the inspector')
    close.click()
    expect(changes).toEqual([false])
    panel.render(element(false))
    await vi.waitFor(() => expect(panel.shadow().querySelector('button')).toBeNull())
  })

  it('attaches an inspector itself, before the effects of the page', async () => {
    const panel = show(
      <>
        <Waiter />
        <Devtools />
      </>,
    )
    const button = await found(panel, 'button', 'Contexts')
    button.click()
    expect(await linesWhen(panel, has('first'))).toContainEqual(expect.stringMatching(/\(first\), alive/))
  })

  it('renders an empty element on a server', () => {
    const html = renderToString(<Devtools />)
    expect(html).toBe('<div data-rescind="dock"></div>')
  })

  it('unmounts with the page, also before it has loaded', async () => {
    const early = show(<Devtools inspector={inspector} />)
    early.unmount()
    const panel = await openPanel()
    const shadow = panel.shadow()
    panel.unmount()
    await vi.waitFor(() => expect(shadow.querySelector('.root')).toBeNull())
  })
})

describe.runIf(Activity)('<Devtools> under <Activity>', () => {
  it('is removed while hidden, appears once when it is shown again, and adds no rows', async () => {
    const element = (mode: 'visible' | 'hidden') => {
      if (!Activity) return null
      return (
        <Activity mode={mode}>
          <Devtools inspector={inspector} />
        </Activity>
      )
    }
    const panel = show(element('visible'))
    const button = await found(panel, 'button', 'Contexts')
    button.click()
    await found(panel, '[role=tree]')
    panel.render(element('hidden'))
    await vi.waitFor(() => expect(panel.shadow().querySelector('.root')).toBeNull())
    panel.render(element('visible'))
    const again = await found(panel, 'button', 'Contexts')
    again.click()
    page()
    await linesWhen(panel, has('page'))
    expect(panel.shadow().querySelectorAll('.root')).toHaveLength(1)
    expect(inspector.rows.map(({ label }) => label)).toEqual([undefined, 'page'])
  })
})

describe('the panel without its dock', () => {
  it('can be a plugin of TanStack Devtools', async () => {
    const plugin = tanStackDevtoolsPlugin({ inspector })
    expect(plugin.name).toBe('rescind')
    expect(plugin.render.type).toBe(DevtoolsPanel)
    page()
    const panel = show(plugin.render)
    await linesWhen(panel, has('page'))
    expect(panel.shadow().querySelector('.toggle, .dock, .close')).toBeNull()
  })
})
