/**
 * All scenarios, found by their files. A scenario is loaded when it is first played, and its code when it is first
 * shown.
 */

import type { Scenario } from './scenario.ts'

export interface Listed {
  /** The name of its file, which is also its address. */
  readonly id: string
  readonly title: string
  /** The position in the list, lowest first. */
  readonly order: number
}

export interface Piece {
  readonly text: string
  /** The same as highlighted HTML. */
  readonly html: string
}

export interface Code {
  readonly with: Piece
  readonly without: Piece
  /** As `gofmt` formats it. */
  readonly go: Piece
}

const FOLDER = '../scenarios/'
const listed = import.meta.glob<Omit<Listed, 'id'>>('../scenarios/*.tsx', {
  eager: true,
  import: 'default',
  query: '?listed',
})
const scenarios = import.meta.glob<Scenario>('../scenarios/*.tsx', { import: 'scenario' })
const sources = import.meta.glob<Code>(['../scenarios/*.tsx', '../server/{report,scan}.ts'], {
  import: 'default',
  query: '?shown',
})

export const catalog: readonly Listed[] = Object.entries(listed)
  .map(([path, { title, order }]) => ({ id: path.slice(FOLDER.length, -'.tsx'.length), title, order }))
  .toSorted((left, right) => left.order - right.order)

/** Loads the scenario with this id, which must be in the catalog. */
export const scenarioOf: (id: string) => Promise<Scenario> = once((id) => asked(scenarios, `${FOLDER}${id}.tsx`))

/** Loads the code that the scenario with this id shows. */
export const codeOf: (id: string) => Promise<Code> = once(async (id) => {
  const path = `${FOLDER}${id}.tsx`
  const own = await asked(sources, path)
  const { source } = await scenarioOf(id)
  const shown = source === undefined ? own : await asked(sources, source)
  if (shown.with.text === '' || shown.without.text === '' || own.go.text === '') {
    throw new Error(`The source of ${path} has no regions to show.`)
  }
  return { ...shown, go: own.go }
})

async function asked<Value>(modules: Record<string, () => Promise<Value>>, path: string): Promise<Value> {
  const load = modules[path]
  if (load === undefined) throw new Error(`There is no ${path}.`)
  return load()
}

/** Caches the promise for each id. After a failure the next call loads again. */
function once<Value>(load: (id: string) => Promise<Value>): (id: string) => Promise<Value> {
  const promises = new Map<string, Promise<Value>>()
  return (id) => {
    const known = promises.get(id)
    if (known !== undefined) return known
    const promise = load(id)
    promises.set(id, promise)
    promise.catch(() => promises.delete(id))
    return promise
  }
}
