/** Twenty files, three at a time. One of them is canceled during its upload. */

import { useCallback, useRef, useState } from 'react'
import { sleep } from 'rescind'
import type { Context } from 'rescind'
import { useAction } from 'rescind/react'
import type { Stored } from '../server/upload.ts'
import type { Lab, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { eachLine, fetch } from '../ui/trace.ts'
import type { Call } from '../ui/trace.ts'
import { useSteps } from '../ui/use-steps.ts'

type Upload = (file: number, signal: AbortSignal) => Promise<void>

interface Uploads {
  readonly start: (files: readonly number[]) => void
  readonly cancel: (file: number) => void
}

// #region with
function useUploads(upload: Upload, parent: Context): Uploads {
  const { action, runs } = useAction(({ signal }, file: number) => upload(file, signal), {
    mode: 'all',
    limit: 3,
    parent,
  })
  const start = (files: readonly number[]) => files.forEach((file) => action(file))
  const cancel = (file: number) => runs.find(({ args }) => args[0] === file)?.cancel(byUser)
  return { start, cancel }
}
// #endregion

// #region without
function useUploadsByHand(upload: Upload): Uploads {
  const batch = useRef(new AbortController())
  const start = (files: readonly number[]) => {
    batch.current = new AbortController()
    for (const file of files) upload(file, batch.current.signal).catch(() => {})
  }
  const cancel = () => batch.current.abort()
  return { start, cancel }
}
// #endregion

const byUser = new Error('canceled alone')

/** What the page was told: to begin, and then which files to cancel. */
type State = 'idle' | 'all' | `all ${string}`

const FILES: readonly number[] = Array.from({ length: 20 }, (_, index) => index + 1)

/** The one that the script cancels. It is the largest, and there are files before and after it. */
const CANCELED = 5

/** In kilobytes. */
const MEAN_SIZE = 24
const LARGEST = 60

const GO = `func uploadAll(parent context.Context, files []*File) error {
    var uploads errgroup.Group
    uploads.SetLimit(3)
    for _, file := range files {
        ctx, cancel := context.WithCancel(parent)
        file.Cancel = cancel // ends this one alone
        uploads.Go(func() error { return file.Upload(ctx) })
    }
    return uploads.Wait()
}`

export const scenario: SceneScenario<State> = {
  title: 'Uploads',
  order: 114,
  about: (
    <>
      Twenty files are uploaded, and the fifth is canceled meanwhile. <code>useAction</code> with{' '}
      <code>mode: 'all'</code> and <code>limit: 3</code> sends three at a time, and every run has its own{' '}
      <code>cancel</code>. By hand, one controller aborts all of them, and the uploads take all connections of the
      browser.
    </>
  ),
  go: GO,
  compares: ['By hand', 'useAction'],
  sliders: [
    { name: 'latency', label: 'A file takes about', min: 50, max: 4000, step: 50, initial: 300 },
    { name: 'cancel', label: 'Cancel the fifth after', min: 10, max: 1000, step: 10, initial: 150 },
  ],
  rows: FILES.length,
  tallies: [
    { name: 'most', label: 'at once, at most', count: (calls) => mostOf(calls) },
    { name: 'stored', label: 'files stored', count: (calls) => calls.filter(isStored).length },
  ],
  marks: () => [],
  span: (ms) => (FILES.length / 3) * ms('latency') * 1.1,
  initial: 'idle',
  Scene,
  async script(ctx, { calls, go, ms, when }) {
    go('all', 'upload')
    await when(ctx, () => calls.get().some(({ name }) => name === nameOf(CANCELED)))
    await sleep(ctx, ms('cancel'))
    go(`all ${CANCELED}`, `cancel ${CANCELED}`)
  },
  async verdict(ctx, { calls, state, when }) {
    const fileOf = (file: number) => calls.get().find(({ name }) => name === nameOf(file))
    await when(ctx, () => {
      const asked = canceledIn(state.get())
      return FILES.every((file) => {
        const call = fileOf(file)
        return call === undefined ? asked.includes(file) : call.ended !== undefined
      })
    })
    const stored = calls.get().filter(isStored).length
    const asked = canceledIn(state.get()).filter((file) => fileOf(file)?.outcome !== 'answered').length
    const lost = FILES.length - stored - asked
    const text = `${stored} of ${FILES.length} files stored, `
    if (lost > 0) return { kind: 'failed', text: `${text}${lost} stopped with the one that was canceled` }
    return { kind: 'success', text: `${text}${asked} canceled` }
  },
}

/** How much of a file the server has stored, from 0 to 1. */
type Progress = Readonly<Record<number, number>>

type Tell = (share: number) => void

function Scene({ play, onAct }: SceneProps<State>) {
  const { rescind, take } = play
  const [progress, setProgress] = useState<Progress>({})
  const upload = useCallback<Upload>(
    (file, signal) => send(play, file, signal, (share) => setProgress((progress) => ({ ...progress, [file]: share }))),
    [play],
  )
  const Panel = rescind === 'on' ? WithAction : ByHand
  return <Panel key={take} {...{ onAct, play, progress, upload }} />
}

interface PanelProps extends SceneProps<State> {
  readonly progress: Progress
  readonly upload: Upload
}

function WithAction(props: PanelProps) {
  return <Files {...props} uploads={useUploads(props.upload, props.play.ctx)} />
}

function ByHand(props: PanelProps) {
  return <Files {...props} uploads={useUploadsByHand(props.upload)} />
}

function Files({ play, progress, uploads, onAct }: PanelProps & { readonly uploads: Uploads }) {
  const state = useStore(play.state)
  const calls = useStore(play.calls)
  useSteps(play, (state) => {
    const last = canceledIn(state).at(-1)
    if (last !== undefined) uploads.cancel(last)
    else if (state === 'all') uploads.start(FILES)
  })
  const isStarted = state !== 'idle'
  const canceled = canceledIn(state)
  const files = FILES.map((file) => {
    const call = calls.find(({ name }) => name === nameOf(file))
    const isCanceled = call?.outcome === 'canceled' || (call === undefined && canceled.includes(file))
    const kind = isCanceled ? 'canceled' : call === undefined ? 'waiting' : (call.outcome ?? 'running')
    return { file, kind, share: call === undefined ? 0 : (progress[file] ?? 0) }
  })
  const count = (kind: string) => files.filter((file) => file.kind === kind).length
  return (
    <div className="uploads">
      <div>
        <button type="button" onClick={() => onAct('all', 'upload')}>
          Upload {FILES.length} files
        </button>
        <p>
          <b>{count('answered')}</b> stored, <b>{count('running')}</b> sent, <b>{count('canceled')}</b> canceled
        </p>
      </div>
      <ul>
        {files.map(({ file, kind, share }) => (
          <li key={file} data-kind={kind}>
            <b>{file}</b>
            <button
              type="button"
              aria-label={`Cancel file ${file}`}
              disabled={!isStarted || kind === 'answered' || kind === 'canceled' || kind === 'failed'}
              onClick={() => onAct(`${state === 'idle' ? 'all' : state} ${file}`, `cancel ${file}`)}
            >
              ✕
            </button>
            <progress value={share} max={1} aria-label={nameOf(file)} />
          </li>
        ))}
      </ul>
    </div>
  )
}

async function send({ ms, url }: Lab, file: number, signal: AbortSignal, tell: Tell): Promise<void> {
  const size = file === CANCELED ? LARGEST : 12 + 8 * (file % 4)
  const latency = Math.round((ms('latency') * size) / MEAN_SIZE)
  const response = await fetch(url(nameOf(file), { latency, at: 'upload' }), {
    method: 'POST',
    body: new Uint8Array(size * 1000).fill(file),
    signal,
  })
  await eachLine(response, (line) => {
    const { piece, of } = JSON.parse(line) as Stored
    tell(piece / of)
  })
}

function nameOf(file: number): string {
  return `file ${file}`
}

function canceledIn(state: State): number[] {
  return state.split(' ').slice(1).map(Number)
}

function isStored({ outcome }: Call): boolean {
  return outcome === 'answered'
}

/** The most uploads under way at the same time. */
function mostOf(calls: readonly Call[]): number {
  const isOpen = (at: number) => calls.filter(({ sent, ended = Infinity }) => sent <= at && at < ended).length
  return Math.max(0, ...calls.map(({ sent }) => isOpen(sent)))
}
