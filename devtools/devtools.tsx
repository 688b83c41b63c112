/**
 * The components: an empty element each, whose shadow root gets the panel once that is loaded. The panel has a React
 * root of its own, so its errors and events never reach those of the page. On a server nothing happens.
 */

import { useEffect, useInsertionEffect, useRef } from 'react'
import type { ReactElement } from 'react'
import { inspect } from '../src/inspect/index.ts'
import type { Inspector, Recording } from '../src/inspect/index.ts'
import type { Mounted } from './mount.tsx'

/** Properties of {@link DevtoolsPanel}. */
export interface DevtoolsPanelProps {
  /**
   * What the panel shows. If left out, one is attached the first time it is needed; all components share it, and it
   * stays attached. An own one, made where the program starts, sees more and has options such as `stacks`.
   */
  readonly inspector?: Inspector | undefined
  /**
   * Gets the recording of the server that the page asks, as an object or as JSON. If given, the panel has a button,
   * *Server*, that shows it together with the contexts of the page, on one time axis; see `open` of `rescind/inspect`.
   */
  readonly server?: (() => Promise<Recording | string>) | undefined
}

/** Properties of {@link Devtools}. */
export interface DevtoolsProps extends DevtoolsPanelProps {
  /** Whether the panel is open. If given, there is no button: the page has one of its own. */
  readonly open?: boolean | undefined
  /** Called when the panel is to be opened or closed: by the button, by Close, or by Escape. */
  readonly onOpenChange?: ((open: boolean) => void) | undefined
}

let shared: Inspector | undefined

/** Makes sure that there is an inspector, in a browser: what it does not see, no panel can show. */
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

  // Before all other effects: what they derive is seen.
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
