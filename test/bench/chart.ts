/** A chart with two logarithmic axes, as SVG: readable on light and on dark, and without colors. */

export interface Series {
  readonly name: string
  /** One for each place on the horizontal axis. */
  readonly values: readonly number[]
}

const [WIDTH, HEIGHT] = [720, 400]
const AREA = { left: 84, top: 48, right: 532, bottom: 352 }
/** The colors and dashes of the lines. The dashes differ, so the lines can be told apart without colors. */
const STYLES = [
  ['#2f81f7', ''],
  ['#d4791c', '8 4'],
  ['#2da44e', '2 4'],
  ['#bf4bd8', '12 4 2 4'],
] as const

export function draw(title: string, places: readonly number[], series: readonly Series[]): string {
  const values = series.flatMap((one) => one.values)
  const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))]
  const last = places.length - 1
  const x = (index: number) => AREA.left + ((AREA.right - AREA.left) * index) / last
  const y = (value: number) => AREA.bottom - ((AREA.bottom - AREA.top) * (Math.log10(value) - low)) / (high - low)
  const parts: string[] = [text(AREA.left, 24, title, 'start', ' font-weight="600"')]
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power)
    parts.push(`<line class="grid" x1="${AREA.left}" y1="${at}" x2="${AREA.right}" y2="${at}"/>`)
    parts.push(text(AREA.left - 8, at + 4, `${(10 ** power).toLocaleString('en')} ns`, 'end'))
  }
  for (const [index, place] of places.entries()) {
    parts.push(text(x(index), AREA.bottom + 20, place.toLocaleString('en'), 'middle'))
  }
  // Labels are next to the ends of their lines, and moved down where they would overlap.
  const ends = series.map((one, index) => ({ index, at: y(one.values[last] ?? 1) })).toSorted((a, b) => a.at - b.at)
  let free = -Infinity
  for (const { index, at } of ends) {
    const { name, values } = series[index] as Series
    const [color, dashes] = STYLES[index % STYLES.length] as (typeof STYLES)[number]
    const points = values.map((value, place) => `${round(x(place))},${round(y(value))}`).join(' ')
    const dash = dashes && ` stroke-dasharray="${dashes}"`
    parts.push(`<polyline points="${points}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`)
    free = Math.max(at, free + 18)
    parts.push(text(AREA.right + 8, free + 4, name, 'start', ` style="fill:${color}"`))
  }
  const style =
    'text{font:12px system-ui,sans-serif;fill:#1f2328}.grid{stroke:#8c959f;stroke-opacity:.4}' +
    '@media(prefers-color-scheme:dark){text{fill:#e6edf3}}'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">`,
    `<style>${style}</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function text(x: number, y: number, content: string, anchor: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more}>${content}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
