'use client'

/** The public list of `rescind/devtools/production`: the exports of `rescind/devtools`, for production builds too. */

import { attachEarly, DevtoolsPanel } from './devtools.tsx'
import type { DevtoolsPanelProps } from './devtools.tsx'
import { pluginOf } from './plugin.ts'
import type { TanStackPlugin } from './plugin.ts'

export { Devtools, DevtoolsPanel } from './devtools.tsx'
export type { DevtoolsPanelProps, DevtoolsProps } from './devtools.tsx'
export type { TanStackPlugin } from './plugin.ts'

/**
 * The panel as a plugin for TanStack Devtools, in every build.
 *
 * @see `tanStackDevtoolsPlugin` of `rescind/devtools`
 */
export function tanStackDevtoolsPlugin(props: DevtoolsPanelProps = {}): TanStackPlugin {
  attachEarly(props.inspector)
  return pluginOf(DevtoolsPanel, props)
}
