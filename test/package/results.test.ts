/** The README's claims about speed are results of `npm run bench`. */

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

/** The cells of all tables in `markdown`, without separator lines. */
function rowsOf(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) => line.slice(2, -2).split(' | '))
}

it('the README quotes the ratios in RESULTS.md', () => {
  const [, table = ''] = /<!-- bench -->\n([^]*?)<!-- \/bench -->/.exec(readFileSync('README.md', 'utf8')) ?? []
  const [[, ...against] = [], ...rows] = rowsOf(table)
  const medians = new Map(
    rowsOf(readFileSync('test/bench/RESULTS.md', 'utf8')).map(([workload, other, median]) => [
      `${workload}, ${other}`,
      median,
    ]),
  )
  expect(against).toHaveLength(3)
  expect(rows.length).toBeGreaterThanOrEqual(5)
  for (const [workload, ...cells] of rows) {
    expect(cells).toEqual(against.map((other) => medians.get(`${workload}, ${other}`)))
  }
})
