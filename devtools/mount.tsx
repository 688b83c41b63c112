/**
 * Puts the panel into the shadow root of an element. This file and its imports are loaded lazily. Keys that are pressed
 * in the panel do not trigger shortcuts of the page.
 */

import { Component } from 'react'
import type { ReactElement, ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { Dock } from './dock.tsx'
import type { DockProps } from './dock.tsx'
import { Panel } from './panel.tsx'
import { STYLE } from './style.ts'

export interface MountProps extends Omit<DockProps, 'isControlled'> {
  readonly place: 'dock' | 'inline'
}

/** A panel in a page. */
export interface Mounted {
  show(props: MountProps): void
  unmount(): void
}

const KEY_EVENTS = ['keydown', 'keyup', 'keypress'] as const

export function mount(host: HTMLElement): Mounted {
  const shadow = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  addStyle(shadow)
  const box = host.ownerDocument.createElement('div')
  box.className = 'root'
  shadow.append(box)
  for (const type of KEY_EVENTS) host.addEventListener(type, keep)
  const root = createRoot(box)
  return {
    show({ place, ...props }) {
      const { inspector, server } = props
      // A new inspector gets a new panel, since the state of the old one refers to rows of the old inspector.
      const key = idOf(inspector)
      const panel = { inspector, server }
      const view = place === 'dock' ? <Dock key={key} {...props} /> : <Panel key={key} {...panel} />
      root.render(<Guard key={key}>{view}</Guard>)
    },
    unmount() {
      for (const type of KEY_EVENTS) host.removeEventListener(type, keep)
      // React refuses to unmount a root while it is rendering another.
      void Promise.resolve().then(() => {
        root.unmount()
        box.remove()
      })
    },
  }
}

function keep(event: Event): void {
  event.stopPropagation()
}

/** A constructed sheet is not subject to a Content Security Policy. jsdom cannot make one: there, adds an element. */
function addStyle(shadow: ShadowRoot): void {
  if (shadow.querySelector('style') || shadow.adoptedStyleSheets?.length > 0) return
  try {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    shadow.adoptedStyleSheets = [sheet]
  } catch {
    const style = shadow.ownerDocument.createElement('style')
    style.textContent = STYLE
    shadow.append(style)
  }
}

const ids = new WeakMap<object, number>()
let count = 0

function idOf(inspector: object): number {
  const id = ids.get(inspector) ?? ++count
  ids.set(inspector, id)
  return id
}

/** Shows the error of a panel that fails. The page is not affected. */
class Guard extends Component<{ readonly children: ReactNode }, { readonly failure: string | undefined }> {
  override state = { failure: undefined }

  static getDerivedStateFromError(error: unknown): { failure: string } {
    return { failure: error instanceof Error ? error.message : 'it threw a value that is not an error' }
  }

  override render(): ReactElement {
    if (this.state.failure === undefined) return <>{this.props.children}</>
    return (
      <div className="failed" role="alert">
        The inspector has failed: {this.state.failure}{' '}
        <button type="button" onClick={() => this.setState({ failure: undefined })}>
          Try again
        </button>
      </div>
    )
  }
}
