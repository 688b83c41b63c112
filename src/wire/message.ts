/**
 * The messages of a port. The sender's first message is the context, its last one is the error with which that ended.
 * The receiver reports that its own context has ended. Every field of a received message is checked here before it is
 * used. A message without the tag `rescind` is ignored; an invalid one with the tag is a PortError.
 */

import { isObject } from '../arguments.ts'
import type { CanceledError, DeadlineExceededError } from '../errors.ts'
import { isContextError } from '../errors.ts'
import { readMemory } from './flag.ts'
import { PortError, readError, readFinite, readLabel, readList, readMs, readText } from './parcel.ts'
import type { SerializedError } from './parcel.ts'
import { sizeOf } from './size.ts'

/** Increased when the format of a message changes: the two sides may have different versions of the package. */
const VERSION = 1
/** The largest number of values in a message. */
export const MAX_VALUES = 1_000

/** The earliest of the sender's deadlines. */
export interface Time {
  /** In milliseconds. */
  readonly left: number
  /** When `left` was read, in milliseconds that all threads share; undefined for a fake clock. */
  readonly at: number | undefined
  readonly label: string | undefined
  readonly ms: number | undefined
  readonly cause: unknown
}

/** How a context ended. */
type ContextError = CanceledError | DeadlineExceededError

/** A message. `E` is the type of errors in it: serialized before it is sent, real ones after it was read. */
export type Message<E = ContextError> =
  | {
      readonly rescind: 'begin'
      readonly values: readonly (readonly [name: string, value: unknown])[]
      readonly time: Time | undefined
      readonly err: E | undefined
      /** If true, `memory` may follow, and then `ready` does. */
      readonly isShared: boolean
    }
  /** A separate message: another agent cluster cannot deserialize it, but must get the context. */
  | { readonly rescind: 'memory'; readonly memory: SharedArrayBuffer }
  | { readonly rescind: 'ready' }
  | { readonly rescind: 'move'; readonly time: Time | undefined }
  | { readonly rescind: 'end'; readonly err: E }
  /** The answer: the receiver's context has ended, and the port is closed. */
  | { readonly rescind: 'over' }

/** The data to post for `message`. */
export function written(message: Message<SerializedError>): object {
  return message.rescind === 'begin' ? { ...message, version: VERSION } : message
}

/**
 * Reads a message from `data`; undefined if it does not have our tag.
 *
 * @throws PortError if it is invalid
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
      throw new PortError('a message is of unknown kind')
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
  if (!isContextError(error)) throw new PortError('an end has no error of a context')
  return error
}
