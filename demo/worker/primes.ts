/**
 * Heavy work in a worker: counts primes for the given time. As a job, it checks its context between two pieces. Without
 * rescind, it is one loop that reads no message until its end. Both report when they begin and end, for the lanes.
 */

import { pause } from 'rescind'
import { serveJobs } from 'rescind/wire'
import { reasonOf } from '../words.ts'

/** A request to the worker. */
export interface Order {
  /** The id of the request, for the lanes. */
  readonly id: string
  /** How long to compute, in milliseconds. */
  readonly ms: number
}

export interface Counted {
  /** How many primes there are up to `upTo`. */
  readonly found: number
  readonly upTo: number
  /** How much of the work is done, from 0 to 1. */
  readonly share: number
}

/** The worker's messages outside of jobs. */
export interface Word {
  readonly id: string
  /** The progress of a count without rescind. */
  readonly progress?: Counted
  readonly result?: Counted
  /** For the lanes. */
  readonly kind?: 'begun' | 'finished' | 'stopped'
  readonly text?: string
}

const PIECE_MS = 20

const NOTHING: Counted = { found: 0, upTo: 1, share: 0 }

/** Counts, piece by piece. */
function* count(ms: number): Generator<Counted, Counted> {
  const pieces = Math.ceil(ms / PIECE_MS)
  let found = 0
  let upTo = 1
  for (let piece = 1; piece <= pieces; piece++) {
    const end = performance.now() + ms / pieces
    while (performance.now() < end) if (isPrime(++upTo)) found++
    yield { found, upTo, share: piece / pieces }
  }
  return { found, upTo, share: 1 }
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}

function say(word: Word): void {
  postMessage(word)
}

function textOf({ found, upTo }: Counted): string {
  return `${found.toLocaleString('en')} primes up to ${upTo.toLocaleString('en')}`
}

serveJobs(async (ctx, { id, ms }: Order, progress: (counted: Counted) => void) => {
  say({ id, kind: 'begun' })
  let last = NOTHING
  try {
    for (last of count(ms)) {
      progress(last)
      await pause(ctx)
    }
    say({ id, kind: 'finished', text: textOf(last) })
    return last
  } catch (error) {
    say({ id, kind: 'stopped', text: `${reasonOf(error)}, ${textOf(last)}` })
    throw error
  }
})

addEventListener('message', ({ data }: MessageEvent<{ readonly byHand?: Order }>) => {
  if (data.byHand === undefined) return
  const { id, ms } = data.byHand
  say({ id, kind: 'begun' })
  let result = NOTHING
  for (result of count(ms)) say({ id, progress: result })
  say({ id, kind: 'finished', text: textOf(result), result })
})
