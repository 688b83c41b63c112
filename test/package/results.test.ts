/** What the README and the docs say about speed is what the benchmarks have measured. */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const results = readFileSync('test/bench/RESULTS.md', 'utf8')

/** What `command` has measured. */
function sectionOf(command: string): string {
  const section = results.split(/^(?=## )/m).find((one) => one.startsWith(`## \`${command}\`\n`))
  if (!section) throw new Error(`RESULTS.md has nothing of ${command}.`)
  return section
}

/** The table called `name` in `file`. */
function quoted(file: string, name: string): string {
  const [, table = ''] =
    new RegExp(`<!-- ${name} -->\\n([^]*?)<!-- /${name} -->`).exec(readFileSync(file, 'utf8')) ?? []
  return table
}

/** The cells of all tables in `markdown`, without separator lines. */
function rowsOf(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) => line.slice(2, -2).split(' | '))
}

describe('what is quoted of RESULTS.md', () => {
  it('by the README are its ratios', () => {
    const [[, ...against] = [], ...rows] = rowsOf(quoted('README.md', 'bench'))
    const medians = new Map(
      rowsOf(sectionOf('npm run bench')).map(([workload, other, median]) => [`${workload}, ${other}`, median]),
    )
    expect(against).toHaveLength(3)
    expect(rows.length).toBeGreaterThanOrEqual(5)
    for (const [workload, ...cells] of rows) {
      expect(cells).toEqual(against.map((other) => medians.get(`${workload}, ${other}`)))
    }
  })

  it.each([
    { file: 'docs/react.md', name: 'react', command: 'npm run bench:react' },
    { file: 'docs/platform.md', name: 'servers', command: 'npm run bench:servers' },
  ])('by $file is the table of $command', ({ file, name, command }) => {
    const table = quoted(file, name)
    expect(rowsOf(table).length).toBeGreaterThanOrEqual(5)
    expect(sectionOf(command)).toContain(table.trim())
  })

  it.each(['bench', 'bench:react', 'bench:servers', 'bench:browser', 'bench:growth'])(
    'has a section of npm run %s, with the date and the machine',
    (script) => {
      const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
      expect(scripts).toHaveProperty([script])
      expect(sectionOf(`npm run ${script}`)).toMatch(/^\d{4}-\d\d-\d\d: \d+ processors? \(.+\), \d+ GB, /m)
    },
  )
})
