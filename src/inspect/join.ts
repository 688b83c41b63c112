/**
 * Recordings joined into one: that of a page, and those of its servers. A request is in two of them: in that of its
 * sender, as the outermost context with its span; in that of its server, as the context that the server made for it. In
 * the joined recording, the second is a child of the first.
 *
 * Clocks differ, so the offset between two recordings is estimated from the requests between them. A request arrives
 * after it was sent, an answer arrives after it was sent, and a server notices that a client left after the client has
 * left. This leaves a range of possible offsets. We take its middle, as NTP does.
 */

import { invalid } from '../arguments.ts'
import type { Recording } from './recording.ts'
import type { Row } from './rows.ts'

/** The functions that make a context for a request that has arrived. */
const RECEIVERS: ReadonlySet<string> = /* @__PURE__ */ new Set(['withRequest', 'fromHeaders'])

/** The cause of a context that ended because its client left. */
const CLIENT_GONE = /^ClientGone\b/

/** If an `id` of a recording is not below this limit, all of its ids are replaced: recordings are untrusted. */
const MAX_ID = 2 ** 40

/** A request, as the sender and the receiver saw it. */
interface Call {
  readonly sent: Row
  readonly received: Row
  /** The indices of their recordings in the list. */
  readonly from: number
  readonly to: number
}

/**
 * All `recordings` as one, on the time axis of the first. A single one stays as it is.
 *
 * @throws TypeError if there are none
 */
export function joined(recordings: readonly Recording[]): Recording {
  const [first, second] = recordings
  if (!first) throw invalid('recordings', 'at least one recording', recordings)
  if (!second) return first
  const calls = callsBetween(recordings)
  const offsets = offsetsOf(recordings.length, calls)
  const ids = idsOf(recordings, calls)
  const received = new Map(calls.map((call) => [call.received, call]))
  const all = [...ids].map(([index, idOf]) => {
    const { at, rows, warnings } = recordings[index] as Recording
    const offset = offsets[index] ?? 0
    return {
      at: at - offset,
      rows: rows.map((row) => below(received.get(row), movedRow(row, offset, idOf), ids)),
      warnings: warnings.map(({ at, code, message, row, stack }) => {
        return { code, message, row: idOf(row), at: at - offset, stack }
      }),
    }
  })
  return {
    ...first,
    at: Math.max(...all.map(({ at }) => at)),
    rows: all.flatMap(({ rows }) => rows),
    warnings: all.flatMap(({ warnings }) => warnings),
  }
}

/** The requests from one recording to another. If two contexts of a recording sent the same span, it is ignored. */
function callsBetween(recordings: readonly Recording[]): readonly Call[] {
  const senders = recordings.map(() => new Map<string, Row | undefined>())
  const receivers: Omit<Call, 'from' | 'sent'>[] = []
  for (const [to, { rows }] of recordings.entries()) {
    const byId = new Map(rows.map((row) => [row.id, row]))
    for (const row of rows) {
      const span = spanOf(row)
      const above = row.parent === undefined ? undefined : byId.get(row.parent)
      if (span === undefined || spanOf(above) === span) continue
      if (RECEIVERS.has(row.kind)) receivers.push({ received: row, to })
      else senders[to]?.set(span, senders[to].has(span) ? undefined : row)
    }
  }
  return receivers.flatMap((one) => {
    const span = spanOf(one.received) as string
    const from = senders.findIndex((sent, index) => index !== one.to && sent.get(span))
    const sent = senders[from]?.get(span)
    return sent ? [{ ...one, from, sent }] : []
  })
}

function spanOf(row: Row | undefined): string | undefined {
  return row?.trace === undefined || row.span === undefined ? undefined : `${row.trace}-${row.span}`
}

