/**
 * Wrong arguments fail at once, in the render that has them: a TypeError names the parameter and shows the value, as
 * the core's do.
 */

export function check(isRight: boolean, parameter: string, expected: string, value: unknown): void {
  if (isRight) return
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  throw new TypeError(`rescind: ${parameter} must be ${expected}, got ${shown}`)
}

/** Checks `value`, which says `ms`. */
export function checkMilliseconds(parameter: string, value: unknown, ms: unknown = value): void {
  check(typeof ms === 'number' && !Number.isNaN(ms), parameter, 'a number of milliseconds', value)
}

/** The latest time that a Date can say. */
const MAX_DATE = 8.64e15

/** A time as a Date; what is later than any Date is never. */
export function date(parameter: string, at: number | Date): Date | number {
  // By its method: a Date may be of another realm.
  const ms = (at as Partial<Date> | undefined)?.getTime?.() ?? at
  checkMilliseconds(parameter, at, ms)
  return (ms as number) > MAX_DATE ? Infinity : new Date(Math.max(ms as number, 0))
}
