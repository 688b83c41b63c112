/**
 * The lines: the tree at the left, and the timeline at the right with one bar for each context. Only the visible lines
 * are in the document, so all lines have the same height. The focus is on the tree, which names the active line.
 */

import { memo, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { KeyboardEvent, MouseEvent, ReactElement } from 'react'
import { placeOf, ticksOf } from './axis.ts'
import type { Axis } from './axis.ts'
import type { Line } from './outline.ts'
import { duration, leftOf, nameOf, outcomeOf } from './words.ts'

const LINE_PX = 26
/** How many additional lines are rendered above and below the visible ones. */
const SPARE = 4
/** The height of the tree where there is no layout, as in jsdom. */
const HEIGHT_PX = 400
const MAX_INDENT = 16

export interface LinesProps {
  readonly lines: readonly Line[]
  readonly axis: Axis
  readonly at: number
  readonly leaks: ReadonlySet<number>
  /** The `id` of the active line, which the keys move. */
  readonly active: number | undefined
  /** Whether the details show the active line. */
  readonly isSelected: boolean
  readonly onMove: (id: number) => void
  readonly onSelect: (id: number) => void
  readonly onFold: (id: number) => void
  /** Called to zoom by `pixels` of a turned wheel, at `part` of the width of the timeline. */
  readonly onZoom: (pixels: number, part: number) => void
  readonly onPan: (part: number) => void
}

export function Lines(props: LinesProps): ReactElement {
  const { active, at, axis, isSelected, leaks, lines, onFold, onMove, onSelect } = props
  const tree = useRef<HTMLDivElement>(null)
  const [{ top, height }, setView] = useState({ top: 0, height: HEIGHT_PX })
  /** True while the bottom is visible. It then stays visible when lines are added, since most new lines are there. */
  const isAtBottom = useRef(false)
  const place = lines.findIndex(({ row }) => row.id === active)
  const first = Math.max(Math.floor(top / LINE_PX) - SPARE, 0)
  const last = Math.min(Math.ceil((top + height) / LINE_PX) + SPARE, lines.length)

  const look = () => {
    const { clientHeight, scrollHeight, scrollTop } = tree.current ?? document.body
    isAtBottom.current = scrollTop > 0 && scrollTop + clientHeight >= scrollHeight - LINE_PX / 2
    const next = Math.floor(scrollTop / LINE_PX) * LINE_PX
    const tall = clientHeight || HEIGHT_PX
    if (next !== top || tall !== height) setView({ top: next, height: tall })
  }

  const turn = (event: WheelEvent) => {
    const isZoom = event.ctrlKey || event.metaKey
    const across = event.shiftKey ? event.deltaY : event.deltaX
    if (!isZoom && Math.abs(across) <= (event.shiftKey ? 0 : Math.abs(event.deltaY))) return
    // Otherwise the browser would zoom the page, or go back in its history.
    event.preventDefault()
    const track = tree.current?.querySelector('.track')?.getBoundingClientRect()
    if (isZoom) props.onZoom(event.deltaY, track ? (event.clientX - track.left) / track.width : 1)
    else props.onPan(across / (track?.width ?? 1_000))
  }

  const latest = useRef({ look, turn })
  useLayoutEffect(() => {
    latest.current = { look, turn }
  })

  useEffect(() => {
    const element = tree.current
    if (!element) return
    const onWheel = (event: WheelEvent) => latest.current.turn(event)
    const onLook = () => latest.current.look()
    element.addEventListener('wheel', onWheel, { passive: false })
    element.addEventListener('scroll', onLook, { passive: true })
    const sizes = typeof ResizeObserver === 'function' ? new ResizeObserver(onLook) : undefined
    sizes?.observe(element)
    return () => {
      element.removeEventListener('wheel', onWheel)
      element.removeEventListener('scroll', onLook)
      sizes?.disconnect()
    }
  }, [])

  const count = lines.length
  useLayoutEffect(() => {
    if (isAtBottom.current && tree.current) tree.current.scrollTop = count * LINE_PX
  }, [count])

  /** Scrolls a line into view by its index, since it may not be in the document. */
  const reveal = (index: number) => {
    const element = tree.current
    if (!element) return
    const space = element.clientHeight || HEIGHT_PX
    if (index * LINE_PX < element.scrollTop) element.scrollTop = index * LINE_PX
    else if ((index + 1) * LINE_PX > element.scrollTop + space) element.scrollTop = (index + 1) * LINE_PX - space
  }

  const move = (index: number) => {
    const next = Math.min(Math.max(index, 0), lines.length - 1)
    const line = lines[next]
    if (!line) return
    onMove(line.row.id)
    reveal(next)
  }

  const onKeyDown = (event: KeyboardEvent) => {
    const line = lines[place]
    const page = Math.max(Math.floor(height / LINE_PX) - 1, 1)
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey
    const moves: Partial<Record<string, () => void>> = {
      ArrowDown: () => move(place + 1),
      ArrowUp: () => move(place < 0 ? lines.length - 1 : place - 1),
      PageDown: () => move(place + page),
      PageUp: () => move(place - page),
      Home: () => move(0),
      End: () => move(lines.length - 1),
      ArrowRight() {
        if (event.shiftKey) props.onPan(0.2)
        else if (line?.isFolded) onFold(line.row.id)
        else if (line?.isFolded === false) move(place + 1)
      },
      ArrowLeft() {
        if (event.shiftKey) props.onPan(-0.2)
        else if (line?.isFolded === false) onFold(line.row.id)
        else if (line) move(lines.findLastIndex(({ depth }, index) => index < place && depth < line.depth))
      },
      Enter: () => line && onSelect(line.row.id),
      ' ': () => line && onSelect(line.row.id),
      '+': () => props.onZoom(-100, 1),
      '-': () => props.onZoom(100, 1),
    }
    const act = isPlain && moves[event.key]
    if (!act) return
    event.preventDefault()
    act()
  }

  const onClick = (event: MouseEvent) => {
    const target = event.target as Element
    const id = Number(target.closest('[data-id]')?.getAttribute('data-id') ?? Number.NaN)
    if (Number.isNaN(id)) return
    if (target.closest('.twisty')) onFold(id)
    else onSelect(id)
  }

  return (
    <div className="lines">
      <div className="ruler" aria-hidden="true">
        <span className="cell">{countOf(lines)}</span>
        <span className="track">
          {ticksOf(axis).map(({ at, ms }) => (
            <b key={ms} style={{ left: `${placeOf(axis, at)}%` }}>
              {duration(ms)}
            </b>
          ))}
        </span>
      </div>
      <div
        ref={tree}
        className="tree"
        role="tree"
        aria-label="Contexts"
        tabIndex={0}
        aria-activedescendant={place >= first && place < last ? `line-${active}` : undefined}
        onKeyDown={onKeyDown}
        onClick={onClick}
      >
        <div role="none" style={{ height: lines.length * LINE_PX, paddingTop: first * LINE_PX }}>
          {lines.slice(first, last).map((line) => (
            <LineView
              key={line.row.id}
              line={line}
              axis={axis}
              at={at}
              isLeak={leaks.has(line.row.id)}
              state={line.row.id !== active ? undefined : isSelected ? 'selected' : 'active'}
            />
          ))}
        </div>
      </div>
    </div>
  )
}

function countOf(lines: readonly Line[]): string {
  const matches = lines.filter(({ isMatch }) => isMatch).length
  if (matches < lines.length) return matches === 1 ? '1 match' : `${matches} matches`
  return matches === 1 ? '1 context' : `${matches} contexts`
}

interface LineProps {
  readonly line: Line
  readonly axis: Axis
  readonly at: number
  readonly isLeak: boolean
  readonly state: 'active' | 'selected' | undefined
}

const LineView = memo(function LineView({ line, axis, at, isLeak, state }: LineProps): ReactElement {
  const { depth, isFolded, isMatch, place, position, row, siblings } = line
  const end = row.ended ?? at
  const left = Math.min(Math.max(placeOf(axis, row.born), 0), 100)
  const right = Math.min(Math.max(placeOf(axis, end), 0), 100)
  const remaining = leftOf(row, at)
  const words = row.how === undefined ? (remaining ?? '') : (row.cause ?? outcomeOf(row))
  const name = nameOf(row)
  const where = place === undefined ? '' : ` in ${place}`
  const status = [outcomeOf(row), row.how === undefined ? remaining : duration(end - row.born), isLeak ? 'leak' : '']
  return (
    <div
      id={`line-${row.id}`}
      className="line"
      role="treeitem"
      aria-level={depth + 1}
      aria-posinset={position}
      aria-setsize={siblings}
      aria-expanded={isFolded === undefined ? undefined : !isFolded}
      aria-selected={state === 'selected'}
      aria-label={[`#${row.id} ${name}${where}`, ...status].filter(Boolean).join(', ')}
      data-id={row.id}
      data-how={row.how ?? 'alive'}
      data-state={state}
      data-match={isMatch}
    >
      <span className="cell" style={{ paddingLeft: 6 + Math.min(depth, MAX_INDENT) * 12 }}>
        <span className="twisty" data-folded={isFolded} />
        {place !== undefined && <span className="place" data-words={place} />}
        <span className="name" title={name}>
          {name}
        </span>
        {isLeak && <span className="badge" data-words="leak" />}
      </span>
      <span className="track" aria-hidden="true">
        <i className="bar" data-late={row.late} style={{ left: `${left}%`, width: `${right - left}%` }} />
        <Why words={words} left={left} right={right} />
      </span>
    </div>
  )
})

interface WhyProps {
  readonly words: string
  /** The ends of the bar, in percent. */
  readonly left: number
  readonly right: number
}

/** The cause or the time left, where there is room for it: after the bar, before it, or in it. */
function Why({ words, left, right }: WhyProps): ReactElement | null {
  if (words === '') return null
  const place = right < 55 ? 'after' : left > 45 ? 'before' : 'within'
  const style = place === 'before' ? { right: `${100 - left}%` } : { left: `${place === 'after' ? right : left}%` }
  return (
    // The style sheet shows the words: as text, they would repeat a part of the label of the line.
    <span className="why" data-words={words} data-place={place} style={style} />
  )
}
