/** The structure of the sources: which file may import which, how files are named, and where their tests are. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The core. A file imports only from rows before its own; files that are not named here are above these. */
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

/** Imports from outside the package, and the files that may have them. */
const OUTSIDE: ReadonlyMap<string, RegExp> = new Map([
  ['react', /^(hooks|devtools)\//],
  ['react-dom/client', /^devtools\//],
  ['node:net', /^src\/sql\/postgres\//],
  ['node:tls', /^src\/sql\/postgres\//],
  ['@sqlite.org/sqlite-wasm', /^src\/sql\/sqlite\//],
])

/** Sources without a test file of their name, and the file whose tests reach them through the public API. */
const TESTED_IN: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'test/devtools/panel.test.tsx',
    ['details', 'devtools', 'dock', 'feed', 'lines', 'mount', 'toolbar'].map(inDevtools),
  ],
  ['test/browser/tanstack-devtools.test.tsx', ['plugin'].map(inDevtools)],
  ['test/e2e/accessibility.test.ts', ['style', 'words'].map(inDevtools)],
  ['test/package/size.test.ts', ['index', 'production'].map(inDevtools)],
  ['test/hooks/task.test.tsx', ['causes', 'view'].map(inHooks)],
  ['test/hooks/options.test.tsx', ['deps', 'stable'].map(inHooks)],
  ['test/hooks/life.test.tsx', ['presence', 'use-life'].map(inHooks)],
  ['test/misuse.test.ts', ['src/arguments.ts']],
  ['test/callbacks.test.ts', ['src/listeners.ts']],
  ['test/tasks.test.ts', ['src/turn.ts']],
  ['test/lifetime.test.ts', ['src/bindings.ts', 'src/views.ts']],
  ['test/node/import.test.ts', [INDEX, 'src/node/index.ts', 'src/wire/index.ts', 'hooks/index.ts']],
  [
    'test/inspect/inspect.test.ts',
    ['entry', 'make-row', 'observers', 'outcome', 'recorder', 'recording'].map(inInspect),
  ],
  ['test/inspect/warnings.test.ts', ['src/inspect/keepalive.ts', 'src/inspect/warning.ts', 'src/observer.ts']],
  ['test/node/inspect.test.ts', ['collected', 'rows', 'store', 'text', 'values'].map(inInspect)],
  ['test/node/shutdown.test.ts', ['src/node/connections.ts']],
  ['test/node/upgrade.test.ts', ['src/node/handshake.ts']],
  ['test/sql/conformance.ts', ['database', 'grace', 'index', 'lane', 'transaction-options'].map(inSql)],
  ['test/sql/postgres/postgres.test.ts', ['postgres/client', 'postgres/connection', 'postgres/pair'].map(inSql)],
  ['test/sql/postgres/cancel.test.ts', ['postgres/limit'].map(inSql)],
  ['test/sql/sqlite/sqlite.test.ts', ['sqlite/line', 'sqlite/protocol', 'sqlite/sqlite-worker'].map(inSql)],
  ['test/sql/sqlite/script.test.ts', ['sqlite/session', 'sqlite/stop'].map(inSql)],
  ['test/wire/headers.test.ts', ['src/wire/carry.ts', 'src/wire/timeouts.ts']],
  ['test/wire/trace.test.ts', ['src/trace-key.ts']],
])

const files = ['src', 'hooks', 'devtools', 'demo', 'test', 'scripts'].flatMap(filesIn)
const shipped = graphOf(/^(src|hooks|devtools)\//)
const demo = graphOf(/^demo\//)

describe('the imports', () => {
  it.each([...shipped])('%s imports only files of the package', (_, imports) => {
    for (const target of imports) expect([...shipped.keys(), ...OUTSIDE.keys()]).toContain(target)
  })

  it.each([...shipped])('%s imports downwards only', (path, imports) => {
    for (const target of imports) expect(allows(path, target), `${path} imports ${target}`).toBe(true)
  })

  it.each([
    ['the package', shipped],
    ['the demo', demo],
  ])('the imports of %s are not circular', (_, graph) => {
    expect(cycleIn(graph)).toEqual([])
  })

  it('circular and upward imports are found', () => {
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
  it('describe their concept: no utils, helpers, types or common', () => {
    expect(files.filter((path) => /(^|\/)(utils?|helpers?|types|common)\.[a-z]+$/.test(path))).toEqual([])
  })
})

describe('the text of files', () => {
  it('begins with a paragraph in every source', () => {
    const sources = [...shipped.keys(), ...demo.keys()].filter((path) => /\.tsx?$/.test(path))
    expect(sources.filter((path) => !isOpened(read(path)))).toEqual([])
    expect(isOpened('/// <reference lib="dom" />\n\n/** A concept. */')).toBe(true)
    expect(isOpened("import { one } from './one.ts'\n\n/** Two. */")).toBe(false)
  })

  it('has comments of at most 120 columns, which the formatter does not wrap', () => {
    expect(files.flatMap((path) => wideComments(read(path)).map((number) => `${path}:${number}`))).toEqual([])
    expect(wideComments(`const one = 1\n// ${'wide '.repeat(30)}`)).toEqual([2])
  })

  it('has no `using` in the package, whose compiled form adds a helper to every bundle', () => {
    expect([...shipped.keys()].filter((path) => /^\s*(await )?using \w/m.test(read(path)))).toEqual([])
  })
})

describe('the tests', () => {
  const tests = files.filter((path) => /^test\/.*\.test\.tsx?$/.test(path))
  const covered = new Set([...TESTED_IN.values()].flat())

  it('exist for every source, named like it, like its folder, or in TESTED_IN', () => {
    const named = new Set(tests.map((path) => posix.basename(path).replace(/\.test\.tsx?$/, '')))
    const missing = [...shipped.keys()].filter((path) => !covered.has(path) && !named.has(conceptOf(path)))
    expect(missing).toEqual([])
  })

  it('exist if TESTED_IN names them, as do the sources, and begin with a paragraph', () => {
    expect([...TESTED_IN.keys(), ...covered].filter((path) => !files.includes(path))).toEqual([])
    expect(tests.filter((path) => !read(path).startsWith('/**'))).toEqual([])
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

/** Whether a file opens with a comment, after what a compiler or a shell needs in the first lines. */
function isOpened(text: string): boolean {
  return /^(#!.*\n|\/\/\/ .*\n|'use client'\n|\n)*\/\*\*/.test(text)
}

/** The numbers of the lines with a comment that is too wide. */
function wideComments(text: string): readonly number[] {
  return text.split('\n').flatMap((line, index) => {
    const isWide = line.length > 120 && /^\s*(\/\/|\/?\*)/.test(line) && !line.includes('lint-disable')
    return isWide ? index + 1 : []
  })
}

/** The folder below `src`; `''` for the core. */
function folderOf(path: string): string {
  return posix.dirname(path).replace(/^src\/?/, '')
}

function rowOf(path: string): number {
  const row = ROWS.findIndex((paths) => paths.includes(path))
  return row < 0 ? OPERATIONS : row
}

/** `postgres` for `src/sql/postgres/index.ts`, `retry` for `src/retry.ts`. */
function conceptOf(path: string): string {
  const [, folder = '', name = ''] = /([^/]*)\/([^/]*)\.tsx?$/.exec(path) ?? []
  return name === 'index' ? folder : name
}

function inDevtools(name: string): string {
  return ['ts', 'tsx'].map((end) => `devtools/${name}.${end}`).find(existsSync) ?? name
}

function inHooks(name: string): string {
  return `hooks/${name}.ts`
}

function inInspect(name: string): string {
  return `src/inspect/${name}.ts`
}

function inSql(name: string): string {
  return `src/sql/${name}.ts`
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

/** The first cycle as a path that ends where it starts; empty if there is none. */
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
