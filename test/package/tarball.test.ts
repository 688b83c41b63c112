/** The package that `npm run build` packs, unpacked into a `node_modules`. */

import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { run } from './run.ts'

const consumer = inject('consumer')
const installed = join(consumer, 'node_modules', 'rescind')
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, unknown> & {
  exports: Record<string, object | string>
  peerDependencies: Record<string, string>
  peerDependenciesMeta: Record<string, object>
  scripts: Record<string, string>
}
const entries = Object.keys(manifest.exports)
  .filter((entry) => typeof manifest.exports[entry] === 'object')
  .map((entry) => entry.replace(/^\./, 'rescind'))

describe('the tarball', () => {
  it('has every source, its compiled files, the documents, and nothing else', () => {
    const sources = ['src', 'hooks', 'devtools'].flatMap((folder) => filesIn(folder))
    const compiled = sources.flatMap((path) =>
      ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => `dist/${path.replace(/\.tsx?$/, ending)}`),
    )
    const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
    expect(filesIn(installed, '')).toEqual([...documents, ...sources, ...compiled].toSorted())
  })

  it('has a declaration map from every declaration to its source', () => {
    const maps = filesIn(join(installed, 'dist'), 'dist/').filter((name) => name.endsWith('.d.ts.map'))
    const sources = maps.flatMap((path) => {
      const map = JSON.parse(readFileSync(join(installed, path), 'utf8')) as { sources: string[] }
      return map.sources.map((source) => join(installed, dirname(path), source))
    })
    expect(sources.length).toBe(maps.length)
    expect(sources.filter((source) => !existsSync(source))).toEqual([])
  })

  it('has only optional peer dependencies', () => {
    expect(Object.keys(manifest.peerDependenciesMeta)).toEqual(Object.keys(manifest.peerDependencies))
  })

  it('exports its package.json', async () => {
    const program = "console.log(require('rescind/package.json').name)"
    writeFileSync(join(consumer, 'manifest.cjs'), program)
    expect(await run('node', ['manifest.cjs'], consumer)).toBe('rescind\n')
  })

  it('has no dependencies and no install scripts', () => {
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('optionalDependencies')
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts).not.toHaveProperty(script)
    }
  })

  it('passes publint', async () => {
    const { buffer } = new Uint8Array(readFileSync(inject('tarball')))
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
  })
})

describe('the types', () => {
  // Without esnext.disposable, which not every user's configuration has.
  const strictest = JSON.parse(readFileSync('test/package/strictest.json', 'utf8')) as object

  it.each([
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
  ])("compile in a user's program with moduleResolution $moduleResolution", async (resolution) => {
    const project = join(consumer, `tsconfig.${resolution.moduleResolution}.json`)
    writeFileSync(project, JSON.stringify({ compilerOptions: { ...strictest, ...resolution }, include: ['*.ts'] }))
    writeFileSync(join(consumer, 'package.json'), JSON.stringify({ type: 'module' }))
    cpSync('test/package/consumer', consumer, { recursive: true })
    // Rejects on a type error.
    expect(await run('tsc', ['-p', project, '--listFiles'])).toContain('/node_modules/rescind/dist/src/index.d.ts')
  })
})

describe('importing', () => {
  const impure = 'data:text/javascript,setTimeout(() => {}); Promise.prototype.then = 1; document.title'
  let effects: Record<string, object>

  beforeAll(async () => {
    writeFileSync(join(consumer, 'import.mjs'), observe([...entries, impure]))
    effects = JSON.parse(await run('node', ['import.mjs'], consumer)) as Record<string, object>
  })

  it.each(entries)('%s has no side effects', (entry) => {
    expect(effects[entry]).toEqual({ touched: [], changed: [] })
  })

  it('a module with side effects is detected', () => {
    expect(effects[impure]).toEqual({ touched: ['setTimeout', 'document.title'], changed: ['Promise.prototype.then'] })
  })

  it('shares one core between all entries', async () => {
    const program = `
      import { withTimeout } from 'rescind'
      import { fakeClock } from 'rescind/testing'
      const clock = fakeClock(0)
      const [ctx] = withTimeout(clock.root, 1_000)
      await clock.advance(1_000)
      console.log(ctx.err.name)
    `
    writeFileSync(join(consumer, 'core.mjs'), program)
    expect(await run('node', ['core.mjs'], consumer)).toBe('TimeoutError\n')
  })

  it.each(['hooks', 'devtools'])(
    'the entry of %s is a client module to a framework with server components',
    (folder) => {
      const code = readFileSync(join(installed, 'dist', folder, 'index.js'), 'utf8')
      expect(code.replaceAll(/\/\*.*?\*\/|^\/\/.*$/gms, '').trimStart()).toMatch(/^'use client';?\n/)
    },
  )

  it('works from CommonJS', async () => {
    writeFileSync(join(consumer, 'require.cjs'), "console.log(typeof require('rescind').withCancel)")
    expect(await run('node', ['--no-warnings', 'require.cjs'], consumer)).toBe('function\n')
  })
})

/**
 * A program that imports the entries one after the other. For each it reports the services and page objects that the
 * import uses as `touched`, and patches as `changed`.
 */
function observe(entries: readonly string[]): string {
  return `
    await import('react')
    let touched = []
    const owners = Object.entries(Object.getOwnPropertyDescriptors(globalThis))
      .flatMap(([name, { value }]) => [[name, value], [name + '.prototype', value?.prototype]])
      .filter(([, owner]) => Object(owner) === owner)
    const properties = () => new Map(
      [['globalThis', globalThis], ...owners].flatMap(([label, owner]) => Reflect.ownKeys(owner).map((key) => {
        const { value, get } = Object.getOwnPropertyDescriptor(owner, key)
        return [label + '.' + String(key), get ?? value]
      })),
    )
    const trap = (owner, name) => { owner[name] = () => { touched.push(name) } }
    for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'reportError']) {
      trap(globalThis, name)
    }
    trap(globalThis, 'addEventListener')
    trap(EventTarget.prototype, 'addEventListener')
    trap(process, 'on')
    for (const name of ['window', 'document', 'history', 'navigation', 'location']) {
      const touch = (_, key) => { touched.push(name + '.' + String(key)) }
      globalThis[name] = new Proxy({}, { get: touch, set: touch, has: touch, defineProperty: touch })
    }
    const effects = {}
    for (const entry of ${JSON.stringify(entries)}) {
      const before = properties()
      touched = []
      await import(entry)
      const after = [...properties()]
      const changed = after.filter(([path, value]) => !Object.is(before.get(path), value)).map(([path]) => path)
      effects[entry] = { touched, changed }
    }
    console.log(JSON.stringify(effects))
  `
}

function filesIn(folder: string, prefix: string = `${folder}/`): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map(
      (file) =>
        prefix +
        join(file.parentPath, file.name)
          .slice(folder.length + 1)
          .replaceAll('\\', '/'),
    )
    .toSorted()
}
