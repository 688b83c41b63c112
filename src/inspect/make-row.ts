/** Makes the row of an entry. Reading labels, values and causes may run user code. */

import type { ContextNode, Key, Limit } from '../context.ts'
import { Deadline } from '../deadlines.ts'
import { traceKey } from '../trace-key.ts'
import type { Entry, Operation } from './entry.ts'
import type { NamedValue, Row, Stacks } from './rows.ts'
import { framesOf } from './stacks.ts'
import { causeText, nameText, textOf } from './values.ts'

/** The input for a row besides the entry. */
export interface RowSource {
  /** The name of the inspector. */
  readonly place: string | undefined
  /** The keys whose values are shown. */
  readonly shows: ReadonlySet<unknown>
  /** The `id` of the row of a context. */
  idOf(node: ContextNode): number | undefined
}

/** The largest number of values in a row, and of operations. */
const MAX_NAMES = 50

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-/

type Values = NonNullable<ContextNode['values']>

/** @param node undefined if it was garbage-collected: then the last known data remains */
export function rowOf(entry: Entry, node: ContextNode | undefined, { idOf, place, shows }: RowSource): Row {
  const { born, by, cause, ended, how, id, isLate, parent, row } = entry
  const known = row ?? {
    id,
    place,
    parent,
    kind: textOf(node?.kind),
    label: nameText(node?.label),
    born,
    late: isLate,
    values: node ? namesOf(node, shows) : [],
    ...traceOf(node),
  }
  const time = node ? timeOf(node, idOf) : row
  return {
    ...known,
    ended,
    how,
    cause: row?.how ? row.cause : causeText(cause),
    by,
    ms: time?.ms,
    deadline: time?.deadline,
    deadlineOf: time?.deadlineOf,
    waits: row?.how ? row.waits : waitsOf(entry, node),
    stacks: row?.how ? row.stacks : stacksOf(entry, row?.stacks),
  }
}

function namesOf({ values }: ContextNode, shows: ReadonlySet<unknown>): readonly NamedValue[] {
  const named: NamedValue[] = []
  const seen = new Set<unknown>()
  for (let one = values; one && named.length < MAX_NAMES; one = one.outer) {
    const { held, key }: Values = one
    // The values of a foreign context cannot be listed. Of two values with the same key, the inner one applies.
    if (!key || seen.has(key)) continue
    seen.add(key)
    named.push({ name: textOf(key.name), value: shows.has(key) ? textOf(held) : undefined })
  }
  return named
}

function traceOf(node: ContextNode | undefined): Pick<Row, 'span' | 'trace'> {
  const key: Key<string, undefined> = traceKey
  let one = node?.values
  while (one && one.key !== key) one = one.outer
  const [, trace, span] = (typeof one?.held === 'string' && TRACEPARENT.exec(one.held)) || []
  return { trace, span }
}

export function timeOf(node: ContextNode, idOf: RowSource['idOf']): Pick<Row, 'ms' | 'deadline' | 'deadlineOf'> {
  let deadline = Infinity
  let first: Limit | undefined
  for (let limit = node.deadlines; limit; limit = limit.outer) {
    const at = atOf(limit)
    if (at < deadline) {
      deadline = at
      first = limit
    }
  }
  const { own } = node
  return {
    ms: own instanceof Deadline && own.ms < Infinity ? own.ms : undefined,
    deadline: first && deadline,
    deadlineOf: first instanceof Deadline ? idOf(first.node) : undefined,
  }
}

/** The time of `limit`; Infinity if reading it throws, as a foreign context may. */
function atOf(limit: Limit): number {
  try {
    return limit.at
  } catch {
    return Infinity
  }
}

function waitsOf({ how, waits }: Entry, node: ContextNode | undefined): readonly string[] {
  // Completed work has interrupted no operation.
  if (how === 'completed') return []
  const names = new Set(Array.from(waits ?? [], ({ name }) => name))
  if (node?.controller) names.add('signal')
  return [...names]
}

function stacksOf({ canceled, how, made, waits }: Entry, before: Stacks | undefined): Stacks | undefined {
  const began = how === 'completed' ? [] : [...(waits ?? [])].slice(0, MAX_NAMES).map(beginningOf)
  const stacks = {
    made: framesOf(made) ?? before?.made,
    ended: framesOf(canceled),
    waits: began.filter((stack) => stack !== undefined),
  }
  return stacks.made || stacks.ended || stacks.waits.length > 0 ? stacks : undefined
}

/** The stack where `operation` began, as text. */
export function beginningOf(operation: Operation): string | undefined {
  if (typeof operation.stack === 'object') operation.stack = framesOf(operation.stack)
  return operation.stack
}
