/**
 * Renders the Markdown of the manual. Headings get the anchors that code hosts give them, code is highlighted, diagrams
 * are drawn, and links lead to pages of the site. Comments are left out, since they are for the tests of the examples.
 * `<!-- live: name -->` marks the place of a scenario.
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

/** The text below one heading, for the search. */
interface Section extends Heading {
  readonly content: string
}

export interface Rendered {
  readonly html: string
  readonly sections: readonly Section[]
  /** The files of the repository that the text links to, and the images that it shows. */
  readonly links: ReadonlySet<string>
  readonly images: ReadonlySet<string>
  /** The names of its live scenarios. */
  readonly live: readonly string[]
}

/** What one rendering collects. */
type Env = {
  /** The file in the repository, `docs/streams.md`. */
  readonly source: string
  readonly addressOf: (source: string) => string
  readonly links: Set<string>
  readonly images: Set<string>
  readonly live: string[]
  isTable: boolean
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

// A wide table scrolls inside a box of its own, which takes the focus for the keyboard.
rules.table_open = (_, __, ___, env) => {
  ;(env as Env).isTable = true
  return '<div class="scroller" tabindex="0"><table>\n'
}
rules.table_close = (_, __, ___, env) => {
  ;(env as Env).isTable = false
  return '</table></div>\n'
}

// In a narrow column, code breaks after punctuation and not within a name.
rules.code_inline = (tokens, index, _, env) => {
  const code = tokens[index]?.content ?? ''
  const pieces = (env as Env).isTable ? code.split(/(?<=[.,(/:|=-])(?=\w)/) : [code]
  return `<code>${pieces.map(markdown.utils.escapeHtml).join('<wbr>')}</code>`
}

// Screen readers announce an empty header as a header without a name, so it becomes an ordinary cell.
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
  // Vite must not rename the file: it is beside the page, under its own name.
  token.attrSet('vite-ignore', '')
  return renderer.renderToken(tokens, index, options)
}

/** @param addressOf returns the address of a file of the repository, from the root of the site */
export function render(source: string, text: string, addressOf: (source: string) => string): Rendered {
  const env: Env = { source, addressOf, links: new Set(), images: new Set(), live: [], isTable: false }
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

/** Turns a link to a file of the repository into a relative link to its page in the site. */
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
  throw new Error(`${env.source} contains HTML, which other Markdown renderers may not show: ${html}`)
}

/** Draws a diagram in the colours of the page. The text beside it says the same. */
function diagram(code: string): string {
  const svg = renderMermaidSVG(code, {
    bg: 'var(--card)',
    fg: 'var(--ink)',
    // By default the page's own `--line`, which is too faint for arrows.
    line: 'var(--soft)',
    border: 'var(--cut)',
    transparent: true,
    font: 'system-ui',
  })
  const labels = [...code.matchAll(/\["?([^"\]]+)"?\]/g)].map(([, label = '']) => label)
  return `<figure class="diagram">${svg
    // The import would load a font from another host.
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
