/**
 * Gives the demo excerpts of its own sources. An import with `?shown` has the lines of a file between `// #region name`
 * and `// #endregion`, and the constant `GO`, highlighted. An import of a scenario with `?listed` has only its title
 * and its order, so the list of all scenarios loads none of them.
 */

import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

const QUERY = /\?(shown|listed)$/

/** A piece of code, as text and as highlighted HTML. Both are empty if the file does not have it. */
interface Piece {
  readonly text: string
  readonly html: string
}

type Highlight = (code: string, language: string) => string

export function regions(highlight: Highlight): Plugin {
  return {
    name: 'rescind-demo-regions',
    enforce: 'pre',
    async load(id) {
      const query = QUERY.exec(id)?.[1]
      if (query === undefined) return null
      const path = id.replace(QUERY, '')
      this.addWatchFile(path)
      const source = await readFile(path, 'utf8')
      const found = query === 'shown' ? shownOf(source, highlight) : listedOf(source)
      return { code: `export default ${JSON.stringify(found)}`, moduleType: 'js' }
    },
  }
}

function shownOf(source: string, highlight: Highlight): Record<'with' | 'without' | 'go', Piece> {
  const piece = (text: string, language: string) => ({ text, html: highlight(text, language) })
  return {
    with: piece(region(source, 'with'), 'tsx'),
    without: piece(region(source, 'without'), 'tsx'),
    go: piece(goOf(source), 'go'),
  }
}

function listedOf(source: string): { title: string; order: number } {
  const [, title, order] = /^ {2}title: '(.+)',\n {2}order: (\d+),$/m.exec(source) ?? []
  if (title === undefined) throw new Error('A scenario must begin with its title and its order.')
  return { title, order: Number(order) }
}

/** The lines of a region; empty if the file does not have it. Some files show the regions of another file. */
function region(source: string, name: string): string {
  const lines = source.split('\n')
  const start = lines.indexOf(`// #region ${name}`)
  return start < 0 ? '' : lines.slice(start + 1, lines.indexOf('// #endregion', start)).join('\n')
}

/** The Go code as `gofmt` formats it, with tabs. */
function goOf(source: string): string {
  const [, go = ''] = /^const GO = `([^`]*)`$/m.exec(source) ?? []
  return go.replaceAll('\\\\', '\\').replaceAll('    ', '\t')
}
