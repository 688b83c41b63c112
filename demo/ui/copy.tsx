/** A button that copies text, and then says so. */

import { useState } from 'react'
import type { ReactElement } from 'react'

export interface CopyProps {
  /** The text of the button before it has copied. */
  readonly label: string
  readonly text: string
  readonly disabled?: boolean
  /** Called if writing to the clipboard is not permitted, or if there is no clipboard, as on plain http. */
  readonly onRefused: () => void
}

export function Copy({ label, text, disabled = false, onRefused }: CopyProps): ReactElement {
  const [copied, setCopied] = useState<{ text: string; message: string }>()
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied({ text, message: 'Copied' })
    } catch {
      onRefused()
      setCopied({ text, message: 'Selected' })
    }
  }
  return (
    <button type="button" disabled={disabled} onClick={() => void copy()}>
      {copied?.text === text ? copied.message : label}
    </button>
  )
}
