/** A row of an entry. Reads labels, values and causes, and so may run code of users. */

import type { ContextNode, Key, Limit } from '../context.ts'
import { Deadline } from '../deadlines.ts'
import { traceKey } from '../trace-key.ts'
import type { Entry, Operation } from './entry.ts'
import type { NamedValue, Row, Stacks } from './rows.ts'
import { framesOf } from './stacks.ts'
import { causeText, nameText, textOf } from './values.ts'

/** What is needed besides the entry itself. */
export interface RowSource {
  /** The name of the inspector. */
  readonly place: string | undefined
  /** Keys whose values may be shown. */
  readonly shows: ReadonlySet<unknown>
  /** The `id` of the row of a context. */
  idOf(node: ContextNode): number | undefined
}

/** How many values a row names, and how many operations. */
const MAX_NAMES = 50

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-/

type Values = NonNullable<ContextNode['values']>

/** @param node undefined where it was collected: what was known of it stays */
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
  const time = node && !row?.how ? timeOf(node, idOf) : row
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
    // The values of a foreign context cannot be listed. Of two values of one key, the inner one is seen.
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

/** That of a foreign context may throw. */
function atOf(limit: Limit): number {
  try {
    return limit.at
  } catch {
    return Infinity
  }
}

function waitsOf({ how, waits }: Entry, node: ContextNode | undefined): readonly string[] {
  // What went well has cut nothing off.
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

/** Where it began, as text. */
export function beginningOf(operation: Operation): string | undefined {
  if (typeof operation.stack === 'object') operation.stack = framesOf(operation.stack)
  return operation.stack
}
