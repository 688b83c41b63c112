/**
 * The examples: every ```ts, ```tsx and ```js block of the README and of the pages in `docs`, and every @example of a
 * docstring, is a module of its own. All have to compile. Every block of a page is run, against a real server, and so
 * is every other example with a line `expression // => value`; the values are compared. The public names need no
 * import.
 *
 * Comments before a block of a page say what it leaves out: `<!-- given: code -->` goes before it,
 * `<!-- then: code -->` uses it, and `<!-- not run: reason -->` says why it is only compiled. An import such as
 * `./Page.tsx` is left out: `given` declares its names.
 */

import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { run } from './run.ts'

interface Snippet {
  readonly name: string
  readonly file: string
  readonly code: string
  readonly isRun: boolean
}

interface Entry {
  readonly specifier: string
  readonly values: readonly string[]
  readonly types: readonly string[]
}

const FOLDER = 'test/.snippets'
const ASSERTION = /^(\s*)((?:const|let) (\w+) = )?(\S.*?) *\/\/ => (.+)$/gm

const entries = await publicEntries()
const pages = ['README.md', ...readdirSync('docs').map((name) => `docs/${name}`)].filter((path) => path.endsWith('.md'))
const blocks = pages.flatMap(blocksOf)
const docstrings = ['src', 'hooks', 'devtools'].flatMap(sourcesIn).flatMap(examplesOf)
const snippets = [...blocks, ...docstrings]
const runnable = snippets.filter(({ isRun }) => isRun)

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  for (const { file, code } of snippets) writeFileSync(join(FOLDER, file), moduleOf(code))
  writeFileSync(
    join(FOLDER, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: { declaration: false, isolatedDeclarations: false },
      include: ['*'],
    }),
  )
})

/** The answers to the examples' requests. */
const answers: Readonly<Record<string, unknown>> = {
  '/search': ['Blue Train'],
  '/report': { title: 'Blue Train' },
  '/reports/1': { title: 'Blue Train' },
  '/answer': ['Blue Train'],
}

/** A stream of events that stays open after the last one, with comments that keep it alive. */
const EVENTS = [': alive', 'data: "Blue "', ': alive', 'data: "Train"', 'data: [DONE]'].map((part) => `${part}\n\n`)

let server: Server

/** Resolves the examples' relative addresses as a page would. */
beforeAll(async () => {
  server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://localhost')
    if (pathname === '/chat') {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const part of EVENTS) res.write(part)
      return
    }
    const answer = answers[pathname]
    res.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    // In two parts: an example that ends its context too early loses the second one.
    const text = JSON.stringify(answer ?? null)
    res.write(text.slice(0, 1))
    setTimeout(() => res.end(text.slice(1)), 10)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { fetch } = globalThis
  vi.stubGlobal('fetch', (input: string | URL | Request, init?: RequestInit) =>
    fetch(typeof input === 'string' ? new URL(input, origin) : input, init),
  )
  vi.stubEnv('PORT', '0')
})

afterAll(() => {
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
  server.close()
})

describe('the examples', () => {
  it('exist in every page and in the docstrings', () => {
    for (const page of pages) expect(blocks.map(({ name }) => name.split(':')[0])).toContain(page)
    expect(docstrings.length).toBeGreaterThan(0)
    expect(runnable.length).toBeGreaterThan(0)
  })

  it('compile', async () => {
    expect(await run('tsc', ['-p', FOLDER]).catch((error: Error) => error.message)).toBe('')
  })

  it.each(runnable)('$name yields its values', async ({ file }) => {
    await expect(import(/* @vite-ignore */ resolve(FOLDER, file))).resolves.toBeDefined()
  })
})

describe('an example', () => {
  it('fails if a value differs', () => {
    expect(moduleOf('one() // => 1')).toContain('expect(one()).toEqual(1)')
    expect(moduleOf("const rows = await all() // => ['a']")).toContain(
      "const rows = await all()\nexpect(rows).toEqual(['a'])",
    )
  })

  it('keeps its own name that is also a public one', () => {
    expect(moduleOf("let text = ''\ntext += 'Blue Train'")).not.toContain('import { text }')
    expect(moduleOf("carry(key, 'x-name', text())")).toContain("import { carry, text } from 'rescind/wire'")
  })

  it('gets the public names that it uses without an import', () => {
    const own = moduleOf("import { background } from 'rescind'\nwithCancel(background()) satisfies [Context, Cancel]")
    expect(own).toContain("import { type Cancel, type Context, withCancel } from 'rescind'")
  })
})

