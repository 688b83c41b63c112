/** Code, to be copied: what runs, from its own file, and the same in Go. */

import { useRef } from 'react'
import type { ReactElement, ReactNode } from 'react'
import { Copy } from './copy.tsx'

export interface SnippetProps {
  /** Of the region. */
  readonly label: string
  readonly title: string
  readonly code: string
  /** The names to be picked out. */
  readonly names: readonly string[]
}

export function Snippet({ label, title, code, names }: SnippetProps): ReactElement {
  const text = useRef<HTMLPreElement>(null)
  return (
    <section className="panel snippet" aria-label={label}>
      <header>
        <h2>{title}</h2>
        <Copy
          label="Copy"
          text={code}
          onRefused={() => {
            if (text.current !== null) getSelection()?.selectAllChildren(text.current)
          }}
        />
      </header>
      {/* Wide code scrolls, so the keyboard must be able to get there. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls takes the focus */}
      <pre ref={text} tabIndex={0}>
        <code>{colored(code, names)}</code>
      </pre>
    </section>
  )
}

/** Strings, words of the language, names: enough for a dozen lines. */
const WORDS = 'async|await|const|defer|for|func|function|go|if|new|of|range|return|using|var'
const TOKEN = new RegExp(`('[^']*'|"[^"]*"|\`[^\`]*\`)|\\b(${WORDS})\\b|\\b([a-z]\\w*)\\b`, 'gi')

function colored(code: string, names: readonly string[]): ReactNode[] {
  const parts: ReactNode[] = []
  let end = 0
  for (const { 0: token, 1: text, 2: word, index } of code.matchAll(TOKEN)) {
    const kind = text ? 'text' : word ? 'word' : names.includes(token) ? 'name' : undefined
    if (kind === undefined) continue
    parts.push(
      code.slice(end, index),
      <span key={index} className={kind}>
        {token}
      </span>,
    )
    end = index + token.length
  }
  return [...parts, code.slice(end)]
}
