/**
 * Gives the demo what it shows of its own sources: of a file with `?shown` in its address, the lines between
 * `// #region name` and `// #endregion`, and the names that it imports from rescind. The rest of the text stays out of
 * the page.
 */

import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

const SHOWN = /\?shown$/

export function regions(): Plugin {
  return {
    name: 'rescind-demo-regions',
    enforce: 'pre',
    async load(id) {
      if (!SHOWN.test(id)) return null
      const path = id.replace(SHOWN, '')
      this.addWatchFile(path)
      return { code: `export default ${JSON.stringify(shownOf(await readFile(path, 'utf8')))}`, moduleType: 'js' }
    },
  }
}

function shownOf(source: string): { with: string; without: string; names: string[] } {
  const imports = source.matchAll(/^import \{ (.*) \} from 'rescind(?:\/\w+)?'$/gm)
  const names = [...imports].flatMap(([, list = '']) => list.split(', '))
  return { with: region(source, 'with'), without: region(source, 'without'), names }
}

/** Empty if there is none: most files show the regions of another one, or have none. */
function region(source: string, name: string): string {
  const lines = source.split('\n')
  const start = lines.indexOf(`// #region ${name}`)
  return start < 0 ? '' : lines.slice(start + 1, lines.indexOf('// #endregion', start)).join('\n')
}
