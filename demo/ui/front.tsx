/**
 * The front page: what rescind is, and one search field that runs twice at the same time on one time axis, beside the
 * code of both sides. The page measures everything it shows. A browser opens six connections to a server, and no
 * request may wait for one here: there are four searches without rescind, one with it, and the connection to the log.
 */

import { Suspense, use } from 'react'
import type { ReactElement } from 'react'
import { scenario as search, typing } from '../scenarios/stale-search.tsx'
import { catalog, codeOf } from './catalog.ts'
import { isCalm, useClock } from './clock.ts'
import { useEscape } from './controls.tsx'
import { Down } from './down.tsx'
import { Hero } from './hero.tsx'
import { Lanes } from './lanes.tsx'
import { CONNECTED, CONNECTING } from './link.ts'
import type { Link, LinkState } from './link.ts'
import { noNotes, Result, useTimeline } from './panels.tsx'
import type { Progress } from './panels.tsx'
import type { Act, Run } from './run.ts'
import type { SceneScenario } from './scenario.ts'
import { Snippet } from './snippet.tsx'
import { useStore } from './store.ts'
import { Summary, wasteOf } from './summary.tsx'
import { usePair } from './use-pair.ts'
import { milliseconds } from './units.ts'
import { Waiting } from './waiting.tsx'

const WORD = 'peru'
const SETTINGS = { latency: 1800, pause: 150, debounce: 0 }
const SPAN = 2000

const scenario: SceneScenario = { ...search, rows: WORD.length, script: typing(WORD) }

export function Front({ link }: { link: Link }): ReactElement {
  const linkState = useStore(link)
  const [pair, start, cancel, act] = usePair(scenario, SETTINGS, linkState.status)
  useEscape(cancel)
  const off = useTimeline(pair?.off, linkState)
  const on = useTimeline(pair?.on, linkState)
  const isOver = [off, on].every(([timeline]) => timeline?.isOver)
  const isRunning = pair !== undefined && !isOver && linkState.status !== 'down'
  const clock = useClock(isRunning ? 'running' : 'still')
  const now = pair === undefined ? 0 : Math.max(clock - pair.off.started, 0)
  // With reduced motion, the page shows only the result, and a progress bar until then.
  const isCurtained = isCalm() && !isOver
  const span = Math.max(SPAN, ...[off, on].map(([timeline]) => lengthOf(timeline, now)))
  return (
    <main className="front">
      <Hero />
      <section className="twice" aria-labelledby="twice">
        <header>
          <div>
            <h2 id="twice">The same keystrokes, twice</h2>
            <p className="about">
              Without rescind, every search runs to its end. With rescind, each keystroke stops the search before it, on
              the server too.
            </p>
          </div>
          <button type="button" className="primary" disabled={isRunning} onClick={start}>
            {pair === undefined || isOver ? 'Play' : 'Playing'}
          </button>
        </header>
        {linkState.status === 'down' && <Down onRetry={() => link.connect()} />}
        <div className="columns">
          <div className="sources">
            <Suspense>
              <Search />
            </Suspense>
          </div>
          <div className="pair">
            <Side
              title="Without rescind"
              run={pair?.off}
              progress={off}
              {...{ now, span, isCurtained, linkState, act }}
            />
            <Side title="With rescind" run={pair?.on} progress={on} {...{ now, span, isCurtained, linkState, act }} />
          </div>
        </div>
      </section>
      <Reasons />
      <section className="more" aria-labelledby="more">
        <h2 id="more">{catalog.length} examples, live</h2>
        <ul>
          {catalog.map(({ id, title }) => (
            <li key={id}>
              <a href={`#/${id}`}>{title}</a>
            </li>
          ))}
        </ul>
      </section>
    </main>
  )
}

function Search() {
  const code = use(codeOf('stale-search'))
  return (
    <>
      <Snippet label="Code" title="With rescind" code={code.with} />
      <Snippet label="Code without rescind" title="Without" code={code.without} />
    </>
  )
}

const REASONS = [
  ['One step', 'When cancel() returns, everything below the context has ended, even a chain of a million contexts.'],
  [
    'Deadlines hold',
    'A deadline that has passed counts, even if a busy page or a frozen tab kept the timer from firing.',
  ],
  ['Nothing stays behind', 'A million short-lived children of one long-lived parent leave the heap as it was.'],
  [
    'Errors explain themselves',
    'An error says whether work was canceled or timed out, and why. It is the same in every engine.',
  ],
  ['Reads and writes in React', 'A read ends with the component that shows it. A write runs until it is done.'],
  ['No adapter, no dependency', 'fetch(url, { signal: ctx.signal }) is all you need to stop a request.'],
] as const

function Reasons() {
  return (
    <section className="reasons" aria-label="What you can rely on">
      {REASONS.map(([title, text]) => (
        <div key={title}>
          <h2>{title}</h2>
          <p>{text}</p>
        </div>
      ))}
    </section>
  )
}

interface SideProps {
  readonly title: string
  readonly run: Run | undefined
  readonly progress: Progress
  readonly now: number
  readonly span: number
  readonly isCurtained: boolean
  readonly linkState: LinkState
  readonly act: (act: Act) => void
}

function Side({ title, run, progress, now, span, isCurtained, linkState, act }: SideProps) {
  const [timeline, outcome] = progress
  const notes = useStore(run?.play.notes ?? noNotes)
  const steps = notes.flatMap(({ kind, at, label }) => (kind === 'step' ? [{ kind, at, label }] : []))
  return (
    <section className="side" aria-label={`${title}, live`} data-mode={run?.rescind}>
      <Result title={title} run={run} link={linkState} tallies={scenario.tallies} />
      <div className="card">
        <div className="scene">
          {run ? (
            <scenario.Scene play={run.play} onAct={(state, label) => act({ state, label })} />
          ) : (
            <Waiting label={CONNECTING} value={linkState.step / CONNECTED} />
          )}
        </div>
        {timeline === undefined || isCurtained ? (
          <div className="curtain">{timeline && <Waiting label="Measuring" value={Math.min(now / SPAN, 1)} />}</div>
        ) : (
          <Lanes {...{ timeline, now, span }} marks={steps} rows={WORD.length} label={title.toLowerCase()} />
        )}
        <Summary
          outcome={outcome}
          progress={milliseconds(now)}
          waste={timeline?.isOver ? wasteOf(timeline) : 'The server is still working.'}
        />
      </div>
    </section>
  )
}

/** The length of the axis that is in use, in milliseconds. */
function lengthOf(timeline: Progress[0], now: number): number {
  const bars = [...(timeline?.browser ?? []), ...(timeline?.server ?? [])]
  return Math.max(0, ...bars.map(({ end }) => end ?? now)) * 1.04
}
