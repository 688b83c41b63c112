/**
 * What answers the page: the demo's server says that there is one; where only files are served, a file says that there
 * is none, and a service worker takes its place.
 */

import { fromRoot } from './root.ts'

type ServerKind = 'node' | 'service worker'

/** What `server.json` says. */
export interface Server {
  readonly kind: ServerKind
  /** The databases it has. */
  readonly engines: readonly string[]
}

/** How the page names it. */
export const SERVER_NAMES: Readonly<Record<ServerKind, string>> = {
  node: 'Server: Node, on real sockets',
  'service worker': 'No server here: a service worker streams in its place',
}

/** Resolves when it can be asked; rejects if nothing answers. */
export async function findServer(): Promise<Server> {
  const response = await fetch(fromRoot('server.json'), { cache: 'no-store' })
  const server = (await response.json()) as Server
  if (server.kind === 'service worker') await startWorker()
  else await stopWorker()
  return server
}

/** One that is left from when there were only files here would answer in the server's place. */
async function stopWorker(): Promise<void> {
  // Not there on plain http, but for localhost.
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
