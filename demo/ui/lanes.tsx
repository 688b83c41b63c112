/** The browser's lane above the server's, on one time axis. What ended early is cut and hatched, and says why. */

import type { CSSProperties, ReactElement } from 'react'
import type { Mark } from './scenario.ts'
import type { Bar, Timeline } from './timeline.ts'
import { milliseconds } from './units.ts'

export interface LanesProps {
  readonly timeline: Timeline
  /** Milliseconds since the run began. */
  readonly now: number
  /** The length of the axis in milliseconds. */
  readonly span: number
  readonly marks: readonly Mark[]
  /** How many requests there will be at most. */
  readonly rows: number
  /** Tells these lanes from others on the page. */
  readonly label?: string
  /** What the lower lane is called, if not the server. */
  readonly worker?: string | undefined
}

/** More rows than this get a line each. */
const ROOMY = 3

/** More than this get a line that is as low as it may be. */
const DENSE = 12

export function Lanes({ timeline, now, span, marks, rows, label, worker = 'Server' }: LanesProps): ReactElement {
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
      <Lane title="Browser" label={label} bars={timeline.browser} now={now} scale={scale} />
      <Lane title={worker} label={label} bars={timeline.server} now={now} scale={scale} />
    </div>
  )
}

type Scale = (ms: number) => string

interface LaneProps {
  readonly title: string
  readonly label: string | undefined
  readonly bars: readonly Bar[]
  readonly now: number
  readonly scale: Scale
}

function Lane({ title, label, bars, now, scale }: LaneProps) {
  return (
    <section className="lane" aria-label={label === undefined ? title : `${title}, ${label}`}>
      <h2>{title}</h2>
      <ul>
        {bars.map((bar) => (
          <Row key={bar.id} bar={bar} now={now} scale={scale} />
        ))}
      </ul>
    </section>
  )
}

function Row({ bar, now, scale }: { bar: Bar; now: number; scale: Scale }) {
  const { kind, name, note, planned = 0, start, unwanted } = bar
  const end = Math.max(bar.end ?? now, start)
  const wantedUntil = Math.min(unwanted ?? end, end)
  const place: CSSProperties = { left: scale(start), width: `max(3px, calc(${scale(wantedUntil)} - ${scale(start)}))` }
  return (
    <li className="row" data-kind={kind} data-unwanted={unwanted === undefined ? undefined : ''}>
      <p>
        <span className="name">{name}</span>
        <span className="note">
          {bar.end !== undefined && kind !== 'waiting' && <b>{milliseconds(bar.end)}</b>} {note}
        </span>
      </p>
      <div className="track" aria-hidden="true">
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
    </li>
  )
}

/** Four to eight round numbers from 0 to where there is still room for the last. */
function ticksOf(span: number): number[] {
  const step = [50, 100, 200, 250, 500, 1000, 2000].find((step) => span / step <= 7) ?? 5000
  return Array.from({ length: Math.ceil((span * 0.97) / step) }, (_, index) => index * step)
}
