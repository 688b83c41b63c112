/**
 * The browser's lane above the server's, on one time axis. The bar of a request that was stopped is cut, hatched up to
 * its planned end, and says why.
 */

import type { CSSProperties, ReactElement } from 'react'
import type { Mark, Scenario } from './scenario.ts'
import type { Bar, Timeline } from './timeline.ts'
import { milliseconds } from './units.ts'

export interface LanesProps {
  readonly timeline: Timeline
  /** Milliseconds since the run began. */
  readonly now: number
  /** The length of the axis in milliseconds. */
  readonly span: number
  readonly marks: readonly Mark[]
  /** The most requests that there will be. */
  readonly rows: number
  readonly lines?: Scenario['lines']
  /** Tells these lanes from others on the page. */
  readonly label?: string
  /** The name of the lower lane; `Server` by default. */
  readonly worker?: string | undefined
}

/** With more rows than this, each row is one line. */
const ROOMY = 3

/** With more rows than this, the lines are as low as possible. */
const DENSE = 12

export function Lanes(props: LanesProps): ReactElement {
  const { timeline, now, span, marks, rows, lines = 'requests', label, worker = 'Server' } = props
  const scale: Scale = (ms) => `${Math.min(Math.max((ms / span) * 100, 0), 100)}%`
  const className = rows > DENSE ? 'packed dense lanes' : rows > ROOMY ? 'dense lanes' : 'lanes'
  return (
    <div className={className} style={{ '--rows': rows } as CSSProperties}>
      <div className="grid" aria-hidden="true">
        {ticksOf(span).map((tick) => (
          <div key={tick} className={`tick${tick > span * 0.88 ? ' late' : ''}`} style={{ left: scale(tick) }}>
            <span>{tick === 0 ? '0' : milliseconds(tick)}</span>
          </div>
        ))}
        {marks
          .filter(({ at }) => at <= span)
          .map(({ at, label, kind = 'limit' }) => (
            <div
              key={`${at} ${label}`}
              className={`${kind} mark${at > span * 0.8 ? ' late' : ''}`}
              style={{ left: scale(at) }}
            >
              <span>{label}</span>
            </div>
          ))}
      </div>
      <Lane title="Browser" label={label} bars={timeline.browser} {...{ lines, now, scale }} />
      <Lane title={worker} label={label} bars={timeline.server} {...{ lines, now, scale }} />
    </div>
  )
}

type Scale = (ms: number) => string

interface LaneProps {
  readonly title: string
  readonly label: string | undefined
  readonly bars: readonly Bar[]
  readonly lines: NonNullable<LanesProps['lines']>
  readonly now: number
  readonly scale: Scale
}

function Lane({ title, label, bars, lines, now, scale }: LaneProps) {
  return (
    <section className="lane" aria-label={label === undefined ? title : `${title}, ${label}`}>
      <h2>{title}</h2>
      <ul>
        {linesOf(bars, lines).map(([bar, ...more]) => (
          <Row key={bar.id} bars={[bar, ...more]} last={more.at(-1) ?? bar} now={now} scale={scale} />
        ))}
      </ul>
    </section>
  )
}

type Line = [bar: Bar, ...more: Bar[]]

function linesOf(bars: readonly Bar[], lines: LaneProps['lines']): readonly Line[] {
  if (lines === 'requests') return bars.map((bar) => [bar])
  const byName = new Map<string, Line>()
  for (const bar of bars) {
    const line = byName.get(bar.name)
    if (line === undefined) byName.set(bar.name, [bar])
    else line.push(bar)
  }
  return [...byName.values()]
}

interface RowProps {
  readonly bars: readonly Bar[]
  /** The newest of them, whose state the row describes. */
  readonly last: Bar
  readonly now: number
  readonly scale: Scale
}

function Row({ bars, last: { end, kind, name, note, unwanted }, now, scale }: RowProps) {
  return (
    <li className="row" data-kind={kind} data-unwanted={unwanted === undefined ? undefined : ''}>
      <p>
        <span className="name">{name}</span>
        <span className="note">
          {end !== undefined && kind !== 'waiting' && <b>{milliseconds(end)}</b>} {note}
        </span>
      </p>
      <div className="track" aria-hidden="true">
        {bars.map((bar) => (
          <Piece key={bar.id} bar={bar} now={now} scale={scale} />
        ))}
      </div>
    </li>
  )
}

function Piece({ bar, now, scale }: { bar: Bar; now: number; scale: Scale }) {
  const { kind, planned = 0, start, unwanted } = bar
  const end = Math.max(bar.end ?? now, start)
  const wantedUntil = Math.min(unwanted ?? end, end)
  const place: CSSProperties = { left: scale(start), width: `max(3px, calc(${scale(wantedUntil)} - ${scale(start)}))` }
  return (
    <div data-kind={kind} data-unwanted={unwanted === undefined ? undefined : ''}>
      {planned > end && (
        <div className="spared" style={{ left: scale(end), width: `calc(${scale(planned)} - ${scale(end)})` }} />
      )}
      {kind !== 'waiting' && <div className="bar" style={place} />}
      {unwanted !== undefined && (
        <div
          className="waste"
          style={{ left: scale(unwanted), width: `calc(${scale(end)} - ${scale(wantedUntil)})` }}
        />
      )}
    </div>
  )
}

/** Four to eight round numbers, from 0 to the last one whose label fits. */
function ticksOf(span: number): number[] {
  const step = [50, 100, 200, 250, 500, 1000, 2000].find((step) => span / step <= 7) ?? 5000
  return Array.from({ length: Math.ceil((span * 0.97) / step) }, (_, index) => index * step)
}
