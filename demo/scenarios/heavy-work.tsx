/** A long computation in a worker, with its progress, Stop and a deadline. */

import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { contextError, sleep } from 'rescind'
import type { Context } from 'rescind'
import { useTask } from 'rescind/react'
import { job } from 'rescind/wire'
import type { Play, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { tabLog } from '../ui/tab-log.ts'
import { track } from '../ui/trace.ts'
import type { CallOutcome } from '../ui/trace.ts'
import { useSteps } from '../ui/use-steps.ts'
import type { Counted, Order, Word } from '../worker/primes.ts'
import { kindOf, reasonOf } from '../words.ts'

type Tell = (counted: Counted) => void

// #region with
function useCount(worker: () => Worker, onProgress: Tell, parent: Context, timeout: number) {
  const count = (ctx: Context, order: Order) => job<Counted, Counted>(ctx, worker(), order, { onProgress })
  return useTask(count, { parent, timeout, label: 'count' })
}
// #endregion

// #region without
function countByHand(worker: Worker, order: Order, onProgress: Tell, signal: AbortSignal) {
  return new Promise<Counted>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
    worker.addEventListener('message', ({ data }: MessageEvent<Word>) => {
      if (signal.aborted || data.id !== order.id) return
      if (data.progress) onProgress(data.progress)
      if (data.result) resolve(data.result)
    })
    worker.postMessage({ byHand: order }, [])
  })
}
// #endregion

type Phase = 'idle' | 'asked' | 'stopped'

const GO = `func countPrimes(ctx context.Context, limit int, progress func(int)) (found int, err error) {
    for number := 2; number <= limit; number++ {
        if number%1000 == 0 {
            if ctx.Err() != nil {
                return found, context.Cause(ctx)
            }
            progress(number)
        }
        found += isPrime(number)
    }
    return found, nil
}`

export const scenario: SceneScenario<Phase> = {
  title: 'Heavy work in a worker',
  order: 119,
  about: (
    <>
      A worker counts primes. <code>job</code> passes the context to the worker, so Stop and the deadline end the
      computation itself: its loop awaits <code>pause(ctx)</code> between two pieces. Without rescind, the page only
      ignores the result, and the worker computes until the end.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'latency', label: 'The work takes', min: 200, max: 8000, step: 100, initial: 3000 },
    { name: 'stop', label: 'Stop after', min: 100, max: 8000, step: 100, initial: 1200 },
    { name: 'timeout', label: 'Deadline', min: 100, max: 8000, step: 100, initial: 5000 },
  ],
  rows: 1,
  worker: () => 'Worker',
  marks: (ms, start) => [{ at: start + ms('timeout'), label: 'deadline' }],
  span: (ms) => ms('latency'),
  initial: 'idle',
  Scene,
  async script(ctx, { calls, go, ms, notes, when }) {
    const isOver = () => notes.get().some(({ kind }) => kind !== 'step')
    go('asked', 'start')
    await when(ctx, () => calls.get().length > 0)
    await Promise.race([sleep(ctx, ms('stop')), when(ctx, isOver)])
    if (!isOver()) go('stopped', 'Stop')
  },
  async verdict(ctx, { calls, notes, when }) {
    const found = () => notes.get().findLast(({ kind }) => kind !== 'step')
    await when(ctx, () => found() !== undefined && calls.get().every(({ ended }) => ended !== undefined))
    const { kind, label } = found() ?? { kind: 'right', label: '' }
    const isUnwanted = calls.get().some(({ unwanted }) => unwanted !== undefined)
    if (isUnwanted) return { kind: 'failed', text: `${label}, and the worker kept computing` }
    return { kind: kind === 'wrong' ? 'deadline' : 'success', text: label }
  },
}

function Scene(props: SceneProps<Phase>) {
  const { rescind, take } = props.play
  const Panel = rescind === 'on' ? WithJob : ByHand
  return <Panel key={take} {...props} />
}

function WithJob({ play, onAct }: SceneProps<Phase>) {
  const [counted, setCounted] = useState<Counted>()
  const { worker, begin, end } = useWorker(play)
  const { run, cancel, status, error } = useCount(worker, setCounted, play.ctx, play.ms('timeout'))
  useSteps(play, (phase) => {
    if (phase === 'stopped') cancel(new Error('Stop'))
    if (phase !== 'asked') return
    const order = begin()
    run(order).then(
      () => end(order.id, 'answered'),
      (error: unknown) => end(order.id, contextError(error) ? 'canceled' : 'failed', reasonOf(error)),
    )
  })
  const text = { idle: '', pending: '', success: 'complete', canceled: 'stopped', error: String(error) }[status]
  return <Primes {...{ play, onAct, counted, text }} label={error instanceof Error ? kindOf(error) : text} />
}

