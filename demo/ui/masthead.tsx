/** The top of every page. The build renders it for the manual, and React for the front page and the examples. */

import type { ReactElement, ReactNode } from 'react'
import { THEMES } from './theme.ts'

export interface MastheadProps {
  /**
   * The relative path to the root of the site, `../`; empty for the front page and the examples, which are at the root.
   */
  readonly root: string
  /** Which part of the site this is. */
  readonly part: 'front' | 'manual' | 'examples' | 'elsewhere'
  /** `npm run build:site` adds the API reference; the demo alone has none. */
  readonly reference: 'there' | 'missing'
  readonly children?: ReactNode
}

/** The example that the link leads to. */
const FIRST_EXAMPLE = 'http-timeout'

/** The style sheet shows the name of the current theme only. */
const NAMES: Readonly<Record<(typeof THEMES)[number], string>> = { os: 'System', light: 'Light', dark: 'Dark' }

export function Masthead({ root, part, reference, children }: MastheadProps): ReactElement {
  return (
    <header className="masthead">
      <a className="brand" href={root || '#/'} aria-current={part === 'front' ? 'page' : undefined}>
        rescind
      </a>
      <nav aria-label="Site">
        <a href={`${root}docs/start.html`} data-current={part === 'manual'}>
          Docs
        </a>
        <a href={`${root}#/${FIRST_EXAMPLE}`} data-current={part === 'examples'}>
          Examples
        </a>
        {reference === 'there' && <a href={`${root}reference/`}>Reference</a>}
      </nav>
      <div className="tools">
        {children}
        <button type="button" className="theme" data-switch-theme title="Switch the theme">
          <span className="unseen">Theme: </span>
          {THEMES.map((theme) => (
            <span key={theme} data-of={theme}>
              {NAMES[theme]}
            </span>
          ))}
        </button>
        <button type="button" className="seek" data-search aria-keyshortcuts="/ Control+K">
          Search <kbd>/</kbd>
        </button>
      </div>
    </header>
  )
}
