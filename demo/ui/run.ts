/**
 * One run of a scenario: the requests that it sent, and its outcome in the page. A scenario with a scene is played by
 * its script or by the user.
 */

import { isCanceled, isDeadlineExceeded, sleep, until, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { describe } from '../words.ts'
import type { Setup } from './address.ts'
import type { FunctionScenario, Note, Play, Scenario, SceneScenario, Settings, Verdict } from './scenario.ts'
import { Store } from './store.ts'
import { Trace } from './trace.ts'

export interface Outcome extends Verdict {
  /** Since the start, in milliseconds. */
  readonly at: number
}

/** What the user does in a scene. */
export interface Act {
  readonly state: string
  readonly label?: string | undefined
}

export interface Run {
  /** On the page's monotonic clock, in milliseconds. */
  readonly started: number
  readonly settings: Setup['settings']
  readonly rescind: Setup['rescind']
  readonly trace: Trace
  readonly play: Play
  /** Undefined while the run is under way. */
  readonly outcome: Store<Outcome | undefined>
  /** Resolves when it has an outcome. */
  readonly settled: Promise<void>
  /** Reports that the scene is on the page: the script may begin. */
  readonly open: () => void
  /** Does what the user did, and stops the script. */
  readonly act: (act: Act) => void
}

/** How long a run waits for the next action of the user before it ends, in milliseconds. */
const PATIENCE_MS = 1000

let takes = 0

/** @param first the user's action that began the run; without it, the script plays */
export function perform(ctx: Context, scenario: Scenario, { settings, rescind }: Setup, first?: Act): Run {
  const started = performance.now()
  const trace = new Trace({ told: rescind === 'on' || scenario.compares !== undefined })
  const outcome = new Store<Outcome | undefined>(undefined)
  const settle = (kind: Outcome['kind'], text: string) => {
    outcome.set({ kind, text, at: performance.now() - started })
    trace.giveUp(() => true)
  }
  const take = first ? takes : ++takes
  const play = preparePlay(ctx, scenario, { ms: reader(settings), rescind, trace, started, take })
  const [scriptCtx, stopScript] = withCancel(ctx, { label: 'script' })
  const act = ({ state, label }: Act) => {
    stopScript()
    play.go(state, label)
  }
  if (first) act(first)
  const isOpen = new Store(false)
  const result = 'Scene' in scenario ? enact(ctx, scenario, play, { scriptCtx, isOpen }) : execute(ctx, scenario, play)
  // Without rescind, `until` only stops waiting: the work that it waits for is not told.
  const settled = until(ctx, result).then(
    ({ kind, text }) => settle(kind, text),
    (error: unknown) => {
      if (rescind === 'off' && ctx.err !== undefined) settle('canceled', describe(ctx.err).replace('context ', 'wait '))
      else settle(kindOf(error), error instanceof TypeError ? 'no answer from the server' : describe(error))
    },
  )
  return { started, settings, rescind, trace, play, outcome, settled, open: () => isOpen.set(true), act }
}

async function execute(ctx: Context, scenario: FunctionScenario, play: Play): Promise<Verdict> {
  await (play.rescind === 'on' ? scenario.withRescind(ctx, play) : scenario.withoutRescind(play, ctx))
  return { kind: 'success', text: scenario.success }
}

interface Cue {
  /** Ends when the user takes over. */
  readonly scriptCtx: Context
  readonly isOpen: Store<boolean>
}

async function enact(ctx: Context, scenario: SceneScenario, play: Play, { scriptCtx, isOpen }: Cue): Promise<Verdict> {
  const isByHand = () => scriptCtx.err !== undefined && ctx.err === undefined
  try {
    await whenever(scriptCtx, [isOpen], isOpen.get)
    await scenario.script(scriptCtx, play)
  } catch (error) {
    if (!isByHand()) throw error
  }
  for (;;) {
    const verdict = await scenario.verdict(ctx, play)
    const before = [play.state.get(), play.calls.get()]
    if (!isByHand()) return verdict
    await sleep(ctx, PATIENCE_MS)
    if (before[0] === play.state.get() && before[1] === play.calls.get()) return verdict
  }
}

interface Setting extends Pick<Play, 'ms' | 'rescind' | 'started' | 'take'> {
  readonly trace: Trace
}

function preparePlay(ctx: Context, scenario: Scenario, { ms, rescind, started, take, trace }: Setting): Play {
  const state = new Store('Scene' in scenario ? scenario.initial : '')
  const notes = new Store<readonly Note[]>([])
  const note: Play['note'] = (kind, label) => {
    notes.set([...notes.get(), { kind, label, at: performance.now() - started }])
  }
  return {
    ctx,
    started,
    ms,
    rescind,
    take,
    state,
    notes,
    note,
    calls: trace,
    url: trace.url.bind(trace),
    giveUp: trace.giveUp.bind(trace),
    go(next, label) {
      if (label !== undefined) note('step', label)
      state.set(next)
    },
    when: (ctx, isOver) => whenever(ctx, [state, notes, trace], isOver),
  }
}

/** Resolves when `isOver` returns true. It may depend on `stores` only. */
async function whenever(ctx: Context, stores: readonly Watched[], isOver: () => boolean): Promise<void> {
  let stops: (() => void)[] = []
  try {
    await until(
      ctx,
      new Promise<void>((resolve) => {
        const check = () => {
          if (isOver()) resolve()
        }
        stops = stores.map((store) => store.subscribe(check))
        check()
      }),
    )
  } finally {
    for (const stop of stops) stop()
  }
}

type Watched = Pick<Store<unknown>, 'subscribe'>

/** Reads the settings by name. */
export function reader(settings: Setup['settings']): Settings {
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
