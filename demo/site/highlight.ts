/**
 * Colours code at build, so that no page loads a highlighter. Each token gets a class; the colours are the site's own,
 * in `ui/style/code.css`, for light and dark.
 */

import { createCssVariablesTheme, createHighlighter } from 'shiki'
import type { ShikiTransformer } from 'shiki'

/** How wide a tab is, as `tab-size` has it in the stylesheet. */
const TAB = 4

const theme = createCssVariablesTheme({ name: 'site', variablePrefix: '--', fontStyle: false })
const highlighter = await createHighlighter({ themes: [theme], langs: ['go', 'sh', 'tsx'] })

/** TypeScript is read as TSX, which has all of it but the old form of a cast. */
const GRAMMARS: Readonly<Record<string, string>> = { go: 'go', sh: 'sh', ts: 'tsx', tsx: 'tsx' }

/** A line that wraps goes on further in than it began. */
const hanging: ShikiTransformer = {
  line(node, line) {
    const [indent = ''] = /^\s*/.exec(this.source.split('\n')[line - 1] ?? '') ?? []
    const width = indent.replaceAll('\t', ' '.repeat(TAB)).length
    if (width > 0) node.properties.style = `--indent:${width}`
  },
}

/** `code` as HTML, to go into `<pre><code>`; what is in no known language is only escaped. */
export function highlight(code: string, language: string): string {
  const lang = GRAMMARS[language] ?? 'text'
  // A line that took longer than the limit would be left half done, and be another one in the next build.
  const options = { lang, theme: 'site', transformers: [hanging], tokenizeTimeLimit: 0 }
  const html = highlighter.codeToHtml(code, options)
  return html
    .replace(/^<pre[^>]*><code>/, '')
    .replace(/<\/code><\/pre>$/, '')
    .replaceAll(/<span style="color:var\(--(?:foreground|token-punctuation)\)">([^<]*)<\/span>/g, '$1')
    .replaceAll(/ style="color:var\(--token-([\w-]+)\)"/g, ' class="$1"')
}
