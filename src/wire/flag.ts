/**
 * The end of a context in shared memory, for a loop in another thread that does not return to the event loop: it polls
 * `err`, which reads the memory. The first 32-bit integer is the length of the error in bytes, 0 while the context
 * lives; the error follows, as JSON in UTF-8. The length is written last, atomically, so a reader never sees half a
 * text.
 */

import { isObject, tagOf } from '../arguments.ts'
import { DISARMED } from '../context.ts'
import type { ContextNode, Hub } from '../context.ts'
import { isContextError } from '../errors.ts'
import { PortError, readError, textOf } from './parcel.ts'
import type { SerializedError } from './parcel.ts'
import { shown } from '../shown.ts'

const MAX_BYTES = 16_384
const HEAD = Int32Array.BYTES_PER_ELEMENT

/** Makes memory for {@link raiseFlag}; undefined if threads cannot share it, as in a page that is not isolated. */
export function createFlag(): SharedArrayBuffer | undefined {
  if (typeof SharedArrayBuffer !== 'function' || globalThis.crossOriginIsolated === false) return undefined
  return new SharedArrayBuffer(MAX_BYTES)
}

/**
 * Writes to `memory` that the context has ended with `error`. A cause that JSON cannot represent, such as a Map,
 * becomes text. An error that is too long loses its stacks; if it still is, its cause becomes text.
 */
export function raiseFlag(memory: SharedArrayBuffer, error: SerializedError): void {
  const text = bytesOf(error)
  new Uint8Array(memory, HEAD).set(text)
  Atomics.store(new Int32Array(memory), 0, text.length)
}

/** Makes every read of `node` and of contexts derived from it check `memory`. */
export function watchFlag(memory: SharedArrayBuffer, node: ContextNode): void {
  // The node is its own hub: a separate hub would need a link to the node.
  const hub = node as Hub
  hub.source = new Flag(memory, node) as object as AbortSignal
  node.sources = { hub, node, outer: node.sources }
}

/** @throws PortError if `memory` is not as {@link createFlag} makes it */
export function readMemory(memory: unknown): SharedArrayBuffer {
  if (tagOf(memory) !== '[object SharedArrayBuffer]' || (memory as SharedArrayBuffer).byteLength !== MAX_BYTES) {
    throw new PortError('the shared memory has a wrong type or size')
  }
  return memory as SharedArrayBuffer
}

/** The part of a foreign signal that the core reads. It calls no listeners: the message that follows ends the node. */
class Flag {
  readonly #memory: SharedArrayBuffer
  readonly #length: Int32Array
  readonly #node: ContextNode

  constructor(memory: SharedArrayBuffer, node: ContextNode) {
    this.#memory = memory
    this.#length = new Int32Array(memory, 0, 1)
    this.#node = node
  }

  get aborted(): boolean {
    return Atomics.load(this.#length, 0) !== 0 && this.#node.own !== DISARMED
  }

  /** An error of a context, or a PortError. */
  get reason(): unknown {
    try {
      const length = Atomics.load(this.#length, 0)
      // A copy: some TextDecoders refuse shared memory.
      const bytes = new Uint8Array(this.#memory, HEAD).slice(0, length)
      const error = readError(JSON.parse(new TextDecoder().decode(bytes)))
      if (isContextError(error)) return error
    } catch {
      // Other code has written to the memory.
    }
    return new PortError('the error in shared memory cannot be read')
  }

  addEventListener(): void {}

  removeEventListener(): void {}
}

function bytesOf(error: SerializedError): Uint8Array {
  const encoder = new TextEncoder()
  for (const form of [error, withoutStacks(error)]) {
    try {
      const bytes = encoder.encode(JSON.stringify(form, plain))
      if (bytes.length <= MAX_BYTES - HEAD) return bytes
    } catch {
      // Nested too deeply: the stack overflowed.
    }
  }
  return encoder.encode(JSON.stringify(shortened(error)))
}

/** A replacer for `JSON.stringify`: turns a value into text if JSON would not restore it. */
function plain(_: string, part: unknown): unknown {
  if (!isValue(part) || isPlain(part.value)) return part
  return { kind: 'value', value: textOf(part.value) }
}

function isValue(part: unknown): part is SerializedError & { readonly kind: 'value' } {
  return isObject(part) && (part as { kind?: unknown }).kind === 'value'
}

/** Whether JSON can represent `data`. Iterative, like `sizeOf`. */
function isPlain(data: unknown): boolean {
  const seen = new Set<object>()
  const rest = data === undefined ? [] : [data]
  while (rest.length > 0) {
    const item = rest.pop()
    if (isObject(item)) {
      const isKnown = Array.isArray(item) || tagOf(item) === '[object Object]'
      if (!isKnown || seen.has(item)) return false
      seen.add(item)
      rest.push(...Object.values(item))
    } else if (item !== null && !['string', 'boolean'].includes(typeof item) && !Number.isFinite(item)) {
      return false
    }
  }
  return true
}

function withoutStacks(error: SerializedError): SerializedError {
  if (error.kind === 'value') return error
  const { cause, errors } = error
  return { ...error, stack: undefined, cause: withoutStacks(cause), errors: errors?.map(withoutStacks) }
}

/** The most important parts of `error`, in a size that always fits. */
function shortened(error: SerializedError): SerializedError {
  if (error.kind === 'value') return { kind: 'value', value: shown(textOf(error.value)) }
  const { cause, message } = error
  const why = cause.kind === 'value' ? cause.value : `${cause.name}: ${cause.message}`
  const value = why === undefined ? undefined : shown(textOf(why))
  const bare = { ...error, message: message.slice(0, 200), stack: undefined, errors: undefined }
  return { ...bare, cause: { kind: 'value', value } }
}
