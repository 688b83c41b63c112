/** A progress bar with a label, for something that must load before anything else can be shown. */

import type { ReactElement } from 'react'

export interface WaitingProps {
  readonly label: string
  /** From 0 to 1; left out if it is not known. */
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
