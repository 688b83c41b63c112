/** One deadline and one cancel for all requests of a part of the page. */

import { useEffect, useMemo, useState } from 'react'
import { sleep, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Scope, useRemaining, useScope, useTask } from 'rescind/react'
import { isCalm } from '../ui/clock.ts'
import type { Play, SceneProps, SceneScenario, Settings } from '../ui/scenario.ts'
import { call } from '../ui/trace.ts'
import { milliseconds } from '../ui/units.ts'

type Load = (ctx?: Pick<Context, 'signal'>) => Promise<unknown>

// #region with
function Dashboard({ parent, budget, parts }: DashboardProps & { parent: Context }) {
  const list = parts.map((part) => <Part key={part.name} {...part} />)
  return (
    <Scope parent={parent} timeout={budget}>
      <Countdown of={budget} />
      <ul className="parts">{list}</ul>
    </Scope>
  )
}
function Part({ name, load }: PartProps) {
  return <Tile name={name} status={useTask(load, [load]).status} />
}
// #endregion

// #region without
function PartByHand({ name, load, budget }: PartProps & { budget: number }) {
  const [status, setStatus] = useState<Status>('pending')
  useEffect(() => {
    const tooLate = setTimeout(setStatus, budget, 'error')
    void load().then(() => {
      clearTimeout(tooLate)
      setStatus('success')
    })
    return () => clearTimeout(tooLate)
  }, [load, budget])
  return <Tile name={name} status={status} />
}
// #endregion

type Status = 'idle' | 'pending' | 'success' | 'error' | 'canceled'

interface PartProps {
  readonly name: string
  readonly load: Load
}

interface DashboardProps {
  readonly budget: number
  readonly parts: readonly PartProps[]
}

/** How long each part takes, as a share of the slowest. */
const PARTS = { orders: 0.3, stock: 0.55, prices: 0.8, reviews: 1 }

const SIZE: number = Object.keys(PARTS).length

const GO = `func dashboard(parent context.Context, budget time.Duration, parts []Part) error {
    ctx, cancel := context.WithTimeout(parent, budget)
    defer cancel()
    var all sync.WaitGroup
    for _, part := range parts {
        all.Go(func() { part.Load(ctx) })
    }
    all.Wait()
    return ctx.Err()
}`

export const scenario: SceneScenario = {
  title: 'A scope’s budget',
  order: 120,
  about: (
    <>
      Four requests in one <code>Scope</code>. When its time is over, all requests that have no answer yet are stopped
      at once, and so are their handlers on the server. Cancel does the same sooner.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'latency', label: 'Slowest part', min: 100, max: 5000, step: 50, initial: 2000 },
    { name: 'timeout', label: 'Budget', min: 50, max: 5000, step: 50, initial: 1300 },
  ],
  rows: SIZE,
  marks: (ms) => [{ at: ms('timeout'), label: 'deadline' }],
  span: (ms) => Math.max(ms('latency'), ms('timeout')),
  initial: '',
  Scene,
  // The scene sends the requests.
  script: async () => {},
  async verdict(ctx, { calls, ms, rescind, when }) {
    const [waiting, cancel] = withCancel(ctx)
    using _ = cancel
    const isOver = () => calls.get().length >= SIZE && calls.get().every(({ ended }) => ended !== undefined)
    const answers = when(waiting, isOver)
    await (rescind === 'on' ? answers : Promise.race([answers, sleep(waiting, ms('timeout'))]))
    // By hand, StrictMode sends each request twice.
    const arrived = new Set(calls.get().flatMap(({ name, outcome }) => (outcome === 'answered' ? [name] : [])))
    const missing = SIZE - arrived.size
    if (missing === 0) return { kind: 'success', text: 'everything arrived within the budget' }
    if (rescind === 'off') return { kind: 'failed', text: `timed out, ${missing} of ${SIZE} missing` }
    return { kind: 'deadline', text: `context deadline exceeded, ${missing} of ${SIZE} missing` }
  },
}

function Scene({ play }: SceneProps) {
  const { ctx, ms, rescind, take, url } = play
  const parts = useMemo(() => partsOf(url, ms), [url, ms])
  const budget = ms('timeout')
  if (rescind === 'on') return <Dashboard key={take} parent={ctx} budget={budget} parts={parts} />
  return (
    <>
      <p className="countdown">No countdown: the budget is {SIZE} independent timers.</p>
      <ul key={take} className="parts">
        {parts.map((part) => (
          <PartByHand key={part.name} {...part} budget={budget} />
        ))}
      </ul>
    </>
  )
}

function partsOf(url: Play['url'], ms: Settings): PartProps[] {
  return Object.entries(PARTS).map(([name, share]) => ({
    name,
    load: (ctx) => call(url(name, { latency: Math.round(ms('latency') * share) }), { signal: ctx?.signal ?? null }),
  }))
}

function Countdown({ of }: { of: number }) {
  const left = useRemaining(useScope(), { interval: isCalm() ? 1000 : 50 }) ?? of
  return (
    <p className="countdown">
      <progress value={Math.min(left, of)} max={of} aria-label="Time left" />
      <span>
        <b>{milliseconds(Math.min(left, of))}</b> left of {milliseconds(of)}
      </span>
    </p>
  )
}

const WORDS: Readonly<Record<Status, string>> = {
  idle: 'not requested',
  pending: 'loading',
  success: 'arrived',
  error: 'out of time',
  canceled: 'canceled',
}

function Tile({ name, status }: { name: string; status: Status }) {
  return (
    <li data-status={status}>
      <b>{name}</b> {WORDS[status]}
    </li>
  )
}
