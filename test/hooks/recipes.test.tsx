/** The recipes of `docs/react.md`, unchanged, and tests of what each of them promises. */

import { fireEvent, render } from '@testing-library/react'
import { Component, createRef, StrictMode, Suspense, useState } from 'react'
import type { FormEvent, ReactNode } from 'react'
import { isCanceled, until } from 'rescind'
import { Scope, Superseded, Unmounted, useAction, useScope, useTask } from 'rescind/react'
import type { ScopeHandle } from 'rescind/react'
import { beforeEach, describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, use } from './support.tsx'
import type { Work } from './support.tsx'

const noise = failOnNoise()

let load: Work<string[], [query: string, from: number]>
let find: Work<string[], [text: string]>
let isFree: Work<boolean, [name: string]>
let signUp: Work<string, [name: string]>
let fetchReport: Work<string, [id: string]>
let navigated: string[]

beforeEach(() => {
  load = fakeWork()
  find = fakeWork()
  isFree = fakeWork()
  signUp = fakeWork()
  fetchReport = fakeWork()
  navigated = []
})

const args = (work: { readonly calls: readonly { readonly args: unknown }[] }) => work.calls.map(({ args }) => args)

/** Renders in StrictMode. */
function show(element: ReactNode) {
  const view = render(element, { wrapper: StrictMode })
  const one = (selector: string) => {
    const found = view.container.querySelector(selector)
    if (!found) throw new Error(`There is no ${selector}.`)
    return found
  }
  return {
    ...view,
    get text() {
      return view.container.textContent
    },
    click: (selector = 'button') => settle(() => fireEvent.click(one(selector))),
    type: (value: string) => settle(() => fireEvent.change(one('input'), { target: { value } })),
    submit: () => settle(() => fireEvent.submit(one('form'))),
    compose: (what: 'Start' | 'End') => settle(() => fireEvent[`composition${what}`](one('input'))),
  }
}

function NewAlbum({ open }: { readonly open: (id: string) => void }) {
  const creation = useAction((ctx, name: string) => signUp.fn(ctx, name))
  const onClick = async () => {
    try {
      open(await creation.run('Blue Train'))
    } catch {
      // The state shows the error.
    }
  }
  return <button onClick={() => void onClick()}>{creation.status === 'error' ? 'Not created.' : 'Create'}</button>
}

function Dialog({ onClose }: { readonly onClose: () => void }) {
  const save = useAction((ctx, name: string) => signUp.fn(ctx, name))
  const onClick = async () => {
    await save.action('Blue Train')
    onClose()
  }
  return <button onClick={() => void onClick()}>Save and close</button>
}

describe('a handler that awaits', () => {
  const app = <NewAlbum open={(id) => navigated.push(id)} />

  it('continues with the result of `run`', async () => {
    const page = show(app)
    await page.click()
    expect(navigated).toEqual([])
    await settle(() => signUp.last.resolve('7'))
    expect(navigated).toEqual(['7'])
  })

  it('does not continue when `run` fails, and the state shows the error', async () => {
    const page = show(app)
    await page.click()
    await settle(() => signUp.last.reject(new Error('full')))
    expect(navigated).toEqual([])
    expect(page.text).toBe('Not created.')
  })

  it.each([
    ['succeeded', () => signUp.last.resolve('7')],
    ['failed', () => signUp.last.reject(new Error('full'))],
  ])('continues after `action` when the run has %s', async (_, end) => {
    const page = show(<Dialog onClose={() => navigated.push('closed')} />)
    await page.click()
    expect(navigated).toEqual([])
    await settle(end)
    expect(navigated).toEqual(['closed'])
  })
})

const NONE: readonly string[] = []

function Feed({ query }: { readonly query: string }) {
  return (
    <Scope resetKeys={[query]}>
      <Albums query={query} />
    </Scope>
  )
}

function Albums({ query }: { readonly query: string }) {
  const pages = useTask(
    async (ctx, before: readonly string[]) => {
      const page = await load.fn(ctx, query, before.length)
      return { query, titles: [...before, ...page] }
    },
    { mode: 'first', keepPrevious: true },
  )
  const titles = pages.data?.query === query ? pages.data.titles : NONE
  return (
    <>
      <ul>
        {titles.map((title) => (
          <li key={title}>{title}</li>
        ))}
      </ul>
      <button onClick={() => void pages.action(titles)}>{pages.status === 'pending' ? 'Loading' : 'More'}</button>
    </>
  )
}

describe('infinite scroll under `resetKeys`', () => {
  it('appends one page at a time, even if the button is clicked more often', async () => {
    const page = show(<Feed query="blue" />)
    await page.click()
    await page.click()
    await settle(() => load.last.resolve(['Blue Train']))
    await page.click()
    await page.click()
    expect(page.text).toBe('Blue TrainLoading')
    await settle(() => load.last.resolve(['Kind of Blue']))
    expect(args(load)).toEqual([
      ['blue', 0],
      ['blue', 1],
    ])
    expect(page.text).toBe('Blue TrainKind of BlueMore')
  })

  it('aborts the page that is loading when the query changes, and starts with an empty list', async () => {
    const page = show(<Feed query="blue" />)
    await page.click()
    await settle(() => load.last.resolve(['Blue Train']))
    await page.click()
    expect(load.causes.at(-1)).toBeUndefined()
    page.rerender(<Feed query="miles" />)
    await settle()
    expect(load.causes.at(-1)).toBe(Superseded)
    expect(page.text).toBe('More')
    await settle(() => load.last.resolve(['Kind of Blue']))
    expect(page.text).toBe('More')
    await page.click()
    await settle(() => load.last.resolve(['Tutu']))
    expect(args(load)[2]).toEqual(['miles', 0])
    expect(page.text).toBe('TutuMore')
  })
})

