/** Contexts in the console of Node. */

import { format, inspect } from 'node:util'
import { background, createKey, withCancel, withTimeout, withValue } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { expect, it } from 'vitest'

it('the console shows the path of a context, but not its values or siblings', () => {
  const [parent] = withCancel(fakeClock(0).root, { label: 'search' })
  const [ctx] = withTimeout(withValue(parent, createKey<string>('user'), 'secret'), 5_000)
  withCancel(ctx)
  const shown = 'background.withCancel(search).withValue(user).withTimeout(5s, 5s left)'
  expect(format(ctx)).toBe(shown)
  expect(format('%s and %o', ctx, ctx)).toBe(`${shown} and ${shown}`)
  expect(inspect({ url: '/albums', ctx }, { breakLength: Infinity })).toBe(`{ url: '/albums', ctx: ${shown} }`)
})

it('the console shows the path of a root, and of a context derived from a foreign one', () => {
  expect(format(background())).toBe('background')
  const [ctx] = withCancel(new AbortController())
  expect(format(ctx)).toBe(String(ctx))
})