function ByHand({ play, onAct }: SceneProps<Phase>) {
  const [counted, setCounted] = useState<Counted>()
  const [text, setText] = useState('')
  const controller = useRef<AbortController>(undefined)
  const { worker, begin } = useWorker(play)
  useSteps(play, (phase) => {
    if (phase === 'stopped') controller.current?.abort(new Error('stopped'))
    if (phase !== 'asked') return
    controller.current = new AbortController()
    setText('')
    const signals = [controller.current.signal, play.ctx.signal, AbortSignal.timeout(play.ms('timeout'))]
    countByHand(worker(), begin(), setCounted, AbortSignal.any(signals)).then(
      () => setText('complete'),
      (error: Error) => {
        setText(error.name === 'TimeoutError' ? 'timed out' : 'stopped')
        play.giveUp(() => true)
      },
    )
  })
  return <Primes {...{ play, onAct, counted, text }} label={text} />
}

interface Working {
  readonly worker: () => Worker
  /** Begins a request, and returns its order. */
  readonly begin: () => Order
  /** Ends a request. By hand, a request ends when the worker has finished. */
  readonly end: (id: string, outcome: CallOutcome, why?: string) => void
}

/** The worker of one play. Its messages also tell the lanes about its work. */
function useWorker({ ms, rescind, url }: Play<Phase>): Working {
  const current = useRef<Worker>(undefined)
  const requests = useRef(new Map<string, ReturnType<typeof track>>())
  const end: Working['end'] = (id, outcome, why) => {
    requests.current.get(id)?.end(outcome, { bytes: 0, ...(why !== undefined && { why }) })
  }
  const hear = ({ data }: MessageEvent<Word>) => {
    const { id, kind, text = '' } = data
    if (kind === 'begun') tabLog.open({ id, name: 'count', latency: ms('latency') }, 'arrived in the worker')
    if (kind !== 'finished' && kind !== 'stopped') return
    tabLog.end(id, kind, `${kind}: ${text}`, kind === 'stopped' ? text.split(',')[0] : undefined)
    if (rescind === 'off') end(id, 'answered')
  }
  const worker = () => {
    if (current.current === undefined) {
      current.current = new Worker(new URL('../worker/primes.ts', import.meta.url), { type: 'module' })
      current.current.addEventListener('message', hear)
    }
    return current.current
  }
  const begin = () => {
    const request = track(url('count', { latency: ms('latency'), at: 'count' }))
    requests.current.set(request.id, request)
    request.sent()
    return { id: request.id, ms: ms('latency') }
  }
  useEffect(() => {
    const sent = requests.current
    return () => {
      current.current?.terminate()
      current.current = undefined
      for (const [id, request] of sent) {
        if (tabLog.entries(id).some((entry) => entry.id === id && entry.ended !== undefined)) continue
        request.end('canceled', { why: 'worker terminated' })
        tabLog.end(id, 'stopped', 'stopped: worker terminated', 'worker terminated')
      }
    }
  }, [])
  return { worker, begin, end }
}

const NOTHING: Counted = { found: 0, upTo: 1, share: 0 }

interface PrimesProps extends SceneProps<Phase> {
  readonly counted: Counted | undefined
  /** How it ended; empty until then. */
  readonly text: string
  /** The same in short. */
  readonly label: string
}

function Primes({ play, onAct, counted = NOTHING, text, label }: PrimesProps) {
  const isComputing = useStore(play.state) === 'asked' && text === ''
  const { found, share, upTo } = counted
  const noteEnd = useEffectEvent(() => {
    play.note(text === 'complete' || text === 'stopped' ? 'right' : 'wrong', label)
  })
  useEffect(() => {
    if (text !== '') noteEnd()
  }, [text])
  return (
    <div className="heavy">
      <div>
        <button type="button" onClick={() => (isComputing ? onAct('stopped', 'Stop') : onAct('asked', 'start'))}>
          {isComputing ? 'Stop' : 'Start'}
        </button>
        <p>
          <b>{found.toLocaleString('en')}</b> primes up to {upTo.toLocaleString('en')}
        </p>
      </div>
      <progress value={share} max={1} aria-label="Progress" />
      <p>{text === '' ? (isComputing ? 'computing' : 'not started') : text}</p>
    </div>
  )
}
