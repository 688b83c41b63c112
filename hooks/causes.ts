/**
 * The causes with which hooks cancel the work of a component. Each is one shared object: compare it by identity or by
 * `name`. The core defines others, which `hooks/index.ts` exports too: `Navigated`, `PageHidden` and `Unused`.
 */

import { sentinel } from '../src/bindings.ts'

/** The cause of work that a newer run, another parent or a reset has replaced. */
export const Superseded: Error = /* @__PURE__ */ sentinel('Superseded', 'newer work took its place')

/** The cause of work whose component was unmounted. */
export const Unmounted: Error = /* @__PURE__ */ sentinel('Unmounted', 'the component was unmounted')

/**
 * The cause of work whose component is mounted but hidden: in a hidden `Activity` or, under `<Scope visible>`, in a
 * hidden tab.
 */
export const Hidden: Error = /* @__PURE__ */ sentinel('Hidden', 'the component was hidden')

/** The cause of a run that an action in mode `drop` refuses, since a run with other arguments is in flight. */
export const Busy: Error = /* @__PURE__ */ sentinel('Busy', 'another run is in flight')

/** Returns `cause`, but undefined for an event: `onClick={cancel}` passes one, which is not meant as a cause. */
export function reasonOf(cause: unknown): unknown {
  try {
    return (cause as Partial<Event> | null | undefined)?.preventDefault ? undefined : cause
  } catch {
    // A cause whose property throws, such as a revoked proxy, is not an event.
    return cause
  }
}
