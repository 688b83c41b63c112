/** The options that tasks and actions share. Every render checks its options. */

import { assertFunction, assertNumber, assertOptions, invalid, isObject } from '../src/arguments.ts'
import type { Context } from '../src/index.ts'
import type { Debounce } from './gate.ts'

/** Options of {@link useTask} and {@link useAction}. */
export interface WorkOptions {
  /** The context from which runs are derived. */
  readonly parent?: Context | undefined
  /**
   * Milliseconds from the start of the work of a run until the run times out; null or Infinity means never. If it
   * changes, the new time also applies to runs in flight, counted from their start.
   */
  readonly timeout?: number | null | undefined
  /** A run starts after this many milliseconds without another run, not less than 0; or a {@link Debounce}. */
  readonly debounce?: number | Debounce | undefined
  /** Milliseconds from the start of the work of a run until `slow` is true; never if left out. */
  readonly slowAfter?: number | undefined
  /** True keeps earlier `data` while a newer run is in flight; false, the default, clears it. */
  readonly keepPrevious?: boolean | undefined
  /** True renders outcomes in a transition, with React's `startTransition`. The pending state is never delayed. */
  readonly transition?: boolean | undefined
  /** A name for people: in `toString()` of the contexts of runs, and in errors. */
  readonly label?: string | undefined
}

/** {@link WorkOptions} with all defaults filled in, and `debounce` in its long form, or undefined for none. */
export interface CheckedOptions {
  readonly timeout: number
  readonly debounce: Debounce | undefined
  readonly slowAfter: number
  readonly keepPrevious: boolean
  readonly transition: boolean
  readonly label: string | undefined
}

/**
 * Fills in the defaults of `options`.
 *
 * @throws TypeError if `fn` is not a function, `options` is not an object, or an option has a wrong value
 */
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
