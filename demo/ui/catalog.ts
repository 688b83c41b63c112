/** All scenarios there are, found by their files. The code that they show is loaded with the first that shows it. */

import type { Scenario } from './scenario.ts'

export interface Listed {
  /** The name of its file, and of its address. */
  readonly id: string
  readonly scenario: Scenario
}

export interface Piece {
  readonly text: string
  /** The same in colours. */
  readonly html: string
}

export interface Code {
  readonly with: Piece
  readonly without: Piece
  /** As `gofmt` has it. */
  readonly go: Piece
}

const FOLDER = '../scenarios/'
const modules = import.meta.glob<Scenario>('../scenarios/*.tsx', { eager: true, import: 'scenario' })
const sources = import.meta.glob<Code>(['../scenarios/*.tsx', '../server/{report,scan}.ts'], {
  import: 'default',
  query: '?shown',
})

export const catalog: readonly Listed[] = Object.entries(modules)
  .map(([path, scenario]) => ({ id: path.slice(FOLDER.length, -'.tsx'.length), scenario }))
  .toSorted((left, right) => left.scenario.order - right.scenario.order)

/** Undefined if there is no scenario called `id`. */
export function find(id: string | undefined): Listed | undefined {
  return catalog.find((listed) => listed.id === id)
}

const loaded = new Map<string, Promise<Code>>()

/** The code that `listed` shows; the same promise each time. */
export function codeOf(listed: Listed): Promise<Code> {
  const known = loaded.get(listed.id)
  if (known !== undefined) return known
  const code = load(listed)
  loaded.set(listed.id, code)
  // What could not be loaded is tried again the next time.
  code.catch(() => loaded.delete(listed.id))
  return code
}

async function load({ id, scenario }: Listed): Promise<Code> {
  const path = `${FOLDER}${id}.tsx`
  const [own, shown] = await Promise.all([sources[path]?.(), sources[scenario.source ?? path]?.()])
  if (!own?.go.text || !shown?.with.text || !shown.without.text) {
    throw new Error(`The source of ${path} has no regions to show.`)
  }
  return { ...shown, go: own.go }
}
