/** The house: which source may import which, and how files are named. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The core. Imports go down only, from a row to those before it; what is not named here is above these. */
const ROWS: readonly (readonly string[])[] = [
  ['src/shown.ts'],
  ['src/arguments.ts', 'src/listeners.ts', 'src/observer.ts'],
  ['src/errors.ts'],
  ['src/timers.ts'],
  ['src/context.ts'],
  ['src/deadlines.ts'],
]
const OPERATIONS: number = ROWS.length
const INDEX = 'src/index.ts'
const DATABASES = ['sql/index', 'sql/indexeddb', 'sql/postgres/index', 'sql/sqlite/index', 'sql/sqlite/sqlite-worker']
/** The entries of the package. Nothing in `src` imports one. */
const ENTRIES = new Set(
  ['bindings', 'index', 'testing', 'inspect/index', 'node/index', 'wire/index', ...DATABASES].map(inSource),
)
/** The folders of `src`, and those they may import beside the core. */
const FOLDERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['inspect', []],
  ['node', ['wire']],
  ['sql', []],
  ['sql/postgres', ['sql']],
  ['sql/sqlite', ['sql']],
  ['wire', []],
])
/** What the hooks may import of the core. */
const PUBLIC = new Set([INDEX, 'src/arguments.ts', 'src/bindings.ts'])

/** All that the panel may import. */
const INSPECT = 'src/inspect/index.ts'

