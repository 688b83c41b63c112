/**
 * The axis of the timeline: the visible range of time. It follows the events until the user moves it. It stops ten
 * seconds after the last event, so that the picture of an idle page stays the same.
 */

import type { Row } from '../src/inspect/index.ts'

/** A range of time, in milliseconds since the epoch. */
export interface Axis {
  readonly from: number
  readonly to: number
}

/** The range that the user chose: its length in milliseconds, and its end. An undefined one follows the events. */
export interface Zoom {
  readonly span: number | undefined
  readonly to: number | undefined
}

export const FOLLOW: Zoom = { span: undefined, to: undefined }

/** The longest visible range while the user has chosen none. */
const FOLLOWED_MS = 30_000
const REST_AFTER_MS = 10_000
const MIN_SPAN_MS = 1
/** The empty space after the newest bar, as a part of the visible range. */
const ROOM = 0.04

export function axisOf(rows: readonly Row[], at: number, { span, to }: Zoom): Axis {
  let last = -Infinity
  let first = Infinity
  for (const { born, ended, parent } of rows) {
    last = Math.max(last, ended ?? born)
    // Roots do not count: they are as old as the page.
    if (parent !== undefined) first = Math.min(first, born)
  }
  const newest = to ?? Math.min(at, last + REST_AFTER_MS)
  const end = Number.isFinite(newest) ? newest : at
  const all = Math.max(end - (Number.isFinite(first) ? first : end), 100)
  const width = Math.max(span ?? Math.min(all, FOLLOWED_MS), MIN_SPAN_MS)
  const room = to === undefined ? width * ROOM : 0
  return { from: end - width, to: end + room }
}

/** The range that contains all rows. */
export function everything(rows: readonly Row[], at: number): Zoom {
  const first = rows.reduce((first, { born }) => Math.min(first, born), at)
  return { span: Math.max(at - first, MIN_SPAN_MS), to: undefined }
}

/** `axis` made `factor` times as long, with `center` in the same place. Without a `center`, it follows the events. */
export function zoomed(axis: Axis, factor: number, center?: number): Zoom {
  const span = Math.max((axis.to - axis.from) * factor, MIN_SPAN_MS)
  if (center === undefined) return { span: span / (1 + ROOM), to: undefined }
  const share = (axis.to - center) / (axis.to - axis.from)
  return { span, to: center + span * share }
}

/** `axis` moved by `part` of its length; to later times if that is positive. */
export function moved({ from, to }: Axis, part: number): Zoom {
  return { span: to - from, to: to + (to - from) * part }
}

/** The position of a time, in percent of the axis. */
export function placeOf({ from, to }: Axis, at: number): number {
  return ((at - from) / (to - from)) * 100
}

/** At most eight round times, counted from the start of the axis. */
export function ticksOf({ from, to }: Axis): readonly { readonly at: number; readonly ms: number }[] {
  const span = to - from
  const rough = span / 5
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((step) => step >= rough) ?? rough
  const ticks = []
  for (let ms = step; ms < span && ticks.length < 8; ms += step) ticks.push({ at: from + ms, ms })
  return ticks
}
