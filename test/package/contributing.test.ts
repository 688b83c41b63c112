/** The claims of CONTRIBUTING.md: commands and files that it names exist, and the sources follow its checklists. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, posix } from 'node:path'
import { describe, expect, it } from 'vitest'

const text = readFileSync('CONTRIBUTING.md', 'utf8')
const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner = '']) => inner)
const { exports, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Readonly<Record<string, unknown>>
  readonly scripts: Readonly<Record<string, string>>
}

const FOLDERS = ['src', 'hooks', 'devtools', 'demo', 'docs', 'test', 'scripts']
const names = new Set(
  ['.', ...FOLDERS].flatMap((folder) =>
    readdirSync(folder, { recursive: folder !== '.', encoding: 'utf8' }).map(nameOf),
  ),
)

/** What runs before another command, without being called. */
const IMPLIED = /^pre/

describe('CONTRIBUTING.md', () => {
  it('names only commands that exist, and all of them', () => {
    const named = code.flatMap((inner) => /^npm (?:run )?([\w:]+)/.exec(inner)?.slice(1) ?? [])
    expect([...new Set(named)].toSorted()).toEqual(
      Object.keys(scripts)
        .filter((name) => !IMPLIED.test(name))
        .toSorted(),
    )
  })

  it('names only files and folders that exist', () => {
    expect(code.filter((inner) => isPath(inner) && !existsSync(inner))).toEqual([])
    expect(code.filter((inner) => /^\.?\w[\w.-]*\.(ts|tsx|json|md)$/.test(inner) && !names.has(inner))).toEqual([])
  })

  it('has a checklist for an operation, a hook, an engine, a page, a scenario and a rule', () => {
    const checklists = text.slice(text.indexOf('## Checklists'), text.indexOf('## A pull request'))
    const titles = [...checklists.matchAll(/^### (.+)\n[^#]*?^1\. /gm)].map(([, title]) => title)
    expect(titles).toEqual([
      'A new operation',
      'A hook',
      'An engine of `rescind/sql`',
      'A page of the manual',
      'A scenario of the demo',
      'A rule',
    ])
  })
})

describe('the checklist of an operation', () => {
  /** Files of the core whose functions are not operations. Those of any other file in the index are. */
  const others = new Set(['callbacks', 'context', 'deadlines', 'errors', 'lifetime', 'page', 'routes', 'signals'])
  /** Makes an option of an operation. */
  const options = new Set(['retryBudget'])
  const groups = exportsOf(readFileSync('src/index.ts', 'utf8')).filter(({ file }) => !others.has(file))
  const operations = groups.flatMap(({ functions }) => functions).filter((name) => !options.has(name))
  const pages = readdirSync('docs').filter((name) => name.endsWith('.md'))

  it('is for all operations that a file exports', () => {
    expect(operations).toEqual(expect.arrayContaining(['retry', 'until', 'within']))
    const lines = "export { cause, Gone } from './one.ts'\nexport {\n  two,\n  three,\n} from './two.ts'\n"
    expect(exportsOf(lines)).toEqual([
      { file: 'one', functions: ['cause'] },
      { file: 'two', functions: ['two', 'three'] },
    ])
  })

  // A pause lasts a turn, and calls no work.
  it.each([
    ['test/node/exit.program.ts', ['test/node/exit.program.ts'], ['pause']],
    ['test/node/stacks.test.ts', ['test/node/stacks.test.ts'], ['pause']],
    ['test/types/core.ts', ['test/types/core.ts'], []],
    ['the manual', pages.map((name) => `docs/${name}`), []],
  ])('is followed by every operation in %s', (_, paths, exempt) => {
    const content = paths.map((path) => readFileSync(path, 'utf8')).join('\n')
    expect(operations.filter((name) => !exempt.includes(name) && !calls(content, name))).toEqual([])
  })

  it('is followed by every program of exit.program.ts in exit.test.ts', () => {
    const programs = /const programs\b.*\{\n([^]*?)^\}/m.exec(readFileSync('test/node/exit.program.ts', 'utf8'))?.[1]
    const named = [...(programs ?? '').matchAll(/^ {2}(?:'([^']+)'|(\w+)):/gm)].map(([, text, word]) => text ?? word)
    const test = readFileSync('test/node/exit.test.ts', 'utf8')
    expect(named).toContain('within')
    expect(named.filter((name) => !test.includes(`'${name}',`))).toEqual([])
  })

  it('is followed by every file with operations in size.test.ts: it has a row, and is left out if unused', () => {
    const test = readFileSync('test/package/size.test.ts', 'utf8')
    const lists = test.matchAll(/code: "export \{([^}]*)\} from 'rescind'"/g)
    const rows = new Set([...lists].flatMap(([, list]) => namesIn(list)))
    expect(groups.filter(({ functions }) => !functions.some((name) => rows.has(name)))).toEqual([])
    const words = /const words = \{([^}]*)\}/.exec(test)?.[1] ?? ''
    // Every operation contains a part of `tasks`.
    const separate = groups.map(({ file }) => file).filter((file) => file !== 'tasks')
    expect(separate.filter((file) => !new RegExp(`\\b${file}: '`).test(words))).toEqual([])
  })

  it('is followed by every cause of the core in hooks/index.ts and in the opening of causes.ts', () => {
    const sources = readdirSync('src').filter((file) => file.endsWith('.ts'))
    const core = sources.map((file) => readFileSync(`src/${file}`, 'utf8')).join('\n')
    const causes = [...core.matchAll(/^export const (\w+): Error = .*\bsentinel\(/gm)].map(([, name = '']) => name)
    const index = readFileSync('hooks/index.ts', 'utf8')
    const exported = namesIn(/^export \{([^}]*)\} from '\.\.\/src\/index\.ts'$/m.exec(index)?.[1])
    const opening = namesIn(/^[^]*?\*\//.exec(readFileSync('hooks/causes.ts', 'utf8'))?.[0])
    expect(causes).toContain('Unused')
    expect(causes.filter((name) => !exported.includes(name) || !opening.includes(name))).toEqual([])
  })

  it('is followed by every section of docs/operations.md in its title and in the README', () => {
    const page = readFileSync('docs/operations.md', 'utf8')
    const sections = [...page.matchAll(/^## `(\w+)`/gm)].map(([, name = '']) => name)
    expect(page).toContain(`# ${sections.join(', ')}\n`)
    const row = sections.map((name) => `\`${name}\``).join(', ')
    expect(readFileSync('README.md', 'utf8')).toContain(`| [Operations](docs/operations.md) | ${row} |`)
  })
})

describe('the checklist of a hook', () => {
  const hooks = [...new Set(readFileSync('hooks/index.ts', 'utf8').match(/\buse[A-Z]\w+/g))]

  it.each([
    'docs/react.md',
    'test/hooks/leaks.test.tsx',
    'test/node/lint.test.ts',
    'test/node/server.test.ts',
    'test/types/react.ts',
  ])('is followed by every hook in %s', (path) => {
    const content = readFileSync(path, 'utf8')
    expect(hooks.filter((hook) => !new RegExp(`\\b${hook}\\b`).test(content))).toEqual([])
  })
})

describe('the checklist of an engine', () => {
  const engines = readdirSync('src/sql', { withFileTypes: true }).flatMap((file) =>
    file.isDirectory() ? file.name : [],
  )

  it('is followed by every engine', () => {
    const resolution = readFileSync('vite.config.ts', 'utf8')
    const paths = readFileSync('tsconfig.json', 'utf8')
    const entries = readFileSync('knip.json', 'utf8')
    const pages = readFileSync('typedoc.json', 'utf8')
    const databases = readFileSync('docs/databases.md', 'utf8')
    expect(engines).toContain('postgres')
    for (const engine of engines) {
      expect(Object.keys(exports)).toContain(`./sql/${engine}`)
      expect(resolution).toMatch(new RegExp(`sql\\\\/\\([\\w|]*\\b${engine}\\b`))
      expect(resolution).toMatch(new RegExp(`test/sql/\\{,[^}]*\\b${engine}/`))
      expect(paths).toContain(`"rescind/sql/${engine}"`)
      expect(entries).toContain(`sql/${engine}`)
      expect(pages).toContain(`"src/sql/${engine}/index.ts"`)
      expect(databases).toContain(`| \`rescind/sql/${engine}\``)
      expect(existsSync(`test/sql/${engine}.ts`)).toBe(true)
      expect(readFileSync(`test/sql/${engine}/${engine}.test.ts`, 'utf8')).toContain('conforms(')
    }
  })
})

describe('the checklist of a page', () => {
  it.each(readdirSync('docs').filter((name) => name.endsWith('.md')))('is followed by %s', (name) => {
    const page = readFileSync(`docs/${name}`, 'utf8')
    const live = [...page.matchAll(/^<!-- live: (.+) -->$/gm)].map(([, scenario]) => scenario)
    expect(live.filter((scenario) => !existsSync(`demo/scenarios/${scenario}.tsx`))).toEqual([])
    expect(htmlIn(page)).toEqual([])
  })
})

describe('a tag of HTML', () => {
  it('is found in a page, but not in a comment or in code', () => {
    expect(htmlIn('<!-- given: <T> -->\n\n`<b>`\n\n```tsx\n<Scope />\n```\n\nA <br> B')).toEqual(['<br'])
  })
})

describe('the checklist of a scenario', () => {
  it.each(readdirSync('demo/scenarios').map((file) => posix.parse(file).name))('is followed by %s', (name) => {
    const source = readFileSync(`demo/scenarios/${name}.tsx`, 'utf8')
    expect(source).toMatch(/^export const scenario\b.* = \{\n  title: .*\n  order: \d+,$/m)
    expect(existsSync(`test/e2e/${name}.test.ts`)).toBe(true)
  })
})

/** Whether `inner` is a path in one of the folders, and not a pattern. */
function isPath(inner: string): boolean {
  return FOLDERS.includes(inner.split('/')[0] ?? '') && /^[\w./-]+$/.test(inner)
}

/** The files of an index, each with the functions it exports; causes and errors begin with a capital letter. */
function exportsOf(index: string): readonly { readonly file: string; readonly functions: readonly string[] }[] {
  return [...index.matchAll(/^export \{([^}]*)\} from '\.\/([\w-]+)\.ts'$/gm)].map(([, list, file = '']) => {
    return { file, functions: namesIn(list).filter((name) => /^[a-z]/.test(name)) }
  })
}

function namesIn(list = ''): readonly string[] {
  return list.match(/\w+/g) ?? []
}

function calls(code: string, name: string): boolean {
  return new RegExp(`\\b${name}\\(`).test(code)
}

/** The tags of HTML in a page, but not comments, which also hold the code around an example. */
function htmlIn(page: string): readonly string[] {
  const prose = page
    .replaceAll(/<!--[^]*?-->/g, '')
    .replaceAll(/^ *```[^]*?^ *```$/gm, '')
    .replaceAll(/`[^`]*`/g, '')
  return prose.match(/<\/?[a-z][^>\n]*/gi) ?? []
}

function nameOf(path: string): string {
  return basename(path)
}
