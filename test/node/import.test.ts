/** Importing does nothing, so that it is safe on a server, in a worker and in a bundle that drops what is not used. */

import { afterEach, expect, it, vi } from 'vitest'

afterEach(() => {
  vi.unstubAllGlobals()
})

const SERVICES = [
  'AbortController',
  'FinalizationRegistry',
  'MessageChannel',
  'addEventListener',
  'clearTimeout',
  'fetch',
  'queueMicrotask',
  'reportError',
  'setInterval',
  'setTimeout',
] as const

it('importing uses no service of the platform and leaves everything as it was', async () => {
  const used: string[] = []
  for (const name of SERVICES) {
    const note = () => {
      // The test runner uses them as well while it loads a module.
      if (new Error(name).stack?.includes('/src/')) used.push(name)
    }
    const service: object = (globalThis as Record<string, unknown>)[name] ?? (() => {})
    const watched = new Proxy(service as typeof AbortController, {
      apply: (target, self, args) => (note(), Reflect.apply(target, self, args) as unknown),
      construct: (target, args) => (note(), Reflect.construct(target, args) as object),
    })
    vi.stubGlobal(name, watched)
  }
  const prototypes = [AbortSignal.prototype, EventTarget.prototype, Error.prototype]
  const owners = [globalThis, AbortSignal, Promise, Error, ...prototypes]
  const describeAll = () => owners.map((owner) => Object.getOwnPropertyDescriptors(owner))
  const before = describeAll()
  vi.resetModules()
  await Promise.all([import('rescind'), import('rescind/testing')])
  expect(used).toEqual([])
  expect(describeAll()).toEqual(before)
})
