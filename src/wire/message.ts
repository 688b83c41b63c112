/**
 * The messages of a port. The sender begins with the context and ends with its error; the receiver answers that it is
 * over. Every field of what arrives is checked here before anything acts on it. A message without our tag is not ours
 * and is ignored; one with the tag that cannot be read is a PortError.
 */

import { isObject } from '../arguments.ts'
import type { CanceledError, DeadlineExceededError } from '../errors.ts'
import { isContextError } from '../errors.ts'
import { readMemory } from './flag.ts'
import { PortError, readError, readFinite, readLabel, readList, readMs, readText } from './parcel.ts'
import type { SerializedError } from './parcel.ts'
import { sizeOf } from './size.ts'

/** Goes up when a message changes its form. The two sides may have different versions of the package. */
const VERSION = 1
/** How many values cross at most. */
export const MAX_VALUES = 1_000

/** The deadline that comes first. */
export interface Time {
  readonly left: number
  /** When `left` was read, in milliseconds that all threads have in common; undefined for a clock of its own. */
  readonly at: number | undefined
  readonly label: string | undefined
  readonly ms: number | undefined
  readonly cause: unknown
}

/** How a context ended. */
type ContextError = CanceledError | DeadlineExceededError

/** A message before it is sent, and after it was read: with errors as they are here. */
export type Message<E = ContextError> =
  | {
      readonly rescind: 'begin'
      readonly values: readonly (readonly [name: string, value: unknown])[]
      readonly time: Time | undefined
      readonly err: E | undefined
      /** Whether `memory` may follow, and `ready` will. */
      readonly isShared: boolean
    }
  /** A message of its own: in another agent cluster it cannot be read, and the context must arrive there too. */
  | { readonly rescind: 'memory'; readonly memory: SharedArrayBuffer }
  | { readonly rescind: 'ready' }
  | { readonly rescind: 'move'; readonly time: Time | undefined }
  | { readonly rescind: 'end'; readonly err: E }
  /** The answer: the receiver's context has ended, and the port is closed. */
  | { readonly rescind: 'over' }

/** What is posted for `message`. */
export function written(message: Message<SerializedError>): object {
  return message.rescind === 'begin' ? { ...message, version: VERSION } : message
}

/**
 * The message that `data` is; undefined if it has no tag of ours.
 *
 * @throws PortError if it cannot be read
 */
export function readMessage(data: unknown, maxSize: number): Message | undefined {
  try {
    if (!isObject(data) || !('rescind' in data)) return undefined
    return read(data as Fields, maxSize)
  } catch (error) {
    throw error instanceof PortError ? error : new PortError('a message cannot be read', { cause: error })
  }
}

interface Fields {
  readonly [field: string]: unknown
}

function read({ err, isShared, memory, rescind, time, values, version }: Fields, maxSize: number): Message {
  switch (rescind) {
    case 'begin':
      if (version !== VERSION) {
        const theirs = Number.isFinite(version) ? `version ${String(version)}` : 'no version'
        throw new PortError(`the two sides have different versions of rescind: messages of ${theirs}, not ${VERSION}`)
      }
      return {
        rescind,
        values: readValues(values, maxSize),
        time: readTime(time),
        err: err === undefined ? undefined : readEnd(err),
        isShared: isShared === true,
      }
    case 'memory':
      return { rescind, memory: readMemory(memory) }
    case 'move':
      return { rescind, time: readTime(time) }
    case 'end':
      return { rescind, err: readEnd(err) }
    case 'ready':
    case 'over':
      return { rescind }
    default:
      throw new PortError('a message is of no kind')
  }
}

function readValues(values: unknown, maxSize: number): [name: string, value: unknown][] {
  const list = readList('values', values, MAX_VALUES)
  if (sizeOf(list, maxSize) > maxSize) throw new PortError(`the values are larger than ${maxSize} bytes`)
  return list.map((pair) => {
    const [name, value] = readList('a value', pair, 2)
    return [readText('the name of a value', name, Infinity), value]
  })
}

function readTime(time: unknown): Time | undefined {
  if (time === undefined) return undefined
  if (!isObject(time)) throw new PortError('a time is not an object')
  const { at, cause, label, left, ms } = time as Fields
  return {
    left: readFinite('the time left', left),
    at: readMs('the time of sending', at),
    label: readLabel(label),
    ms: readMs('ms', ms),
    cause: readError(cause),
  }
}

function readEnd(data: unknown): ContextError {
  const error = readError(data)
  if (!isContextError(error)) throw new PortError('the end is no error of a context')
  return error
}
