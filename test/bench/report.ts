/**
 * The targets, and what became of them. Only ratios within one process count, since times belong to the machine. A line
 * tells the median over the processes and their spread: what the middle half of them covers, so that one process with
 * bad luck decides nothing. A target that lies within the spread is neither reached nor missed: that line is `open`.
 */

import { any, others, subject, subscription } from './contenders.ts'
import { GO } from './go.ts'
import { median, metric } from './measure.ts'
import type { Metrics } from './measure.ts'
import { LIVE, PAIR, RETAINED, shortLived } from './memory.ts'
import {
  BARE_CONTROLLER,
  DEEP,
  DERIVE,
  LIMIT,
  LIMIT_APART,
  LOOKUPS,
  PENDING,
  PENDING_CANCEL,
  PENDING_CANCEL_SOONEST,
  SIBLINGS,
  SIGNAL,
  TREE,
  WIDE,
} from './workloads.ts'

interface Line {
  readonly workload: string
  readonly against: string
  readonly value: (metrics: Metrics) => number
  readonly target: Target | undefined
}

type Target = readonly [bound: '≥' | '≤', value: number]

interface Verdict extends Line {
  readonly low: number
  readonly middle: number
  readonly high: number
  readonly mark: 'pass' | 'miss' | 'open' | ''
}

const ALL = [subject, ...others]

const TABLES: readonly (readonly [heading: string, unit: string, lines: readonly Line[]])[] = [
  [
    'How many times faster rescind is',
    '×',
    [
      ...faster(DERIVE, [10, 80, 1.3]),
      ...faster(LIMIT, [8, 40, 3]),
      ...faster(LIMIT_APART),
      ...faster(WIDE, [15, 30, 1.2]),
      ...faster(DEEP, [5, 90, 1.2]),
      ...faster(PENDING, [50, 15, 2]),
      ...faster(PENDING_CANCEL, [5, 30, 5]),
      ...faster(PENDING_CANCEL_SOONEST, [5, 30, 5]),
    ],
  ],
  [
    'How long it takes, beside something else',
    '×',
    [
      ...ALL.map((contender) => ({
        workload: SIBLINGS,
        against: `${contender.name} beside 100`,
        value: valueOf(SIBLINGS, contender.name),
        target: contender === subject ? atMost(1.5) : undefined,
      })),
      { workload: SIGNAL, against: BARE_CONTROLLER, value: valueOf(SIGNAL, BARE_CONTROLLER), target: atMost(1.3) },
      ...[...LOOKUPS.map(([workload]) => workload), DERIVE, TREE].map((workload) => ({
        workload,
        against: GO,
        value: besideGo(workload),
        target: atMost(1),
      })),
    ],
  ],
  ['Bytes', 'B', [...bytes(LIVE, 136), ...bytes(PAIR, 300), ...bytes(RETAINED, 1)]],
]

const ANY_DOES_LESS = 'It does less here: its timers stay until they fire or are collected.'

/** Why a target is missed, as far as that was measured; by workload, or by workload and contender. */
const REASONS: Readonly<Record<string, string>> = {
  [metric(DERIVE, subscription.name)]:
    'Both take a few dozen nanoseconds, some of them for the calls through the interface of the contenders, which ' +
    'are the same for both: in a loop of its own it is about 1.4 times.',
  [LIMIT]:
    'Reading the clock, which setTimeout does only once in each turn of the event loop, is more than a third of it.',
  [PENDING_CANCEL]:
    'About two thirds of it is taking the timers out of the heap: children without timeouts take the other third.',
  [metric(PENDING_CANCEL, any.name)]: ANY_DOES_LESS,
  [PENDING_CANCEL_SOONEST]:
    'The soonest is the root of the heap, the dearest to take away: with the latest first it takes a fifth.',
  [metric(PENDING_CANCEL_SOONEST, any.name)]: ANY_DOES_LESS,
}

/** Prints the tables and, last, every target that was not reached. */
export function report(processes: readonly Metrics[], goVersion: string): void {
  const failed: string[] = []
  for (const [heading, unit, lines] of TABLES) {
    console.log()
    print([heading, 'against', 'median', 'spread', 'target', ''])
    let previous = ''
    for (const line of lines) {
      const { workload, against, target, low, middle, high, mark } = judge(line, processes)
      const bound = target ? `${target[0]} ${target[1]}` : ''
      const measured = Number.isNaN(middle)
        ? [goVersion.startsWith('go') ? 'no result' : goVersion, '', bound, '']
        : [`${digits(middle)} ${unit}`, `${digits(low)} to ${digits(high)}`, bound, mark]
      print([workload === previous ? '' : workload, against, ...measured])
      previous = workload
      if (mark === 'miss' || mark === 'open') {
        const missed = mark === 'open' ? `with ${bound} within the spread` : `not ${bound}`
        failed.push(`${mark}: ${workload}, ${against}: ${digits(middle)} ${unit}, ${missed}.`)
        const reason = REASONS[metric(workload, against)] ?? REASONS[workload]
        if (reason) failed.push(`      ${reason}`)
      }
    }
  }
  console.log(failed.length > 0 ? `\n${failed.join('\n')}` : '\nEvery target is reached.')
}

function judge(line: Line, processes: readonly Metrics[]): Verdict {
  const values = processes.map((metrics) => line.value(metrics)).toSorted((one, other) => one - other)
  const outer = Math.floor(values.length / 4)
  const verdict = { ...line, low: values[outer] ?? NaN, middle: median(values), high: values.at(-1 - outer) ?? NaN }
  if (!line.target || Number.isNaN(verdict.middle)) return { ...verdict, mark: '' }
  const [bound, value] = line.target
  const [worst, best] = bound === '≥' ? [verdict.low, verdict.high] : [-verdict.high, -verdict.low]
  const goal = bound === '≥' ? value : -value
  return { ...verdict, mark: worst >= goal ? 'pass' : best < goal ? 'miss' : 'open' }
}

/** A line for each of the others: the controller, `any`, and the peers, the best of which counts, so that all do. */
function faster(workload: string, targets?: readonly [controller: number, any: number, peers: number]): Line[] {
  return others.map(({ name }, index) => ({
    workload,
    against: name,
    value: valueOf(workload, name),
    target: targets && ['≥', targets[Math.min(index, 2)] as number],
  }))
}

function bytes(workload: string, limit: number): Line[] {
  return ALL.map((contender) => ({
    workload,
    against: contender.name + (workload === RETAINED ? `, of ${shortLived(contender).toLocaleString('en')}` : ''),
    value: valueOf(workload, contender.name),
    target: contender === subject ? atMost(limit) : undefined,
  }))
}

function atMost(value: number): Target {
  return ['≤', value]
}

function valueOf(workload: string, contender: string): Line['value'] {
  return (metrics) => metrics[metric(workload, contender)] ?? NaN
}

function besideGo(workload: string): Line['value'] {
  const [ours, theirs] = [valueOf(workload, subject.name), valueOf(workload, GO)]
  return (metrics) => ours(metrics) / theirs(metrics)
}

const WIDTHS = [42, 42, 10, 18, 8, 5]

function print(columns: readonly string[]): void {
  console.log(columns.map((text, column) => text.padEnd(WIDTHS[column] ?? 0)).join('').trimEnd())
}

/** Three significant digits: what comes after them is noise. */
function digits(value: number): string {
  return value.toFixed(Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0)
}
