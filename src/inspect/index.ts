/// <reference lib="esnext.disposable" preserve="true" />

/**
 * `rescind/inspect`: shows which contexts exist, how and why each ended, and where the end began. It is for
 * development: code attaches it explicitly, and detaching it removes all of it.
 *
 * @module rescind/inspect
 */

import { assertNumber, assertOptions, invalid } from '../arguments.ts'
import { createCancel } from '../context.ts'
import type { Key } from '../context.ts'
import { attempt } from '../listeners.ts'
import { systemClock } from '../timers.ts'
import { joined } from './join.ts'
import { watchFetch } from './keepalive.ts'
import { observe } from './observers.ts'
import { Recorder } from './recorder.ts'
import { readRecording } from './recording.ts'
import type { Recording } from './recording.ts'
import type { Row } from './rows.ts'
import { framesOf, noted } from './stacks.ts'
import { treeOf } from './text.ts'
import { trackRow } from './track.ts'
import { nameText } from './values.ts'
import type { Warning, WarningCode } from './warning.ts'
import { Warnings } from './warnings.ts'

export type { Recording } from './recording.ts'
export type { How, NamedValue, Row, Stacks } from './rows.ts'
export type { Warning, WarningCode } from './warning.ts'

/** Shows contexts: those of this page or process, or those of a recording. */
export interface View {
  /**
   * The contexts, in the order in which they were noticed. The array is the same until a context changes, and a row is
   * the same until its context changes.
   */
  readonly rows: readonly Row[]
  /** The warnings, oldest first; at most the latest 100. */
  readonly warnings: readonly Warning[]
  /** The current time, comparable with the times in the rows; for a recording, when it was made. */
  readonly at: number
  /**
   * Calls `fn` in a microtask after contexts have changed, once for all changes of a turn.
   *
   * @returns a function that ends the subscription
   */
  subscribe(fn: () => void): () => void
  /** Returns the rows as a tree of lines, for bug reports. */
  text(): string
  /** Returns the current rows and warnings as plain data for JSON; see {@link open}. */
  record(): Recording
}

/** Shows the contexts of this page or process; see {@link inspect}. Disposing it detaches it. */
export interface Inspector extends View, Disposable {
  /**
   * Cancels the context of a row, as its own `cancel` does.
   *
   * @returns true if it was canceled; false if it has ended, is a root, or has no row
   */
  cancel(id: number, cause?: unknown): boolean
  /** Removes all rows and warnings. */
  clear(): void
  /** Stops observing. The rows and warnings remain. */
  detach(): void
}

/** Options of {@link inspect}. */
export interface InspectOptions {
  /** The name of this page or process, such as `server`. It is the `place` of each row, also in recordings. */
  readonly name?: string | undefined
  /** The largest number of rows; 2,000 by default. Rows of ended contexts are dropped first. */
  readonly size?: number | undefined
  /**
   * If true, records the stack where a context is made or ended, and where an operation starts to wait for it. Stacks
   * are shown in the rows and in the `stack` of the errors of contexts. Each takes some microseconds.
   */
  readonly stacks?: boolean | undefined
  /**
   * If true, shows each context that has ended in the Performance panel of Chromium, in a track named after its label
   * or kind, in the group `rescind`. Contexts with a fake clock are not shown.
   */
  readonly track?: boolean | undefined
  /** The keys whose values are shown, and stored in recordings. For other keys, only the names are. */
  readonly values?: readonly Key<unknown, unknown>[] | undefined
  /**
   * If true, warns of fetches with `keepalive` under a context. For this, the inspector replaces `globalThis.fetch`
   * until it is detached, with a function that reads the options and calls the original.
   */
  readonly fetch?: boolean | undefined
  /** The codes of warnings that are neither printed nor listed, or `'all'`. */
  readonly silence?: 'all' | readonly WarningCode[] | undefined
  /**
   * How long after the end of a context work may still run under it, and contexts may be derived from it, without a
   * warning: in milliseconds, 1,000 by default.
   */
  readonly grace?: number | undefined
}

const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')

/**
 * Attaches an inspector, which from now on shows every context of this page or process: how it is derived, and how, by
 * which context and why it ends. A context made before appears when a child is derived from it, when an operation waits
 * for it, or when it ends. An inspector does not keep contexts alive.
 *
 * @throws TypeError if an option has a wrong type
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
  const {
    fetch = false,
    grace = 1_000,
    name,
    silence = [],
    size = 2_000,
    stacks = false,
    track = false,
    values = [],
  } = options
  assertNumber('grace', grace)
  if (!(Number.isInteger(size) && size > 0)) throw invalid('size', 'a positive integer', size)
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
    { place: nameText(name), shows: new Set<unknown>(values) },
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
  const keptAlive = (signal: object) => {
    const entry = recorder.entryOf(signal)
    if (!entry) return
    const stack = stacks ? framesOf(noted()) : undefined
    // In a microtask: by then the entry has a row, and the call of `fetch` is over.
    void Promise.resolve().then(() => warnings.keptAlive(entry, stack))
  }
  const now = () => recorder.timeOf(systemClock)
  const leave = observe(recorder)
  const leaveFetch = fetch ? watchFetch(keptAlive) : undefined
  const detach = () => {
    warnings.isOn = false
    recorder.stop()
    leave()
    leaveFetch?.()
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
 * Shows a recording in the same way as the inspector that made it. Its contents are untrusted: they are only shown,
 * never executed.
 *
 * Shows several recordings as one, such as those of a page and its servers, on the time axis of the first. The contexts
 * of a server for a request are below the context that sent the request. The two are matched by their `traceparent`, so
 * each request needs a span of its own. The offset between two clocks is estimated from the requests between them;
 * without requests it is zero.
 *
 * @param recordings a result of `record()`, or its JSON; or a list of these
 * @throws TypeError if one is not a recording, or the list is empty
 * @example
 * const inspector = inspect()
 * withCancel(background(), { label: 'search' })
 * const json = JSON.stringify(inspector.record())
 * inspector.detach()
 * open(json).rows.at(-1)?.label // => 'search'
 */
export function open(recordings: Recording | string | readonly (Recording | string)[]): View {
  const { at, rows, warnings } = joined(listOf(recordings).map(readRecording))
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

function listOf<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? (one as readonly T[]) : [one as T]
}
