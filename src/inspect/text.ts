/** Rows as text: a tree for bug reports. */

import { duration } from '../errors.ts'
import type { Row } from './rows.ts'

/** The largest indentation, so that a chain of thousands of contexts stays readable. */
const MAX_DEPTH = 40

/**
 * Formats the rows as lines, children below their parents, in the order in which they were made:
 * `withTimeout(search, 5s) +12ms 85ms canceled: superseded`.
 *
 * @param at the current time, for contexts that are alive
 */
export function treeOf(rows: readonly Row[], at: number): string {
  const byId = new Map(rows.map((row) => [row.id, row]))
  const below = new Map<number | undefined, Row[]>()
  for (const row of rows) {
    // A parent has a lower `id` than its children; an untrusted recording may break this rule.
    const parent = row.parent !== undefined && row.parent < row.id && byId.has(row.parent) ? row.parent : undefined
    const siblings = below.get(parent)
    if (siblings) siblings.push(row)
    else below.set(parent, [row])
  }
  const start = rows.reduce((first, { born }) => Math.min(first, born), Infinity)
  const lines: string[] = []
  // Iterative: recursion over a long chain would overflow the stack.
  const open = (below.get(undefined) ?? []).toReversed().map((row) => ({ row, depth: 0 }))
  for (let next; (next = open.pop());) {
    const { row, depth } = next
    const above = row.parent === undefined ? undefined : byId.get(row.parent)
    lines.push('  '.repeat(Math.min(depth, MAX_DEPTH)) + lineOf(row, above, start, at))
    for (const child of (below.get(row.id) ?? []).toReversed()) open.push({ row: child, depth: depth + 1 })
  }
  return lines.join('\n')
}

function lineOf(row: Row, above: Row | undefined, start: number, at: number): string {
  const { born, by, cause, deadline, ended, how, id, kind, label, late, ms, place, trace, values, waits } = row
  const details = [label, ms === undefined ? undefined : duration(ms)].filter((detail) => detail !== undefined)
  const words = [
    `#${id}`,
    kind + (details.length > 0 ? `(${details.join(', ')})` : ''),
    ...(place === undefined || place === above?.place ? [] : [`in ${place}`]),
    `${late ? 'before ' : ''}+${duration(born - start)}`,
  ]
  if (ended === undefined) {
    words.push(`alive ${duration(at - born)}`)
    if (deadline !== undefined) words.push(`${duration(deadline - at)} left`)
  } else {
    words.push(duration(ended - born), how ?? '')
    if (by !== undefined) words.push(`by #${by}`)
    if (cause !== undefined) words.push(`(${cause})`)
  }
  if (waits.length > 0) words.push(`${ended === undefined ? 'waits' : 'interrupted'}: ${waits.join(', ')}`)
  const added = values.map(valueOf).filter((value) => !above?.values.some((one) => valueOf(one) === value))
  if (added.length > 0) words.push(`values: ${added.join(', ')}`)
  if (trace !== undefined && trace !== above?.trace) words.push(`trace ${trace}`)
  return words.join(' ')
}

function valueOf({ name, value }: Row['values'][number]): string {
  return value === undefined ? name : `${name}=${value}`
}
