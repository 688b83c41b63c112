/**
 * The end of a context in shared memory, for a loop in another thread that reads no messages: it polls `err`, and `err`
 * looks here. The memory holds the length of the error as one atomic integer, 0 while the context lives, and then the
 * error as JSON in UTF-8. The text is written before the length, so a reader that sees a length sees the whole text.
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

/** Memory for {@link raiseFlag}; undefined where threads share none, as in a page that is not cross-origin isolated. */
export function createFlag(): SharedArrayBuffer | undefined {
  if (typeof SharedArrayBuffer !== 'function' || globalThis.crossOriginIsolated === false) return undefined
  return new SharedArrayBuffer(MAX_BYTES)
}

/**
 * Says in `memory` that the context has ended with `error`. A cause that JSON does not have, such as a Map, becomes
 * text; so does a cause that is too long, after stacks were left out.
 */
export function raiseFlag(memory: SharedArrayBuffer, error: SerializedError): void {
  const text = bytesOf(error)
  new Uint8Array(memory, HEAD).set(text)
  Atomics.store(new Int32Array(memory), 0, text.length)
}

/** Makes every reading of `node`, and of what is derived from it, look at `memory`. */
export function watchFlag(memory: SharedArrayBuffer, node: ContextNode): void {
  // The node is a hub whose foreign signal ends it alone; a hub of its own would need a link to the node.
  const hub = node as Hub
  hub.source = new Flag(memory, node) as object as AbortSignal
  node.sources = { hub, node, outer: node.sources }
}

/** @throws PortError if `memory` is not as {@link createFlag} makes it */
export function readMemory(memory: unknown): SharedArrayBuffer {
  if (tagOf(memory) !== '[object SharedArrayBuffer]' || (memory as SharedArrayBuffer).byteLength !== MAX_BYTES) {
    throw new PortError('the shared memory has another form')
  }
  return memory as SharedArrayBuffer
}

/** What the core asks of a foreign signal. It calls no listeners: the message that follows does. */
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
      // A copy: not every TextDecoder takes shared memory.
      const bytes = new Uint8Array(this.#memory, HEAD).slice(0, length)
      const error = readError(JSON.parse(new TextDecoder().decode(bytes)))
      if (isContextError(error)) return error
    } catch {
      // Somebody else has written to the memory.
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
      // Nested deeper than the stack reaches.
    }
  }
  return encoder.encode(JSON.stringify(shortened(error)))
}

/** A replacer for JSON that turns into text what would not come back as it was. */
function plain(_: string, part: unknown): unknown {
  if (!isValue(part) || isPlain(part.value)) return part
  return { kind: 'value', value: textOf(part.value) }
}

function isValue(part: unknown): part is SerializedError & { readonly kind: 'value' } {
  return isObject(part) && (part as { kind?: unknown }).kind === 'value'
}

/** Whether JSON can hold `data`. Iterative, as `sizeOf` is. */
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

/** As much of `error` as always fits. */
function shortened(error: SerializedError): SerializedError {
  if (error.kind === 'value') return { kind: 'value', value: shown(textOf(error.value)) }
  const { cause, message } = error
  const why = cause.kind === 'value' ? cause.value : `${cause.name}: ${cause.message}`
  const value = why === undefined ? undefined : shown(textOf(why))
  const bare = { ...error, message: message.slice(0, 200), stack: undefined, errors: undefined }
  return { ...bare, cause: { kind: 'value', value } }
}
