/**
 * What ends between two test files that share a realm: the visit of the page, and all time. So no file finds timers,
 * page contexts or inspectors that another has left, in whatever order they run.
 */

import { afterAll, vi } from 'vitest'
import { watch } from '../src/observer.ts'
import { systemClock } from '../src/timers.ts'
import { task } from './support.ts'

/** A browser has none. */
const env = globalThis.process?.env
const NODE_ENV = env?.NODE_ENV

const { jsdom } = globalThis as { readonly jsdom?: { readonly window: typeof globalThis } }
// React 18 assigns to `event`. Vitest would keep that value, for later files too, and React choose the priority of
// updates by it.
if (jsdom) {
  const get = () => jsdom.window.event
  Object.defineProperty(globalThis, 'event', { configurable: true, get, set() {} })
}

afterAll(async () => {
  // A build with Vite sets it, and React would be loaded as in production.
  if (env) env.NODE_ENV = NODE_ENV
  vi.useRealTimers()
  watch.observer = undefined
  globalThis.dispatchEvent?.(new Event('pagehide'))
  // What ends may start something that waits in turn.
  for (let round = 0; round < 3 && systemClock.next() < Infinity; round++) {
    systemClock.now = () => Infinity
    systemClock.check()
    Reflect.deleteProperty(systemClock, 'now')
    await task()
  }
  if (systemClock.next() < Infinity) throw new Error('this file starts timers without end')
})
