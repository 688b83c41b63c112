/** Highlighted code with a copy button. */

import { useRef } from 'react'
import type { ReactElement } from 'react'
import type { Piece } from './catalog.ts'
import { Copy } from './copy.tsx'

export interface SnippetProps {
  /** The accessible name of the region. */
  readonly label: string
  readonly title: string
  readonly code: Piece
}

export function Snippet({ label, title, code }: SnippetProps): ReactElement {
  const pre = useRef<HTMLPreElement>(null)
  return (
    <section className="panel snippet" aria-label={label}>
      <header>
        <h2>{title}</h2>
        <Copy
          label="Copy"
          text={code.text}
          onRefused={() => {
            if (pre.current !== null) getSelection()?.selectAllChildren(pre.current)
          }}
        />
      </header>
      <pre ref={pre}>
        <code dangerouslySetInnerHTML={{ __html: code.html }} />
      </pre>
    </section>
  )
}
