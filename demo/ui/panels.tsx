/** The panels below the lanes: the results of both runs, and the server's log. */

import type { ReactElement } from 'react'
import type { LinkState } from './link.ts'
import type { Outcome, Run } from './run.ts'
import type { Note, Tally } from './scenario.ts'
import { Store, useStore } from './store.ts'
import { timelineOf } from './timeline.ts'
import type { Timeline } from './timeline.ts'
import type { Call } from './trace.ts'
import { bytes, milliseconds } from './units.ts'

export const noCalls: Store<readonly Call[]> = new Store<readonly Call[]>([])
export const noNotes: Store<readonly Note[]> = new Store<readonly Note[]>([])
const noOutcome = new Store<Outcome | undefined>(undefined)

export type Progress = [timeline: Timeline | undefined, outcome: Outcome | undefined]

/** The timeline and the outcome of `run` so far. */
export function useTimeline(run: Run | undefined, link: LinkState): Progress {
  const calls = useStore(run?.trace ?? noCalls)
  const outcome = useStore(run?.outcome ?? noOutcome)
  return [run && timelineOf(run, calls, outcome, link), outcome]
}

/** With this many tallies there is no room for the bytes. */
const ROOM = 2

const NONE: readonly Tally[] = []

interface ResultProps {
  readonly title: string
  readonly run: Run | undefined
  readonly link: LinkState
  readonly tallies: readonly Tally[] | undefined
}

export function Result({ title, run, link, tallies = NONE }: ResultProps): ReactElement {
  const [timeline, outcome] = useTimeline(run, link)
  const calls = useStore(run?.trace ?? noCalls)
  const notes = useStore(run?.play.notes ?? noNotes)
  return (
    <section className="panel result" aria-label={title} data-mode={run?.rescind}>
      <h2>{title}</h2>
      <p>{run === undefined ? 'Not run yet with these settings.' : (outcome?.text ?? 'running')}</p>
      <dl>
        {figuresOf(timeline, tallies, calls, notes)
          .filter(({ name }) => name !== 'bytes' || tallies.length < ROOM)
          .map(({ name, label, value }) => (
            <div key={name}>
              <dt>{label}</dt>
              <dd data-total={name}>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  )
}

interface Figure {
  readonly name: string
  readonly label: string
  readonly value: string | number
}

/** The figures of a run. */
export function figuresOf(
  timeline: Timeline | undefined,
  tallies: readonly Tally[],
  calls: readonly Call[],
  notes: readonly Note[],
): Figure[] {
  const totals = timeline?.totals
  return [
    { name: 'requests', label: 'finished for nothing', value: totals?.requests ?? '–' },
    { name: 'ms', label: 'unwanted work', value: totals ? milliseconds(totals.ms) : '–' },
    { name: 'bytes', label: 'sent for nothing', value: totals ? bytes(totals.bytes) : '–' },
    ...tallies.map(({ name, label, count }) => ({ name, label, value: totals ? count(calls, notes) : '–' })),
  ]
}

/** The most lines that the log shows; older ones are only counted. */
const SHOWN = 80

export function ServerLog({ title, lines }: { title: string; lines: Timeline['log'] }): ReactElement {
  const before = Math.max(lines.length - SHOWN, 0)
  return (
    <section className="panel log" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      {lines.length === 0 && <p>No request yet.</p>}
      {before > 0 && <p>{before} earlier lines</p>}
      <ol>
        {lines.slice(before).map(({ key, at, name, text }) => (
          <li key={key}>
            <span className="time">{milliseconds(at)}</span>
            <span>
              <span className="name">{name}</span> {text}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
