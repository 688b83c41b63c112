/** The panel in the real shell of TanStack Devtools. */

import { TanStackDevtools } from '@tanstack/react-devtools'
import { background, withCancel } from 'rescind'
import { tanStackDevtoolsPlugin } from 'rescind/devtools'
import { inspect } from 'rescind/inspect'
import { expect, it, vi } from 'vitest'
import { inPages, show } from '../devtools/support.tsx'

inPages()

it('the panel is a tab of TanStack Devtools, and shows what happened before it was opened', async () => {
  using inspector = inspect({ silence: 'all' })
  const [, cancel] = withCancel(background(), { label: 'search' })
  cancel('the reader pressed Stop')
  show(
    <TanStackDevtools
      config={{ defaultOpen: true }}
      plugins={[{ ...tanStackDevtoolsPlugin({ inspector }), defaultOpen: true }]}
    />,
  )
  await vi.waitFor(
    () => {
      const host = document.querySelector<HTMLElement>('[data-rescind=inline]')
      const names = Array.from(host?.shadowRoot?.querySelectorAll('[role=treeitem]') ?? [], (line) => line.ariaLabel)
      expect(names).toContainEqual(expect.stringContaining('withCancel(search), canceled: the reader pressed Stop'))
      expect(host?.getBoundingClientRect().height).toBeGreaterThan(100)
    },
    { timeout: 25_000, interval: 20 },
  )
})