function blocksOf(path: string): Snippet[] {
  const text = readFileSync(path, 'utf8')
  const blocks = text.matchAll(/((?:<!-- (?:given|then|not run):[^]*?-->\s*)*)^( *)```(tsx?|js)\n([^]*?)^ *```$/gm)
  return [...blocks].map(({ 1: comments = '', 2: indent = '', 3: extension, 4: block = '', index }, number) => {
    const comment = (name: string) => new RegExp(`<!-- ${name}:([^]*?)-->`).exec(comments)?.[1]?.trim()
    const code = block.replaceAll(new RegExp(`^${indent}`, 'gm'), '').replaceAll(/^import .* from '\.\/.*$/gm, '')
    return {
      name: `${path}:${text.slice(0, index).split('\n').length}`,
      // TypeScript checks plain JavaScript as well, where it is called TypeScript.
      file: `${path.replace(/\.md$/, '').replaceAll('/', '-')}-${number + 1}.${extension === 'js' ? 'ts' : extension}`,
      code: [comment('given'), code, comment('then')].filter(Boolean).join('\n'),
      isRun: comment('not run') === undefined,
    }
  })
}

function examplesOf(path: string): Snippet[] {
  const text = readFileSync(path, 'utf8')
  const examples = text.matchAll(/^ *\* @example\n([^]*?)(?=^ *\* @|^ *\*\/)/gm)
  return [...examples].map(({ 1: example = '', index }, number) => {
    const code = example.replaceAll(/^ *\* ?/gm, '').replaceAll(/^```.*$/gm, '')
    return {
      name: `${path}:${text.slice(0, index).split('\n').length}`,
      file: `${path.replaceAll('/', '-').replace(/\.tsx?$/, '')}-${number + 1}.${path.endsWith('x') ? 'tsx' : 'ts'}`,
      code,
      isRun: code.match(ASSERTION) !== null,
    }
  })
}

function moduleOf(code: string): string {
  const checked = code.replaceAll(
    ASSERTION,
    (_, indent: string, declaration: string | undefined, name: string, expression: string, value: string) =>
      declaration
        ? `${indent}${declaration}${expression}\n${indent}expect(${name}).toEqual(${value})`
        : `${indent}expect(${expression}).toEqual(${value})`,
  )
  const imported = [...code.matchAll(/^import [^'"]*/gm)].join(' ')
  /** Some names are exported by two entries. */
  const taken = new Set<string>()
  const isUsed = (name: string): boolean => {
    const word = new RegExp(`\\b${name}\\b`)
    const own = new RegExp(`\\b(?:const|let|class|function\\*?) ${name}\\b`)
    if (!word.test(code) || word.test(imported) || own.test(code) || taken.has(name)) return false
    return Boolean(taken.add(name))
  }
  const imports = entries.map(({ specifier, values, types }) => {
    const names = [...types.filter(isUsed).map((name) => `type ${name}`), ...values.filter(isUsed)]
    return names.length > 0 ? `import { ${names.join(', ')} } from '${specifier}'\n` : ''
  })
  return `import { expect } from 'vitest'\n${imports.join('')}\n${checked}\nexport {}\n`
}

/** The public entries of package.json, with the names that each exports. */
function publicEntries(): Promise<Entry[]> {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    exports: Record<string, { default?: string }>
  }
  return Promise.all(
    Object.entries(exports).map(async ([entry, { default: compiled }]) => {
      // An export that is not a module.
      if (compiled === undefined) return { specifier: entry, values: [], types: [] }
      const stem = compiled.replace('./dist/', '').replace(/\.js$/, '')
      const source = [`${stem}.ts`, `${stem}.tsx`].find((path) => existsSync(path)) ?? stem
      const text = readFileSync(source, 'utf8')
      const lists = [...text.matchAll(/^export type \{([^}]*)\}/gm)].flatMap(([, list = '']) => list.split(','))
      const own = [...text.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name = '']) => name)
      return {
        specifier: entry.replace(/^\./, 'rescind'),
        values: Object.keys((await import(/* @vite-ignore */ resolve(source))) as object).toSorted(),
        types: [...lists.map((name) => name.trim()).filter(Boolean), ...own].toSorted(),
      }
    }),
  )
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .toSorted()
}
