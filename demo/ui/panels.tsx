/** What a run leaves behind: the two runs to compare, and the server's log. */

import type { ReactElement } from 'react'
import type { LinkState } from './link.ts'
import type { Note, Outcome, Run } from './run.ts'
import type { Tally } from './scenario.ts'
import { Store, useStore } from './store.ts'
import { timelineOf } from './timeline.ts'
import type { Timeline } from './timeline.ts'
import type { Call } from './trace.ts'
import { bytes, milliseconds } from './units.ts'

const noCalls = new Store<readonly Call[]>([])
export const noNotes: Store<readonly Note[]> = new Store<readonly Note[]>([])
const noOutcome = new Store<Outcome | undefined>(undefined)

export type Progress = [timeline: Timeline | undefined, outcome: Outcome | undefined]

/** What `run` has come to by now. */
export function useTimeline(run: Run | undefined, link: LinkState): Progress {
  const calls = useStore(run?.trace ?? noCalls)
  const outcome = useStore(run?.outcome ?? noOutcome)
  return [run && timelineOf(run, calls, outcome, link), outcome]
}

/** Beside so many tallies there is no room for the bytes. */
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
  const totals = timeline?.totals
  return (
    <section className="panel result" aria-label={title} data-mode={run?.rescind}>
      <h2>{title}</h2>
      <p>{run === undefined ? 'Not run yet with these settings.' : (outcome?.text ?? 'running')}</p>
      <dl>
        <div>
          <dt>finished for nothing</dt>
          <dd data-total="requests">{totals?.requests ?? '–'}</dd>
        </div>
        <div>
          <dt>of unwanted server work</dt>
          <dd data-total="ms">{totals ? milliseconds(totals.ms) : '–'}</dd>
        </div>
        {tallies.length < ROOM && (
          <div>
            <dt>sent to nobody</dt>
            <dd data-total="bytes">{totals ? bytes(totals.bytes) : '–'}</dd>
          </div>
        )}
        {tallies.map(({ name, label, count }) => (
          <div key={name}>
            <dt>{label}</dt>
            <dd data-total={name}>{run ? count(calls, notes) : '–'}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

export function ServerLog({ lines }: { lines: Timeline['log'] }): ReactElement {
  return (
    <section className="panel log" aria-label="Server log">
      <header>
        <h2>Server log</h2>
      </header>
      {lines.length === 0 && <p>No request yet.</p>}
      <ol>
        {lines.map(({ key, at, name, text }) => (
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
