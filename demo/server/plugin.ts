/**
 * Gives Vite's dev server the demo's endpoints. They are loaded through Vite, so an edited endpoint is in use with the
 * next request; what the old one was doing is canceled.
 */

import type { Plugin } from 'vite'
import type { Api } from './api.ts'

interface ApiModule {
  readonly startApi: () => Api
}

export function demoServer(): Plugin {
  return {
    name: 'rescind-demo-server',
    configureServer(server) {
      let loaded: ApiModule | undefined
      let api: Api | undefined
      const current = async () => {
        const module = (await server.ssrLoadModule('/server/api.ts')) as ApiModule
        if (module !== loaded || api === undefined) {
          api?.stop(new Error('server code changed'))
          loaded = module
          api = module.startApi()
        }
        return api
      }
      server.middlewares.use((req, res, next) => {
        if (req.url?.startsWith('/api/')) current().then(({ handle }) => handle(req, res), next)
        else next()
      })
    },
  }
}
