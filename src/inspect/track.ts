/**
 * Contexts in the Performance panel of Chromium: each that has ended is an entry, in a track for those of its label or
 * kind. `console.timeStamp` with its further arguments costs a fraction of `performance.measure`, next to nothing while
 * no recording runs, and leaves no entries behind in the page.
 *
 * @see https://developer.chrome.com/docs/devtools/performance/extension
 */

import type { How, Row } from './rows.ts'

const GROUP = 'rescind'

const COLORS: Readonly<Record<How, string>> = {
  canceled: 'secondary',
  collected: 'tertiary-dark',
  completed: 'primary',
  deadline: 'error',
  disposed: 'primary-light',
  parent: 'secondary-light',
}

/** What Chromium takes; other platforms have one parameter, or no such function. */
type TimeStamp = (label: string, start: number, end: number, track: string, group: string, color: string) => void

/** @param epoch when `performance.now()` was zero, on the axis of the rows */
export function trackRow({ born, cause, ended = born, how = 'parent', kind, label }: Row, epoch: number): void {
  const timeStamp = globalThis.console?.timeStamp as TimeStamp | undefined
  const name = kind + (label === undefined ? '' : `(${label})`)
  const text = `${name} ${how}${cause === undefined ? '' : `: ${cause}`}`
  timeStamp?.call(console, text, born - epoch, ended - epoch, label ?? kind, GROUP, COLORS[how])
}
