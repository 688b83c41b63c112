/**
 * The manual as a site: the README, the pages of `docs`, and every file of the repository that they link to. The table
 * in the README sets their order. Each file keeps its path, and the HTML of a page is beside its Markdown.
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import MiniSearch from 'minisearch'
import { searchOptions } from '../ui/search-index.ts'
import type { Passage } from '../ui/search-index.ts'
import { documentOf, frontOf, themeElement } from './document.tsx'
import type { Listed, PageProps } from './document.tsx'
import { highlight } from './highlight.ts'
import { render } from './markdown.ts'
import type { Rendered } from './markdown.ts'

export { frontOf, highlight, themeElement }

export interface Site {
  /** HTML documents by path, `docs/streams.html`. Vite resolves the scripts and styles that they load. */
  readonly documents: ReadonlyMap<string, string>
  /** All other files by path: Markdown, pictures, the index of the search. */
  readonly files: ReadonlyMap<string, string | Uint8Array>
}

const README = 'README.md'
/** The length of the excerpt in a search result, in characters. */
const EXCERPT = 140

/** @param repository the folder that contains the README */
export function makeSite(repository: string, reference: PageProps['reference']): Site {
  const read = (source: string) => readFileSync(join(repository, source), 'utf8')
  const isFile = (source: string) => existsSync(join(repository, source)) && statSync(join(repository, source)).isFile()
  const manual = manualOf(read(README))
  const documents = new Map<string, string>()
  const files = new Map<string, string | Uint8Array>()
  const passages: Passage[] = []
  const open = manual.map(({ source }) => source)
  for (const source of open) {
    if (files.has(source)) continue
    const text = read(source)
    files.set(source, text)
    const rendered = renderFile(source, text)
    for (const image of rendered.images) files.set(image, readFileSync(join(repository, image)))
    open.push(...[...rendered.links].filter(isFile))
    const address = addressOf(source)
    const title = rendered.sections[0]?.text ?? source
    const root = '../'.repeat(address.split('/').length - 1) || './'
    const { html, sections: headings, live } = rendered
    documents.set(address, documentOf({ source, title, html, headings, live, root, manual, reference }))
    const listed = manual.find((page) => page.source === source)
    if (listed !== undefined) passages.push(...passagesOf(listed, rendered))
  }
  files.set('search.json', indexOf(passages))
  files.set('llms.txt', llms(read(README), manual))
  return { documents, files }
}

/** The address of a file in the site. The README is the index of `docs/`. */
function addressOf(source: string): string {
  if (source === README) return 'docs/index.html'
  return /\.(jpg|png|svg)$/.test(source) ? source : `${source.replace(/\.md$/, '')}.html`
}

/**
 * A source file that a page links to becomes a page too, because a static host would offer the file as a download. It
 * is not highlighted: the sources are longer than all pages together.
 */
function renderFile(source: string, text: string): Rendered {
  if (source.endsWith('.md')) return render(source, text, addressOf)
  const code = highlight(text.trimEnd(), 'text')
  const html = `<h1>${source}</h1>\n<div class="code"><pre tabindex="0"><code>${code}</code></pre></div>`
  return { html, sections: [], links: new Set(), images: new Set(), live: [] }
}

/** The rows of the README's table: `| [Streams](docs/streams.md) | answers that arrive in parts |`. */
function manualOf(readme: string): readonly Listed[] {
  const rows = readme.matchAll(/^\| \[([^\]]+)\]\((docs\/[\w-]+\.md)\) \| (.+) \|$/gm)
  const pages = [...rows].map(([, name = '', source = '', about = '']) => {
    return { source, address: addressOf(source), name, about: about.replaceAll('`', '') }
  })
  const about = 'what it is, what it costs, and what it is not'
  const overview = { source: README, address: addressOf(README), name: 'Overview', about }
  return [overview, ...pages]
}

function passagesOf({ address, name }: Listed, { sections }: Rendered): Passage[] {
  return sections.map(({ id, level, text, content }) => ({
    id: level === 1 ? address : `${address}#${id}`,
    page: name,
    heading: text,
    content,
    excerpt: content.slice(0, EXCERPT).replaceAll(/\s+/g, ' ').trim(),
  }))
}

function indexOf(passages: readonly Passage[]): string {
  const index = new MiniSearch(searchOptions)
  index.addAll(passages)
  return JSON.stringify(index)
}

/** For language models, by the proposal of llmstxt.org. */
function llms(readme: string, manual: readonly Listed[]): string {
  const [, title = '', summary = ''] = /^# (.+)\n+([^]+?)\n\n/.exec(readme) ?? []
  const pages = manual.map(({ source, name, about }) => `- [${name}](${source}): ${about}`)
  return `# ${title}\n\n> ${summary.replaceAll('\n', ' ')}\n\n## Docs\n\n${pages.join('\n')}\n`
}
