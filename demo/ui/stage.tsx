/**
 * One scenario with its controls, its lanes and the comparison. On a page of its own it also has its code and the log.
 */

import { Suspense, use, useCallback, useEffect } from 'react'
import type { ReactElement } from 'react'
import type { ChangeSetup, Setup } from './address.ts'
import { codeOf } from './catalog.ts'
import { useClock } from './clock.ts'
import { Compare } from './compare.tsx'
import { Controls } from './controls.tsx'
import { Down } from './down.tsx'
import { Lanes } from './lanes.tsx'
import { CONNECTED, CONNECTING } from './link.ts'
import type { Link, LinkState } from './link.ts'
import { noNotes, ServerLog, useTimeline } from './panels.tsx'
import { reader } from './run.ts'
import type { Scenario } from './scenario.ts'
import { Snippet } from './snippet.tsx'
import { useStore } from './store.ts'
import { Summary, wasteOf } from './summary.tsx'
import type { Timeline } from './timeline.ts'
import { milliseconds } from './units.ts'
import { useBoth } from './use-both.ts'
import { useRun } from './use-run.ts'
import { Waiting } from './waiting.tsx'

const NOTHING: Timeline = {
  browser: [],
  server: [],
  log: [],
  totals: { requests: 0, stopped: 0, ms: 0, bytes: 0 },
  isOver: true,
}

/** What the page can say before the log of the server is complete. */
const OPEN: Record<LinkState['status'], string> = {
  up: 'The server is still working.',
  connecting: 'Connecting to the server’s log.',
  down: 'The server does not answer.',
}

export interface StageProps {
  readonly id: string
  readonly scenario: Scenario
  readonly setup: Setup
  readonly onChange: ChangeSetup
  readonly link: Link
  /** `page` also shows the code and the log. */
  readonly extent: 'page' | 'part'
}

export function Stage({ id, scenario, setup, onChange, link, extent }: StageProps): ReactElement {
  const linkState = useStore(link)
  const [{ current, on, off }, start, cancel, act] = useRun(scenario, setup, linkState.status)
  const [timeline = NOTHING, outcome] = useTimeline(current, linkState)
  const isPending = current !== undefined && outcome === undefined
  const clock = useClock(isPending || (!timeline.isOver && linkState.status === 'up') ? 'running' : 'still')
  const now = current === undefined ? 0 : Math.max(clock - current.started, 0)
  const { rescind, settings } = setup
  const ms = reader(settings)
  const planned = scenario.span(ms)
  const worker = scenario.worker?.(ms)
  const notes = useStore(current?.play.notes ?? noNotes)
  const isKnown = timeline.isOver && linkState.status !== 'down'
  const steps = notes.flatMap(({ kind, at, label }) => (kind === 'step' ? [{ kind, at, label }] : []))
  const marks = [...scenario.marks(ms, timeline.browser[0]?.start ?? 0), ...steps]

  useEffect(() => current?.open(), [current])

  const connecting = <Waiting label={CONNECTING} value={linkState.step / CONNECTED} />

  const isStill = current !== undefined && !isPending && isKnown
  const [startBoth, dropBoth] = useBoth(setup, onChange, current, isStill ? 'still' : 'running', start)
  const cancelAll = useCallback(
    (cause: Error) => {
      dropBoth()
      cancel(cause)
    },
    [cancel, dropBoth],
  )

  return (
    <>
      {linkState.status === 'down' && <Down onRetry={() => link.connect()} />}
      <div className="card">
        <Controls
          sliders={scenario.sliders}
          choices={scenario.choices ?? []}
          engines={linkState.server?.engines}
          subject={scenario.compares?.[1] ?? 'rescind'}
          settings={settings}
          rescind={rescind}
          state={isPending ? 'running' : 'still'}
          onChange={onChange}
          onStart={() => {
            dropBoth()
            start()
          }}
          onBoth={startBoth}
          onCancel={cancelAll}
        />
        {'Scene' in scenario && (
          <div className="scene">
            {current ? (
              <scenario.Scene play={current.play} onAct={(state, label) => act({ state, label })} />
            ) : (
              connecting
            )}
          </div>
        )}
        <Lanes
          timeline={timeline}
          now={now}
          span={spanOf(planned, timeline, now)}
          marks={marks}
          rows={scenario.rows ?? 2}
          lines={scenario.lines}
          worker={worker}
        />
        <Summary
          outcome={outcome}
          progress={progressOf(now, planned, settings.timeout)}
          waiting={current !== undefined ? undefined : 'Scene' in scenario ? <p>Not started</p> : connecting}
          waste={isKnown ? wasteOf(timeline, worker?.toLowerCase()) : OPEN[linkState.status]}
        />
      </div>
      <Compare scenario={scenario} runs={{ on, off }} link={linkState} />
      {extent === 'page' && (
        <div className="details">
          <Suspense>
            <Sources id={id} without={scenario.compares?.[0]} rescind={rescind} />
          </Suspense>
          <ServerLog title={`${worker ?? 'Server'} log`} lines={timeline.log} />
        </div>
      )}
    </>
  )
}

interface SourcesProps extends Pick<Setup, 'rescind'> {
  readonly id: string
  /** The name of the side without rescind. */
  readonly without: string | undefined
}

function Sources({ id, without = 'without rescind', rescind }: SourcesProps) {
  const code = use(codeOf(id))
  return (
    <>
      <Snippet
        label="Code"
        title={rescind === 'on' ? 'The code that ran' : `The code that ran, ${without.toLowerCase()}`}
        code={rescind === 'on' ? code.with : code.without}
      />
      <Snippet label="Go" title="The same in Go" code={code.go} />
    </>
  )
}

function progressOf(now: number, planned: number, timeout: number | undefined): string {
  const left = milliseconds(Math.max((timeout ?? planned) - now, 0))
  return `${milliseconds(now)}, ${timeout === undefined ? `about ${left} left` : `deadline in ${left}`}`
}

/** The length of the axis: the planned time, or what took longer. */
function spanOf(planned: number, { browser, server }: Timeline, now: number): number {
  const ends = [...browser, ...server].map(({ end }) => end ?? now)
  return Math.max(planned, 200, ...ends) * 1.06
}
