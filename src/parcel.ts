/**
 * Causes on their way to another thread. Cloning would take an error's name away, and that is what causes are known
 * by; so errors travel by their parts, and are put together again. Whatever cannot be cloned arrives as text.
 */

import { isObject } from './arguments.ts'
import { CanceledError, DeadlineExceededError, isContextError } from './errors.ts'

/** How deep a chain of causes is followed: it can lead back to itself. */
const MAX_CAUSES = 20

/** Something that can be cloned, and what it stands for. */
export type Parcel =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'error' | 'canceled' | 'exceeded'
      readonly name: string
      readonly message: string
      readonly stack: string | undefined
      readonly cause: Parcel
      readonly label?: string | undefined
      readonly ms?: number | undefined
    }

export function pack(value: unknown, depth = 0): Parcel {
  try {
    if (!isError(value)) return { kind: 'value', value: structuredClone(value) }
    if (depth < MAX_CAUSES) return packError(value, depth)
  } catch {
    // As text.
  }
  return { kind: 'value', value: textOf(value) }
}

function packError(error: Error, depth: number): Parcel {
  const { name, message, stack, cause } = error
  const parts = { name: String(name), message: String(message), cause: pack(cause, depth + 1) }
  const parcel = { ...parts, stack: typeof stack === 'string' ? stack : undefined }
  if (!isContextError(error)) return { kind: 'error', ...parcel }
  if (error.name === 'AbortError') return { kind: 'canceled', ...parcel }
  const { label, ms } = error
  return { kind: 'exceeded', ...parcel, label, ms }
}

export function unpack(parcel: Parcel): unknown {
  if (parcel.kind === 'value') return parcel.value
  const { kind, label, message, ms, name, stack } = parcel
  const cause = unpack(parcel.cause)
  if (kind === 'canceled') return new CanceledError(cause)
  if (kind === 'exceeded') return new DeadlineExceededError({ label, ms, cause })
  const error = new Error(message, cause === undefined ? undefined : { cause })
  return Object.defineProperties(error, { name: property(name), stack: property(stack) })
}

function property(value: unknown): PropertyDescriptor {
  return { value, configurable: true, writable: true }
}

/** By its tag: `instanceof` fails across realms, and for the platform's own aborts in some. */
function isError(value: unknown): value is Error {
  const tag = Object.prototype.toString.call(value)
  return value instanceof Error || (isObject(value) && (tag === '[object Error]' || tag === '[object DOMException]'))
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
