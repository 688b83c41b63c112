/**
 * Argument checks. A wrong argument throws a TypeError at once, which names the parameter and shows the value. Every
 * entry of the package uses these checks, so that the same mistake has the same message everywhere.
 */

import { shown } from './shown.ts'

/** Makes the error for a wrong argument. */
export function invalid(parameter: string, expected: string, value: unknown): TypeError {
  return new TypeError(`rescind: ${parameter} must be ${expected}, got ${display(value)}`)
}

export function assertNumber(parameter: string, value: unknown, given: unknown = value): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw invalid(parameter, 'a number of milliseconds', given)
}

export function assertFunction(parameter: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(parameter, 'a function', value)
}

export function assertOptions(value: unknown): void {
  if (!isObject(value)) throw invalid('options', 'an object', value)
}

/** Whether `value` is an object or a function. */
export function isObject(value: unknown): value is object {
  return Object(value) === value
}

/** Whether `value` is a Date, of any realm. */
export function isDate(value: unknown): value is Date {
  return tagOf(value) === '[object Date]'
}

/** Shows an object by its tag: its `toString` may be missing or throw. */
function display(value: unknown): string {
  if (typeof value === 'string') return `"${shown(value)}"`
  return isObject(value) && !isDate(value) ? tagOf(value) : shown(String(value))
}

/** The tag of `value`, such as `[object Date]`, which is the same in every realm. */
export function tagOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value)
  } catch {
    return 'a revoked proxy'
  }
}
