/** Code, to be copied: what runs, from its own file, and the same in Go. */

import { Fragment, useRef } from 'react'
import type { CSSProperties, ReactElement, ReactNode } from 'react'
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
      <pre ref={text}>
        <code>
          {code.split('\n').map((line, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- lines have nothing else, and never move
            <Fragment key={index}>
              {index > 0 && '\n'}
              <span className="line" style={{ '--indent': indentOf(line) } as CSSProperties}>
                {colored(line, names)}
              </span>
            </Fragment>
          ))}
        </code>
      </pre>
    </section>
  )
}

const TAB = 4

/** In characters. What does not fit goes on in the next line, further in. */
function indentOf(line: string): number {
  const [indent = ''] = /^\s*/.exec(line) ?? []
  return indent.replaceAll('\t', ' '.repeat(TAB)).length
}

/** Strings, words of the language, names: enough for a dozen lines. */
const WORDS = 'async|await|const|defer|for|func|function|go|if|let|new|of|range|return|using|var|yield'
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
