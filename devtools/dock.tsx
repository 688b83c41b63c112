/** The button at the bottom of the window, and the panel that it opens. Closing the panel moves focus to the button. */

import { useEffect, useRef, useState } from 'react'
import type { ReactElement } from 'react'
import { Panel } from './panel.tsx'
import type { PanelProps } from './panel.tsx'

export interface DockProps extends Omit<PanelProps, 'onClose'> {
  /** Undefined if the button controls the panel. */
  readonly open?: boolean | undefined
  readonly onOpenChange?: ((open: boolean) => void) | undefined
}

export function Dock({ open, onOpenChange, ...props }: DockProps): ReactElement {
  const [isOpened, setOpened] = useState(false)
  const isOpen = open ?? isOpened
  const button = useRef<HTMLButtonElement>(null)
  const wasOpen = useRef(false)

  useEffect(() => {
    if (wasOpen.current && !isOpen) button.current?.focus()
    wasOpen.current = isOpen
  }, [isOpen])

  const change = (next: boolean) => {
    setOpened(next)
    onOpenChange?.(next)
  }
  if (isOpen) {
    return (
      <div className="dock">
        <Panel {...props} onClose={() => change(false)} />
      </div>
    )
  }
  return (
    <>
      {open === undefined && (
        <button ref={button} type="button" className="toggle" aria-expanded="false" onClick={() => change(true)}>
          <i aria-hidden="true" /> Contexts
        </button>
      )}
    </>
  )
}
