/** The demo's endpoints in a service worker, for static hosts: the same code, on streams of the browser. */

import { admit } from '../server/admission.ts'
import { startApi } from '../server/api.ts'
import { StreamedAnswer } from './answer.ts'

interface Extendable {
  waitUntil(promise: Promise<unknown>): void
}

interface Fetching {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}

interface Scope {
  readonly clients: { claim(): Promise<void> }
  readonly registration: { readonly scope: string }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: Extendable) => void): void
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void
}

const scope = globalThis as unknown as Scope

const { handle } = startApi({
  engines: () => [],
  open: () => Promise.reject(new Error('there is no server here: choose SQLite in this tab')),
  close: () => Promise.resolve(),
})

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()))
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()))

scope.addEventListener('fetch', (event) => {
  const { request } = event
  if (!request.url.startsWith(`${scope.registration.scope}api/`)) return
  const res = new StreamedAnswer()
  event.respondWith(res.response)
  const url = request.url.slice(scope.registration.scope.length - 1)
  const req = {
    method: request.method,
    url,
    headers: Object.fromEntries(request.headers),
    async *[Symbol.asyncIterator]() {
      yield new Uint8Array(await request.arrayBuffer())
    },
  }
  const address = admit(req, res)
  if (address !== undefined) handle(address, req, res)
})
