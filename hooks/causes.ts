/**
 * Why a component's work was canceled. Causes are shared: compare them, by identity or by `name`. `PageHidden` and
 * `Navigated` are the core's own.
 */

/** A newer run, another parent or a reset took the place of this work. */
export const Superseded: Error = /* @__PURE__ */ sentinel('Superseded', 'newer work took its place')

/** The component is gone. */
export const Unmounted: Error = /* @__PURE__ */ sentinel('Unmounted', 'the component was unmounted')

/** The component is kept but not shown, as in a hidden `Activity`. */
export const Hidden: Error = /* @__PURE__ */ sentinel('Hidden', 'the component was hidden')

/** What a caller means by `cause`: as a handler, as in `onClick={cancel}`, it gets an event, which is no reason. */
export function reasonOf(cause: unknown): unknown {
  return (cause as Partial<Event> | null | undefined)?.preventDefault ? undefined : cause
}

function sentinel(name: string, message: string): Error {
  const error = new Error(message)
  return Object.defineProperties(error, { name: { value: name }, stack: { value: `${name}: ${message}` } })
}
