/** The lock file has all that a clone installs, for every platform, with hashes and without hosts. */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Locked {
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

  it('has no address of any package', () => {
    expect(names.filter((name) => installed[name]?.resolved !== undefined)).toEqual([])
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

describe('the settings of npm', () => {
  it('have reasons in comments above them', () => {
    const lines = readFileSync('.npmrc', 'utf8').trim().split('\n')
    expect(lines.filter((line, index) => !line.startsWith('#') && !lines[index - 1]?.startsWith('#'))).toEqual([])
  })
})
