/** The options that tasks and actions share, checked in the render that has them. */

import { assertFunction, assertNumber, assertOptions, invalid, isObject } from '../src/arguments.ts'
import type { Context } from '../src/index.ts'
import type { Debounce } from './gate.ts'

/** Options of {@link useTask} and {@link useAction}. */
export interface WorkOptions {
  /** What its runs are derived from. */
  readonly parent?: Context | undefined
  /** Milliseconds for each run, from the start of its work; null is never. Another one holds for what runs, too. */
  readonly timeout?: number | null | undefined
  /** Milliseconds without another run until the last one starts, not less than 0; or that and how to wait. */
  readonly debounce?: number | Debounce | undefined
  /** Milliseconds from the start of the work of a run until `slow` is true; left out, it never is. */
  readonly slowAfter?: number | undefined
  /** Keeps `data` while newer work is under way. */
  readonly keepPrevious?: boolean | undefined
  /** Shows outcomes in a transition. */
  readonly transition?: boolean | undefined
  /** A name for people. */
  readonly label?: string | undefined
}

/** {@link WorkOptions} with nothing left out, and `debounce` in its long form. */
export interface CheckedOptions {
  readonly timeout: number
  readonly debounce: Debounce | undefined
  readonly slowAfter: number
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/** @throws TypeError if `fn` is not a function, or `options` or one of them is wrong */
export function checked(fn: unknown, options: WorkOptions): CheckedOptions {
  assertFunction('fn', fn)
  assertOptions(options)
  const { debounce = 0, keepPrevious = false, label, slowAfter = Infinity, transition = false } = options
  const timeout = options.timeout ?? Infinity
  assertNumber('timeout', timeout)
  assertNumber('slowAfter', slowAfter)
  const long: Debounce = isObject(debounce) ? debounce : { ms: debounce }
  assertDuration(isObject(debounce) ? 'debounce.ms' : 'debounce', long.ms)
  if (long.maxWait !== undefined) assertDuration('debounce.maxWait', long.maxWait)
  return { timeout, slowAfter, debounce: long.ms > 0 ? long : undefined, keepPrevious, transition, label }
}

function assertDuration(parameter: string, ms: number): void {
  assertNumber(parameter, ms >= 0 ? ms : undefined, ms)
}

/** @throws TypeError if `mode` is none of `modes` */
export function assertMode(mode: string, modes: readonly string[]): void {
  if (!modes.includes(mode)) throw invalid('mode', `one of ${modes.join(', ')}`, mode)
}
