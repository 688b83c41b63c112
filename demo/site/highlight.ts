/**
 * Highlights code at build, so that no page loads a highlighter. Each token gets a class. The colours are in
 * `ui/style/code.css`, for light and dark.
 */

import { createCssVariablesTheme, createHighlighter } from 'shiki'
import type { ShikiTransformer } from 'shiki'

/** The width of a tab, the same as `tab-size` in the stylesheet. */
const TAB = 4

const theme = createCssVariablesTheme({ name: 'site', variablePrefix: '--', fontStyle: false })
const highlighter = await createHighlighter({ themes: [theme], langs: ['go', 'sh', 'tsx'] })

/** JavaScript and TypeScript are highlighted as TSX, which lacks only the old form of a cast. */
const GRAMMARS: Readonly<Record<string, string>> = { go: 'go', js: 'tsx', sh: 'sh', ts: 'tsx', tsx: 'tsx' }

/** Marks the indent of a line, so that the rest of a wrapped line can be indented further. */
const hanging: ShikiTransformer = {
  line(node, line) {
    const [indent = ''] = /^\s*/.exec(this.source.split('\n')[line - 1] ?? '') ?? []
    const width = indent.replaceAll('\t', ' '.repeat(TAB)).length
    if (width > 0) node.properties.style = `--indent:${width}`
  },
}

/** `code` as HTML for `<pre><code>`. Code in an unknown language is only escaped. */
export function highlight(code: string, language: string): string {
  const lang = GRAMMARS[language] ?? 'text'
  // With a time limit, a slow line would be highlighted in part, and builds would differ.
  const options = { lang, theme: 'site', transformers: [hanging], tokenizeTimeLimit: 0 }
  const html = highlighter.codeToHtml(code, options)
  return html
    .replace(/^<pre[^>]*><code>/, '')
    .replace(/<\/code><\/pre>$/, '')
    .replaceAll(/<span style="color:var\(--(?:foreground|token-punctuation)\)">([^<]*)<\/span>/g, '$1')
    .replaceAll(/ style="color:var\(--token-([\w-]+)\)"/g, ' class="$1"')
}
