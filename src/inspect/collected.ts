/**
 * Garbage collection as an event: a recorder learns that a context, or one of its `cancel` functions, was collected.
 * The registries retain the entry and the callbacks of the recorder, and nothing else of either.
 */

import type { Entry } from './entry.ts'

/** The callbacks of a recorder. A detached recorder removes them, so that the registries no longer retain it. */
export interface Reports {
  /** A `cancel` function of the context was collected. */
  lost: ((entry: Entry) => void) | undefined
  /** The context was collected. */
  collected: ((entry: Entry) => void) | undefined
}

interface Registered {
  readonly entry: Entry
  readonly reports: Reports
}

interface Registries {
  readonly cancels: FinalizationRegistry<Registered>
  readonly contexts: FinalizationRegistry<Registered>
}

/** Shared by all recorders: V8 may stop all callbacks after a registry with pending ones was collected itself. */
let shared: Registries | undefined

/** Calls `reports.collected` once `context`, of which `entry` is the entry, was collected. */
export function reportContext(context: object, entry: Entry, reports: Reports): void {
  registries().contexts.register(context, { entry, reports })
}

/** Calls `reports.lost` once `cancel`, a function of the context of `entry`, was collected. */
export function reportCancel(cancel: object, entry: Entry, reports: Reports): void {
  registries().cancels.register(cancel, { entry, reports })
}

/** Makes them on first use, so that the import has no side effects. */
function registries(): Registries {
  return (shared ??= {
    cancels: new FinalizationRegistry<Registered>(({ entry, reports }) => reports.lost?.(entry)),
    contexts: new FinalizationRegistry<Registered>(({ entry, reports }) => reports.collected?.(entry)),
  })
}
