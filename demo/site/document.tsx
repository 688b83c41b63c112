/** The pages of the manual as HTML documents. Their text can be read before a script runs, and without scripts. */

import type { ReactElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { Hero } from '../ui/hero.tsx'
import { Masthead } from '../ui/masthead.tsx'
import type { MastheadProps } from '../ui/masthead.tsx'
import { THEME_SCRIPT } from '../ui/theme.ts'
import { Waiting } from '../ui/waiting.tsx'
import type { Heading } from './markdown.ts'

/** A page of the manual, from the table in the README. */
export interface Listed {
  /** The file in the repository, `docs/streams.md`. */
  readonly source: string
  /** The address in the site, `docs/streams.html`. */
  readonly address: string
  readonly name: string
  readonly about: string
}

export interface PageProps {
  readonly source: string
  readonly title: string
  readonly html: string
  readonly headings: readonly Heading[]
  /** The scenarios in it. */
  readonly live: readonly string[]
  readonly root: string
  /** All pages, in the order of the manual. */
  readonly manual: readonly Listed[]
  readonly reference: MastheadProps['reference']
}

/** What the front page shows until its script has loaded. */
export function frontOf(reference: MastheadProps['reference']): string {
  return renderToStaticMarkup(
    <div className="shell">
      <Masthead root="" part="front" reference={reference} />
      <main className="front">
        <Hero />
        <Waiting label="Loading" />
      </main>
    </div>,
  )
}

/** Goes into the head of the front page; the pages of the manual have it already. */
export const themeElement: string = renderToStaticMarkup(<ThemeScript />)

const STYLES = ['base', 'site', 'code', 'manual', 'search']

export function documentOf(props: PageProps): string {
  return `<!doctype html>\n${renderToStaticMarkup(<Document {...props} />)}`
}

function Document({ source, title, html, headings, live, root, manual, reference }: PageProps): ReactElement {
  const index = manual.findIndex((page) => page.source === source)
  const about = manual[index]?.about
  const contents = headings.filter(({ level }) => level === 2 || level === 3)
  return (
    <html lang="en" data-root={root}>
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <ThemeScript />
        {about !== undefined && <meta name="description" content={`${title}: ${about}.`} />}
        <title>{`${title} · rescind`}</title>
        {[...STYLES, ...(live.length > 0 ? ['stage'] : [])].map((name) => (
          <link key={name} rel="stylesheet" href={`/ui/style/${name}.css`} />
        ))}
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        <link rel="alternate" type="text/markdown" href={`${root}${source}`} />
        <script type="module" src="/manual.ts" />
      </head>
      <body>
        <a className="skip" href="#content">
          Skip to the text
        </a>
        <Masthead root={root} part={index < 0 ? 'elsewhere' : 'manual'} reference={reference} />
        <div className="manual">
          <div className="menus">
            <button type="button" popoverTarget="pages">
              {manual[index]?.name ?? 'All pages'}
            </button>
            {contents.length > 0 && (
              <button type="button" popoverTarget="contents">
                On this page
              </button>
            )}
          </div>
          <nav className="sidebar" id="pages" popover="auto" aria-label="Pages">
            <ul>
              {manual.map(({ source: page, address, name }) => (
                <li key={page}>
                  <a href={`${root}${address}`} aria-current={page === source ? 'page' : undefined}>
                    {name}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <main id="content">
            <div className="prose" dangerouslySetInnerHTML={{ __html: html }} />
            <footer>
              <Neighbours root={root} before={manual[index - 1]} after={index < 0 ? undefined : manual[index + 1]} />
              <p>
                <a href={`${root}${source}`}>
                  {source.endsWith('.md') ? 'This page as Markdown' : 'This file as text'}
                </a>
              </p>
            </footer>
          </main>
          {contents.length > 0 && (
            <nav className="contents" id="contents" popover="auto" aria-label="On this page">
              <p>On this page</p>
              <ul>
                {contents.map(({ id, level, text }) => (
                  <li key={id} data-level={level}>
                    <a href={`#${id}`}>{text}</a>
                  </li>
                ))}
              </ul>
            </nav>
          )}
        </div>
      </body>
    </html>
  )
}

function ThemeScript() {
  return <script dangerouslySetInnerHTML={{ __html: THEME_SCRIPT }} />
}

interface NeighboursProps {
  readonly root: string
  readonly before: Listed | undefined
  readonly after: Listed | undefined
}

function Neighbours({ root, before, after }: NeighboursProps) {
  if (before === undefined && after === undefined) return null
  return (
    <nav className="neighbours" aria-label="Previous and next">
      {before && (
        <a rel="prev" href={`${root}${before.address}`}>
          <span>Previous</span> {before.name}
        </a>
      )}
      {after && (
        <a rel="next" href={`${root}${after.address}`}>
          <span>Next</span> {after.name}
        </a>
      )}
    </nav>
  )
}
