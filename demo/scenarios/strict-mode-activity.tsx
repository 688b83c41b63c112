/** What React does to a component, and what that does to its work in flight. */

import { Activity, StrictMode, useCallback, useEffect, useState } from 'react'
import { sleep } from 'rescind'
import { Scope, useTask } from 'rescind/react'
import type { Play, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { call } from '../ui/trace.ts'

type Presence = 'absent' | 'shown' | 'hidden'
type Url = () => string

// #region with
function useReport(url: Url) {
  const { status } = useTask(({ signal }) => call(url(), { signal }), [url])
  return status
}
// #endregion

// #region without
function useReportByHand(url: Url) {
  const [status, setStatus] = useState('pending')
  useEffect(() => {
    const controller = new AbortController()
    call(url(), { signal: controller.signal }).then(
      () => setStatus('success'),
      () => setStatus('error'),
    )
    return () => controller.abort()
  }, [url])
  return status
}
// #endregion

const STEPS = [
  ['mount', 'shown'],
  ['hide', 'hidden'],
  ['show', 'shown'],
  ['unmount', 'absent'],
] as const

const GO = `func (c *Component) Show(parent context.Context) {
    ctx, hide := context.WithCancel(parent)
    c.hide = hide
    go c.loadReport(ctx)
}

func (c *Component) Hide() {
    c.hide()
}`

export const scenario: SceneScenario<Presence> = {
  title: 'StrictMode and Activity',
  order: 130,
  about: (
    <>
      A component that sends a request, in <code>StrictMode</code> and an <code>Activity</code>. <code>useTask</code>{' '}
      sends one request when the component is mounted, never two. It stops the request in the browser and on the server
      when the component is hidden or unmounted.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'latency', label: 'Latency', min: 50, max: 5000, step: 50, initial: 1500 },
    { name: 'pause', label: 'Step every', min: 100, max: 2000, step: 50, initial: 500 },
  ],
  rows: 4,
  tallies: [
    { name: 'runs', label: 'requests sent', count: (calls) => calls.length },
    {
      name: 'aborts',
      label: 'aborted by the page',
      count: (calls) => calls.filter(({ outcome }) => outcome === 'canceled').length,
    },
  ],
  marks: () => [],
  span: (ms) => Math.max(3 * ms('pause') + 100, ms('latency')),
  initial: 'absent',
  Scene,
  async script(ctx, { go, ms }) {
    for (const [label, state] of STEPS) {
      go(state, label)
      if (state !== 'absent') await sleep(ctx, ms('pause'))
    }
  },
  async verdict(ctx, { calls, when }) {
    await when(ctx, () => calls.get().every(({ ended }) => ended !== undefined))
    const aborted = calls.get().filter(({ outcome }) => outcome === 'canceled').length
    const sent = calls.get().length
    return { kind: 'success', text: `${sent === 1 ? '1 request' : `${sent} requests`} sent, ${aborted} aborted` }
  },
}

function Scene({ play, onAct }: SceneProps<Presence>) {
  const { calls, ctx, ms, rescind, state, take, url } = play
  const presence = useStore(state)
  const Report = rescind === 'on' ? WithTask : ByHand
  const reportUrl = useCallback(
    () => url(`report ${calls.get().length + 1}`, { latency: ms('latency') }),
    [calls, ms, url],
  )
  const isThere = presence !== 'absent'
  const isShown = presence === 'shown'
  return (
    <Scope parent={ctx}>
      <div className="life">
        <div className="slot" data-presence={presence}>
          <StrictMode>
            {isThere && (
              <Activity key={take} mode={isShown ? 'visible' : 'hidden'}>
                <Report url={reportUrl} />
              </Activity>
            )}
          </StrictMode>
          {presence === 'hidden' && <p>hidden</p>}
          {presence === 'absent' && <p>not there</p>}
        </div>
        <div className="acts">
          <button type="button" onClick={() => onAct(isThere ? 'absent' : 'shown', isThere ? 'unmount' : 'mount')}>
            {isThere ? 'Unmount' : 'Mount'}
          </button>
          <button
            type="button"
            disabled={!isThere}
            onClick={() => onAct(isShown ? 'hidden' : 'shown', isShown ? 'hide' : 'show')}
          >
            {presence === 'hidden' ? 'Show' : 'Hide'}
          </button>
        </div>
        <Measured play={play} />
      </div>
      <p className="build">
        {import.meta.env.DEV ? (
          <>
            <b>Development</b> build of React: StrictMode mounts everything twice.
          </>
        ) : (
          <>
            <b>Production</b> build of React: StrictMode does nothing here. With <code>npm start</code> it mounts twice.
          </>
        )}
      </p>
    </Scope>
  )
}

function WithTask({ url }: { url: Url }) {
  return <p>report: {useReport(url)}</p>
}

function ByHand({ url }: { url: Url }) {
  return <p>report: {useReportByHand(url)}</p>
}

/** What was sent and aborted after each kind of step. */
function Measured({ play: { calls, notes, started } }: { play: Play<Presence> }) {
  const sent = useStore(calls)
  const steps = useStore(notes)
  const aborted = sent.filter(({ outcome }) => outcome === 'canceled')
  const count = (step: string, times: readonly (number | undefined)[]) => {
    const stepAt = (time = -1) => steps.findLast(({ at }) => started + at <= time)?.label
    return steps.some(({ label }) => label === step) ? times.filter((time) => stepAt(time) === step).length : '–'
  }
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">measured</th>
          <th scope="col">sent</th>
          <th scope="col">aborted</th>
        </tr>
      </thead>
      <tbody>
        {STEPS.map(([step]) => (
          <tr key={step} data-step={step}>
            <th scope="row">{step}</th>
            <td>
              {count(
                step,
                sent.map(({ sent }) => sent),
              )}
            </td>
            <td>
              {count(
                step,
                aborted.map(({ ended }) => ended),
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
