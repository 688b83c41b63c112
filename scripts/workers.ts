/**
 * Lets Node start a worker from the sources. The package has its workers compiled, and Vite sees to those of a browser;
 * only where the sources run in Node, in the tests and in the demo's server, somebody has to compile them.
 */

import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'vite'
import type { Plugin } from 'vite'

/** `new URL('./some-worker.js', here)`: a form that bundlers do not take for a browser's worker. */
const WORKER = /new URL\('\.\/([\w-]+-worker)\.js', here\)/g

/** A plugin of Vite. */
export function nodeWorkers(): Plugin {
  return {
    name: 'node-workers',
    enforce: 'pre',
    async transform(code, id) {
      if (this.environment.config.consumer !== 'server') return
      let changed = code
      for (const [found, name] of code.matchAll(WORKER)) {
        const source = resolve(dirname(id), `${name}.ts`)
        // Beside the program: servers are built into one file.
        if (this.environment.mode === 'build') this.emitFile({ type: 'chunk', id: source, fileName: `${name}.js` })
        else changed = changed.replace(found, `new URL(${JSON.stringify(await compile(source))})`)
      }
      return changed === code ? undefined : changed
    },
  }
}

/** The URL of the compiled worker: inside of `node_modules`, where it finds the packages it imports. */
async function compile(source: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: { ssr: source, write: false, target: 'es2022' },
  })
  if (!('output' in result)) throw new Error('one bundle was expected')
  const { code } = result.output[0]
  const folder = resolve('node_modules/.rescind')
  const file = join(folder, `worker-${createHash('sha256').update(code).digest('hex').slice(0, 16)}.js`)
  mkdirSync(folder, { recursive: true })
  // Whoever loads it must not find half of it.
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, code)
  renameSync(draft, file)
  return pathToFileURL(file).href
}
