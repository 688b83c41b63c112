/** Why did it end? `err` says in which of two ways, and `cause` says why. */

import { afterFunc, cause, sleep, withCancel, withSignal, withTimeout } from 'rescind'
import type { Cancel, Context } from 'rescind'
import type { Play, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { call } from '../ui/trace.ts'
import { describe, kindOf, reasonOf } from '../words.ts'

type Derived = readonly [ctx: Context, cancel: Cancel]
type Way = (parent: Context, ms: number) => Derived

// #region with
function watch(ctx: Context, tell: (err: unknown, why: unknown) => void) {
  afterFunc(ctx, () => tell(ctx.err, cause(ctx)))
}
// #endregion

// #region without
function watchByHand(signal: AbortSignal, tell: (err: unknown, why: unknown) => void) {
  signal.addEventListener('abort', () => tell(signal.reason, undefined), { once: true })
}
// #endregion

const GO = `func watch(ctx context.Context, tell func(err, cause error)) (stop func() bool) {
    return context.AfterFunc(ctx, func() {
        tell(ctx.Err(), context.Cause(ctx))
    })
}`

/**
 * Each way ends by itself after `ms`. Five at most: a browser has six connections to a server, and the log uses one.
 */
const WAYS: Readonly<Record<string, Way>> = {
  'cancel()': (parent, ms) => later(withCancel(parent), ms, (cancel) => cancel()),
  'cancel(why)': (parent, ms) => later(withCancel(parent), ms, (cancel) => cancel(new Error('user clicked'))),
  timeout: (parent, ms) => withTimeout(parent, ms),
  parent(parent, ms) {
    const above = later(withCancel(parent), ms, (cancel) => cancel(new Error('page closed')))
    return withTimeout(above[0], 10 * ms)
  },
  signal(parent, ms) {
    const controller = new AbortController()
    const derived = withSignal(parent, controller.signal)
    return later(derived, ms, () => controller.abort(new Error('a library gave up')))
  },
}

const NAMES: readonly string[] = Object.keys(WAYS)

type Row = readonly [way: string, err: string, cause: string]

export const scenario: SceneScenario = {
  title: 'Why did it end?',
  order: 50,
  about: (
    <>
      Five requests, five ways to end. <code>err</code> is one of two, as in Go: canceled, or deadline exceeded.{' '}
      <code>cause</code> is the reason that the code gave. With an AbortController without a reason, you get neither.
    </>
  ),
  go: GO,
  sliders: [{ name: 'step', label: 'One ends every', min: 50, max: 500, step: 10, initial: 200 }],
  rows: NAMES.length,
  marks: () => [],
  span: (ms) => ms('step') * (NAMES.length + 2),
  initial: '[]',
  Scene,
  async script(ctx, play) {
    const latency = play.ms('step') * (NAMES.length + 4)
    const settled = NAMES.map((name, index) => {
      const url = play.url(name, { latency })
      return play.rescind === 'on' ? run(ctx, play, name, index, url) : runByHand(play, name, index, url)
    })
    await Promise.all(settled)
    await sleep(ctx, 0)
  },
  async verdict(ctx, { calls, state, when }) {
    await when(ctx, () => calls.get().every(({ ended }) => ended !== undefined))
    const rows = JSON.parse(state.get()) as Row[]
    const errs = new Set(rows.map(([, err]) => err)).size
    const causes = new Set(rows.map(([, , why]) => why)).size
    const kinds = errs > 1 ? `${errs} kinds of err, ${causes} causes` : 'and all look alike'
    return { kind: 'success', text: `${rows.length} ends, ${kinds}` }
  },
}

async function run(parent: Context, play: Play, name: string, index: number, url: string): Promise<void> {
  const way = WAYS[name]
  if (way === undefined) return
  const [ctx, cancel] = way(parent, play.ms('step') * (index + 1))
  using _ = cancel
  watch(ctx, (err, why) => tell(play, [name, describeErr(err), why === err ? 'as err' : reasonOf(why)]))
  // `watch` reports the error.
  await call(url, { signal: ctx.signal }).catch(() => {})
}

async function runByHand(play: Play, name: string, index: number, url: string): Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  const timer = setTimeout(() => controller.abort(), play.ms('step') * (index + 1))
  watchByHand(signal, (err) => tell(play, [name, describe(err), 'unknown']))
  await call(url, { signal }).catch(() => {})
  clearTimeout(timer)
}

function later([ctx, cancel]: Derived, ms: number, end: (cancel: Cancel) => void): Derived {
  const timer = setTimeout(() => end(cancel), ms)
  afterFunc(ctx, () => clearTimeout(timer))
  return [ctx, cancel]
}

function describeErr(err: unknown): string {
  return err instanceof Error ? kindOf(err) : String(err)
}

function tell({ go, state }: Play, row: Row): void {
  go(JSON.stringify([...(JSON.parse(state.get()) as Row[]), row]))
}

function Scene({ play: { state } }: SceneProps) {
  const rows = JSON.parse(useStore(state)) as Row[]
  return (
    <table className="ways">
      <thead>
        <tr>
          <th scope="col">ended by</th>
          <th scope="col">err</th>
          <th scope="col">cause</th>
        </tr>
      </thead>
      <tbody>
        {NAMES.map((name) => {
          const [, err, why] = rows.find(([way]) => way === name) ?? []
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{err ?? '–'}</td>
              <td>{why ?? '–'}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
