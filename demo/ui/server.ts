/**
 * Finds out what answers the requests of the page, from `server.json`. The demo's server generates that file. A static
 * host has it as a plain file, and a service worker answers instead of a server.
 */

import { fromRoot } from './root.ts'

type ServerKind = 'node' | 'service worker'

/** The content of `server.json`. */
export interface Server {
  readonly kind: ServerKind
  /** The databases that the server has. */
  readonly engines: readonly string[]
}

/** The text about the server in the masthead. */
export const SERVER_NAMES: Readonly<Record<ServerKind, string>> = {
  node: 'Server: Node, on real sockets',
  'service worker': 'No server here: a service worker streams in its place',
}

/** Resolves when the server can answer requests; rejects if there is no answer. */
export async function findServer(): Promise<Server> {
  const response = await fetch(fromRoot('server.json'), { cache: 'no-store' })
  const server = (await response.json()) as Server
  if (server.kind === 'service worker') await startWorker()
  else await stopWorker()
  return server
}

/**
 * Removes a service worker that an earlier static build left at this address: it would answer instead of the server.
 */
async function stopWorker(): Promise<void> {
  // Undefined on plain http, except on localhost.
  const { serviceWorker } = navigator as { readonly serviceWorker?: ServiceWorkerContainer }
  if (!serviceWorker?.controller?.scriptURL.endsWith('/sw.js')) return
  const registration = await serviceWorker.getRegistration()
  await registration?.unregister()
  location.reload()
}

async function startWorker(): Promise<void> {
  const { serviceWorker } = navigator
  await serviceWorker.register(fromRoot('sw.js'))
  if (serviceWorker.controller !== null) return
  await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
}
