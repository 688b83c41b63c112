/** The texts of the panel: names and outcomes of rows, and durations. */

import type { How, Row } from '../src/inspect/index.ts'

const OUTCOMES: Readonly<Record<How, string>> = {
  canceled: 'canceled',
  collected: 'collected',
  completed: 'completed',
  deadline: 'deadline exceeded',
  disposed: 'disposed',
  parent: 'ended with its parent',
}

/** `withTimeout(search, 5s)` */
export function nameOf({ kind, label, ms }: Row): string {
  const details = [label, ms === undefined ? undefined : duration(ms)].filter((detail) => detail !== undefined)
  return kind + (details.length > 0 ? `(${details.join(', ')})` : '')
}

/** `canceled: superseded`; `alive`. */
export function outcomeOf({ cause, how }: Row): string {
  if (how === undefined) return 'alive'
  return OUTCOMES[how] + (cause === undefined ? '' : `: ${cause}`)
}

/** The time until the deadline of a row; undefined if it has none or has ended. */
export function leftOf({ deadline, how }: Row, at: number): string | undefined {
  if (how !== undefined || deadline === undefined) return undefined
  return `${duration(deadline - at)} left`
}

/** `85ms`, `3.2s`, `4m 5s`. */
export function duration(ms: number): string {
  if (!(ms > 0)) return '0ms'
  if (ms < 1) return `${ms.toFixed(1)}ms`
  if (ms < 1_000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${Math.round(ms / 100) / 10}s`
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)}m ${seconds % 60}s`
}
