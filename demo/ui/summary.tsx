/**
 * The outcome of a run in one sentence. It is visible at once, and announced to screen readers at most once a second.
 */

import { useEffect, useRef, useState } from 'react'
import type { ReactElement } from 'react'
import type { Outcome } from './run.ts'
import type { Timeline } from './timeline.ts'
import { bytes, milliseconds } from './units.ts'

/** @param worker what did the work */
export function wasteOf({ totals: { requests, stopped, ms, bytes: size } }: Timeline, worker = 'server'): string {
  const work = milliseconds(ms)
  if (requests > 0) {
    const what = requests === 1 ? '1 request' : `${requests} requests`
    return `The ${worker} finished ${what} for nothing: ${work} of work, ${bytes(size)} sent for nothing.`
  }
  if (stopped > 0) return `The ${worker} stopped too, after ${work} of unwanted work.`
  return ms > 0 ? `The ${worker} worked for nothing, ${work}.` : 'Nothing went to waste.'
}

export interface SummaryProps {
  readonly outcome: Outcome | undefined
  /** The progress of a run that has no outcome yet. */
  readonly progress: string
  /** What is shown before there is a run. */
  readonly waiting?: ReactElement | undefined
  readonly waste: string
}

export function Summary({ outcome, progress, waiting, waste }: SummaryProps): ReactElement {
  const said = useCalm(
    outcome === undefined ? 'Running.' : `${outcome.text}, after ${milliseconds(outcome.at)}. ${waste}`,
  )
  return (
    <div className="summary" data-outcome={outcome?.kind ?? 'running'}>
      {waiting ?? (
        <p className="outcome">
          {outcome?.text ?? 'running'} <span>{outcome ? `after ${milliseconds(outcome.at)}` : progress}</span>
        </p>
      )}
      <p>{outcome && waste}</p>
      <output className="unseen">{said}</output>
    </div>
  )
}

const CALM_MS = 1000

/** `text`, updated at most once a second. Until then only the newest text waits. */
function useCalm(text: string): string {
  const [said, setSaid] = useState('')
  const last = useRef(-Infinity)
  useEffect(() => {
    const rest = last.current + CALM_MS - performance.now()
    const timer = setTimeout(
      () => {
        last.current = performance.now()
        setSaid(text)
      },
      Math.max(rest, 0),
    )
    return () => clearTimeout(timer)
  }, [text])
  return said
}