/** What is not of the package, and which files may import it. */
const OUTSIDE: ReadonlyMap<string, RegExp> = new Map([
  ['react', /^(hooks|devtools)\//],
  ['react-dom/client', /^devtools\//],
  ['node:net', /^src\/sql\/postgres\//],
  ['node:tls', /^src\/sql\/postgres\//],
  ['@sqlite.org/sqlite-wasm', /^src\/sql\/sqlite\//],
])

const files = ['src', 'hooks', 'devtools', 'demo', 'test', 'scripts'].flatMap(filesIn)
const shipped = graphOf(/^(src|hooks|devtools)\//)
const demo = graphOf(/^demo\//)

describe('the imports', () => {
  it.each([...shipped])('of %s are files of the package', (_, imports) => {
    for (const target of imports) expect([...shipped.keys(), ...OUTSIDE.keys()]).toContain(target)
  })

  it.each([...shipped])('of %s go down only', (path, imports) => {
    for (const target of imports) expect(allows(path, target), `${path} imports ${target}`).toBe(true)
  })

  it.each([
    ['the package', shipped],
    ['the demo', demo],
  ])('of %s are not circular', (_, graph) => {
    expect(cycleIn(graph)).toEqual([])
  })

  it('would be found circular, or pointing up', () => {
    const circular = new Map([
      ['one.ts', importsOf('one.ts', "import { two } from './two.ts'")],
      ['two.ts', importsOf('two.ts', "export type { Three } from './three.ts'")],
      ['three.ts', importsOf('three.ts', "import './two.ts'")],
    ])
    expect(cycleIn(circular)).toEqual(['two.ts', 'three.ts', 'two.ts'])
    const scenario = 'demo/scenarios/http-timeout.tsx'
    expect(importsOf('demo/ui/a.ts', "import.meta.glob<Scenario>('../scenarios/*.tsx', {})")).toContain(scenario)
    expect(allows('src/errors.ts', 'src/context.ts')).toBe(false)
    expect(allows('src/errors.ts', 'src/timers.ts')).toBe(false)
    expect(allows('src/tasks.ts', 'src/index.ts')).toBe(false)
    expect(allows('src/tasks.ts', 'src/wire/port.ts')).toBe(false)
    expect(allows('src/sql/indexeddb.ts', 'src/sql/index.ts')).toBe(false)
    expect(allows('src/sql/lane.ts', 'src/sql/postgres/client.ts')).toBe(false)
    expect(allows('src/sql/sqlite/line.ts', 'src/sql/postgres/client.ts')).toBe(false)
    expect(allows('src/wire/headers.ts', 'src/node/request.ts')).toBe(false)
    expect(allows('src/node/request.ts', 'src/wire/headers.ts')).toBe(true)
    expect(allows('hooks/task.ts', 'src/context.ts')).toBe(false)
    expect(allows('devtools/panel.tsx', 'src/inspect/rows.ts')).toBe(false)
    expect(allows('hooks/task.ts', 'devtools/index.tsx')).toBe(false)
  })
})

describe('the names of files', () => {
  it('say what is in them: no utils, helpers, types or common', () => {
    expect(files.filter((path) => /(^|\/)(utils?|helpers?|types|common)\.[a-z]+$/.test(path))).toEqual([])
  })
})

function allows(path: string, target: string): boolean {
  const importers = OUTSIDE.get(target)
  if (importers) return importers.test(path)
  if (path.startsWith('hooks/')) return target.startsWith('hooks/') || PUBLIC.has(target)
  if (path.startsWith('devtools/')) return target.startsWith('devtools/') || target === INSPECT
  if (/^(hooks|devtools)\//.test(target) || ENTRIES.has(target)) return false
  const folder = folderOf(path)
  const targetFolder = folderOf(target)
  if (targetFolder !== '') return targetFolder === folder || (FOLDERS.get(folder)?.includes(targetFolder) ?? false)
  if (folder !== '' || path === INDEX) return true
  const from = rowOf(path)
  const to = rowOf(target)
  return to < from || (to === from && from === OPERATIONS)
}

/** The folder below `src`, `''` for the core. */
function folderOf(path: string): string {
  return posix.dirname(path).replace(/^src\/?/, '')
}

function rowOf(path: string): number {
  const row = ROWS.findIndex((paths) => paths.includes(path))
  return row < 0 ? OPERATIONS : row
}

function inSource(name: string): string {
  return `src/${name}.ts`
}

/** What each of the files that `filter` matches imports. */
function graphOf(filter: RegExp): ReadonlyMap<string, readonly string[]> {
  return new Map(files.filter((path) => filter.test(path)).map((path) => [path, importsOf(path, read(path))]))
}

/**
 * What `path` imports or re-exports, types included: its own files by path, packages by name. A glob of Vite counts as
 * an import of each file that it matches.
 */
function importsOf(path: string, code: string): string[] {
  const specifiers = code.matchAll(
    /^(?:import|export) (?:type )?(?:[\w*]+(?: as \w+)?,? )?(?:\{[^}]*\} )?from '([^']+)'|\bimport(?: |\()'([^']+)'/gm,
  )
  const resolve = (specifier: string) => {
    return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier
  }
  const globbed = [...code.matchAll(/import\.meta\.glob(?:<\w+>)?\('([^'*]*)\*([^']*)'/g)].flatMap(
    ([, start = '', end = '']) => files.filter((file) => file.startsWith(resolve(start)) && file.endsWith(end)),
  )
  return [...[...specifiers].map(([, named, bare]) => resolve(named ?? bare ?? '')), ...globbed]
}

/** The first circle there is, as a path that ends where it began; empty if there is none. */
function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const acyclic = new Set<string>()
  const walk = (path: string, above: readonly string[]): string[] => {
    if (above.includes(path)) return [...above.slice(above.indexOf(path)), path]
    if (acyclic.has(path)) return []
    for (const target of graph.get(path) ?? []) {
      const cycle = walk(target, [...above, path])
      if (cycle.length > 0) return cycle
    }
    acyclic.add(path)
    return []
  }
  for (const path of graph.keys()) {
    const cycle = walk(path, [])
    if (cycle.length > 0) return cycle
  }
  return []
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && /\.(m?[jt]s|tsx|css|html)$/.test(file.name))
    .map((file) => join(file.parentPath, file.name).replaceAll('\\', '/'))
    .filter((path) => !path.startsWith('test/.snippets/'))
    .toSorted()
}

function read(path: string): string {
  return readFileSync(path, 'utf8')
}
