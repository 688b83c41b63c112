/** All scenarios there are, found by their files, with the source that their files show. */

import type { Scenario } from './scenario.ts'

export interface Listed {
  /** The name of its file, and of its address. */
  readonly id: string
  readonly scenario: Scenario
  readonly code: {
    readonly with: string
    readonly without: string
    /** The same in Go, as `gofmt` has it. */
    readonly go: string
    /** What it imports from `rescind` and its entries. */
    readonly names: readonly string[]
  }
}

const modules = import.meta.glob<Scenario>('../scenarios/*.tsx', { eager: true, import: 'scenario' })
const sources = import.meta.glob<string>(['../scenarios/*.tsx', '../server/{report,scan}.ts'], {
  eager: true,
  import: 'default',
  query: '?raw',
})

export const catalog: readonly Listed[] = Object.entries(modules)
  .map(([path, scenario]) => {
    const source = sources[scenario.source ?? path] ?? ''
    const id = path.replace(/^.*\/(.*)\.tsx$/, '$1')
    const imports = source.matchAll(/^import \{ (.*) \} from 'rescind(?:\/\w+)?'$/gm)
    const names = [...imports].flatMap(([, list = '']) => list.split(', '))
    const go = scenario.go.replaceAll('    ', '\t')
    return { id, scenario, code: { with: region(source, 'with'), without: region(source, 'without'), go, names } }
  })
  .toSorted((left, right) => left.scenario.order - right.scenario.order)

/** The lines between `// #region name` and `// #endregion`. */
function region(source: string, name: string): string {
  const lines = source.split('\n')
  const start = lines.indexOf(`// #region ${name}`)
  if (start < 0) throw new Error(`There is no region ${name} in:\n${source.slice(0, 200)}`)
  return lines.slice(start + 1, lines.indexOf('// #endregion', start)).join('\n')
}
