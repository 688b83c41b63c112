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
const sources = import.meta.glob<Omit<Listed['code'], 'go'>>(['../scenarios/*.tsx', '../server/{report,scan}.ts'], {
  eager: true,
  import: 'default',
  query: '?shown',
})

export const catalog: readonly Listed[] = Object.entries(modules)
  .map(([path, scenario]) => {
    const shown = sources[scenario.source ?? path]
    if (!shown?.with || !shown.without) throw new Error(`The source of ${path} has no regions to show.`)
    const id = path.replace(/^.*\/(.*)\.tsx$/, '$1')
    return { id, scenario, code: { ...shown, go: scenario.go.replaceAll('    ', '\t') } }
  })
  .toSorted((left, right) => left.scenario.order - right.scenario.order)
