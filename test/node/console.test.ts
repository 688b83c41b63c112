/** What the console of Node shows of a context. */

import { format, inspect } from 'node:util'
import { background, createKey, withCancel, withTimeout, withValue } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { expect, it } from 'vitest'

it('the console shows the path of a context, and nothing of its values and its siblings', () => {
  const [parent] = withCancel(fakeClock(0).root, { label: 'search' })
  const [ctx] = withTimeout(withValue(parent, createKey<string>('user'), 'secret'), 5_000)
  withCancel(ctx)
  const shown = 'background.withCancel(search).withValue(user).withTimeout(5s, 5s left)'
  expect(format(ctx)).toBe(shown)
  expect(format('%s and %o', ctx, ctx)).toBe(`${shown} and ${shown}`)
  expect(inspect({ url: '/albums', ctx }, { breakLength: Infinity })).toBe(`{ url: '/albums', ctx: ${shown} }`)
})

it('the console shows roots, and what is derived from a foreign context, in the same way', () => {
  expect(format(background())).toBe('background')
  const [ctx] = withCancel(new AbortController())
  expect(format(ctx)).toBe(String(ctx))
})
