/**
 * Rows: the data of an inspector about a context, without references to contexts, values or causes. A row is immutable:
 * when its context changes, a new row replaces it, so views can compare rows by identity.
 */

/**
 * How a context ended: `canceled` by its `cancel`, `completed` because its work succeeded, by its `deadline`,
 * `disposed` by `using`, or with its `parent`. A `collected` one did not end: it was unreachable and was
 * garbage-collected.
 */
export type How = 'canceled' | 'collected' | 'completed' | 'deadline' | 'disposed' | 'parent'

/** A value of a context. */
export interface NamedValue {
  /** The name of its key. */
  readonly name: string
  /** The value as text; undefined unless its key is in the option `values` of `inspect`. */
  readonly value: string | undefined
}

/** The stacks of a context, as lines; undefined if unknown. */
export interface Stacks {
  /** Where the context was made. */
  readonly made: string | undefined
  /** Where it was ended: for a cancel, the code that canceled it. */
  readonly ended: string | undefined
  /** Where operations began to wait for it; after its end, only those that it has interrupted. */
  readonly waits: readonly string[]
}

/** The data about a context. All text is safe to show in one line, and all times are comparable. */
export interface Row {
  /** Counts up from 1, in the order in which contexts were made or first noticed. */
  readonly id: number
  /** The `name` of the inspector that made the row. */
  readonly place: string | undefined
  /** The `id` of its parent; undefined for a root, or if the parent was never noticed. */
  readonly parent: number | undefined
  /** The function that made it, such as `withTimeout`. */
  readonly kind: string
  /** Its `label`; undefined without one. */
  readonly label: string | undefined
  /** When it was made, in milliseconds since the epoch, with fractions. */
  readonly born: number
  /** True if it was made before the inspector noticed it; `born` is the time when it was noticed. */
  readonly late: boolean
  /** When it ended, or when its work succeeded, if that was earlier; undefined while it lives. */
  readonly ended: number | undefined
  /** How it ended; undefined while it lives. */
  readonly how: How | undefined
  /** The message or description of the cause; undefined if there was none. */
  readonly cause: string | undefined
  /** The `id` of the context where the end began; undefined if it began at this context. */
  readonly by: number | undefined
  /** The duration of its own deadline in milliseconds; undefined without one. */
  readonly ms: number | undefined
  /** The latest time at which it ends, in milliseconds since the epoch; undefined without a deadline. */
  readonly deadline: number | undefined
  /** The `id` of the context that has set that deadline, this one or an ancestor; undefined if it is foreign. */
  readonly deadlineOf: number | undefined
  /** The values of the context, innermost first; without their contents, unless allowed. */
  readonly values: readonly NamedValue[]
  /** The trace of its request: 32 hexadecimal digits of the `traceparent` among its values; undefined without one. */
  readonly trace: string | undefined
  /** The span in that trace: 16 hexadecimal digits. A request and its handler on a server have the same. */
  readonly span: string | undefined
  /**
   * The functions of rescind that wait for it, such as `until` or `queryContext`; after its end, those that it has
   * interrupted. Includes `signal` if its signal was read: code with the signal may wait, too.
   */
  readonly waits: readonly string[]
  /** Undefined without the option `stacks`. */
  readonly stacks: Stacks | undefined
}
