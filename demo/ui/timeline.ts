/**
 * A run as the lanes show it: every request once for the browser and once for the server, on one axis that begins with
 * the run, and the totals.
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
  /** In milliseconds since the run began, like the fields below. */
  readonly start: number
  /** Undefined while it is under way. */
  readonly end: number | undefined
  /** The earliest time at which a request would have ended that was stopped. */
  readonly planned: number | undefined
  /** When its answer became unwanted. */
  readonly unwanted: number | undefined
  /** The work and the bytes after that. */
  readonly wasted: Entry['wasted']
  /** How it ended, in words. */
  readonly note: string
}

interface Totals {
  /** Requests that the server finished although the answer was unwanted. */
  readonly requests: number
  /** Requests that the server stopped. */
  readonly stopped: number
  /** Unwanted work of the server, in milliseconds. */
  readonly ms: number
  /** Bytes sent in unwanted answers. */
  readonly bytes: number
}

export interface Timeline {
  readonly browser: readonly Bar[]
  readonly server: readonly Bar[]
  readonly log: readonly { readonly key: string; readonly at: number; readonly name: string; readonly text: string }[]
  readonly totals: Totals
  /** Whether the browser and the server have finished. */
  readonly isOver: boolean
}

export function timelineOf(
  { started }: Pick<Run, 'started'>,
  calls: readonly Call[],
  outcome: Outcome | undefined,
  { entries, offset }: Pick<LinkState, 'entries' | 'offset'>,
): Timeline {
  const entriesOf = calls.flatMap(({ id }) => entries.get(id) ?? [])
  const arrival = ({ arrived }: Entry) => Math.max(arrived - offset - started, 0)
  const server = calls.map((call) => {
    const entry = entries.get(call.id)
    return entry === undefined ? absent(call) : serverBar(entry, arrival(entry), givenUpAt(call, entry) - started)
  })
  return {
    browser: calls.map((call) => browserBar(call, started, entries.get(call.id)?.latency)),
    server,
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
      requests: server.filter(({ kind, unwanted }) => kind === 'done' && unwanted !== undefined).length,
      stopped: server.filter(({ kind }) => kind === 'canceled').length,
      ms: server.reduce((sum, { wasted }) => sum + wasted.ms, 0),
      bytes: server.reduce((sum, { wasted }) => sum + wasted.bytes, 0),
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
    wasted: NOTHING,
    note: why ?? noteOf(call),
  }
}

function noteOf({ outcome, bytes: size = 0, unwanted }: Call): string {
  if (outcome !== 'answered') return 'waiting for the answer'
  return `${unwanted === undefined ? 'answered' : 'too late'}, ${bytes(size)}`
}

/**
 * When the page no longer wanted the answer, on its own clock. It knows that before the log does, and also for handlers
 * that finished before they could be stopped.
 */
function givenUpAt({ ended = Infinity, outcome, unwanted }: Call, entry: Entry): number {
  // A handler that is being stopped is not drawn as unwanted work: the entry about its end is on its way.
  const canceled = outcome === 'canceled' && entry.outcome !== undefined ? ended : Infinity
  return unwanted ?? canceled
}

/** @param givenUp when the page no longer wanted the answer; used until the log has a time of its own */
function serverBar(entry: Entry, start: number, givenUp: number): Bar {
  const { id, name, latency, outcome, cause } = entry
  const end = entry.ended === undefined ? undefined : start + entry.ended
  const since = entry.unwanted === undefined ? Math.max(givenUp, start) : start + entry.unwanted
  const isUnwanted = since < (end ?? Infinity)
  const ms = isUnwanted && end !== undefined ? end - since : 0
  return {
    id,
    name,
    kind: outcome === undefined ? 'running' : KINDS[outcome],
    start,
    end,
    planned: outcome === 'stopped' ? start + latency : undefined,
    unwanted: isUnwanted && outcome !== 'stopped' ? since : undefined,
    wasted: { ms, bytes: entry.wasted.bytes },
    note:
      outcome === undefined
        ? isUnwanted
          ? 'working for nothing'
          : 'working'
        : outcome !== 'finished'
          ? `${outcome}: ${cause}`
          : isUnwanted
            ? `finished for nothing: ${milliseconds(ms)}`
            : 'finished',
  }
}

const NOTHING: Entry['wasted'] = { ms: 0, bytes: 0 }

const KINDS = { finished: 'done', failed: 'failed', stopped: 'canceled' } as const

/** A request that has not arrived at the server. */
function absent({ id, name }: Call): Bar {
  return {
    id,
    name,
    kind: 'waiting',
    start: 0,
    end: 0,
    planned: undefined,
    unwanted: undefined,
    wasted: NOTHING,
    note: 'not arrived',
  }
}
