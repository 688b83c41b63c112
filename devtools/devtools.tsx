/**
 * The components. Each renders an empty element, and puts the panel into its shadow root once the panel is loaded. The
 * panel has a React root of its own, so its errors and events never reach the components of the page. On a server, only
 * the empty element is rendered.
 */

import { useEffect, useInsertionEffect, useRef } from 'react'
import type { ReactElement } from 'react'
import { inspect } from '../src/inspect/index.ts'
import type { Inspector, Recording } from '../src/inspect/index.ts'
import type { Mounted } from './mount.tsx'

/** Properties of {@link DevtoolsPanel}. */
export interface DevtoolsPanelProps {
  /**
   * The inspector that the panel shows. If left out, the components attach one on first use; they share it, and it
   * stays attached. An inspector that you attach where the program starts sees more contexts, and can have options
   * such as `stacks`.
   */
  readonly inspector?: Inspector | undefined
  /**
   * Gets a recording from the server of the page, as an object or as JSON. If given, the panel has a button, *Server*,
   * which shows the recording together with the contexts of the page, on one time axis; see `open` of
   * `rescind/inspect`.
   */
  readonly server?: (() => Promise<Recording | string>) | undefined
}

/** Properties of {@link Devtools}. */
export interface DevtoolsProps extends DevtoolsPanelProps {
  /** Whether the panel is open. If given, there is no button: the page controls the panel. */
  readonly open?: boolean | undefined
  /** Called when the user opens or closes the panel, with the button, Close or Escape. */
  readonly onOpenChange?: ((open: boolean) => void) | undefined
}

let shared: Inspector | undefined

/** In a browser, attaches the shared inspector if there is no other: a panel shows only what an inspector has seen. */
export function attachEarly(inspector: Inspector | undefined): void {
  if (!inspector && typeof document !== 'undefined') sharedInspector()
}

function sharedInspector(): Inspector {
  return (shared ??= inspect())
}

/** The button, and the panel docked at the bottom of the window. */
export function Devtools(props: DevtoolsProps): ReactElement {
  return <Host {...props} place="dock" />
}

/** The panel alone. */
export function DevtoolsPanel({ inspector, server }: DevtoolsPanelProps): ReactElement {
  return <Host inspector={inspector} server={server} place="inline" />
}

interface HostProps extends DevtoolsProps {
  readonly place: 'dock' | 'inline'
}

const FILLS = { display: 'block', height: '100%', minHeight: 0 } as const

function Host({ inspector, place, open, onOpenChange, server }: HostProps): ReactElement {
  const element = useRef<HTMLDivElement>(null)
  const panel = useRef<Mounted>(undefined)
  const latest = useRef<Parameters<Mounted['show']>[0]>(undefined)

  // Runs before all other effects, so that the inspector sees the contexts that they derive.
  useInsertionEffect(() => attachEarly(inspector), [inspector])

  useEffect(() => {
    latest.current = { inspector: inspector ?? sharedInspector(), place, open, onOpenChange, server }
    panel.current?.show(latest.current)
  }, [inspector, place, open, onOpenChange, server])

  useEffect(() => {
    let isGone = false
    void import('./mount.tsx').then(({ mount }) => {
      if (isGone || !element.current || !latest.current) return
      panel.current = mount(element.current)
      panel.current.show(latest.current)
    })
    return () => {
      isGone = true
      panel.current?.unmount()
      panel.current = undefined
    }
  }, [])

  return <div ref={element} data-rescind={place} style={place === 'inline' ? FILLS : undefined} />
}
