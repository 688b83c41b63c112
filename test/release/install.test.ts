/** The tarball as npm installs it, and as every way of resolving modules finds its types. */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, inject, it } from 'vitest'
import { run } from '../package/run.ts'

const consumer = inject('consumer')

it('is installed beside the build of SQLite that is tested', async () => {
  const project = join(consumer, 'beside')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{}')
  await run('npm', ['pack', '--ignore-scripts', resolve('node_modules/@sqlite.org/sqlite-wasm')], project)
  const sqlite = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? 'missing.tgz'
  const options = ['--offline', '--ignore-scripts', '--no-legacy-peer-deps', '--strict-peer-deps']
  await run('npm', ['install', ...options, inject('tarball'), `./${sqlite}`], project)
  expect(await run('npm', ['ls', '--json'], project)).not.toContain('"problems"')
})

it('has types that fit every way to import it', async () => {
  await expect(run('attw', [inject('tarball'), '--profile', 'esm-only', '--no-color'])).resolves.toContain('rescind')
})