function Search() {
  const [text, setText] = useState('')
  const [composing, setComposing] = useState(false)
  const results = useTask((ctx) => find.fn(ctx, text), [text], { enabled: !composing, keepPrevious: true })
  return (
    <>
      <input
        value={text}
        onChange={(event) => setText(event.target.value)}
        onCompositionStart={() => setComposing(true)}
        onCompositionEnd={() => setComposing(false)}
      />
      <p>{results.data}</p>
    </>
  )
}

describe('a search with an input method', () => {
  it('searches only for whole words, and shows the last results during input', async () => {
    const page = show(<Search />)
    await settle(() => find.last.resolve(['Blue Train']))
    await page.compose('Start')
    for (const text of ['n', 'ni', '日']) await page.type(text)
    expect(args(find)).toEqual([['']])
    expect(page.text).toBe('Blue Train')
    await page.compose('End')
    expect(args(find)).toEqual([[''], ['日']])
    expect(page.text).toBe('Blue Train')
    await settle(() => find.last.resolve(['日本']))
    expect(page.text).toBe('日本')
  })
})

function SignUp() {
  const [name, setName] = useState('')
  const check = useTask((ctx) => isFree.fn(ctx, name), [name], { debounce: 300, mode: 'first' })
  const join = useAction((ctx, name: string) => signUp.fn(ctx, name), { mode: 'drop' })
  const onSubmit = async (event: FormEvent) => {
    event.preventDefault()
    const answer = check.run()
    check.flush()
    if (await answer.catch(() => false)) await join.action(name)
  }
  return (
    <form onSubmit={(event) => void onSubmit(event)}>
      <input value={name} onChange={(event) => setName(event.target.value)} />
      <button>Join</button>
      <p>{check.data === false && 'That name is taken.'}</p>
    </form>
  )
}

describe('validation by a server', () => {
  it('checks once on submit, for the name that is in the field, and does not wait for the debounce', async () => {
    const page = show(<SignUp />)
    await page.type('Mile')
    await page.type('Miles')
    expect(isFree.calls).toEqual([])
    await page.submit()
    await page.submit()
    expect(args(isFree)).toEqual([['Miles']])
    expect(signUp.calls).toEqual([])
    await settle(() => isFree.last.resolve(true))
    expect(args(signUp)).toEqual([['Miles']])
  })

  it.each([
    ['is taken', () => isFree.last.resolve(false), 'JoinThat name is taken.'],
    ['cannot be checked', () => isFree.last.reject(new Error('down')), 'Join'],
  ])('does not submit a name that %s', async (_, end, text) => {
    const page = show(<SignUp />)
    await page.type('Miles')
    await page.submit()
    await settle(end)
    expect(signUp.calls).toEqual([])
    expect(page.text).toBe(text)
  })

  it('does not submit a name that was changed while it was checked', async () => {
    const page = show(<SignUp />)
    await page.type('Miles')
    await page.submit()
    await page.type('Miles D')
    expect(isFree.causes).toEqual([Superseded])
    await settle(() => isFree.last.resolve(true))
    expect(signUp.calls).toEqual([])
  })
})

function Report({ id }: { readonly id: string }) {
  const scope = useScope()
  const [title, setTitle] = useState<Promise<string>>()
  return (
    <>
      <button onClick={() => setTitle(until(scope, (ctx) => fetchReport.fn(ctx, id)))}>Open</button>
      <Suspense fallback="Loading">{title && <Title title={title} />}</Suspense>
    </>
  )
}

function Title({ title }: { readonly title: Promise<string> }) {
  return <h1>{use?.(title)}</h1>
}

/** Shows whether the error that it has caught is a cancel. */
class Boundary extends Component<{ readonly children: ReactNode }> {
  override state: { readonly error?: unknown } = {}
  static getDerivedStateFromError(error: unknown) {
    return { error }
  }
  override render() {
    return 'error' in this.state ? `canceled: ${isCanceled(this.state.error)}` : this.props.children
  }
}

describe.runIf(use)('Suspense with `use`', () => {
  const scope = createRef<ScopeHandle>()
  const app = (isThere: boolean) =>
    isThere && (
      <Scope ref={scope}>
        <Boundary>
          <Report id="1" />
        </Boundary>
      </Scope>
    )

  it('loads once, shows the fallback, and then the result', async () => {
    const page = show(app(true))
    await page.click()
    expect(page.text).toBe('OpenLoading')
    expect(args(fetchReport)).toEqual([['1']])
    await settle(() => fetchReport.last.resolve('Blue Train'))
    expect(page.text).toBe('OpenBlue Train')
    expect(fetchReport.calls).toHaveLength(1)
  })

  it('passes a cancel to the error boundary', async () => {
    noise.allow(/Stop/)
    const page = show(app(true))
    await page.click()
    await settle(() => scope.current?.cancel('Stop'))
    expect(page.text).toBe('canceled: true')
  })

  it('ends when the scope is unmounted', async () => {
    const page = show(app(true))
    await page.click()
    page.rerender(app(false))
    await settle()
    expect(fetchReport.causes).toEqual([Unmounted])
  })
})
