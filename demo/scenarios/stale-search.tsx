/** Search as you type: every keystroke asks the server, and the answers overtake each other. */

import { useEffect, useEffectEvent, useMemo, useState } from 'react'
import { sleep } from 'rescind'
import { Scope, useTask } from 'rescind/react'
import type { Answer } from '../server/search.ts'
import type { Play, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { fetch } from '../ui/trace.ts'
import { traced } from '../ui/traced.ts'

type Url = (query: string) => string

// #region with
function useSearch(query: string, url: Url, debounce: number) {
  return useTask(
    (ctx): Promise<Answer> =>
      traced(ctx, async ({ signal }, headers) => {
        const response = await fetch(url(query), { signal, headers })
        return response.json()
      }),
    [query, url],
    { debounce, keepPrevious: true, label: query },
  )
}
// #endregion

// #region without
function useSearchByHand(query: string, url: Url, debounce: number) {
  const [answer, setAnswer] = useState<Answer>()
  useEffect(() => {
    const timer = setTimeout(async () => {
      const response = await fetch(url(query))
      setAnswer(await response.json())
    }, debounce)
    return () => clearTimeout(timer)
  }, [query, url, debounce])
  return answer
}
// #endregion

const WORD = 'mexico'

/** Time to render the last answer. */
const REST_MS = 100

const GO = `func search(parent context.Context, queries <-chan string, show func(context.Context, string)) {
    cancel := context.CancelCauseFunc(func(error) {})
    for query := range queries {
        cancel(errSuperseded)
        var ctx context.Context
        ctx, cancel = context.WithCancelCause(parent)
        go show(ctx, query)
    }
    cancel(nil)
}`

export const scenario: SceneScenario = {
  title: 'Stale search',
  order: 100,
  about: (
    <>
      Searches all countries in 147 languages at every keystroke. A short query finds more and takes longer, so its
      answer arrives last and replaces the right one. With <code>useTask</code>, each keystroke stops the search before
      it.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'latency', label: 'Slowest search', min: 100, max: 4000, step: 50, initial: 2000 },
    { name: 'pause', label: 'Key every', min: 40, max: 500, step: 10, initial: 100 },
    { name: 'debounce', label: 'Debounce', min: 0, max: 500, step: 10, initial: 0, bottom: 'none' },
  ],
  rows: WORD.length,
  tallies: [
    {
      name: 'wrong',
      label: 'wrong results shown',
      count: (_, notes) => notes.filter(({ kind }) => kind === 'wrong').length,
    },
  ],
  marks: () => [],
  span: (ms) => Math.max(ms('latency'), WORD.length * ms('pause') + ms('debounce') + ms('latency') / 3),
  initial: '',
  Scene,
  script: typing(WORD),
  async verdict(ctx, { calls, notes, rescind, state, when }) {
    const query = () => state.get().trim()
    const shown = () => notes.get().findLast(({ kind }) => kind !== 'step')
    await when(ctx, () => {
      const answer = calls.get().findLast(({ name }) => name === query())
      const isAnswered = query() === '' || answer?.ended !== undefined
      return isAnswered && calls.get().every(({ ended }) => ended !== undefined)
    })
    // By hand, nothing says whether the screen will change again.
    if (rescind === 'off') await sleep(ctx, REST_MS)
    else await when(ctx, () => calls.get().at(-1)?.outcome !== 'answered' || shown()?.label === query())
    const { kind, label } = shown() ?? { kind: 'right', label: '' }
    if (query() === '') return { kind: 'success', text: 'nothing to search for' }
    if (kind === 'wrong') return { kind: 'failed', text: `“${query()}” shows the results of “${label}”` }
    return { kind: 'success', text: `“${query()}” shows its results` }
  },
}

/** A script: types `word`. */
export function typing(word: string): SceneScenario['script'] {
  return async (ctx, { go, ms }) => {
    for (let length = 1; length <= word.length; length++) {
      if (length > 1) await sleep(ctx, ms('pause'))
      go(word.slice(0, length), word[length - 1])
    }
  }
}

function Scene({ play, onAct }: SceneProps) {
  const { ctx, giveUp, ms, rescind, state, take, url } = play
  const text = useStore(state)
  const query = text.trim()
  const Results = rescind === 'on' ? Found : FoundByHand
  const searchUrl = useMemo(
    () => (query: string) => url(query, { latency: ms('latency'), at: 'search', params: { q: query } }),
    [url, ms],
  )
  useEffect(() => giveUp(({ name }) => name !== query), [giveUp, query])
  return (
    <Scope parent={ctx}>
      <label className="field">
        <span>Search for a country, in any language</span>
        <input
          type="search"
          value={text}
          maxLength={40}
          autoComplete="off"
          spellCheck={false}
          onChange={({ target: { value } }) => onAct(value, value.length > text.length ? value.at(-1) : undefined)}
        />
      </label>
      {query === '' ? (
        <p className="found">Type something, or press Run.</p>
      ) : (
        <Results key={take} query={query} url={searchUrl} play={play} />
      )}
    </Scope>
  )
}

interface ResultsProps {
  readonly query: string
  readonly url: Url
  readonly play: Play
}

function Found({ query, url, play }: ResultsProps) {
  const { data, status, stale } = useSearch(query, url, play.ms('debounce'))
  return <Hits query={query} answer={data} play={play} state={stale || status === 'pending' ? 'pending' : status} />
}

/** Knows the last answer that arrived, and not the query that it is for. That is the bug. */
function FoundByHand({ query, url, play }: ResultsProps) {
  return <Hits query={query} answer={useSearchByHand(query, url, play.ms('debounce'))} play={play} state="unknown" />
}

interface HitsProps {
  readonly query: string
  readonly answer: Answer | undefined
  readonly play: Play
  readonly state: string
}

function Hits({ query, answer, play, state }: HitsProps) {
  const isRight = answer?.query === query
  // An answer counts when it appears on the screen, not when the query changes.
  const noteShown = useEffectEvent((shown: Answer) => play.note(isRight ? 'right' : 'wrong', shown.query))
  useEffect(() => {
    if (answer !== undefined) noteShown(answer)
  }, [answer])
  const kind = state === 'pending' ? 'pending' : answer === undefined ? 'empty' : isRight ? 'right' : 'wrong'
  return (
    <div className="results-of" data-shown={kind}>
      <p className="found">
        {answer === undefined ? 'Searching' : `${answer.found} names for “${answer.query}”`}{' '}
        {kind === 'wrong' && <strong>wrong: the input says “{query}”</strong>}
        {kind === 'pending' && answer !== undefined && <span>searching for “{query}”</span>}
      </p>
      <ul className="hits">
        {answer?.hits.map(({ code, region, name, language }) => (
          <li key={code}>
            <b>{region}</b> {name !== region && `${name}, in ${language}`}
          </li>
        ))}
      </ul>
    </div>
  )
}
