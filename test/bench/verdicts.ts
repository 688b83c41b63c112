/**
 * Verdicts: whether targets were reached. Only ratios within one run count, since times depend on the machine. A line
 * has the median over the rounds and their spread: the range of the middle half of them, so that one unlucky round
 * decides nothing. A target within the spread is neither reached nor missed: its line is `open`.
 */

import { median, metric } from './measure.ts'
import type { Metrics } from './measure.ts'

export interface Line {
  readonly workload: string
  readonly against: string
  readonly value: (metrics: Metrics) => number
  readonly target?: Target | undefined
}

export type Target = readonly [bound: '≥' | '≤', value: number]

export type Tables = readonly (readonly [heading: string, unit: string, lines: readonly Line[]])[]

interface Verdict extends Line {
  readonly low: number
  readonly middle: number
  readonly high: number
  readonly mark: 'pass' | 'miss' | 'open' | ''
}

/**
 * The tables, as Markdown.
 *
 * @param missing returns the text for a line that was not measured; undefined leaves the line out
 */
export function tables(
  all: Tables,
  rounds: readonly Metrics[],
  missing: (line: Line) => string | undefined = () => undefined,
): string {
  return all
    .map(([heading, unit, lines]) => {
      const verdicts = lines.map((line) => judge(line, rounds))
      const rows = verdicts.filter((verdict) => isMeasured(verdict) || missing(verdict) !== undefined)
      if (!rows.some(isMeasured)) return ''
      const cells = rows.map((row) => {
        const { workload, against, target, low, middle, high, mark } = row
        const bound = target ? target.join(' ') : ''
        return isMeasured(row)
          ? [workload, against, `${digits(middle)} ${unit}`, `${digits(low)} to ${digits(high)}`, bound, mark]
          : [workload, against, missing(row) ?? '', '', bound, '']
      })
      return table([[heading, 'against', 'median', 'spread', 'target', ''], ...cells])
    })
    .filter(Boolean)
    .join('\n\n')
}

/**
 * Every target that was not reached, and why.
 *
 * @param reasons the known reasons, by workload, or by workload and contender
 */
export function failures(
  all: Tables,
  rounds: readonly Metrics[],
  reasons: Readonly<Record<string, string>> = {},
): string[] {
  return all
    .flatMap(([, unit, lines]) => lines.map((line) => [unit, judge(line, rounds)] as const))
    .filter(([, { mark }]) => mark === 'miss' || mark === 'open')
    .map(([unit, { workload, against, target = [], middle, mark }]) => {
      const bound = target.join(' ')
      const missed = mark === 'open' ? `with ${bound} within the spread` : `not ${bound}`
      const reason = reasons[metric(workload, against)] ?? reasons[workload]
      return `${mark}: ${workload}, ${against}: ${digits(middle)} ${unit}, ${missed}.${reason ? ` ${reason}` : ''}`
    })
}

/** A row for each workload with its unit, and the medians of all contenders side by side. */
export function overview(
  heading: string,
  workloads: readonly (readonly [workload: string, unit: string])[],
  contenders: readonly string[],
  rounds: readonly Metrics[],
): string {
  const rows = workloads.map(([workload, unit]) => [
    workload,
    ...contenders.map((name) => {
      const middle = median(rounds.map(valueOf(workload, name)))
      return Number.isNaN(middle) ? '' : `${digits(middle)} ${unit}`
    }),
  ])
  return table([[heading, ...contenders], ...rows])
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function isMeasured({ middle }: Verdict): boolean {
  return !Number.isNaN(middle)
}

function judge(line: Line, rounds: readonly Metrics[]): Verdict {
  const values = rounds.map((metrics) => line.value(metrics)).toSorted((one, other) => one - other)
  const outer = Math.floor(values.length / 4)
  const verdict = { ...line, low: values[outer] ?? NaN, middle: median(values), high: values.at(-1 - outer) ?? NaN }
  if (!line.target || Number.isNaN(verdict.middle)) return { ...verdict, mark: '' }
  const [bound, value] = line.target
  const [worst, best] = bound === '≥' ? [verdict.low, verdict.high] : [-verdict.high, -verdict.low]
  const goal = bound === '≥' ? value : -value
  return { ...verdict, mark: worst >= goal ? 'pass' : best < goal ? 'miss' : 'open' }
}

export function atMost(value: number): Target {
  return ['≤', value]
}

export function atLeast(value: number): Target {
  return ['≥', value]
}

export function valueOf(workload: string, contender: string): Line['value'] {
  return (metrics) => metrics[metric(workload, contender)] ?? NaN
}

/** How many times as much `one` takes as `other`, for workloads that are measured in units, not as ratios. */
export function ratio(workload: string, one: string, other: string): Line['value'] {
  const [ours, theirs] = [valueOf(workload, one), valueOf(workload, other)]
  return (metrics) => ours(metrics) / theirs(metrics)
}

/** Three significant digits: the rest is noise. */
function digits(value: number): string {
  const size = Math.abs(value)
  if (size >= 9_999.5) return Math.round(value).toLocaleString('en')
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0)
}
