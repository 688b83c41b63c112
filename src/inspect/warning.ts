/** The kinds of warnings, and the documentation of each. */

/** The kind of a warning; see `docs/inspector.md`. */
export type WarningCode =
  | 'RESCIND_DEAF_WORK'
  | 'RESCIND_KEEPALIVE_FETCH'
  | 'RESCIND_LATE_DERIVE'
  | 'RESCIND_LOST_CANCEL'
  | 'RESCIND_VAIN_TIMEOUT'

/** A probable mistake in the use of contexts, found by an inspector. */
export interface Warning {
  /** The kind of the warning. `docs/inspector.md` has a section for each. */
  readonly code: WarningCode
  /** Names the context, and says what happened and what to do. */
  readonly message: string
  /** The `id` of the context's row. */
  readonly row: number
  /** When the inspector found it, in milliseconds since the epoch. */
  readonly at: number
  /** Where the context was made or the work began; undefined without the option `stacks`. */
  readonly stack: string | undefined
}

/** The anchor in `docs/inspector.md` of the section about each code. */
const ANCHORS: Readonly<Record<WarningCode, string>> = {
  RESCIND_DEAF_WORK: 'deaf-work',
  RESCIND_KEEPALIVE_FETCH: 'keepalive-fetch',
  RESCIND_LATE_DERIVE: 'late-derive',
  RESCIND_LOST_CANCEL: 'lost-cancel',
  RESCIND_VAIN_TIMEOUT: 'vain-timeout',
}

export function isCode(value: unknown): value is WarningCode {
  return typeof value === 'string' && Object.hasOwn(ANCHORS, value)
}

/** The link to the section about `code` in the package's documentation. */
export function linkOf(code: WarningCode): string {
  return `docs/inspector.md#${ANCHORS[code]}`
}
