/** The lock file has all that a clone installs, for every platform, with hashes and without the host of a registry. */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { run } from './run.ts'

interface Locked {
  /** The name in the registry, if `package.json` has another. */
  readonly name?: string
  readonly version: string
  readonly integrity?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }
const { '': root, ...installed } = packages
const names = Object.keys(installed)

describe('the lock', () => {
  it('has the hash of every package', () => {
    expect(names.length).toBeGreaterThan(100)
    expect(names.filter((name) => !/^sha512-[\w+/]{86}==$/.test(installed[name]?.integrity ?? ''))).toEqual([])
  })

  it('has the path of every package, at no real host', () => {
    const misplaced = Object.entries(installed).filter(([path, { name = nameAt(path), version, resolved }]) => {
      return resolved !== `https://registry.invalid/${name}/-/${name.replace(/^.*\//, '')}-${version}.tgz`
    })
    expect(misplaced.map(([path]) => path)).toEqual([])
    expect(readFileSync('.npmrc', 'utf8')).toContain('\nreplace-registry-host=registry.invalid\n')
  })

  it('stays the same when its script runs again', async () => {
    const before = readFileSync('package-lock.json', 'utf8')
    await run('npm', ['run', 'dependencies', '--silent'])
    expect(readFileSync('package-lock.json', 'utf8')).toBe(before)
  })

  it('has the binaries of every platform, not only of the one that wrote it', () => {
    const optional = Object.values(installed).flatMap((one) => Object.keys(one.optionalDependencies ?? {}))
    expect(optional.length).toBeGreaterThan(100)
    expect(optional.filter((name) => !names.some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([])
  })

  it('belongs to this package.json', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Locked
    expect(manifest).toMatchObject({ ...root, license: 'MIT' })
  })
})

function nameAt(path: string): string {
  return path.replace(/^.*node_modules\//, '')
}

describe('the settings of npm', () => {
  it('have reasons in comments above them', () => {
    const lines = readFileSync('.npmrc', 'utf8').trim().split('\n')
    expect(lines.filter((line, index) => !line.startsWith('#') && !lines[index - 1]?.startsWith('#'))).toEqual([])
  })
})
