/**
 * Gives Vite's dev server the demo's endpoints. They are loaded through Vite, so an edited endpoint is in use with the
 * next request; requests in flight are canceled.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HttpServer, Plugin } from 'vite'
import { addressOf, admit } from './admission.ts'
import type { Api } from './api.ts'
import type { Databases } from './databases.ts'
import { refuseSocket } from './sockets.ts'

interface ApiModule {
  readonly startApi: (databases: Databases) => Api
}

interface DatabasesModule {
  readonly openDatabases: () => Databases
}

export function demoServer(): Plugin {
  return {
    name: 'rescind-demo-server',
    async configureServer(server) {
      // `npm run demo:postgres`
      if (server.config.mode === 'demo-postgres') await startDatabase()
      if (server.httpServer !== null) guard(server.httpServer)
      let loaded: ApiModule | undefined
      let api: Api | undefined
      const current = async () => {
        const module = (await server.ssrLoadModule('/server/api.ts')) as ApiModule
        if (module !== loaded || api === undefined) {
          api?.stop(new Error('server code changed'))
          loaded = module
          const { openDatabases } = (await server.ssrLoadModule('/server/databases.ts')) as DatabasesModule
          api = module.startApi(openDatabases())
        }
        return api
      }
      server.middlewares.use((req, res, next) => {
        const url = addressOf(req.url ?? '')
        if (url === undefined || !/^\/(api\/|server\.json$)/.test(url.pathname)) return next()
        current()
          .then(({ handle }) => handle(url, req, res))
          .catch(next)
      })
    },
  }
}

/**
 * Vite reads the target of a request before any middleware does, and an unreadable one would end the process. It also
 * leaves foreign upgrade requests open. Both are refused here.
 */
function guard(server: HttpServer): void {
  const listeners = server.listeners('request') as ((req: IncomingMessage, res: ServerResponse) => void)[]
  server.removeAllListeners('request')
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (admit(req, res) === undefined) return
    for (const listener of listeners) listener(req, res)
  })
  server.on('upgrade', ({ headers }: IncomingMessage, socket: Duplex) => {
    const isOurs = headers['sec-websocket-protocol']?.startsWith('vite-') ?? false
    if (!isOurs) refuseSocket(socket, 404, 'there is no such endpoint')
  })
}

/** A real PostgreSQL while the dev server runs. */
async function startDatabase(): Promise<void> {
  const { startPostgres } = await import('../../scripts/postgres.ts')
  const { access, stop } = await startPostgres()
  const { host, port, user, password, database } = access
  process.env.DEMO_POSTGRES = `postgres://${user}:${password}@${host}:${port}/${database}`
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit()))
  }
}
