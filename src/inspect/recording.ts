/** Recordings: the rows and warnings of an inspector as JSON. The contents of a recording are untrusted. */

import { invalid, isObject } from '../arguments.ts'
import type { How, NamedValue, Row, Stacks } from './rows.ts'
import { nameText, textOf } from './values.ts'
import { isCode } from './warning.ts'
import type { Warning } from './warning.ts'

/** The result of {@link Inspector.record}: plain data, which can be sent and stored as JSON. */
export interface Recording {
  /** Identifies a recording of rescind. */
  readonly format: 'rescind.recording'
  /** The version of the format. */
  readonly version: 1
  /** When it was recorded, in milliseconds since the epoch. */
  readonly at: number
  /** The contexts, in the order of their `id`. */
  readonly rows: readonly Row[]
  /** The warnings, oldest first. */
  readonly warnings: readonly Warning[]
}

/** The largest numbers of rows and of warnings that are read; further ones are ignored. */
const MAX_ROWS = 100_000

const HOWS: readonly How[] = ['canceled', 'collected', 'completed', 'deadline', 'disposed', 'parent']

/**
 * Reads a recording. Replaces every invalid field, so that the result is like that of an inspector.
 *
 * @throws TypeError if it is not a recording of this version, or text that is not JSON
 */
export function readRecording(recording: unknown): Recording {
  const data = typeof recording === 'string' ? parse(recording) : recording
  const { at, format, rows, version, warnings } = (isObject(data) ? data : {}) as Data
  if (format !== 'rescind.recording' || version !== 1 || !Array.isArray(rows)) {
    throw invalid('recording', 'a recording of this version', recording)
  }
  return {
    format,
    version,
    at: numberIn(at) ?? 0,
    rows: [...new Map(objectsIn(rows).map((data) => [data.id, readRow(data)])).values()],
    warnings: objectsIn(warnings).flatMap((one) => readWarning(one) ?? []),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

type Data = Readonly<Record<string, unknown>>

function readRow(data: Data): Row {
  return {
    id: numberIn(data.id) ?? 0,
    place: textIn(data.place),
    parent: numberIn(data.parent),
    kind: textIn(data.kind) ?? '',
    label: textIn(data.label),
    born: numberIn(data.born) ?? 0,
    late: data.late === true,
    ended: numberIn(data.ended),
    how: HOWS.find((how) => how === data.how),
    cause: textIn(data.cause),
    by: numberIn(data.by),
    ms: numberIn(data.ms),
    deadline: numberIn(data.deadline),
    deadlineOf: numberIn(data.deadlineOf),
    values: objectsIn(data.values).map(readValue),
    trace: textIn(data.trace),
    span: textIn(data.span),
    waits: textsIn(data.waits),
    stacks: isObject(data.stacks) ? readStacks(data.stacks as Data) : undefined,
  }
}

function readValue({ name, value }: Data): NamedValue {
  return { name: textIn(name) ?? '', value: textIn(value) }
}

function readStacks({ ended, made, waits }: Data): Stacks {
  const lists = Array.isArray(waits) ? waits.slice(0, MAX_ROWS).map(linesIn) : []
  return { made: linesIn(made), ended: linesIn(ended), waits: lists.filter((lines) => lines !== undefined) }
}

function readWarning({ at, code, message, row, stack }: Data): Warning | undefined {
  if (!isCode(code)) return undefined
  return { code, message: textIn(message) ?? '', row: numberIn(row) ?? 0, at: numberIn(at) ?? 0, stack: linesIn(stack) }
}

function objectsIn(value: unknown): Data[] {
  return Array.isArray(value) ? value.slice(0, MAX_ROWS).filter((one): one is Data => isObject(one)) : []
}

function numberIn(value: unknown): number | undefined {
  return Number.isFinite(value) ? (value as number) : undefined
}

/** Text of a row. It is escaped again, which leaves escaped text unchanged. JSON may have `null` for undefined. */
function textIn(value: unknown): string | undefined {
  return value === null ? undefined : nameText(value)
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.slice(0, MAX_ROWS).map(textOf) : []
}

function linesIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value.split('\n').slice(0, 100).map(textOf).join('\n') : undefined
}
