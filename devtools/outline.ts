/**
 * The outline: the rows as the lines of a tree, children below their parents in the order in which they were made,
 * without folded and filtered rows. The ancestors of a match stay, so that its place in the tree is visible.
 */

import type { Row, Warning } from '../src/inspect/index.ts'
import { nameOf, outcomeOf } from './words.ts'

/** A line of the tree. */
export interface Line {
  readonly row: Row
  /** 0 for a root. */
  readonly depth: number
  /** The `place` of its row; undefined if its parent has the same. */
  readonly place: string | undefined
  /** Its position among its siblings, from 1, and their number, including itself. */
  readonly position: number
  readonly siblings: number
  /** Undefined if it has no children. */
  readonly isFolded: boolean | undefined
  /** False if it is shown only as an ancestor of a match. */
  readonly isMatch: boolean
}

export interface Filter {
  /** Words that must all occur in the name, the cause or the outcome. */
  readonly text: string
  /** If given, only contexts that have been alive for more than this many milliseconds. */
  readonly aliveFor: number | undefined
  readonly hasLeak: boolean
}

export const NO_FILTER: Filter = { text: '', aliveFor: undefined, hasLeak: false }

/** The age from which the filter for old contexts shows a live one. */
export const LONG_MS = 10_000

const LEAKS: ReadonlySet<string> = /* @__PURE__ */ new Set(['RESCIND_LOST_CANCEL', 'RESCIND_DEAF_WORK'])

export function outlineOf(
  rows: readonly Row[],
  filter: Filter,
  leaks: ReadonlySet<number>,
  folded: ReadonlySet<number>,
  at: number,
): readonly Line[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  const matches = matcherOf(filter, leaks, at)
  // True for matches, and false for their ancestors; undefined without a filter.
  const kept = matches && new Map<number, boolean>()
  if (matches) {
    for (const row of rows) {
      if (!matches(row)) continue
      kept?.set(row.id, true)
      for (let above = parentOf(row, byId); above && !kept?.has(above.id); above = parentOf(above, byId)) {
        kept?.set(above.id, false)
      }
    }
  }
  const below = new Map<number | undefined, Row[]>()
  for (const row of rows) {
    if (kept && !kept.has(row.id)) continue
    const parent = parentOf(row, byId)?.id
    const siblings = below.get(parent)
    if (siblings) siblings.push(row)
    else below.set(parent, [row])
  }
  const lines: Line[] = []
  // Iterative: recursion over a long chain would overflow the stack.
  const open: Omit<Line, 'isFolded' | 'isMatch'>[] = []
  const add = (parent: Row | undefined, depth: number) => {
    const children = below.get(parent?.id) ?? []
    for (let index = children.length - 1; index >= 0; index--) {
      const row = children[index]
      if (!row) continue
      const place = row.place === parent?.place ? undefined : row.place
      open.push({ row, depth, place, position: index + 1, siblings: children.length })
    }
  }
  add(undefined, 0)
  for (let next; (next = open.pop());) {
    const { id } = next.row
    const isFolded = below.has(id) ? folded.has(id) : undefined
    lines.push({ ...next, isFolded, isMatch: kept?.get(id) ?? true })
    if (isFolded === false) add(next.row, next.depth + 1)
  }
  return lines
}

/** The ids of rows with a warning about a leak: a lost cancel, or work that still runs after the end. */
export function leaksIn(warnings: readonly Warning[]): ReadonlySet<number> {
  return new Set(warnings.flatMap(({ code, row }) => (LEAKS.has(code) ? [row] : [])))
}

/**
 * How the end came about: the context itself, its ancestors up to the context where the end began, and that context,
 * which may be elsewhere if the end came through a signal or a link. If a client ended a context of a server, the chain
 * continues with the chain of the client.
 */
export function chainOf(row: Row, rows: readonly Row[]): readonly Row[] {
  const byId = new Map(rows.map((one) => [one.id, one]))
  const chain = new Set([row])
  for (let one = row; one.by !== undefined;) {
    const origin = byId.get(one.by)
    // In an untrusted recording, the origins may be circular.
    if (!origin || chain.has(origin)) break
    for (let above = parentOf(one, byId); above?.how && above.id >= origin.id; above = parentOf(above, byId)) {
      if (above.id !== origin.id && above.by !== origin.id) break
      chain.add(above)
    }
    chain.add(origin)
    one = origin
  }
  return [...chain]
}

/** A parent has a lower `id` than its children; an untrusted recording may break this rule. */
function parentOf({ id, parent }: Row, byId: ReadonlyMap<number, Row>): Row | undefined {
  return parent !== undefined && parent < id ? byId.get(parent) : undefined
}

function matcherOf(filter: Filter, leaks: ReadonlySet<number>, at: number): ((row: Row) => boolean) | undefined {
  const { aliveFor, hasLeak } = filter
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0 && aliveFor === undefined && !hasLeak) return undefined
  return (row) => {
    if (hasLeak && !leaks.has(row.id)) return false
    if (aliveFor !== undefined && (row.how !== undefined || at - row.born <= aliveFor)) return false
    if (words.length === 0) return true
    const text = `#${row.id} ${nameOf(row)} ${outcomeOf(row)} ${row.place ?? ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  }
}
