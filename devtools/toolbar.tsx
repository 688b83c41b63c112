/** The toolbar of the panel: filters, zoom, pause, and buttons to save and open recordings. */

import { useRef } from 'react'
import type { ReactElement } from 'react'
import { LONG_MS } from './outline.ts'
import type { Filter } from './outline.ts'
import type { Snapshot } from './feed.ts'

export interface ToolbarProps {
  readonly mode: Snapshot['mode']
  readonly filter: Filter
  readonly onFilter: (filter: Filter) => void
  /** Pauses a live view; returns to it from a paused one or a recording. */
  readonly onMode: () => void
  readonly onZoom: (how: 'in' | 'out' | 'all' | 'follow') => void
  readonly onCopy: () => void
  readonly onSave: () => void
  readonly onOpen: (files: readonly File[]) => void
  /** Undefined if the panel cannot ask a server. */
  readonly onServer: (() => void) | undefined
  readonly onClear: () => void
  readonly onClose: (() => void) | undefined
}

const MODES: Readonly<Record<Snapshot['mode'], string>> = { live: 'Pause', paused: 'Resume', recording: 'Back to live' }

export function Toolbar(props: ToolbarProps): ReactElement {
  const { filter, mode, onClear, onClose, onCopy, onFilter, onMode, onOpen, onSave, onServer, onZoom } = props
  const file = useRef<HTMLInputElement>(null)
  return (
    <div className="bar-of-tools">
      <strong>Contexts</strong>
      <input
        type="search"
        aria-label="Filter by name, cause or outcome"
        placeholder="Filter"
        value={filter.text}
        onChange={({ target }) => onFilter({ ...filter, text: target.value })}
      />
      <div className="tools" role="toolbar" aria-label="Inspector">
        <button
          type="button"
          aria-pressed={filter.aliveFor !== undefined}
          onClick={() => onFilter({ ...filter, aliveFor: filter.aliveFor === undefined ? LONG_MS : undefined })}
        >
          Alive &gt; 10 s
        </button>
        <button
          type="button"
          aria-pressed={filter.hasLeak}
          onClick={() => onFilter({ ...filter, hasLeak: !filter.hasLeak })}
        >
          Leaks
        </button>
        <i className="gap" />
        <button type="button" aria-label="Zoom in" onClick={() => onZoom('in')}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => onZoom('out')}>
          −
        </button>
        <button type="button" onClick={() => onZoom('all')}>
          All
        </button>
        <button type="button" onClick={() => onZoom('follow')}>
          Follow
        </button>
        <i className="gap" />
        <button type="button" aria-pressed={mode === 'live' ? undefined : true} onClick={onMode}>
          {MODES[mode]}
        </button>
        <button type="button" onClick={onCopy}>
          Copy
        </button>
        <button type="button" onClick={onSave}>
          Save
        </button>
        <button type="button" onClick={() => file.current?.click()}>
          Open
        </button>
        <input
          ref={file}
          type="file"
          multiple
          accept="application/json,.json"
          aria-label="Recording"
          hidden
          onChange={({ target }) => {
            const files = [...(target.files ?? [])]
            if (files.length > 0) onOpen(files)
            // Otherwise choosing the same files again would not be a change.
            target.value = ''
          }}
        />
        {onServer && (
          <button type="button" onClick={onServer}>
            Server
          </button>
        )}
        {mode !== 'recording' && (
          <button type="button" onClick={onClear}>
            Clear
          </button>
        )}
      </div>
      {onClose && (
        <button type="button" className="plain close" aria-label="Close the inspector" onClick={onClose}>
          ✕
        </button>
      )}
    </div>
  )
}
