/**
 * The targets and the results. Only ratios within one process count, since times depend on the machine. A line has the
 * median over the processes and their spread, which covers the middle half, so that one process with bad luck decides
 * nothing. A target within the spread is neither reached nor missed: that line is `open`.
 */

import { any, controller, others, subject, subscription } from './contenders.ts'
import { GO } from './go.ts'
import { median, metric } from './measure.ts'
import type { Metrics } from './measure.ts'
import { LIVE, PAIR, RETAINED, shortLived } from './memory.ts'
import {
  BARE_CONTROLLER,
  COLD,
  DEEP,
  DERIVE,
  ERR,
  ERR_LIMITED,
  LIMIT,
  LIMIT_APART,
  LIMIT_LATER,
  LOOKUPS,
  NESTED,
  OLD_CANCEL,
  OLD_CANCEL_SOONEST,
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
      ...faster(LIMIT_APART, [1, 1, 1]),
      ...faster(LIMIT_LATER),
      ...faster(WIDE, [15, 30, 1.2]),
      ...faster(DEEP, [5, 90, 1.2]),
      ...faster(PENDING, [50, 15, 2]),
      ...faster(PENDING_CANCEL, [5, 30, 5]),
      ...faster(PENDING_CANCEL_SOONEST, [5, 30, 5]),
      ...faster(OLD_CANCEL),
      ...faster(OLD_CANCEL_SOONEST),
      ...others.map(({ name }) => ({
        workload: COLD,
        against: name,
        value: besideColdly(name),
        target: name === subscription.name ? atLeast(1) : undefined,
      })),
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
      ...[ERR, ERR_LIMITED].map((workload) => ({
        workload,
        against: subscription.name,
        value: slower(workload, subscription.name),
        target: workload === ERR ? atMost(1.3) : undefined,
      })),
      { workload: NESTED, against: 'at depth 100', value: valueOf(NESTED, subject.name), target: atMost(2) },
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

/** The reasons for missed targets, as far as they were measured; by workload, or by workload and contender. */
const REASONS: Readonly<Record<string, string>> = {
  [LIMIT]:
    'Reading the clock, which setTimeout does only once in each turn of the event loop, is more than a third of it.',
  [WIDE]:
    'In Node each callback of ours runs in the AsyncLocalStorage context in which it was given. That takes a promise ' +
    'each, about half of the time.',
  [metric(PENDING_CANCEL, any.name)]: ANY_DOES_LESS,
  [metric(PENDING_CANCEL_SOONEST, any.name)]: ANY_DOES_LESS,
  [COLD]: 'Until the code is optimized, what counts is how much of it there is.',
}

/** The tables, as Markdown. What was not measured has no line. */
export function tables(processes: readonly Metrics[], goVersion: string): string {
  return TABLES.map(([heading, unit, lines]) => {
    const verdicts = lines.map((line) => judge(line, processes))
    const rows = verdicts.filter((verdict) => isMeasured(verdict) || verdict.against === GO)
    if (!rows.some(isMeasured)) return ''
    const cells = rows.map(({ workload, against, target, low, middle, high, mark }) => {
      const bound = target ? `${target[0]} ${target[1]}` : ''
      return Number.isNaN(middle)
        ? [workload, against, goVersion.startsWith('go') ? 'no result' : goVersion, '', bound, '']
        : [workload, against, `${digits(middle)} ${unit}`, `${digits(low)} to ${digits(high)}`, bound, mark]
    })
    return table([[heading, 'against', 'median', 'spread', 'target', ''], ...cells])
  })
    .filter(Boolean)
    .join('\n\n')
}

/** Every missed target, with its reason. */
export function failures(processes: readonly Metrics[]): string[] {
  return TABLES.flatMap(([, unit, lines]) => lines.map((line) => [unit, judge(line, processes)] as const))
    .filter(([, { mark }]) => mark === 'miss' || mark === 'open')
    .map(([unit, { workload, against, target = [], middle, mark }]) => {
      const bound = target.join(' ')
      const missed = mark === 'open' ? `with ${bound} within the spread` : `not ${bound}`
      const reason = REASONS[metric(workload, against)] ?? REASONS[workload]
      return `${mark}: ${workload}, ${against}: ${digits(middle)} ${unit}, ${missed}.${reason ? ` ${reason}` : ''}`
    })
}

/** The README's table: the alternatives for a reader, with all that was measured against each. */
export function quoted(processes: readonly Metrics[]): string {
  const against = [controller, any, subscription]
  const rows = [DERIVE, LIMIT, LIMIT_APART, WIDE, DEEP].map((workload) => {
    const medians = against.map(({ name }) => median(processes.map(valueOf(workload, name))))
    return [workload].concat(medians.map((value) => `${digits(value)} ×`))
  })
  return table([['how many times faster rescind is', ...against.map(({ name }) => name)], ...rows])
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function isMeasured({ middle }: Verdict): boolean {
  return !Number.isNaN(middle)
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

/** A line for each alternative: the controller, `any`, and the best of the peers, which stands for all. */
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

function atLeast(value: number): Target {
  return ['≥', value]
}

function valueOf(workload: string, contender: string): Line['value'] {
  return (metrics) => metrics[metric(workload, contender)] ?? NaN
}

/** How many times longer the other one takes. */
function slower(workload: string, contender: string): Line['value'] {
  const value = valueOf(workload, contender)
  return (metrics) => 1 / value(metrics)
}

function besideColdly(contender: string): Line['value'] {
  const [ours, theirs] = [valueOf(COLD, subject.name), valueOf(COLD, contender)]
  return (metrics) => theirs(metrics) / ours(metrics)
}

function besideGo(workload: string): Line['value'] {
  const [ours, theirs] = [valueOf(workload, subject.name), valueOf(workload, GO)]
  return (metrics) => ours(metrics) / theirs(metrics)
}

/** Three significant digits: the rest is noise. */
function digits(value: number): string {
  return value.toFixed(Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0)
}
