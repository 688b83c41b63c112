/** The panel in the form of a plugin of TanStack Devtools: a name and an element. It imports nothing of TanStack. */

import { createElement } from 'react'
import type { ComponentType, ReactElement } from 'react'
import type { DevtoolsPanelProps } from './devtools.tsx'

/** A plugin of TanStack Devtools. */
export interface TanStackPlugin {
  /** Identifies the plugin in the shell. */
  readonly id: string
  /** The title of its tab. */
  readonly name: string
  /** The panel. */
  readonly render: ReactElement
}

export function pluginOf(Panel: ComponentType<DevtoolsPanelProps>, props: DevtoolsPanelProps): TanStackPlugin {
  return { id: 'rescind', name: 'rescind', render: createElement(Panel, props) }
}
