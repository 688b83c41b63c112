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
    browser: calls.map((call) => browserBar(call, started, outcome)),
    server: calls.map(({ id, name, latency }) => {
      const entry = entries.get(id)
      return entry === undefined ? absent(id, name) : serverBar(entry, arrival(entry), latency)
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
      calls.every(({ ended }) => ended !== undefined) &&
      entriesOf.every(({ ended }) => ended !== undefined),
  }
}

function browserBar(call: Call, started: number, outcome: Outcome | undefined): Bar {
  const { id, name, sent, ended, why } = call
  const end = ended === undefined ? undefined : ended - started
  const isLate = outcome !== undefined && (end === undefined || end > outcome.at)
  return {
    id,
    name,
    kind: call.outcome === 'answered' ? 'done' : (call.outcome ?? 'running'),
    start: sent - started,
    end,
    planned: call.outcome === 'canceled' ? sent - started + call.latency : undefined,
    unwanted: isLate && call.outcome !== 'canceled' ? outcome.at : undefined,
    note: isLate && call.outcome === 'answered' ? `${noteOf(call)}, too late` : (why ?? noteOf(call)),
  }
}

function noteOf({ outcome, bytes: size = 0 }: Call): string {
  return outcome === 'answered' ? `answered, ${bytes(size)}` : 'waiting for the answer'
}

function serverBar(entry: Entry, start: number, latency: number): Bar {
  const { id, name, ended, outcome, cause, unwanted, wasted } = entry
  const isForNothing = outcome === 'finished' && unwanted !== undefined
  return {
    id,
    name,
    kind: outcome === undefined ? 'running' : KINDS[outcome],
    start,
    end: ended === undefined ? undefined : start + ended,
    planned: outcome === 'stopped' ? start + latency : undefined,
    unwanted: unwanted === undefined || outcome === 'stopped' ? undefined : start + unwanted,
    note:
      outcome === undefined
        ? unwanted === undefined
          ? 'working'
          : 'working for nobody'
        : isForNothing
          ? `finished for nothing: ${milliseconds(wasted.ms)}`
          : outcome === 'finished'
            ? 'finished'
            : `${outcome}: ${cause}`,
  }
}

const KINDS = { finished: 'done', failed: 'failed', stopped: 'canceled' } as const

/** A request that the server has not seen, or not yet. */
function absent(id: string, name: string): Bar {
  return { id, name, kind: 'waiting', start: 0, end: 0, planned: undefined, unwanted: undefined, note: 'not arrived' }
}
