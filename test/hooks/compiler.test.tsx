/** Values that the React Compiler memoizes must not go stale. */

import { render } from '@testing-library/react'
import { StrictMode } from 'react'
import { Scope } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, isReact18, settle } from './support.tsx'

failOnNoise()

async function mount() {
  const { Search } = await import('./fixture.compiled.tsx')
  const clock = fakeClock(0)
  const work = fakeWork<string, [query: string]>()
  const app = (query: string) => (
    <Scope parent={clock.root}>
      <Search load={work.fn} query={query} />
    </Scope>
  )
  const view = render(app('one'), { wrapper: StrictMode })
  const [stop, again] = view.container.querySelectorAll('button')
  return {
    clock,
    work,
    text: () => view.container.querySelector('p')?.textContent,
    type: (query: string) => view.rerender(app(query)),
    stop: () => settle(() => stop?.click()),
    again: () => settle(() => again?.click()),
    source: String(Search),
  }
}

// React 19 has the runtime of compiled code.
describe.skipIf(isReact18)('a component built by the React Compiler', () => {
  it('is memoized, which the other tests rely on', async () => {
    const { source } = await mount()
    expect(source).toMatch(/\$\[\d+\] (!==|=)/)
  })

  it('shows every state of its task and its context, and the end after a cancel', async () => {
    const { again, clock, stop, text, work } = await mount()
    expect(text()).toBe('pending  live 5000')
    await settle(() => clock.advance(1_000))
    expect(text()).toBe('pending  live 4000')
    await settle(() => work.last.resolve('albums'))
    expect(text()).toBe('success albums live 4000')
    await again()
    expect(text()).toBe('pending  live 4000')
    await stop()
    expect(text()).toBe('canceled  over 0')
    expect(work.causes.at(-1)).toBe('button')
  })

  it('loads with the latest query, and shows the result', async () => {
    const { text, type, work } = await mount()
    type('other')
    await settle(() => work.last.resolve('other albums'))
    expect(work.calls.map(({ args: [query] }) => query)).toEqual(['one', 'other'])
    expect(text()).toBe('success other albums live 5000')
  })

  it('shows a timeout', async () => {
    const { clock, text } = await mount()
    await settle(() => clock.advance(5_000))
    expect(text()).toBe('error  over 0')
  })
})
