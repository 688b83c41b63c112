/** Work of components over real sockets: what the server sees when a component no longer needs it. */

import { render } from '@testing-library/react'
import { StrictMode, createRef } from 'react'
import type { Context } from 'rescind'
import { Scope, Superseded, Unmounted, useAction, useTask } from 'rescind/react'
import type { Action, ActionOptions, ScopeHandle, Task, TaskOptions } from 'rescind/react'
import { describe, expect, inject, it } from 'vitest'
import { failOnNoise, settle, watch } from '../hooks/support.tsx'
import type { Fate } from './server.ts'

failOnNoise()

const patiently = { timeout: 20_000 }

let names = 0

/** The address of new work, which takes `ms` for each of its `chunks`. */
function slow(ms: number, chunks = 1) {
  const id = `${inject('react')}-${++names}`
  return { id, url: `${inject('server')}slow?id=${id}&ms=${ms}&chunks=${chunks}` }
}

async function log(): Promise<Readonly<Record<string, Fate>>> {
  return (await fetch(`${inject('server')}log`)).json()
}

/** Waits until the server reports `fate`, while React continues. */
async function expectFate(id: string, fate: Fate): Promise<void> {
  await expect.poll(async () => (await log())[id], patiently).toBe(fate)
}

async function get({ signal }: Context, url: string): Promise<string> {
  return (await fetch(url, { signal })).text()
}

/** Waits until the task shows `status`. */
async function expectStatus(task: { readonly last: { readonly status: string } }, status: string): Promise<void> {
  const patience = performance.now() + 20_000
  while (task.last.status !== status && performance.now() < patience) await settle()
  expect(task.last.status).toBe(status)
}

function mount(url: string, options?: TaskOptions, load: (ctx: Context, url: string) => Promise<unknown> = get) {
  const task = watch<Task<unknown>>()
  const scope = createRef<ScopeHandle>()
  function Component({ url }: { readonly url: string }) {
    task.see(useTask((ctx) => load(ctx, url), [url], options))
    return null
  }
  const app = (url: string) => (
    <Scope ref={scope}>
      <Component url={url} />
    </Scope>
  )
  const view = render(app(url), { wrapper: StrictMode })
  return { task, scope, unmount: view.unmount, render: (url: string) => view.rerender(app(url)) }
}

describe('the server, for reads', () => {
  it('is asked once under StrictMode, and answers', async () => {
    const { id, url } = slow(10)
    const { task } = mount(url)
    await expectStatus(task, 'success')
    expect(task.last.data).toBe(`${id} `)
    await expectFate(id, 'finished')
  })

  it('sees the client leave when the component unmounts', async () => {
    const { id, url } = slow(60_000)
    const { task, unmount } = mount(url)
    await expectFate(id, 'running')
    unmount()
    expect(task.last.context.signal.aborted).toBe(true)
    await expectFate(id, 'client gone')
  })

  it('sees the client leave at a timeout and at a Cancel button', async () => {
    const [one, other] = [slow(60_000), slow(60_000)]
    const late = mount(one.url, { timeout: 50 })
    const stopped = mount(other.url)
    await expectFate(other.id, 'running')
    await settle(() => stopped.scope.current?.cancel('Cancel button'))
    await expectFate(other.id, 'client gone')
    expect(stopped.task.last).toMatchObject({ status: 'canceled', cause: 'Cancel button' })
    await expectStatus(late.task, 'error')
    expect(late.task.last.error).toMatchObject({ name: 'TimeoutError' })
  })

  it('sees the client leave when `cancel` itself is the click handler', async () => {
    const { id, url } = slow(60_000)
    const task = watch<Task<string>>()
    function Component() {
      const { cancel } = task.see(useTask((ctx) => get(ctx, url), [url]))
      return <button onClick={cancel}>Stop</button>
    }
    const { getByRole } = render(<Component />, { wrapper: StrictMode })
    await expectFate(id, 'running')
    await settle(() => getByRole('button').click())
    await expectFate(id, 'client gone')
    await expectStatus(task, 'canceled')
    expect(task.last.cause).toBe(task.last.context.err)
    expect(task.last.context.err?.cause).toBeUndefined()
  })

  it('stops work for 99 of 100 keystrokes, and one answer is shown', async () => {
    const requests = Array.from({ length: 99 }, () => slow(60_000))
    const last = slow(10)
    const contexts: Context[] = []
    const { task, render } = mount(requests[0]?.url ?? '', undefined, (ctx, url) => {
      contexts.push(ctx)
      return get(ctx, url)
    })
    for (const { url } of [...requests.slice(1), last]) render(url)
    await expectStatus(task, 'success')
    expect(task.last.data).toBe(`${last.id} `)
    expect(contexts.filter(({ err }) => err?.cause === Superseded)).toHaveLength(99)
    // A request that was aborted before it was sent never reaches the server.
    const running = async () => Object.entries(await log()).filter(([id, fate]) => isOurs(id) && fate === 'running')
    const isOurs = (asked: string) => requests.some(({ id }) => id === asked)
    await expect.poll(running, patiently).toEqual([])
    await expectFate(last.id, 'finished')
  })

  it('continues to stream after success, beyond the timeout, until the component unmounts', async () => {
    const { id, url } = slow(40, 1_000)
    const texts: string[] = []
    const { task, unmount } = mount(url, { timeout: 1_000 }, async ({ signal }) => {
      const response = await fetch(url, { signal })
      return response.body
    })
    await expectStatus(task, 'success')
    const { context } = task.last
    expect(context.deadline).toBeUndefined()
    const reader = (task.last.data as ReadableStream<Uint8Array>).getReader()
    for (let chunk = 0; chunk < 3; chunk++) {
      const { value } = await reader.read()
      texts.push(new TextDecoder().decode(value))
    }
    expect(texts.join('')).toContain(`${id} ${id} `)
    await expectFate(id, 'running')
    unmount()
    await expectFate(id, 'client gone')
    // WebKit rejects with an AbortError of its own.
    await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' })
    expect(context.err?.cause).toBe(Unmounted)
  })
})

