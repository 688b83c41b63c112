/**
 * Gives Vite's dev server the demo's endpoints. They are loaded through Vite, so an edited endpoint is in use with the
 * next request; what the old one was doing is canceled.
 */

import type { Plugin } from 'vite'
import type { Api } from './api.ts'
import type { Databases } from './databases.ts'

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
        if (/^\/(api\/|server\.json)/.test(req.url ?? '')) current().then(({ handle }) => handle(req, res), next)
        else next()
      })
    },
  }
}

/** A real PostgreSQL, for as long as the dev server runs. */
async function startDatabase(): Promise<void> {
  const { startPostgres } = await import('../../scripts/postgres.ts')
  const { access, stop } = await startPostgres()
  const { host, port, user, password, database } = access
  process.env.DEMO_POSTGRES = `postgres://${user}:${password}@${host}:${port}/${database}`
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit()))
  }
}
