/** The panel: the rows of an inspector, as a tree with a timeline. It makes no contexts, so it never shows itself. */

import { useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { KeyboardEvent, ReactElement } from 'react'
import { open } from '../src/inspect/index.ts'
import type { Inspector, Recording } from '../src/inspect/index.ts'
import { axisOf, everything, FOLLOW, moved, zoomed } from './axis.ts'
import { Details } from './details.tsx'
import { Feed } from './feed.ts'
import { Lines } from './lines.tsx'
import { leaksIn, NO_FILTER, outlineOf } from './outline.ts'
import { Toolbar } from './toolbar.tsx'

export interface PanelProps {
  readonly inspector: Inspector
  /** Gets a recording from the server. */
  readonly server?: (() => Promise<Recording | string>) | undefined
  readonly onClose?: (() => void) | undefined
}

/** The cause of contexts that are canceled in the panel. */
const CAUSE = 'canceled in the inspector'

const NONE: ReadonlySet<number> = new Set()

export function Panel({ inspector, server, onClose }: PanelProps): ReactElement {
  const [feed] = useState(() => new Feed(inspector))
  const { at, mode, rows, view, warnings } = useSyncExternalStore(feed.subscribe, feed.get)
  const [filter, setFilter] = useState(NO_FILTER)
  const [zoom, setZoom] = useState(FOLLOW)
  const [folded, setFolded] = useState(NONE)
  const [active, setActive] = useState<number>()
  const [isDetailed, setDetailed] = useState(false)
  const [status, setStatus] = useState('')
  const section = useRef<HTMLElement>(null)

  const leaks = useMemo(() => leaksIn(warnings), [warnings])
  // The passing of time changes the lines only if they are filtered by age.
  const asked = filter.aliveFor === undefined ? 0 : at
  const lines = useMemo(() => outlineOf(rows, filter, leaks, folded, asked), [rows, filter, leaks, folded, asked])
  const axis = useMemo(() => axisOf(rows, at, zoom), [rows, at, zoom])
  const row = rows.find(({ id }) => id === active)

  const select = (id: number) => {
    setActive(id)
    setDetailed(true)
  }
  const zoomBy = (factor: number, part = 1) => {
    const isFollowing = zoom.to === undefined && part > 0.9
    const center = isFollowing ? undefined : axis.from + (axis.to - axis.from) * Math.min(part, 1)
    setZoom(zoomed(axis, factor, center))
  }
  const closeDetails = () => {
    setDetailed(false)
    section.current?.querySelector<HTMLElement>('[role=tree]')?.focus()
  }
  const cancel = () => {
    if (!row) return
    const isOver = inspector.cancel(row.id, CAUSE)
    setStatus(isOver ? `Canceled #${row.id}` : `#${row.id} cannot be canceled: it is a root, or has ended`)
  }
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(view.text())
      setStatus('Copied')
    } catch {
      setStatus('The browser did not allow copying')
    }
  }
  const save = () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(view.record())], { type: 'application/json' }))
    const link = document.createElement('a')
    link.href = url
    link.download = `contexts-${new Date(view.at).toISOString().replaceAll(':', '-')}.json`
    link.click()
    // Later, since the browser may not have begun to read it.
    setTimeout(() => URL.revokeObjectURL(url), 10_000)
    setStatus(`Saved ${rows.length} contexts`)
  }
  const play = async (records: () => Promise<readonly (Recording | string)[]>, success: string, failure: string) => {
    try {
      feed.play(open(await records()))
      setZoom(FOLLOW)
      setActive(undefined)
      setStatus(success)
    } catch {
      setStatus(failure)
    }
  }
  const show = (files: readonly File[]) => {
    const names = files.map(({ name }) => name).join(', ')
    const failure = files.length === 1 ? `${names} is not a recording` : `Not all of these are recordings: ${names}`
    return play(() => Promise.all(files.map((file) => file.text())), `Shows the recording ${names}`, failure)
  }
  const askServer = async (ask: NonNullable<typeof server>) => {
    setStatus('Asking the server for its recording')
    // The page is recorded last, so that its recording has all requests that the server has seen.
    const records = async () => {
      const theirs = await ask()
      return [inspector.record(), theirs]
    }
    await play(records, 'Shows the page and the server on one time axis', 'The server has sent no recording')
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.defaultPrevented) return
    event.preventDefault()
    if (isDetailed && row) closeDetails()
    else if (filter.text !== '') setFilter({ ...filter, text: '' })
    else onClose?.()
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Escape, from any element in it
    <section ref={section} className="panel" aria-label="Inspector of contexts" data-mode={mode} onKeyDown={onKeyDown}>
      <Toolbar
        mode={mode}
        filter={filter}
        onFilter={setFilter}
        onMode={() => (mode === 'live' ? feed.pause() : feed.resume())}
        onZoom={(how) => {
          if (how === 'all') setZoom(everything(rows, at))
          else if (how === 'follow') setZoom(FOLLOW)
          else zoomBy(how === 'in' ? 1 / 2 : 2)
        }}
        onCopy={() => void copy()}
        onSave={save}
        onOpen={(files) => void show(files)}
        onServer={server && (() => void askServer(server))}
        onClear={() => {
          inspector.clear()
          if (mode === 'paused') feed.pause()
          else feed.resume()
        }}
        onClose={onClose}
      />
      <div className="body">
        <Lines
          lines={lines}
          axis={axis}
          at={at}
          leaks={leaks}
          active={active}
          isSelected={isDetailed}
          onMove={setActive}
          onSelect={select}
          onFold={(id) => setFolded(toggled(folded, id))}
          onZoom={(pixels, part) => zoomBy(2 ** (pixels / 100), part)}
          onPan={(part) => setZoom(moved(axis, part))}
        />
        {isDetailed && row && (
          <Details
            key={row.id}
            row={row}
            rows={rows}
            warnings={warnings}
            at={at}
            onCancel={mode === 'recording' || row.how !== undefined ? undefined : cancel}
            onSelect={select}
            onClose={closeDetails}
          />
        )}
      </div>
      <output className="status">
        {status || (mode === 'recording' ? 'A recording' : lines.length === 0 ? 'No contexts' : '')}
      </output>
    </section>
  )
}

function toggled(ids: ReadonlySet<number>, id: number): ReadonlySet<number> {
  const next = new Set(ids)
  if (!next.delete(id)) next.add(id)
  return next
}
