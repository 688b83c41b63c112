/** Imports have no side effects, so they are safe on a server, in a worker, and in a bundle with tree shaking. */

import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'

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

/** The script of a worker, and an export that is not a module. */
const OTHERS = new Set(['./sql/sqlite-worker', './package.json'])

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly exports: object }
const entries = Object.keys(exports).filter((path) => !OTHERS.has(path))

const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)])

describe.each(entries)('importing %s of the package', (path) => {
  it('uses no service of the platform and changes no global', async () => {
    const used: string[] = []
    for (const name of SERVICES) {
      const note = () => {
        // The test runner uses them as well while it loads a module.
        if (/\/(src|hooks)\//.test(new Error(name).stack ?? '')) used.push(name)
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
    const before = [describeAll(), listeners()]
    vi.resetModules()
    const module: object = await import(`rescind${path.slice(1)}`)
    expect(Object.keys(module)).not.toEqual([])
    expect(used).toEqual([])
    expect([describeAll(), listeners()]).toEqual(before)
  })
})
