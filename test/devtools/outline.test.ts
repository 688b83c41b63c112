/** The tree of the panel: its lines, and the chain of causes. */

import type { Row } from 'rescind/inspect'
import { describe, expect, it } from 'vitest'
import { chainOf, leaksIn, NO_FILTER, outlineOf } from '../../devtools/outline.ts'
import type { Filter } from '../../devtools/outline.ts'
import { rowOf } from './support.tsx'

const NONE: ReadonlySet<number> = new Set()

const rows: readonly Row[] = [
  rowOf({ id: 1, kind: 'background', born: 0 }),
  rowOf({ id: 2, parent: 1, label: 'page', born: 0 }),
  rowOf({ id: 3, parent: 2, label: 'search', how: 'canceled', ended: 50, cause: 'Superseded' }),
  rowOf({ id: 4, parent: 1, label: 'sync', born: 19_000 }),
  rowOf({ id: 5, parent: 2, label: 'search', how: 'completed', ended: 90 }),
]

interface Options {
  readonly filter?: Partial<Filter>
  readonly leaks?: ReadonlySet<number>
  readonly folded?: ReadonlySet<number>
  readonly at?: number
}

function ids(all: readonly Row[], { filter = {}, leaks = NONE, folded = NONE, at = 20_000 }: Options = {}): number[] {
  return outlineOf(all, { ...NO_FILTER, ...filter }, leaks, folded, at).map(({ row }) => row.id)
}

describe('the outline', () => {
  it('lists children below their parents, in the order in which they were derived', () => {
    expect(ids(rows)).toEqual([1, 2, 3, 5, 4])
    const lines = outlineOf(rows, NO_FILTER, NONE, NONE, 0)
    expect(lines.map(({ depth }) => depth)).toEqual([0, 1, 2, 2, 1])
    const places = lines.map(({ position, siblings }) => `${position}/${siblings}`)
    expect(places).toEqual(['1/1', '1/2', '1/2', '2/2', '2/2'])
    expect(lines.map(({ isFolded }) => isFolded)).toEqual([false, false, undefined, undefined, undefined])
  })

  it('leaves out the children of folded rows', () => {
    expect(ids(rows, { folded: new Set([2]) })).toEqual([1, 2, 4])
  })

  it('finds words in names, causes and outcomes, and keeps the ancestors of a match', () => {
    expect(ids(rows, { filter: { text: 'superseded' } })).toEqual([1, 2, 3])
    expect(ids(rows, { filter: { text: 'SEARCH completed' } })).toEqual([1, 2, 5])
    expect(ids(rows, { filter: { text: '#4' } })).toEqual([1, 4])
    expect(ids(rows, { filter: { text: 'no such thing' } })).toEqual([])
    const lines = outlineOf(rows, { ...NO_FILTER, text: 'superseded' }, NONE, NONE, 0)
    expect(lines.map(({ isMatch }) => isMatch)).toEqual([false, false, true])
  })

  it('finds old live contexts, and leaks', () => {
    expect(ids(rows, { filter: { aliveFor: 10_000 } })).toEqual([1, 2])
    expect(ids(rows, { filter: { hasLeak: true }, leaks: new Set([4]) })).toEqual([1, 4])
  })

  it('counts lost cancels and deaf work as leaks, and no other warnings', () => {
    const codes = ['RESCIND_LOST_CANCEL', 'RESCIND_DEAF_WORK', 'RESCIND_LATE_DERIVE', 'RESCIND_VAIN_TIMEOUT'] as const
    const warnings = codes.map((code, index) => ({ code, row: index, message: '', at: 0, stack: undefined }))
    expect([...leaksIn(warnings)]).toEqual([0, 1])
  })

  it('shows each row once, even if a recording has circular parents', () => {
    const circle = [rowOf({ id: 1, parent: 2 }), rowOf({ id: 2, parent: 1 }), rowOf({ id: 3, parent: 3 })]
    expect(ids(circle)).toEqual([1, 2, 3])
    expect(ids(circle, { filter: { text: '#2' } })).toEqual([1, 2])
  })

  it('shows chains deeper than the call stack', () => {
    const chain = Array.from({ length: 50_000 }, (_, index) => rowOf({ id: index + 1, parent: index }))
    expect(ids(chain)).toHaveLength(50_000)
  })
})

describe('the chain of causes', () => {
  it('leads to the context where the end began', () => {
    const all = [
      rowOf({ id: 1, kind: 'background' }),
      rowOf({ id: 2, parent: 1, how: 'canceled', cause: 'stop' }),
      rowOf({ id: 3, parent: 2, how: 'parent', by: 2 }),
      rowOf({ id: 4, parent: 3, how: 'parent', by: 2 }),
    ]
    expect(chainOf(rowAt(all, 3), all).map(({ id }) => id)).toEqual([4, 3, 2])
    expect(chainOf(rowAt(all, 1), all).map(({ id }) => id)).toEqual([2])
  })

  it('leads to another branch if the end came through a signal or a link', () => {
    const all = [
      rowOf({ id: 1, how: 'canceled' }),
      rowOf({ id: 2 }),
      rowOf({ id: 3, parent: 2, how: 'canceled', by: 1 }),
    ]
    expect(chainOf(rowAt(all, 2), all).map(({ id }) => id)).toEqual([3, 1])
  })

  it('stops at rows that are no longer known', () => {
    const all = [rowOf({ id: 9, parent: 8, how: 'parent', by: 7 })]
    expect(chainOf(rowAt(all, 0), all).map(({ id }) => id)).toEqual([9])
  })

  it('continues from a handler on a server to the context that ended its client', () => {
    const ended = { how: 'canceled', ended: 9 } as const
    const rows = [
      rowOf({ id: 1, ...ended }),
      rowOf({ id: 2, parent: 1, by: 1, how: 'parent', ended: 9 }),
      rowOf({ id: 3, parent: 2, by: 1, place: 'server', ...ended }),
      rowOf({ id: 4, parent: 3, by: 3, place: 'server', how: 'parent', ended: 9 }),
    ]
    expect(chainOf(rowAt(rows, 3), rows).map(({ id }) => id)).toEqual([4, 3, 2, 1])
  })

  it('contains each context once, even if the origins are circular', () => {
    const rows = [rowOf({ id: 1, by: 2, how: 'canceled' }), rowOf({ id: 2, by: 1, how: 'canceled' })]
    expect(chainOf(rowAt(rows, 0), rows).map(({ id }) => id)).toEqual([1, 2])
  })
})

describe('the place of a line', () => {
  it('is shown only where it differs from the place of the parent', () => {
    const place = 'server'
    const rows = [rowOf({ id: 1 }), rowOf({ id: 2, parent: 1, place }), rowOf({ id: 3, parent: 2, place })]
    const lines = outlineOf(rows, NO_FILTER, new Set(), new Set(), 0)
    expect(lines.map(({ place }) => place)).toEqual([undefined, 'server', undefined])
    expect(ids(rows, { filter: { text: 'server' } })).toEqual([1, 2, 3])
  })
})

function rowAt(all: readonly Row[], index: number): Row {
  const row = all[index]
  if (!row) throw new Error(`there is no row at ${index}`)
  return row
}
