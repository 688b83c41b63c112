/**
 * A run as the lanes show it: every request once on the browser's side and once on the server's, on one axis that
 * begins with the run, and what all of it added up to.
 */

import type { Entry } from '../server/log.ts'
import type { LinkState } from './link.ts'
import type { Outcome, Run } from './run.ts'
import type { Call } from './trace.ts'
import { bytes, milliseconds } from './units.ts'

export interface Bar {
  readonly id: string
  readonly name: string
  readonly kind: 'waiting' | 'running' | 'done' | 'failed' | 'canceled'
  /** In milliseconds since the run began, as all that follows. */
  readonly start: number
  /** Undefined while it is under way. */
  readonly end: number | undefined
  /** When a request that was cut would have ended at the earliest. */
  readonly planned: number | undefined
  /** From when on it was for nothing. */
  readonly unwanted: number | undefined
  /** How it ended, in words. */
  readonly note: string
}

interface Totals {
  /** Requests that the server finished although nobody wanted the answer. */
  readonly requests: number
  /** Those that it stopped in time. */
  readonly stopped: number
  /** Server work that nobody wanted, in milliseconds. */
  readonly ms: number
  /** Sent to nobody. */
  readonly bytes: number
}

export interface Timeline {
  readonly browser: readonly Bar[]
  readonly server: readonly Bar[]
  readonly log: readonly { readonly key: string; readonly at: number; readonly name: string; readonly text: string }[]
  readonly totals: Totals
  /** Whether both sides are through. */
  readonly isOver: boolean
}

export function timelineOf(
  { started }: Run,
  calls: readonly Call[],
  outcome: Outcome | undefined,
  { entries, offset }: LinkState,
): Timeline {
  const entriesOf = calls.flatMap(({ id }) => entries.get(id) ?? [])
  const arrival = ({ arrived }: Entry) => Math.max(arrived - offset - started, 0)
  return {
    browser: calls.map((call) => browserBar(call, started, entries.get(call.id)?.latency)),
    server: calls.map(({ id, name, unwanted = Infinity }) => {
      const entry = entries.get(id)
      return entry === undefined ? absent(id, name) : serverBar(entry, arrival(entry), unwanted - started)
    }),
    log: entriesOf
      .flatMap((entry) =>
        entry.lines.map(({ at, text }) => ({
          key: `${entry.id} ${at} ${text}`,
          at: arrival(entry) + at,
          name: entry.name,
          text,
        })),
      )
      .toSorted((left, right) => left.at - right.at),
    totals: {
      requests: entriesOf.filter(({ outcome, unwanted }) => outcome === 'finished' && unwanted !== undefined).length,
      stopped: entriesOf.filter(({ outcome }) => outcome === 'stopped').length,
      ms: entriesOf.reduce((sum, { wasted }) => sum + wasted.ms, 0),
      bytes: entriesOf.reduce((sum, { wasted }) => sum + wasted.bytes, 0),
    },
    isOver:
      outcome !== undefined &&
      calls.every(({ ended, unwanted, isReported }) => ended !== undefined && (unwanted === undefined || isReported)) &&
      entriesOf.every(({ ended }) => ended !== undefined),
  }
}

function browserBar(call: Call, started: number, latency: number | undefined): Bar {
  const { id, name, sent, ended, outcome, unwanted, why } = call
  const isCut = outcome === 'canceled'
  return {
    id,
    name,
    kind: outcome === 'answered' ? 'done' : (outcome ?? 'running'),
    start: sent - started,
    end: ended === undefined ? undefined : ended - started,
    planned: isCut && latency !== undefined ? sent - started + latency : undefined,
    unwanted: unwanted === undefined || isCut ? undefined : unwanted - started,
    note: why ?? noteOf(call),
  }
}

function noteOf({ outcome, bytes: size = 0, unwanted }: Call): string {
  if (outcome !== 'answered') return 'waiting for the answer'
  return `${unwanted === undefined ? 'answered' : 'too late'}, ${bytes(size)}`
}

/** @param givenUp when the page lost interest: what is under way shows it before the log has heard of it */
function serverBar(entry: Entry, start: number, givenUp: number): Bar {
  const { id, name, latency, ended, outcome, cause, wasted } = entry
  const unwanted =
    entry.unwanted !== undefined
      ? start + entry.unwanted
      : outcome === undefined && givenUp < Infinity
        ? Math.max(givenUp, start)
        : undefined
  return {
    id,
    name,
    kind: outcome === undefined ? 'running' : KINDS[outcome],
    start,
    end: ended === undefined ? undefined : start + ended,
    planned: outcome === 'stopped' ? start + latency : undefined,
    unwanted: outcome === 'stopped' ? undefined : unwanted,
    note:
      outcome === undefined
        ? unwanted === undefined
          ? 'working'
          : 'working for nobody'
        : outcome !== 'finished'
          ? `${outcome}: ${cause}`
          : unwanted === undefined
            ? 'finished'
            : `finished for nothing: ${milliseconds(wasted.ms)}`,
  }
}

const KINDS = { finished: 'done', failed: 'failed', stopped: 'canceled' } as const

/** A request that the server has not seen, or not yet. */
function absent(id: string, name: string): Bar {
  return { id, name, kind: 'waiting', start: 0, end: 0, planned: undefined, unwanted: undefined, note: 'not arrived' }
}
