/**
 * Gives Vite the pages of the manual. It loads the renderer only when it is called: every test run reads the
 * configuration, and the highlighter takes longer to load than most test runs.
 */

import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'
import type { Plugin } from 'vite'
import type * as Pages from './pages.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const demo = join(repository, 'demo')

/** Paths that may belong to the manual. The first request for one renders all pages, in a second or two. */
const OURS = /^(docs|test)\/|^[A-Z]+(\.html|\.md)?$|^(llms\.txt|search\.json)$/

const TYPES: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
}

interface Manual {
  readonly plugin: Plugin
  /** The documents, as entries for Rolldown. */
  readonly input: Record<string, string>
  readonly highlight: typeof Pages.highlight
}

export async function manual(command: 'build' | 'serve', mode: string): Promise<Manual> {
  const { module } = await runnerImport<typeof Pages>(join(demo, 'site/pages.ts'), { logLevel: 'warn' })
  const reference = mode === 'demo-site' ? 'there' : 'missing'
  const make = () => module.makeSite(repository, reference)
  let made: Pages.Site | undefined
  const site = () => (made ??= make())
  const plugin: Plugin = {
    name: 'rescind-demo-manual',
    resolveId: (id) => (command === 'build' && site().documents.has(pathOf(id)) ? id : null),
    load: (id) => (command === 'build' ? (site().documents.get(pathOf(id)) ?? null) : null),
    transformIndexHtml: {
      order: 'pre',
      handler: (html) =>
        html.replace('<!-- theme -->', module.themeElement).replace('<!-- front -->', module.frontOf(reference)),
    },
    generateBundle() {
      for (const [fileName, source] of site().files) this.emitFile({ type: 'asset', fileName, source })
    },
    configureServer(server) {
      server.watcher.add([join(repository, 'docs'), join(repository, 'README.md')])
      server.watcher.on('change', (path) => {
        if (!path.endsWith('.md')) return
        made = undefined
        server.hot.send({ type: 'full-reload' })
      })
      server.middlewares.use((req, res, next) => {
        const [pathname = ''] = (req.url ?? '').split('?', 1)
        const path = pathname.slice(1).replace(/\/$/, '/index.html')
        if (!OURS.test(path)) return next()
        const { documents, files } = site()
        const file = files.get(path)
        const document = documents.get(path)
        if (file !== undefined) {
          const type = TYPES[path.replace(/^.*\./, '')] ?? 'text/plain; charset=utf-8'
          res.writeHead(200, { 'content-type': type }).end(file)
          return
        }
        if (document === undefined) return next()
        server
          .transformIndexHtml(pathname, document)
          .then((html) => res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html))
          .catch(next)
      })
    },
  }
  const paths = command === 'build' ? ['index.html', ...site().documents.keys()] : []
  const input = Object.fromEntries(paths.map((path) => [path.replace(/\.html$/, ''), join(demo, path)]))
  return { plugin, input, highlight: module.highlight }
}

function pathOf(id: string): string {
  return relative(demo, id).replaceAll('\\', '/')
}
