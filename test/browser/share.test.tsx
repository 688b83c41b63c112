/** Shared work over real sockets: what the server sees when two components need the same data. */

import { render } from '@testing-library/react'
import { StrictMode } from 'react'
import { background, share } from 'rescind'
import type { Context } from 'rescind'
import { useTask } from 'rescind/react'
import { expect, inject, it } from 'vitest'
import { failOnNoise, settle } from '../hooks/support.tsx'
import type { Fate } from './server.ts'

failOnNoise()

const patiently = { timeout: 20_000 }

/** Shared work that counts its requests. */
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

interface AnswerProps {
  readonly text: (ctx: Context, url: string) => Promise<string>
  readonly url: string
}

function Answer({ text, url }: AnswerProps) {
  const { status, data } = useTask((ctx) => text(ctx, url), [text, url])
  return <p>{data ?? status}</p>
}

function Answers({ both, ...props }: AnswerProps & { readonly both: boolean }) {
  return (
    <>
      <Answer {...props} />
      {both && <Answer {...props} />}
    </>
  )
}

function url(id: string, ms: number): string {
  return `${inject('server')}slow?id=${id}&ms=${ms}`
}

it('the server is asked once by two components, and sees the end when both unmount, not when one does', async () => {
  const { text, requests } = load()

  const view = render(<Answers both text={text} url={url('both-stay', 10)} />, { wrapper: StrictMode })
  await expect.poll(async () => (await settle(), view.container.textContent), patiently).toBe('both-stay both-stay ')
  expect(requests()).toBe(1)

  view.rerender(<Answers both text={text} url={url('one-goes', 300)} />)
  await expect.poll(() => fateOf('one-goes'), patiently).toBe('running')
  view.rerender(<Answers both={false} text={text} url={url('one-goes', 300)} />)
  await expect.poll(async () => (await settle(), view.container.textContent), patiently).toBe('one-goes ')
  expect(await fateOf('one-goes')).toBe('finished')

  view.rerender(<Answers both text={text} url={url('both-go', 60_000)} />)
  await expect.poll(() => fateOf('both-go'), patiently).toBe('running')
  view.unmount()
  await expect.poll(() => fateOf('both-go'), patiently).toBe('client gone')
  expect(requests()).toBe(3)
})
