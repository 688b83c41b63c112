/**
 * A small site for a test: files in a folder that can be edited while Vite's dev server serves them, or built and
 * served as in production, and the browser.
 */

import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import react from '@vitejs/plugin-react'
import { chromium } from 'playwright'
import type { Browser } from 'playwright'
import { build, createServer, preview } from 'vite'
import type { InlineConfig } from 'vite'
import { inject } from 'vitest'

export interface Site extends AsyncDisposable {
  readonly url: string
  /** Replaces a file, as an editor does when it saves. */
  write(name: string, text: string): Promise<void>
}

type Files = Readonly<Record<string, string>>

/** @param mode how the files are served: by the dev server, or built */
export async function serve(files: Files, mode: 'dev' | 'built'): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), 'rescind-site-'))
  // In one step, since the dev server may see a partly written file, and miss a change.
  const write = async (name: string, text: string) => {
    await writeFile(join(root, `.${name}`), text)
    await rename(join(root, `.${name}`), join(root, name))
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  await symlink(resolve('node_modules'), join(root, 'node_modules'), 'dir')
  const pages = Object.keys(files).filter((name) => name.endsWith('.html'))
  const config: InlineConfig = {
    root,
    configFile: false,
    logLevel: 'error',
    cacheDir: join(root, '.vite'),
    plugins: [react()],
    resolve: {
      alias: [
        { find: /^rescind$/, replacement: resolve('src/index.ts') },
        { find: /^rescind\/inspect$/, replacement: resolve('src/inspect/index.ts') },
        { find: /^rescind\/react$/, replacement: resolve('hooks/index.ts') },
      ],
    },
    build: { rolldownOptions: { input: pages.map((name) => join(root, name)) } },
    server: { port: 0, fs: { strict: false } },
    preview: { port: 0 },
  }
  const server = mode === 'dev' ? await (await createServer(config)).listen() : await built(config)
  const [url] = server.resolvedUrls?.local ?? []
  if (url === undefined) throw new Error('The server has no address.')
  return {
    url,
    write,
    async [Symbol.asyncDispose]() {
      await server.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

async function built(config: InlineConfig) {
  await build(config)
  return preview(config)
}

/** Connects to the browser of all tests. To close it closes its pages. */
export function launch(): Promise<Browser> {
  return chromium.connect(inject('browser'))
}
