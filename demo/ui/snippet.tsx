/** The code that runs, from its own file, to be copied. */

import { useRef, useState } from 'react'
import type { ReactElement, ReactNode } from 'react'

export interface SnippetProps {
  readonly title: string
  readonly code: string
  /** The names to be picked out. */
  readonly names: readonly string[]
}

export function Snippet({ title, code, names }: SnippetProps): ReactElement {
  const text = useRef<HTMLPreElement>(null)
  const [copied, setCopied] = useState<{ code: string; message: string }>()
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code)
      setCopied({ code, message: 'Copied' })
    } catch {
      // Without leave to write to the clipboard, or without one: that is the case on plain http.
      if (text.current !== null) getSelection()?.selectAllChildren(text.current)
      setCopied({ code, message: 'Selected' })
    }
  }
  return (
    <section className="panel snippet" aria-label="Code">
      <header>
        <h2>{title}</h2>
        <button type="button" onClick={() => void copy()}>
          {copied?.code === code ? copied.message : 'Copy'}
        </button>
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
const TOKEN = /('[^']*'|`[^`]*`)|\b(async|await|const|for|function|new|of|return|using)\b|\b([a-z]\w*)\b/gi

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
