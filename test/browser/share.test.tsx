/** Shared work over real sockets: what the server sees when two components ask for the same. */

import { render } from '@testing-library/react'
import { StrictMode } from 'react'
import { background, share } from 'rescind'
import { useTask } from 'rescind/react'
import { expect, inject, it } from 'vitest'
import { failOnNoise, settle } from '../hooks/support.tsx'
import type { Fate } from './server.ts'

failOnNoise()

const patiently = { timeout: 20_000 }

/** Counts its requests. */
function load() {
  let requests = 0
  const text = share(background(), async ({ signal }, url: string) => {
    requests++
    return (await fetch(url, { signal })).text()
  })
  return { text, requests: () => requests }
}

async function fateOf(id: string): Promise<Fate | undefined> {
  const log = (await (await fetch(`${inject('server')}log`)).json()) as Readonly<Record<string, Fate>>
  return log[id]
}

it('the server is asked once by two components, and sees the end when both have gone, not when one has', async () => {
  const { text, requests } = load()
  const url = (id: string, ms: number) => `${inject('server')}slow?id=${id}&ms=${ms}`
  function Answer({ url }: { readonly url: string }) {
    const { status, data } = useTask((ctx) => text(ctx, url), [url])
    return <p>{data ?? status}</p>
  }
  const both = (url: string) => [<Answer key="one" url={url} />, <Answer key="other" url={url} />]

  const view = render(both(url('both-stay', 10)), { wrapper: StrictMode })
  await expect.poll(async () => (await settle(), view.container.textContent), patiently).toBe('both-stay both-stay ')
  expect(requests()).toBe(1)

  view.rerender(both(url('one-goes', 300)))
  await expect.poll(() => fateOf('one-goes'), patiently).toBe('running')
  view.rerender(both(url('one-goes', 300)).slice(0, 1))
  await expect.poll(async () => (await settle(), view.container.textContent), patiently).toBe('one-goes ')
  expect(await fateOf('one-goes')).toBe('finished')

  view.rerender(both(url('both-go', 60_000)))
  await expect.poll(() => fateOf('both-go'), patiently).toBe('running')
  view.unmount()
  await expect.poll(() => fateOf('both-go'), patiently).toBe('client gone')
  expect(requests()).toBe(3)
})
