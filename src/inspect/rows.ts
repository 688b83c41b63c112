/**
 * Rows: what an inspector says about a context, as plain data that holds no context, no value and no cause. A row never
 * changes: whatever happens to its context puts another row in its place, so views can compare rows by identity.
 */

/**
 * How a context ended: by its `cancel`; because its work settled well; by its deadline; by `using`; along with its
 * parent; or not at all: it was `collected`, since nothing could reach it any longer.
 */
export type How = 'canceled' | 'collected' | 'completed' | 'deadline' | 'disposed' | 'parent'

/** A value that a context has. */
export interface NamedValue {
  /** The name of its key. */
  readonly name: string
  /** What it is, as text; undefined unless its key was given to `inspect` as one that may be shown. */
  readonly value: string | undefined
}

/** Where things happened, as the lines of a stack. Undefined where that is not known. */
export interface Stacks {
  /** Where the context was made. */
  readonly made: string | undefined
  /** Where it was ended: for a cancel, the code that canceled it. */
  readonly ended: string | undefined
  /** Where operations waited for it, or wait now; after its end, those that it has cut off. */
  readonly waits: readonly string[]
}

/** A context, as far as an inspector knows it. All text is safe to show in one line, and all times are of one axis. */
export interface Row {
  /** Counts up from 1, in the order in which contexts were made or first noticed. */
  readonly id: number
  /** The `id` of its parent; undefined for a root, and where the parent was never noticed. */
  readonly parent: number | undefined
  /** The function that made it, such as `withTimeout`. */
  readonly kind: string
  /** The `label` it was given; undefined without one. */
  readonly label: string | undefined
  /** When it was made, in milliseconds since the epoch, with fractions. */
  readonly born: number
  /** True if it was made before it was noticed: `born` is when it was noticed. */
  readonly late: boolean
  /** When it ended, or when its work went well, if that was sooner; undefined while it lives. */
  readonly ended: number | undefined
  /** How it ended; undefined while it lives. */
  readonly how: How | undefined
  /** The message of the cause, or what it is; undefined if there was none. */
  readonly cause: string | undefined
  /** The `id` of the context whose end took it along; undefined if its end began with itself. */
  readonly by: number | undefined
  /** The milliseconds it was given for its own deadline; undefined without one. */
  readonly ms: number | undefined
  /** When it ends at the latest, in milliseconds since the epoch; undefined if never. */
  readonly deadline: number | undefined
  /** The `id` of the context that has set that deadline: itself or one above; undefined if it is foreign. */
  readonly deadlineOf: number | undefined
  /** The values in sight, the innermost first; never their contents, unless allowed. */
  readonly values: readonly NamedValue[]
  /** The trace that its request is part of: the 32 hexadecimal digits of the `traceparent` in sight. */
  readonly trace: string | undefined
  /**
   * The functions of rescind that wait under it, such as `until` or `queryContext`; after its end, those that it has
   * cut off. `signal` is among them if its signal was read: whatever took it may wait, too.
   */
  readonly waits: readonly string[]
  /** Undefined unless `inspect` was told to note stacks. */
  readonly stacks: Stacks | undefined
}
