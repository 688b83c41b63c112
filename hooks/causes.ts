/**
 * Why the work of a component was canceled. Causes are shared: compare them, by identity or by `name`. `PageHidden` and
 * `Navigated` are the core's own.
 */

import { sentinel } from '../src/bindings.ts'

/** A newer run, another parent or a reset took the place of this work. */
export const Superseded: Error = /* @__PURE__ */ sentinel('Superseded', 'newer work took its place')

/** The component was unmounted. */
export const Unmounted: Error = /* @__PURE__ */ sentinel('Unmounted', 'the component was unmounted')

/** The component is mounted but not shown, as in a hidden `Activity` or, under `<Scope visible>`, in a hidden tab. */
export const Hidden: Error = /* @__PURE__ */ sentinel('Hidden', 'the component was hidden')

/** An action of mode `drop` was run with other arguments while it was under way. */
export const Busy: Error = /* @__PURE__ */ sentinel('Busy', 'other work is under way')

/** The cause that a caller means: `onClick={cancel}` passes an event, which is no cause. */
export function reasonOf(cause: unknown): unknown {
  try {
    return (cause as Partial<Event> | null | undefined)?.preventDefault ? undefined : cause
  } catch {
    // A cause with traps, such as a revoked proxy, is no event.
    return cause
  }
}
