/** An answer that is written word by word, until its reader stops it, or the server falls silent. */

import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react'
import { sleep, stream } from 'rescind'
import type { Context } from 'rescind'
import { useTask } from 'rescind/react'
import type { SceneProps, SceneScenario, Settings } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { fetch, textOf } from '../ui/trace.ts'
import { useSteps } from '../ui/use-steps.ts'

type Url = () => string

// #region with
function useAnswer(url: Url, parent: Context, silence: { first: number; idle: number }) {
  const write = async function* (ctx: Context) {
    const chunks = stream(ctx, ({ signal }) => fetch(url(), { signal }), silence)
    const decoder = new TextDecoder()
    let answer = ''
    for await (const chunk of chunks) yield (answer += decoder.decode(chunk, { stream: true }))
  }
  return useTask(write, { parent })
}
// #endregion

// #region without
function useAnswerByHand(url: Url) {
  const [answer, setAnswer] = useState('')
  const isStopped = useRef(false)
  const write = async () => {
    isStopped.current = false
    setAnswer('')
    for await (const words of textOf(await fetch(url()))) {
      if (!isStopped.current) setAnswer((answer) => answer + words)
    }
  }
  return { answer, write, stop: () => (isStopped.current = true) }
}
// #endregion

type Phase = 'idle' | 'asked' | 'stopped'

const SERVERS = ['keeps writing', 'falls silent half-way', 'is slow to begin']
const SLOW_TO_BEGIN = 2

/** How long the server is silent, in milliseconds, if it is. */
const SILENCE_MS = 3000

const GO = `func (a *Answer) write(parent context.Context, url string, first, idle time.Duration) error {
    ctx, cancel := context.WithCancelCause(parent)
    defer cancel(nil)
    a.Stop = func() { cancel(errStopped) }
    silence := time.AfterFunc(first, func() { cancel(errSilent) })
    defer silence.Stop()
    for words := range textOf(ctx, url) {
        silence.Reset(idle)
        a.Text += words
    }
    return context.Cause(ctx)
}`

export const scenario: SceneScenario<Phase> = {
  title: 'Stop the answer',
  order: 105,
  about: (
    <>
      A server writes an answer word by word. Stop keeps the words that have arrived, and with <code>stream</code> the
      server stops writing, too. A server that falls silent is given up: <code>first</code> limits the wait for the
      first word, <code>idle</code> the pause between two words, and the error says which limit was exceeded.
    </>
  ),
  go: GO,
  choices: [{ name: 'server', label: 'The server', options: SERVERS, initial: 0 }],
  sliders: [
    { name: 'latency', label: 'The answer takes', min: 200, max: 8000, step: 100, initial: 3000 },
    { name: 'stop', label: 'Stop after', min: 100, max: 8000, step: 100, initial: 1200 },
    { name: 'first', label: 'First word within', min: 100, max: 5000, step: 100, initial: 1500 },
    { name: 'idle', label: 'Silence at most', min: 100, max: 5000, step: 100, initial: 800 },
  ],
  rows: 1,
  marks: () => [],
  span: (ms) => ms('latency') + silenceOf(ms),
  initial: 'idle',
  Scene,
  async script(ctx, { calls, go, ms, when }) {
    go('asked', 'ask')
    await when(ctx, () => calls.get().length > 0)
    const isOver = () => calls.get().every(({ ended }) => ended !== undefined)
    await Promise.race([sleep(ctx, ms('stop')), when(ctx, isOver)])
    if (!isOver()) go('stopped', 'Stop')
  },
  async verdict(ctx, { calls, notes, when }) {
    const found = () => notes.get().findLast(({ kind }) => kind !== 'step')
    await when(ctx, () => found() !== undefined && calls.get().every(({ ended }) => ended !== undefined))
    const { kind, label } = found() ?? { kind: 'right', label: '' }
    const isUnwanted = calls.get().some(({ unwanted }) => unwanted !== undefined)
    if (kind === 'wrong') return { kind: 'deadline', text: label }
    if (isUnwanted) return { kind: 'failed', text: `${label}, and the server kept writing` }
    return { kind: 'success', text: label }
  },
}

function silenceOf(ms: Settings): number {
  return ms('server') === 0 ? 0 : SILENCE_MS
}

function Scene({ play, onAct }: SceneProps<Phase>) {
  const { ms, rescind, take, url } = play
  const Reader = rescind === 'on' ? WithTask : ByHand
  const answerUrl = useCallback(() => {
    const from = ms('server') === SLOW_TO_BEGIN ? 'start' : 'middle'
    return url('answer', { latency: ms('latency'), at: 'answer', params: { silence: String(silenceOf(ms)), from } })
  }, [ms, url])
  return <Reader key={take} play={play} onAct={onAct} url={answerUrl} />
}

interface ReaderProps extends SceneProps<Phase> {
  readonly url: Url
}

function WithTask({ play, onAct, url }: ReaderProps) {
  const silence = { first: play.ms('first'), idle: play.ms('idle') }
  const { data = '', status, error, action, cancel } = useAnswer(url, play.ctx, silence)
  useSteps(play, (phase) => {
    if (phase === 'asked') void action()
    if (phase === 'stopped') cancel(new Error('Stop'))
  })
  const end = { idle: '', pending: '', success: 'complete', canceled: 'stopped', error: String(error) }[status]
  return <Answer {...{ play, onAct, end }} text={data} />
}

/** Does not know whether the answer is complete, unless it looks at the request. */
function ByHand({ play, onAct, url }: ReaderProps) {
  const { answer, write, stop } = useAnswerByHand(url)
  const [call] = useStore(play.calls)
  const phase = useStore(play.state)
  useSteps(play, (phase) => {
    if (phase === 'asked') write().catch(() => {})
    if (phase !== 'stopped') return
    stop()
    play.giveUp(() => true)
  })
  const end = phase === 'stopped' ? 'stopped' : call?.ended === undefined ? '' : 'complete'
  return <Answer {...{ play, onAct, end }} text={answer} />
}

interface AnswerProps extends SceneProps<Phase> {
  readonly text: string
  /** How it ended; empty until then. */
  readonly end: string
}

function Answer({ play, onAct, text, end }: AnswerProps) {
  const isWriting = useStore(play.state) === 'asked' && end === ''
  const words = text.split(/\s+/).filter((word) => word !== '').length
  const noteEnd = useEffectEvent(() => {
    const isError = end !== 'complete' && end !== 'stopped'
    play.note(isError ? 'wrong' : 'right', `${isError ? 'context deadline exceeded' : end}, ${words} words kept`)
  })
  useEffect(() => {
    if (end !== '') noteEnd()
  }, [end])
  return (
    <div className="answer" data-end={end === '' ? (isWriting ? 'writing' : 'none') : 'over'}>
      <p>
        <b>What is a context?</b>
        <button type="button" onClick={() => (isWriting ? onAct('stopped', 'Stop') : onAct('asked', 'ask'))}>
          {isWriting ? 'Stop' : 'Ask'}
        </button>
      </p>
      <p>
        {text}
        {end !== '' && (
          <em>
            {end}, {words} words
          </em>
        )}
      </p>
    </div>
  )
}
