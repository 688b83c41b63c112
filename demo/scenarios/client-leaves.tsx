/** A page that is closed while the server works for it: an inner frame that sends a request. */

import { useEffect } from 'react'
import { sleep } from 'rescind'
import { fromRoot } from '../ui/root.ts'
import type { SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { track } from '../ui/trace.ts'

type Frame = 'none' | `open ${string}` | 'closed'

/** A message of the frame about its request. */
interface Word {
  readonly url: string
  readonly kind: 'sent' | 'row' | 'end'
  readonly bytes: number
}

const GO = `func sendReport(w http.ResponseWriter, r *http.Request) {
    ctx := r.Context() // ends when the client goes
    for row := 1; row <= 200; row++ {
        select {
        case <-ctx.Done():
            return
        case <-time.After(10 * time.Millisecond):
            fmt.Fprintf(w, "row %d\\n", row)
        }
    }
}`

export const scenario: SceneScenario<Frame> = {
  title: 'The client leaves',
  order: 15,
  about: (
    <>
      The frame below is a page of its own that reads a report. Close it as you would close a tab: the page has no code
      that cancels the request. <code>withRequest</code> still ends the context of the handler on the server.
    </>
  ),
  go: GO,
  source: '../server/report.ts',
  sliders: [
    { name: 'latency', label: 'The report takes', min: 100, max: 5000, step: 50, initial: 2000 },
    { name: 'leave', label: 'Close after', min: 50, max: 3000, step: 50, initial: 700 },
  ],
  rows: 1,
  marks: () => [],
  span: (ms) => Math.max(ms('latency'), ms('leave')),
  initial: 'none',
  Scene,
  async script(ctx, { calls, go, ms, url, when }) {
    go(`open ${url('report', { latency: ms('latency'), at: 'report' })}`)
    await when(ctx, () => calls.get().length > 0)
    await sleep(ctx, ms('leave'))
    go('closed', 'closed')
  },
  async verdict(ctx, { calls, when }) {
    await when(ctx, () => calls.get().length > 0 && calls.get().every(({ ended }) => ended !== undefined))
    const isClosed = calls.get().some(({ outcome }) => outcome === 'canceled')
    return { kind: 'success', text: isClosed ? 'the frame was closed' : 'the frame has read its report' }
  },
}

function Scene({ play, onAct }: SceneProps<Frame>) {
  const { giveUp, state, take } = play
  const frame = useStore(state)
  const url = frame.startsWith('open ') ? frame.slice('open '.length) : undefined

  useEffect(() => {
    if (url === undefined) return
    const request = track(url)
    const listener = ({ data, origin }: MessageEvent<Word>) => {
      if (origin !== location.origin || data.url !== url) return
      if (data.kind === 'sent') request.sent()
      if (data.kind === 'end') request.end('answered', { bytes: data.bytes })
    }
    window.addEventListener('message', listener)
    return () => {
      window.removeEventListener('message', listener)
      giveUp(() => true)
      request.end('canceled', { why: 'frame closed' })
    }
  }, [giveUp, url])

  return (
    <div className="framed">
      {url === undefined ? (
        <p className="frame">{frame === 'none' ? 'There is no frame yet: Run opens it.' : 'The frame is closed.'}</p>
      ) : (
        // oxlint-disable-next-line react/iframe-missing-sandbox -- the demo's own file, asking the demo's own server
        <iframe
          key={`${take} ${url}`}
          className="frame"
          title="A page of its own"
          src={`${fromRoot('frame.html')}#${encodeURIComponent(url)}`}
        />
      )}
      <button type="button" disabled={url === undefined} onClick={() => onAct('closed', 'closed')}>
        Close the frame
      </button>
    </div>
  )
}
