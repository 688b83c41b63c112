/** Rendering on a server, where there is no page: as a string and as a stream. */

import { Writable } from 'node:stream'
import { createElement, StrictMode, Suspense } from 'react'
import type { ReactElement, ReactNode } from 'react'
import { renderToPipeableStream, renderToReadableStream, renderToString } from 'react-dom/server'
import { background, createKey, withCancel } from 'rescind'
import {
  Scope,
  useAction,
  useCancellable,
  useContextState,
  useDeadline,
  usePending,
  useRemaining,
  useRoute,
  useScope,
  useTask,
  useTimeout,
  useValue,
} from 'rescind/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isCollected, task } from '../support.ts'

const work = vi.fn<() => Promise<string>>(() => new Promise(() => {}))

const FAR = 4_102_444_800_000
const locale = createKey('locale', 'en')

/** Uses all hooks. */
function Page(): ReactNode {
  const scope = useScope()
  const [ctx] = useTimeout(scope, 60_000)
  useCancellable(ctx)
  useDeadline(ctx, FAR)
  useRoute(ctx)
  const { status } = useTask(work, [], { debounce: 100, timeout: 5_000 })
  const save = useAction(work, { debounce: 100, timeout: 5_000 })
  const left = useRemaining(ctx)
  const { done } = useContextState(ctx)
  return `${status} ${save.status} ${left ?? 'no'} ms ${done} ${usePending()} ${useValue(locale)}`
}

/** Suspends at first, like a component that waits for data. */
function late(): () => ReactNode {
  const data = { isThere: false }
  const coming = task().then(() => {
    data.isThere = true
  })
  return () => {
    if (!data.isThere) throw coming
    return createElement(Page)
  }
}

function app(component: () => ReactNode = Page): ReactElement {
  const page = createElement(Suspense, { fallback: 'fallback' }, createElement(component))
  return createElement(StrictMode, null, createElement(Scope, { timeout: 60_000, route: true }, page))
}

const OUTPUT = 'pending idle no ms false 0 en'

/** The side effects of rendering. */
function traces(): object {
  // Without React's own short timers.
  const timers = vi.mocked(setTimeout).mock.calls.filter(([, ms = 0]) => ms >= 100)
  return { calls: work.mock.calls.length, printed: [...printed], timers: timers.length }
}

const printed: unknown[] = []
let before: object

beforeEach(() => {
  printed.length = 0
  for (const method of ['error', 'warn'] as const) {
    vi.spyOn(console, method).mockImplementation((...words) => void printed.push(words))
  }
  vi.spyOn(globalThis, 'setTimeout')
  before = traces()
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('rendering on a server', () => {
  it('renderToString calls no work and starts no timer', () => {
    expect(globalThis).not.toHaveProperty('window')
    for (let round = 0; round < 100; round++) expect(renderToString(app())).toContain(OUTPUT)
    expect(traces()).toEqual(before)
  })

  it('renderToPipeableStream does neither, though some parts come later', async () => {
    const component = late()
    let html = ''
    const sink = new Writable({
      write(chunk, _, done) {
        html += String(chunk)
        done()
      },
    })
    await new Promise<void>((resolve) => {
      sink.on('finish', resolve)
      const stream = renderToPipeableStream(app(component), { onShellReady: () => stream.pipe(sink) })
    })
    expect(html).toContain(OUTPUT)
    expect(traces()).toEqual(before)
  })

  it('renderToReadableStream does neither', async () => {
    const stream = await renderToReadableStream(app(late()))
    expect(await new Response(stream).text()).toContain(OUTPUT)
    expect(traces()).toEqual(before)
  })

  it('an aborted render does neither', async () => {
    const request = new AbortController()
    const component = late()
    const stream = await renderToReadableStream(app(component), { signal: request.signal, onError: () => {} })
    request.abort()
    expect(await new Response(stream).text()).not.toContain(OUTPUT)
    await task()
    expect(traces()).toEqual(before)
  })

  it('leaves no context at that of the request', async () => {
    const [request, cancel] = withCancel(background())
    const isGone = await isCollected(() => {
      const made: object[] = []
      const Tell = () => {
        made.push(useScope())
        return null
      }
      renderToString(createElement(Scope, { parent: request }, createElement(Tell)))
      return made[0] ?? {}
    })
    expect(isGone).toBe(true)
    cancel()
  })
})