/** By how much the clock of each recording is ahead of that of the first; undefined if no requests connect the two. */
function offsetsOf(count: number, calls: readonly Call[]): readonly (number | undefined)[] {
  const offsets: (number | undefined)[] = [0]
  for (let known = 0; known < count; known++) {
    const next = calls.find(({ from, to }) => (offsets[from] === undefined) !== (offsets[to] === undefined))
    if (!next) break
    const one = offsets[next.from] === undefined ? next.from : next.to
    const ranges = calls.flatMap((call) => {
      const { from, to } = call
      const [low, high] = leadOf(call)
      if (to === one && offsets[from] !== undefined) return [[offsets[from] + low, offsets[from] + high]]
      if (from === one && offsets[to] !== undefined) return [[offsets[to] - high, offsets[to] - low]]
      return []
    })
    const low = ranges.reduce((most, [low = -Infinity]) => Math.max(most, low), -Infinity)
    const high = ranges.reduce((least, [, high = Infinity]) => Math.min(least, high), Infinity)
    offsets[one] = [(low + high) / 2, high, low].find(Number.isFinite) ?? 0
  }
  return offsets
}

/** By how much the clock of the receiver is ahead of that of the sender, at least and at most. */
function leadOf(call: Call): [low: number, high: number] {
  const { received, sent } = call
  const onArrival = sent.late || received.late ? Infinity : received.born - sent.born
  if (sent.ended === undefined || received.ended === undefined) return [-Infinity, onArrival]
  const atEnd = received.ended - sent.ended
  if (wasCut(call)) return [-Infinity, Math.min(onArrival, atEnd)]
  // A canceled request did not wait for the answer.
  const hasWaited = sent.how === 'completed' || sent.how === 'disposed'
  return [hasWaited ? atEnd : -Infinity, onArrival]
}

/** Whether the end of the sender ended the receiver. */
function wasCut({ received, sent }: Call): boolean {
  return sent.how !== undefined && received.how === 'canceled' && CLIENT_GONE.test(received.cause ?? '')
}

/** Returns 0, which no row has, for an id outside of the recording: it must not refer to a row of another one. */
type IdOf = (id: number) => number

/**
 * For each recording, by its index, the function from its ids to ids of the joined recording. Senders come first, since
 * a parent has a lower `id` than its children.
 */
function idsOf(recordings: readonly Recording[], calls: readonly Call[]): ReadonlyMap<number, IdOf> {
  const ids = new Map<number, IdOf>()
  const entered = new Set<number>()
  let last = 0
  const enter = (index: number) => {
    if (entered.has(index)) return
    entered.add(index)
    for (const { from, to } of calls) if (to === index) enter(from)
    const { rows } = recordings[index] as Recording
    const isSound = rows.every(({ id }) => Number.isInteger(id) && id > 0 && id < MAX_ID)
    const places = new Map(rows.map(({ id }, place) => [id, place + 1]))
    const base = last
    const count = isSound ? rows.reduce((most, { id }) => Math.max(most, id), 0) : rows.length
    ids.set(index, (id) => {
      const own = isSound ? id : (places.get(id) ?? 0)
      return own > 0 && own <= count ? base + own : 0
    })
    last += count
  }
  for (const index of recordings.keys()) enter(index)
  return ids
}

function movedRow(row: Row, offset: number, idOf: IdOf): Row {
  const moved = (time: number | undefined) => (time === undefined ? undefined : time - offset)
  const other = (id: number | undefined) => (id === undefined ? undefined : idOf(id))
  return {
    ...row,
    id: idOf(row.id),
    parent: other(row.parent),
    by: other(row.by),
    born: row.born - offset,
    ended: moved(row.ended),
    deadline: moved(row.deadline),
    deadlineOf: other(row.deadlineOf),
  }
}

/** `row` below the sender of `call`. If the end of the sender ended it, `by` refers to the origin of that end. */
function below(call: Call | undefined, row: Row, ids: ReadonlyMap<number, IdOf>): Row {
  const idOf = call && ids.get(call.from)
  if (!idOf) return row
  const { by, id } = call.sent
  return { ...row, parent: idOf(id), by: wasCut(call) ? idOf(by ?? id) : row.by }
}
