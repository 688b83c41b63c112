/** The measured page: it makes 2,000 rows, then 1,000 events a second, with or without the panel. */

import { createRoot } from 'react-dom/client'
import { background, withCancel } from 'rescind'
import { DevtoolsPanel } from 'rescind/devtools/production'
import { inspect } from 'rescind/inspect'

const inspector = inspect({ silence: 'all' })
const [page] = withCancel(background(), { label: 'page' })

/** Makes and cancels `count` contexts, with one or two events each, in separate turns. */
function turn(count: number): void {
  for (let index = 0; index < count; index++) withCancel(page, { label: 'search' })[1]('superseded')
}

turn(2_000)

export interface Measured {
  open(): void
  load(seconds: number): Promise<void>
  many(count: number): Promise<void>
}

const measured: Measured = {
  open() {
    const host = document.body.appendChild(document.createElement('div'))
    host.style.height = '440px'
    createRoot(host).render(<DevtoolsPanel inspector={inspector} />)
  },
  /** 1,000 events a second: 500 contexts that are made and canceled. */
  async load(seconds: number) {
    const end = performance.now() + seconds * 1_000
    for (let due = performance.now(); due < end; due += 20) {
      await new Promise((resolve) => void setTimeout(resolve, Math.max(0, due - performance.now())))
      turn(10)
    }
  },
  async many(count: number) {
    for (let done = 0; done < count; done += 500) {
      turn(500)
      await new Promise((resolve) => void setTimeout(resolve))
    }
  },
}

Object.assign(globalThis, { measured })
