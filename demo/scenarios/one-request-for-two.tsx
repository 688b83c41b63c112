/** Several components that show the same report. First one of them unmounts, then all of them. */

import { useEffect, useEffectEvent, useMemo, useState } from 'react'
import { share, sleep } from 'rescind'
import type { Context } from 'rescind'
import { useTask } from 'rescind/react'
import type { Play, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { call } from '../ui/trace.ts'
import { reasonOf } from '../words.ts'

type Url = (report: number) => string
type Load = (ctx: Context, report: number) => Promise<unknown>

// #region with
function loaderOf(parent: Context, url: Url): Load {
  return share(parent, ({ signal }, report: number) => call(url(report), { signal }))
}

function useReport(load: Load, report: number) {
  return useTask((ctx) => load(ctx, report), [load, report])
}
// #endregion

// #region without
const loadAlone = (url: Url, report: number, signal: AbortSignal) => call(url(report), { signal })

const inFlight = new Map<number, Promise<unknown>>()
function loadFromMap(url: Url, report: number, signal: AbortSignal) {
  const found = inFlight.get(report)
  if (found) return found
  const loading = loadAlone(url, report, signal).finally(() => inFlight.delete(report))
  inFlight.set(report, loading)
  return loading
}
// #endregion

const REPORTS = [1, 2] as const
const PARTS = ['hover', 'header', 'card'] as const
const BY_MAP = 1

/**
 * Each state names the parts that are mounted, with the number of the report that they show. `hover` is the prefetch of
 * the link, which lasts as long as the pointer is over the link.
 */
const STEPS: readonly (readonly [state: string, label?: string])[] = [
  ['hover:1'],
  ['hover:1 header:1 card:1', 'click'],
  ['header:1 card:1'],
  ['card:1', 'one goes'],
]

const GO = `func report(ctx context.Context, reports *singleflight.Group, id string) (any, error) {
    done := reports.DoChan(id, func() (any, error) {
        return fetch(context.WithoutCancel(ctx), id) // no caller ends it, not even the last
    })
    select {
    case result := <-done:
        return result.Val, result.Err
    case <-ctx.Done():
        return nil, ctx.Err()
    }
}`

export const scenario: SceneScenario = {
  title: 'One request for two',
  order: 116,
  about: (
    <>
      A link prefetches a report, and a header and a card show it. With <code>share</code>, all three use one request. A
      caller that leaves does not disturb the others, and when the last one has left, the server stops. By hand, each
      sends a request of its own, or the caller that began the shared request aborts it for all.
    </>
  ),
  go: GO,
  compares: ['By hand', 'share'],
  choices: [{ name: 'hand', label: 'By hand', options: ['a request for each', 'a Map of promises'], initial: 0 }],
  sliders: [
    { name: 'latency', label: 'Latency', min: 50, max: 5000, step: 50, initial: 1800 },
    { name: 'pause', label: 'Step every', min: 50, max: 1000, step: 50, initial: 400 },
  ],
  rows: 5,
  tallies: [
    { name: 'sent', label: 'requests sent', count: (calls) => calls.length },
    {
      name: 'lost',
      label: 'parts without their report',
      count: (_, notes) => notes.filter(({ kind }) => kind === 'wrong').length,
    },
  ],
  marks: () => [],
  span: (ms) => 2 * ms('pause') + ms('latency') + Math.max(ms('latency'), ms('pause')),
  initial: '',
  Scene,
  async script(ctx, { go, ms, notes, when }) {
    for (const [state, label] of STEPS) {
      go(state, label)
      await sleep(ctx, ms('pause'))
    }
    await when(ctx, () => notes.get().some(({ kind }) => kind !== 'step'))
    go('header:2 card:2')
    await sleep(ctx, ms('pause'))
    go('', 'all go')
  },
  async verdict(ctx, { calls, notes, when }) {
    await when(ctx, () => calls.get().every(({ ended }) => ended !== undefined))
    const sent = calls.get().length
    const text = `${sent === 1 ? '1 request' : `${sent} requests`}, `
    const lost = notes.get().findLast(({ kind }) => kind === 'wrong')
    if (lost) return { kind: 'failed', text: `${text}${lost.label}` }
    const got = notes.get().findLast(({ kind }) => kind === 'right')
    return { kind: 'success', text: `${text}${got?.label ?? 'no part has a report'}` }
  },
}

interface Asked {
  readonly status: string
  readonly error: unknown
}

interface PartProps {
  readonly play: Play
  /** The name of the part in the state. */
  readonly name: string
  readonly report: number
  readonly load: Load
  readonly url: Url
}

function Scene({ play, onAct }: SceneProps) {
  const { calls, ctx, ms, rescind, state, take, url: urlOf } = play
  const parts = useStore(state)
    .split(' ')
    .filter((part) => part !== '')
  const url = useMemo<Url>(
    () => (report) => urlOf(`report ${report} #${calls.get().length + 1}`, { latency: ms('latency') }),
    [calls, ms, urlOf],
  )
  const load = useMemo(() => loaderOf(ctx, url), [ctx, url])
  const Part = rescind === 'on' ? Shared : ms('hand') === BY_MAP ? FromMap : Alone
  const others = (name: string) => parts.filter((part) => !part.startsWith(name))
  const leave = (name: string, label: string) => {
    const left = others(name)
    if (left.length < parts.length) onAct(left.join(' '), label)
  }
  const hover = (report: number) => onAct([`hover:${report}`, ...others('hover')].join(' '), 'hover')
  const open = (report: number) => {
    const hovered = parts.filter((part) => part.startsWith('hover'))
    onAct([...hovered, `header:${report}`, `card:${report}`].join(' '), 'click')
  }
  return (
    <div className="sharers">
      <p>
        {REPORTS.map((report) => (
          <button
            key={report}
            type="button"
            onPointerEnter={() => hover(report)}
            onPointerLeave={() => leave('hover', 'leave')}
            onClick={() => open(report)}
          >
            Report {report}
          </button>
        ))}
      </p>
      <ul>
        {PARTS.map((name) => {
          const report = Number(parts.find((part) => part.startsWith(name))?.split(':')[1] ?? 0)
          return (
            <li key={name} data-there={report > 0 ? '' : undefined}>
              <b>{wordOf(name)}</b>
              {report > 0 ? (
                <Part key={`${take} ${report}`} {...{ play, name, report, load, url }} />
              ) : (
                <span>not there</span>
              )}
              {name !== 'hover' && (
                <button
                  type="button"
                  aria-label={`Close the ${name}`}
                  disabled={report === 0}
                  onClick={() => leave(name, `${name} goes`)}
                >
                  ✕
                </button>
              )}
            </li>
          )
        })}
      </ul>
    </div>
  )
}

function Shared(props: PartProps) {
  return <Shown {...props} asked={useReport(props.load, props.report)} />
}

function Alone(props: PartProps) {
  return <Shown {...props} asked={useReportByHand(loadAlone, props)} />
}

function FromMap(props: PartProps) {
  return <Shown {...props} asked={useReportByHand(loadFromMap, props)} />
}

/** The usual way: a component that unmounts aborts its request. */
function useReportByHand(load: typeof loadAlone, { report, url }: PartProps): Asked {
  const [asked, setAsked] = useState<Asked>({ status: 'pending', error: undefined })
  useEffect(() => {
    const { signal, abort } = abortable()
    load(url, report, signal).then(
      () => signal.aborted || setAsked({ status: 'success', error: undefined }),
      (error: unknown) => signal.aborted || setAsked({ status: 'error', error }),
    )
    return abort
  }, [load, report, url])
  return asked
}

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

function Shown({ play, name, report, asked: { status, error } }: PartProps & { readonly asked: Asked }) {
  const noteEnd = useEffectEvent(() => {
    if (status === 'success') play.note('right', `the ${wordOf(name)} has its report`)
    if (status === 'error') play.note('wrong', `the ${wordOf(name)} lost its report: another part aborted it`)
  })
  useEffect(() => {
    if (status !== 'pending') noteEnd()
  }, [status])
  const texts: Readonly<Record<string, string>> = { success: `report ${report}`, error: reasonOf(error) }
  return <span>{texts[status] ?? 'loading'}</span>
}

function wordOf(part: string): string {
  return part === 'hover' ? 'prefetch' : part
}
