/** The targets of the core, and the table that the README quotes. */

import { any, controller, others, subject, subscription } from './contenders.ts'
import { GO } from './go.ts'
import { metric } from './measure.ts'
import type { Metrics } from './measure.ts'
import { LIVE, PAIR, RETAINED, shortLived } from './memory.ts'
import { atLeast, atMost, overview, ratio, valueOf } from './verdicts.ts'
import type { Line, Tables } from './verdicts.ts'
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

const ALL = [subject, ...others]

export const TABLES: Tables = [
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
        value: ratio(COLD, name, subject.name),
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
        value: ratio(workload, subject.name, GO),
        target: atMost(1),
      })),
    ],
  ],
  ['Bytes', 'B', [...bytes(LIVE, 136), ...bytes(PAIR, 300), ...bytes(RETAINED, 1)]],
]

const ANY_DOES_LESS = 'It does less here: its timers stay until they fire or are collected.'

/** Why a target is missed, where we have measured the reason; by workload, or by workload and contender. */
export const REASONS: Readonly<Record<string, string>> = {
  [LIMIT]:
    'Reading the clock, which setTimeout does only once in each turn of the event loop, is more than a third of it.',
  [WIDE]:
    'In Node, each callback of rescind runs in the AsyncLocalStorage context in which it was registered. This takes ' +
    'a promise for each callback, which is about half of the time.',
  [metric(PENDING_CANCEL, any.name)]: ANY_DOES_LESS,
  [metric(PENDING_CANCEL_SOONEST, any.name)]: ANY_DOES_LESS,
  [COLD]: 'Until the code is optimized, its time depends on its size.',
}

/** The README's table: the main workloads, against the best-known contenders. */
export function quoted(processes: readonly Metrics[]): string {
  const workloads = [DERIVE, LIMIT, LIMIT_APART, WIDE, DEEP].map((workload) => [workload, '×'] as const)
  const against = [controller, any, subscription].map(({ name }) => name)
  return overview('how many times faster rescind is', workloads, against, processes)
}

/** A line for each of the others. The target `peers` applies to each of the peers. */
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

/** How many times as long as `contender` rescind takes: the inverse of what was measured. */
function slower(workload: string, contender: string): Line['value'] {
  const value = valueOf(workload, contender)
  return (metrics) => 1 / value(metrics)
}
