/** Sizes of what crosses a wire or a port. Limits are in bytes, whatever the letters and however the data is nested. */

import { isObject, tagOf } from '../arguments.ts'

/**
 * The bytes of `text` in UTF-8. Headers of Node and of the Fetch API have one character for a byte, others are decoded:
 * for both this is never less than what came.
 */
export function byteLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // Each half of a surrogate pair has two of its four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}

/**
 * How many bytes `data` takes, roughly: 2 for a character, 8 for everything else, and what buffers hold. Stops once it
 * is more than `max`. Iterative, since data can be nested deeper than the stack reaches.
 *
 * @throws TypeError if there is a context in `data`: its values must not cross unseen
 */
export function sizeOf(data: unknown, max: number): number {
  const seen = new Set<object>()
  const rest: unknown[] = [data]
  let size = 0
  while (rest.length > 0 && size <= max) {
    const item = rest.pop()
    size += 8
    if (typeof item === 'string') size += 2 * item.length
    else if (typeof item === 'bigint') size += item.toString(16).length / 2
    if (!isObject(item) || seen.has(item)) continue
    seen.add(item)
    size += sizeOfObject(item, max, rest)
  }
  return size
}

/** The size of `object` without what it refers to, which is added to `rest`. */
function sizeOfObject(object: object, max: number, rest: unknown[]): number {
  if ('signal' in object && typeof (object as { value?: unknown }).value === 'function') {
    throw new TypeError('rescind: a context cannot be sent as data; toPort sends one')
  }
  if (ArrayBuffer.isView(object)) rest.push(object.buffer)
  if (Array.isArray(object) && object.length * 8 > max) return Infinity
  const tag = tagOf(object)
  if (tag === '[object Map]') for (const [key, value] of object as Map<unknown, unknown>) rest.push(key, value)
  else if (tag === '[object Set]') for (const value of object as Set<unknown>) rest.push(value)
  else if (tag === '[object Error]') rest.push((object as Error).message, (object as Error).stack)
  // The keys of a view are its elements.
  else if (!ArrayBuffer.isView(object)) for (const [name, value] of Object.entries(object)) rest.push(name, value)
  return tag.endsWith('Buffer]') ? (object as ArrayBuffer).byteLength : 0
}
