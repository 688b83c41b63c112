/**
 * Packs the package once, from a copy of its files, so that no old build is tested. The tests get the tarball, and its
 * files unpacked as `node_modules/rescind`.
 */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'
import { run } from './run.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder whose `node_modules` has the package. */
    consumer: string
    tarball: string
  }
}

const INPUTS = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'devtools',
  'hooks',
  'package.json',
  'src',
  'tsconfig.build.json',
  'tsconfig.json',
]

/** The packages of a user of all optional parts. */
const PEERS = ['react', 'react-dom', '@types/react', '@types/react-dom']

export async function setup({ provide }: TestProject): Promise<() => void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rescind-')))
  const source = join(folder, 'source')
  for (const input of INPUTS) if (existsSync(input)) cpSync(input, join(source, input), { recursive: true })
  symlinkSync(resolve('node_modules'), join(source, 'node_modules'), 'junction')
  await run('npm', ['run', 'build', '--silent'], source)
  const tarball = readdirSync(source).find((name) => name.endsWith('.tgz')) ?? 'missing.tgz'
  const consumer = join(folder, 'consumer')
  const installed = join(consumer, 'node_modules', 'rescind')
  mkdirSync(installed, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed], source)
  for (const peer of PEERS) {
    const link = join(consumer, 'node_modules', peer)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(resolve('node_modules', peer), link, 'junction')
  }
  provide('consumer', consumer)
  provide('tarball', join(source, tarball))
  return () => rmSync(folder, { recursive: true, force: true })
}
