/** The panel as TanStack Devtools takes it: a name and an element. Nothing of theirs is imported. */

import { createElement } from 'react'
import type { ComponentType, ReactElement } from 'react'
import type { DevtoolsPanelProps } from './devtools.tsx'

/** A plugin of TanStack Devtools. */
export interface TanStackPlugin {
  readonly id: string
  readonly name: string
  readonly render: ReactElement
}

export function pluginOf(Panel: ComponentType<DevtoolsPanelProps>, props: DevtoolsPanelProps): TanStackPlugin {
  return { id: 'rescind', name: 'rescind', render: createElement(Panel, props) }
}
