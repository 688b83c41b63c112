/// <reference lib="esnext.disposable" preserve="true" />

/**
 * `rescind/inspect`: shows which contexts there are, how each ended, who ended it and why. For development: it is
 * attached by hand, costs what it notes, and leaves nothing behind when it is detached.
 *
 * @module rescind/inspect
 */

import { assertNumber, assertOptions, invalid } from '../arguments.ts'
import { createCancel } from '../context.ts'
import type { Key } from '../context.ts'
import { attempt } from '../listeners.ts'
import { systemClock } from '../timers.ts'
import { observe } from './observers.ts'
import { Recorder } from './recorder.ts'
import { readRecording } from './recording.ts'
import type { Recording } from './recording.ts'
import type { Row } from './rows.ts'
import { treeOf } from './text.ts'
import { trackRow } from './track.ts'
import type { Warning, WarningCode } from './warning.ts'
import { Warnings } from './warnings.ts'

export type { Recording } from './recording.ts'
export type { How, NamedValue, Row, Stacks } from './rows.ts'
export type { Warning, WarningCode } from './warning.ts'

/** What can be seen of contexts: of those that live, or of a recording. */
export interface View {
  /**
   * The contexts, in the order in which they were noticed. The same array until something has happened, and the same
   * row until something has happened to its context.
   */
  readonly rows: readonly Row[]
  /** What was found in the use of contexts, oldest first; of many, the latest 100. */
  readonly warnings: readonly Warning[]
  /** The time now, on the axis of the rows; of a recording, when it was made. */
  readonly at: number
  /**
   * Calls `fn` in a microtask after something has happened, once for all that happened in a turn.
   *
   * @returns stops that
   */
  subscribe(fn: () => void): () => void
  /** The rows as a tree of lines, for reports. */
  text(): string
  /** What can be seen now, as plain data for JSON; see {@link open}. */
  record(): Recording
}

/** Sees the contexts of this page or process; see {@link inspect}. Disposing it detaches it. */
export interface Inspector extends View, Disposable {
  /**
   * Cancels the context of a row, as its own `cancel` does.
   *
   * @returns false if there is nothing to cancel: it has ended, is a root, or is not among the rows
   */
  cancel(id: number, cause?: unknown): boolean
  /** Forgets all rows and warnings. */
  clear(): void
  /** Looks no longer. What it has seen stays. */
  detach(): void
}

/** Options of {@link inspect}. */
export interface InspectOptions {
  /** How many rows are held; 2,000 if left out. What has ended makes room first. */
  readonly size?: number | undefined
  /**
   * Notes where contexts are made and ended, and where operations wait for them: in the rows, and in the `stack` of the
   * errors of contexts. Costs some microseconds each time.
   */
  readonly stacks?: boolean | undefined
  /**
   * Shows each context that has ended in the Performance panel of Chromium, in tracks named after its label or kind, in
   * the group `rescind`. For contexts on the clock of the system only.
   */
  readonly track?: boolean | undefined
  /** The keys whose values may be shown, and stored in recordings. Of all others, only the names are. */
  readonly values?: readonly Key<unknown, unknown>[] | undefined
  /** The codes of warnings that are neither printed nor listed, or `'all'`. */
  readonly silence?: 'all' | readonly WarningCode[] | undefined
  /**
   * How many milliseconds work may still run after the end of its context, and contexts be derived from one that has
   * ended, before there is a warning; 1,000 if left out.
   */
  readonly grace?: number | undefined
}

const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')

/**
 * Notes what happens to all contexts of this page or process from now on: what is derived, how it ends, by what and
 * why. What was alive before appears when something is derived from it or waits for it, or when it ends. It keeps no
 * context alive.
 *
 * @throws TypeError if an option is of the wrong type
 * @example
 * const inspector = inspect()
 * const [ctx, cancel] = withCancel(background(), { label: 'search' })
 * cancel('the reader pressed Stop')
 * inspector.rows.at(-1)?.how // => 'canceled'
 * inspector.rows.at(-1)?.cause // => 'the reader pressed Stop'
 * inspector.detach()
 */
export function inspect(options: InspectOptions = {}): Inspector {
  assertOptions(options)
  const { grace = 1_000, silence = [], size = 2_000, stacks = false, track = false, values = [] } = options
  assertNumber('grace', grace)
  if (!(Number.isInteger(size) && size > 0)) throw invalid('size', 'a positive whole number', size)
  if (!Array.isArray(values)) throw invalid('values', 'a list of keys', values)
  const subscribers = new Set<() => void>()
  const changed = () => {
    for (const fn of new Set(subscribers)) attempt(fn)
  }
  const warnings = new Warnings({
    silence,
    grace,
    changed,
    timeOf: (clock) => recorder.timeOf(clock),
    isMoved: (node) => recorder.moved.has(node),
  })
  const recorder = new Recorder(
    size,
    stacks,
    { shows: new Set<unknown>(values) },
    {
      changed,
      made: (...news) => warnings.made(...news),
      ended(entry) {
        warnings.ended(entry)
        if (track && entry.row && entry.clock === systemClock) trackRow(entry.row, now() - performance.now())
      },
      worked: (entry) => warnings.ended(entry),
      lost: (entry) => warnings.lost(entry),
    },
  )
  const now = () => recorder.timeOf(systemClock)
  const leave = observe(recorder)
  const detach = () => {
    warnings.isOn = false
    recorder.stop()
    leave()
  }
  const view = viewOf(
    () => recorder.rows,
    () => warnings.list,
    now,
    (fn) => {
      const subscriber = () => fn()
      subscribers.add(subscriber)
      return () => void subscribers.delete(subscriber)
    },
  )
  return Object.assign(view, {
    cancel(id: number, cause?: unknown) {
      const node = recorder.nodeOf(id)
      if (!node || node.first === null) return false
      createCancel(node)(cause)
      return node.ended !== undefined
    },
    clear() {
      recorder.clear()
      warnings.list = []
    },
    detach,
    [DISPOSE]: detach,
  })
}

/**
 * Shows a recording as the inspector has shown it that made it. What is in it is taken for that of a stranger: it can
 * show nonsense, and do nothing.
 *
 * @param recording what `record()` has returned, or its JSON
 * @throws TypeError if it is not a recording
 * @example
 * const inspector = inspect()
 * withCancel(background(), { label: 'search' })
 * const json = JSON.stringify(inspector.record())
 * inspector.detach()
 * open(json).rows.at(-1)?.label // => 'search'
 */
export function open(recording: Recording | string): View {
  const { at, rows, warnings } = readRecording(recording)
  return viewOf(
    () => rows,
    () => warnings,
    () => at,
    () => () => {},
  )
}

function viewOf(
  rows: () => readonly Row[],
  warnings: () => readonly Warning[],
  at: () => number,
  subscribe: View['subscribe'],
): View {
  return {
    get rows() {
      return rows()
    },
    get warnings() {
      return warnings()
    },
    get at() {
      return at()
    },
    subscribe,
    text: () => treeOf(rows(), at()),
    record: () => ({ format: 'rescind.recording', version: 1, at: at(), rows: rows(), warnings: warnings() }),
  }
}
