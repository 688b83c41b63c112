/** Something that takes a while before anything else can be shown: what it is, and how far. */

import type { ReactElement } from 'react'

export interface WaitingProps {
  readonly label: string
  /** From 0 to 1; left out where it cannot be known. */
  readonly value?: number | undefined
}

export function Waiting({ label, value }: WaitingProps): ReactElement {
  return (
    <div className="waiting">
      <p>{label}</p>
      <progress aria-label={label} value={value} />
    </div>
  )
}
