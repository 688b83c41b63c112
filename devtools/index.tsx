/**
 * The public list of `rescind/devtools`: the panel of the inspector, for development. In a production build, where
 * `process.env.NODE_ENV` is `'production'`, these components render nothing, and a bundler drops the rest.
 * `rescind/devtools/production` has the same names and keeps the panel.
 *
 * @module rescind/devtools
 */

'use client'

import type { ComponentType } from 'react'
import * as shown from './devtools.tsx'
import type { DevtoolsPanelProps, DevtoolsProps } from './devtools.tsx'
import { pluginOf } from './plugin.ts'
import type { TanStackPlugin } from './plugin.ts'

export type { DevtoolsPanelProps, DevtoolsProps } from './devtools.tsx'
export type { TanStackPlugin } from './plugin.ts'

/**
 * A button that opens the panel of the inspector, docked at the bottom of the window. The panel is loaded when the
 * component is mounted. It is in a shadow root, so that styles of the page do not affect it. Renders nothing in a
 * production build.
 *
 * @see `inspect` of `rescind/inspect`
 */
export const Devtools: ComponentType<DevtoolsProps> =
  process.env.NODE_ENV === 'production' ? () => null : shown.Devtools

/** The panel alone. It fills its parent element, which needs a height. Renders nothing in a production build. */
export const DevtoolsPanel: ComponentType<DevtoolsPanelProps> =
  process.env.NODE_ENV === 'production' ? () => null : shown.DevtoolsPanel

/**
 * The panel as a plugin, for `<TanStackDevtools plugins={[tanStackDevtoolsPlugin()]} />`. Without an `inspector`, the
 * first call attaches one, so that a panel opened later shows what happened before.
 *
 * @see https://tanstack.com/devtools
 */
export function tanStackDevtoolsPlugin(props: DevtoolsPanelProps = {}): TanStackPlugin {
  if (process.env.NODE_ENV !== 'production') shown.attachEarly(props.inspector)
  return pluginOf(DevtoolsPanel, props)
}
