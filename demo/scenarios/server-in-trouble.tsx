/** Twenty calls to a server that refuses them for a while, and what their retries do to it. */

import { useMemo } from 'react'
import type { CSSProperties } from 'react'
import { retry, retryBudget, sleep } from 'rescind'
import type { Context } from 'rescind'
import { pageId } from '../ui/link.ts'
import type { SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { call } from '../ui/trace.ts'
import type { Call } from '../ui/trace.ts'
import { useSteps } from '../ui/use-steps.ts'

type Url = (name: string) => string
type Load = (name: string) => Promise<unknown>

const ATTEMPTS = 10

// #region with
function loaderOf(parent: Context, url: Url): Load {
  const budget = retryBudget({ tokens: 10 })
  return (name) =>
    retry(parent, ({ signal }) => call(url(name), { signal }), { attempts: ATTEMPTS, delay: 800, budget })
}
// #endregion

// #region without
function loaderByHand({ signal }: Context, url: Url): Load {
  return async (name) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(url(name), { signal })
      } catch (error) {
        if (signal.aborted || attempt === ATTEMPTS) throw error
      }
    }
  }
}
// #endregion

const CALLS = 20

/** When the trouble begins, in milliseconds. */
const HEALTHY_MS = 400

/** With more requests for each call than this, the retries are a storm. */
const STORM = 2

/** How many requests a second the server can take. */
const CAPACITY = 16

/** Rates are counted in windows of this length and drawn in steps, both in milliseconds. */
const WINDOW_MS = 500
const STEP_MS = 250

const GO = `func load(ctx context.Context, budget *rate.Limiter, url string) (err error) {
    for attempt := 0; attempt < 10; attempt++ {
        if err = get(ctx, url); err == nil || ctx.Err() != nil || !budget.Allow() {
            return err
        }
        select {
        case <-time.After(rand.N(800*time.Millisecond<<attempt)):
        case <-ctx.Done():
        }
    }
    return err
}`

export const scenario: SceneScenario = {
  title: 'A server in trouble',
  order: 118,
  about: (
    <>
      Twenty calls, one after the other, to a server that answers 503 for a while, and then as long as it gets more than{' '}
      {CAPACITY} requests a second. <code>retry</code> waits longer after each attempt, and a <code>retryBudget</code>{' '}
      limits the retries of all calls together, so the server recovers. By hand, the retries keep it overloaded.
    </>
  ),
  go: GO,
  compares: ['By hand', 'retry'],
  sliders: [
    { name: 'trouble', label: 'In trouble for', min: 200, max: 3000, step: 100, initial: 1000 },
    { name: 'pause', label: 'A call every', min: 80, max: 300, step: 10, initial: 150 },
    { name: 'latency', label: 'An answer takes', min: 10, max: 100, step: 10, initial: 40 },
  ],
  rows: CALLS,
  lines: 'names',
  tallies: [
    { name: 'sent', label: 'requests sent', count: (calls) => calls.length },
    { name: 'most', label: 'a second, at most', count: mostOf },
  ],
  marks: (ms, start) => [
    { at: start + HEALTHY_MS, label: '503', kind: 'step' },
    { at: start + HEALTHY_MS + ms('trouble'), label: 'could recover', kind: 'step' },
  ],
  span: (ms) => Math.max(CALLS * ms('pause'), HEALTHY_MS + ms('trouble')) + 1000,
  initial: '0',
  Scene,
  async script(ctx, { go, ms }) {
    for (let count = 1; count <= CALLS; count++) {
      go(String(count))
      await sleep(ctx, ms('pause'))
    }
  },
  async verdict(ctx, { calls, notes, when }) {
    await when(ctx, () => notes.get().length >= begunOf(calls.get()))
    const answered = notes.get().filter(({ kind }) => kind === 'right').length
    const begun = begunOf(calls.get())
    const text = `${answered} of ${begun} answered, ${calls.get().length} requests`
    if (calls.get().length > STORM * begun) return { kind: 'failed', text: `${text}, a storm` }
    return { kind: 'success', text }
  },
}

function Scene({ play, onAct }: SceneProps) {
  const { ctx, ms, rescind, started, take, url: urlOf } = play
  const count = Number(useStore(play.state))
  const calls = useStore(play.calls)
  const notes = useStore(play.notes)
  const load = useMemo(() => {
    const params = {
      run: `${pageId}${Math.round(started)}${rescind}${take}`,
      from: String(HEALTHY_MS),
      trouble: String(ms('trouble')),
      capacity: String(CAPACITY),
    }
    const url: Url = (name) => urlOf(name, { latency: ms('latency'), at: 'trouble', params })
    return (rescind === 'on' ? loaderOf : loaderByHand)(ctx, url)
  }, [ctx, ms, rescind, started, take, urlOf])
  useSteps(play, (state) => {
    if (state === '0') return
    load(`call ${state}`).then(
      () => play.note('right', `call ${state}`),
      () => play.note('wrong', `call ${state}`),
    )
  })
  const of = (kind: string) => notes.filter((note) => note.kind === kind).length
  return (
    <div className="trouble">
      <div>
        <button type="button" disabled={count >= CALLS} onClick={() => onAct(String(count + 1))}>
          Call
        </button>
        <p>
          <b>{of('right')}</b> answered, <b>{of('wrong')}</b> failed, <b>{begunOf(calls) - notes.length}</b> under way
        </p>
      </div>
      <Rates calls={calls} started={started} span={scenario.span(ms)} />
    </div>
  )
}

/** The requests that were sent, in bars of a quarter of a second. */
function Rates({ calls, started, span }: { calls: readonly Call[]; started: number; span: number }) {
  const length = Math.max(span, ...calls.map(({ sent }) => sent - started + 1))
  const rates = Array.from({ length: Math.ceil(length / STEP_MS) }, () => 0)
  for (const { sent } of calls) {
    const step = Math.floor((sent - started) / STEP_MS)
    rates[step] = (rates[step] ?? 0) + 1000 / STEP_MS
  }
  const most = Math.max(4 * CAPACITY, ...rates)
  return (
    <figure style={{ '--most': most, '--capacity': CAPACITY } as CSSProperties}>
      <figcaption>Requests a second. The dashed line is the limit of the server, {CAPACITY}.</figcaption>
      <div aria-hidden="true">
        {rates.map((rate, step) => (
          <i
            // oxlint-disable-next-line react/no-array-index-key -- a step of the axis is its index
            key={step}
            data-kind={rate > CAPACITY ? 'storm' : undefined}
            style={{ '--rate': rate } as CSSProperties}
          />
        ))}
      </div>
    </figure>
  )
}

/** The number of calls, without further attempts. */
function begunOf(calls: readonly Call[]): number {
  return new Set(calls.map(({ name }) => name)).size
}

/** How many requests a second were sent at most. */
function mostOf(calls: readonly Call[]): number {
  const countFrom = (from: number) => calls.filter(({ sent }) => from <= sent && sent < from + WINDOW_MS).length
  const counts = calls.map(({ sent }) => countFrom(sent))
  return (Math.max(0, ...counts) * 1000) / WINDOW_MS
}
