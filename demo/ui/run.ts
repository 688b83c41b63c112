/** One run of a scenario: what it asked of the server, and how it came out on this side. */

import { isCanceled, isDeadlineExceeded, until } from 'rescind'
import type { Context } from 'rescind'
import type { Address } from './address.ts'
import type { Scenario, Settings } from './scenario.ts'
import { Store } from './store.ts'
import { describe, Trace } from './trace.ts'

export interface Outcome {
  readonly kind: 'success' | 'failed' | 'deadline' | 'canceled'
  /** What the code got: its result, or the message of its error. */
  readonly text: string
  /** Since the start, in milliseconds. */
  readonly at: number
}

export interface Run {
  /** On the page's monotonic clock, in milliseconds. */
  readonly started: number
  readonly settings: Address['settings']
  readonly rescind: Address['rescind']
  readonly trace: Trace
  /** Undefined while it is under way. */
  readonly outcome: Store<Outcome | undefined>
}

export function perform(ctx: Context, scenario: Scenario, { settings, rescind }: Address): Run {
  const trace = new Trace({ told: rescind === 'on' })
  const outcome = new Store<Outcome | undefined>(undefined)
  const started = performance.now()
  const settle = (kind: Outcome['kind'], text: string) => {
    outcome.set({ kind, text, at: performance.now() - started })
    if (rescind === 'off') reportUnwanted(trace)
  }
  const lab = { ms: reader(settings), url: trace.url.bind(trace) }
  const result = rescind === 'on' ? scenario.withRescind(ctx, lab) : scenario.withoutRescind(lab)
  // Without rescind, `until` is no more than the page that looks away: nothing it waits for hears of it.
  until(ctx, result).then(
    () => settle('success', scenario.success),
    (error: unknown) => {
      if (rescind === 'off' && ctx.err !== undefined) settle('canceled', describe(ctx.err).replace('context ', 'wait '))
      else settle(kindOf(error), error instanceof TypeError ? 'no answer from the server' : describe(error))
    },
  )
  return { started, settings, rescind, trace, outcome }
}

/** Reads the settings by name. */
export function reader(settings: Address['settings']): Settings {
  return (name) => {
    const ms = settings[name]
    if (ms === undefined) throw new Error(`There is no slider ${name}.`)
    return ms
  }
}

function kindOf(error: unknown): Outcome['kind'] {
  if (isDeadlineExceeded(error)) return 'deadline'
  return isCanceled(error) ? 'canceled' : 'failed'
}

/** Nobody waits for what is still open. The server cannot know; its log has to, to count what is done for nothing. */
function reportUnwanted(trace: Trace): void {
  for (const { id, ended } of trace.get()) {
    if (ended === undefined) void fetch(`/api/unwanted?id=${id}`, { method: 'POST' }).catch(() => {})
  }
}
