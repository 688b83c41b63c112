/** Sizes, in bytes, of data sent in headers or through ports. Correct for any characters and any nesting. */

import { invalid, isObject, tagOf } from '../arguments.ts'

/** Refuses NaN above all: every size would pass a comparison with it, or none. */
export function assertMaxSize(maxSize: unknown): asserts maxSize is number {
  if (typeof maxSize !== 'number' || Number.isNaN(maxSize)) throw invalid('maxSize', 'a number of bytes', maxSize)
}

/**
 * The length of `text` in UTF-8. In Node and the Fetch API a character of a header is one byte; other servers decode
 * headers. In both cases, the result is at least the number of bytes received.
 */
export function byteLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // A surrogate pair has four bytes, two for each half.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}

/**
 * Estimates the size of `data` in bytes: 2 for each character, 8 for each value, plus the length of buffers. Stops when
 * the size exceeds `max`. Iterative, since deeply nested data would overflow the stack.
 *
 * @throws TypeError if `data` contains a context, whose values would be sent unnoticed
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

/** The size of `object` alone; adds the values it refers to to `rest`. */
function sizeOfObject(object: object, max: number, rest: unknown[]): number {
  if ('signal' in object && typeof (object as { value?: unknown }).value === 'function') {
    throw new TypeError('rescind: a context cannot be sent as data; send it with toPort')
  }
  if (ArrayBuffer.isView(object)) rest.push(object.buffer)
  if (Array.isArray(object) && object.length * 8 > max) return Infinity
  const tag = tagOf(object)
  if (tag === '[object Map]') for (const [key, value] of object as Map<unknown, unknown>) rest.push(key, value)
  else if (tag === '[object Set]') for (const value of object as Set<unknown>) rest.push(value)
  else if (tag === '[object Error]') rest.push((object as Error).message, (object as Error).stack)
  // Not for a view: its keys are its elements, which its buffer counts.
  else if (!ArrayBuffer.isView(object)) for (const [name, value] of Object.entries(object)) rest.push(name, value)
  return tag.endsWith('Buffer]') ? (object as ArrayBuffer).byteLength : 0
}
