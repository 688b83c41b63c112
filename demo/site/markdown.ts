/**
 * Markdown to HTML, as the pages of the site need it: headings with the anchors that a code host gives them, code in
 * colours, diagrams drawn, and links that lead to where the site has the file. Comments say what the tests of the
 * examples need, and are left out; `<!-- live: name -->` marks the place of a scenario.
 */

import { posix } from 'node:path'
import { renderMermaidSVG } from 'beautiful-mermaid'
import { slug } from 'github-slugger'
import MarkdownIt from 'markdown-it'
import type { Token } from 'markdown-it'
import anchor from 'markdown-it-anchor'
import { highlight } from './highlight.ts'

export interface Heading {
  readonly level: number
  readonly id: string
  readonly text: string
}

/** What is below one heading, to be searched. */
interface Section extends Heading {
  readonly content: string
}

export interface Rendered {
  readonly html: string
  readonly sections: readonly Section[]
  /** The files of the repository that it links to, and those that it shows. */
  readonly links: ReadonlySet<string>
  readonly images: ReadonlySet<string>
  /** The names of the scenarios that are live in it. */
  readonly live: readonly string[]
}

/** What a rendering collects on its way. */
type Env = {
  /** The file in the repository, `docs/streams.md`. */
  readonly source: string
  readonly addressOf: (source: string) => string
  readonly links: Set<string>
  readonly images: Set<string>
  readonly live: string[]
}

const markdown = new MarkdownIt({ html: true })

markdown.use(anchor, {
  slugify: slug,
  // The second heading of a name is `name-1`, as on a code host.
  uniqueSlugStartIndex: 1,
  permalink: anchor.permalink.headerLink({ safariReaderFix: true }),
})

const { rules } = markdown.renderer

rules.fence = (tokens, index) => {
  const { content, info } = tokens[index] as { content: string; info: string }
  const code = content.replace(/\n$/, '')
  if (info === 'mermaid') return diagram(code)
  const copy = '<button type="button" data-copy>Copy</button>'
  return `<div class="code">${copy}<pre tabindex="0"><code>${highlight(code, info)}</code></pre></div>\n`
}

// A wide table scrolls by itself, by the keyboard too.
rules.table_open = () => '<div class="scroller" tabindex="0"><table>\n'
rules.table_close = () => '</table></div>\n'

// An empty header is read out as a header without a name: it is an ordinary cell.
rules.th_open = (tokens, index, options, _, renderer) => {
  const isEmpty = tokens[index + 1]?.content === ''
  for (const token of isEmpty ? tokens.slice(index, index + 3) : []) if (token.tag === 'th') token.tag = 'td'
  return renderer.renderToken(tokens, index, options)
}

rules.html_block = (tokens, index, _, env) => comment(tokens[index]?.content ?? '', env as Env)
rules.html_inline = rules.html_block

rules.link_open = (tokens, index, options, env, renderer) => {
  const token = tokens[index]
  token?.attrSet('href', resolve(String(token.attrGet('href')), env as Env))
  return renderer.renderToken(tokens, index, options)
}

rules.image = (tokens, index, options, env, renderer) => {
  const token = tokens[index]
  if (token === undefined) return ''
  const { source, images, addressOf } = env as Env
  const image = posix.join(posix.dirname(source), String(token.attrGet('src')))
  images.add(image)
  token.attrSet('src', relative(addressOf(source), image))
  token.attrSet('alt', renderer.renderInlineAsText(token.children ?? [], options, env))
  token.attrSet('loading', 'lazy')
  // Not for Vite: the file lies beside the page, under its own name.
  token.attrSet('vite-ignore', '')
  return renderer.renderToken(tokens, index, options)
}

/** @param addressOf where the site has a file of the repository, from its root */
export function render(source: string, text: string, addressOf: (source: string) => string): Rendered {
  const env: Env = { source, addressOf, links: new Set(), images: new Set(), live: [] }
  const tokens = markdown.parse(text, env)
  const { links, images, live } = env
  return {
    html: markdown.renderer.render(tokens, markdown.options, env),
    sections: sectionsOf(tokens),
    links,
    images,
    live,
  }
}

/** Links between pages are relative, and lead on a code host to the same place as here. */
function resolve(href: string, env: Env): string {
  if (/^[a-z]+:/.test(href)) return href
  const [path = '', fragment] = href.split('#', 2)
  const anchor = fragment === undefined ? '' : `#${fragment}`
  if (path === '') return anchor
  const target = posix.join(posix.dirname(env.source), path)
  env.links.add(target)
  return `${relative(env.addressOf(env.source), env.addressOf(target))}${anchor}`
}

function relative(from: string, to: string): string {
  return posix.relative(posix.dirname(from), to)
}

function comment(html: string, env: Env): string {
  const name = /^<!-- live: ([\w-]+) -->\s*$/.exec(html)?.[1]
  if (name !== undefined) {
    env.live.push(name)
    const href = `${relative(env.addressOf(env.source), '.') || '.'}/#/${name}`
    return `<section class="live" data-live="${name}" aria-label="Live example: ${name.replaceAll('-', ' ')}"><p><a href="${href}">The example</a></p></section>\n`
  }
  if (/^<!--[^]*-->\s*$/.test(html)) return ''
  throw new Error(`${env.source} has HTML, which its readers elsewhere may not see: ${html}`)
}

/** Drawn in the colours of the page. What it shows is for the eye; the text beside it says the same. */
function diagram(code: string): string {
  const svg = renderMermaidSVG(code, { bg: 'var(--card)', fg: 'var(--ink)', transparent: true, font: 'system-ui' })
  const labels = [...code.matchAll(/\["?([^"\]]+)"?\]/g)].map(([, label = '']) => label)
  return `<figure class="diagram">${svg
    // It would load a font from elsewhere.
    .replace(/@import url\([^)]*\);/, '')
    .replace('<svg ', `<svg role="img" aria-label="Diagram: ${markdown.utils.escapeHtml(labels.join(', '))}" `)
    .replaceAll(/\n\s*/g, ' ')}</figure>\n`
}

function sectionsOf(tokens: readonly Token[]): Section[] {
  const sections: (Heading & { content: string })[] = []
  for (const [index, { type, tag, content, children }] of tokens.entries()) {
    if (type === 'heading_open') {
      const text = textOf(tokens[index + 1]?.children ?? [])
      sections.push({ level: Number(tag.slice(1)), id: String(tokens[index]?.attrGet('id')), text, content: '' })
      continue
    }
    const section = sections.at(-1)
    if (section === undefined || tokens[index - 1]?.type === 'heading_open') continue
    if (type === 'inline') section.content += `${textOf(children ?? [])}\n`
    if (type === 'fence') section.content += `${content}\n`
  }
  return sections
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ type, content }) => (type === 'softbreak' ? ' ' : content)).join('')
}