async function post({ signal }: Context, url: string): Promise<string> {
  return (await fetch(url, { method: 'POST', signal })).text()
}

function mountAction(options?: ActionOptions) {
  const action = watch<Action<string, [url: string]>>()
  function Menu() {
    action.see(useAction(post, options))
    return null
  }
  const view = render(<Menu />, { wrapper: StrictMode })
  return { action, close: view.unmount }
}

describe('the server, for writes', () => {
  it('finishes a write that began in a menu which has closed, and the caller gets the answer', async () => {
    const { id, url } = slow(200)
    const { action, close } = mountAction()
    const answer = action.last.run(url)
    close()
    expect(await answer).toBe(`${id} `)
    await expectFate(id, 'finished')
  })

  it('sees the cancel of one of several writes, and finishes the others', async () => {
    const files = [slow(300), slow(60_000), slow(300)]
    const { action } = mountAction({ mode: 'all' })
    await settle(() => files.forEach(({ url }) => void action.last.run(url)))
    await expectFate(files[1]?.id ?? '', 'running')
    await settle(() => action.last.runs[1]?.cancel('not this one'))
    await expectFate(files[1]?.id ?? '', 'client gone')
    for (const nth of [0, 2]) await expectFate(files[nth]?.id ?? '', 'finished')
    await expectStatus(action, 'success')
    expect(action.last).toMatchObject({ data: `${files[2]?.id} `, runs: [] })
  })

  it('receives writes one after the other, in order', async () => {
    const [one, two] = [slow(200), slow(10)]
    const { action } = mountAction()
    await settle(() => [one, two].forEach(({ url }) => void action.last.run(url)))
    await expectFate(one.id, 'finished')
    await expectFate(two.id, 'finished')
    const order = Object.keys(await log()).filter((id) => id === one.id || id === two.id)
    expect(order).toEqual([one.id, two.id])
  })
})

describe('a streamed answer', () => {
  it('is shown as it arrives and kept after Stop, and the server stops', async () => {
    const { id, url } = slow(20, 10_000)
    const { task } = mount(url, undefined, (ctx, url) => words(ctx, url) as never)
    await expect.poll(() => settle().then(() => String(task.last.data)), patiently).toContain(`${id} ${id} `)
    await settle(() => task.last.cancel('stop'))
    expect(task.last).toMatchObject({ status: 'canceled', cause: 'stop' })
    expect(task.last.data).toContain(`${id} ${id} `)
    await expectFate(id, 'client gone')
  })
})

/** Yields the whole text so far with each chunk. */
async function* words({ signal }: Context, url: string): AsyncGenerator<string> {
  const { body } = await fetch(url, { signal })
  const reader = (body as ReadableStream<BufferSource>).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) yield (text += chunk.value)
}
