/** What the warnings are, and where each is explained. */

/** What a warning is about; see `docs/inspector.md`. */
export type WarningCode = 'RESCIND_DEAF_WORK' | 'RESCIND_LATE_DERIVE' | 'RESCIND_LOST_CANCEL' | 'RESCIND_VAIN_TIMEOUT'

/** Something that an inspector has found in the use of contexts. */
export interface Warning {
  /** Which warning it is. The page about warnings has a section for each code. */
  readonly code: WarningCode
  /** What happened, to which context, and what to do. */
  readonly message: string
  /** The `id` of the row of that context. */
  readonly row: number
  /** When it was found, in milliseconds since the epoch. */
  readonly at: number
  /** Where the context was made or the work begun, if stacks are noted. */
  readonly stack: string | undefined
}

/** The code and where it is explained, as an anchor of the page. */
const ANCHORS: Readonly<Record<WarningCode, string>> = {
  RESCIND_DEAF_WORK: 'deaf-work',
  RESCIND_LATE_DERIVE: 'late-derive',
  RESCIND_LOST_CANCEL: 'lost-cancel',
  RESCIND_VAIN_TIMEOUT: 'vain-timeout',
}

export function isCode(value: unknown): value is WarningCode {
  return typeof value === 'string' && Object.hasOwn(ANCHORS, value)
}

/** Where `code` is explained, in the documents of the package. */
export function linkOf(code: WarningCode): string {
  return `docs/inspector.md#${ANCHORS[code]}`
}
