/**
 * Contexts in the Performance panel of Chromium. Each context that has ended becomes an entry, in a track for its label
 * or kind. `console.timeStamp` with these arguments is much cheaper than `performance.measure`, takes almost no time
 * while the panel is not recording, and leaves no entries in the page.
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

/** The parameters in Chromium; on other platforms the function has one parameter or does not exist. */
type TimeStamp = (label: string, start: number, end: number, track: string, group: string, color: string) => void

/** @param epoch the time at which `performance.now()` was zero, comparable with the times in the rows */
export function trackRow({ born, cause, ended = born, how = 'parent', kind, label }: Row, epoch: number): void {
  const timeStamp = globalThis.console?.timeStamp as TimeStamp | undefined
  const name = kind + (label === undefined ? '' : `(${label})`)
  const text = `${name} ${how}${cause === undefined ? '' : `: ${cause}`}`
  timeStamp?.call(console, text, born - epoch, ended - epoch, label ?? kind, GROUP, COLORS[how])
}
