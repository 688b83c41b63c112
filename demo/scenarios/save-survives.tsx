/** A note that is closed while it is being saved, by a debounced autosave and by a button that pins it. */

import { useEffect, useMemo, useRef, useState } from 'react'
import { sleep } from 'rescind'
import { useAction } from 'rescind/react'
import type { Note } from '../server/notes.ts'
import { pageId } from '../ui/link.ts'
import type { Play, SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { call } from '../ui/trace.ts'
import type { Call } from '../ui/trace.ts'
import { useSteps } from '../ui/use-steps.ts'

interface Server {
  readonly save: (text: string, signal?: AbortSignal) => Promise<unknown>
  readonly pin: (signal: AbortSignal) => Promise<unknown>
}

interface Writes {
  readonly edit: (text: string) => unknown
  readonly pin: () => unknown
}

// #region with
function useNote({ save, pin }: Server, debounce: number): Writes {
  const saving = useAction(({ signal }, text: string) => save(text, signal), {
    mode: 'keepLatest',
    debounce,
  })
  const pinning = useAction(({ signal }) => pin(signal))
  return { edit: saving.action, pin: pinning.action }
}
// #endregion

// #region without
function useNoteByHand({ save, pin }: Server, debounce: number): Writes {
  const timer = useRef(0)
  const [open] = useState(() => new AbortController())
  useEffect(() => () => open.abort(), [open])
  useEffect(() => () => clearTimeout(timer.current), [])
  const edit = (text: string) => {
    clearTimeout(timer.current)
    timer.current = window.setTimeout(save, debounce, text)
  }
  return { edit, pin: () => pin(open.signal).catch(() => {}) }
}
// #endregion

/** What happens to the note: it is edited, pinned by the click that closes it, or closed. Its text follows. */
type State = `${'open' | 'pin' | 'closed'} ${string}`

/** Typed with a pause between them. */
const BURSTS = ['Kind', ' of', ' Blue']

/** The pause is longer than the debounce by this, so that a save begins. */
const REST_MS = 100

const PIN = 'pin'

const PIN_MS = 300

const GO = `func autosave(parent context.Context, edits <-chan string, save func(context.Context, string)) {
    ctx := context.WithoutCancel(parent) // the note may be closed
    for text := range edits {
        for len(edits) > 0 {
            text = <-edits
        }
        save(ctx, text)
    }
}`

export const scenario: SceneScenario<State> = {
  title: 'A save that survives',
  order: 112,
  about: (
    <>
      A note saves itself while you type. <em>Pin and close</em> pins it with the click that removes it from the page. A
      read ends with its component, but a write of <code>useAction</code> runs until it is done. The first save takes
      longest: by hand it arrives last, and replaces a newer text. Type something and switch to another tab: the browser
      may freeze or discard a hidden tab, so the save must not wait for its timer.
    </>
  ),
  go: GO,
  compares: ['By hand', 'useAction'],
  sliders: [
    { name: 'latency', label: 'First save takes', min: 100, max: 4000, step: 50, initial: 1500 },
    { name: 'pause', label: 'Key every', min: 20, max: 300, step: 10, initial: 60 },
    { name: 'debounce', label: 'Debounce', min: 50, max: 1000, step: 50, initial: 250 },
  ],
  rows: 4,
  tallies: [
    { name: 'overtaken', label: 'saves overtaken', count: (calls) => overtakenOf(calls) },
    {
      name: 'aborted',
      label: 'writes aborted',
      count: (calls) => calls.filter(({ outcome }) => outcome === 'canceled').length,
    },
  ],
  marks: () => [],
  span: (ms) => {
    const typing = BURSTS.join('').length * ms('pause') + 2 * (ms('debounce') + REST_MS)
    return Math.max(typing, 4 * ms('pause') + ms('debounce') + ms('latency')) + ms('latency') / 2
  },
  initial: 'open ',
  Scene,
  async script(ctx, { go, ms }) {
    let text = ''
    for (const burst of BURSTS) {
      if (text !== '') await sleep(ctx, ms('debounce') + REST_MS)
      for (const [index, key] of [...burst].entries()) {
        text += key
        go(`open ${text}`, index === 0 ? `“${burst.trim()}”` : undefined)
        await sleep(ctx, ms('pause'))
      }
    }
    go(`pin ${text}`, 'pin')
  },
  async verdict(ctx, play) {
    const { calls, rescind, state, when } = play
    await when(ctx, () => {
      const [what, text] = parse(state.get())
      const isSent = text === '' || savesOf(calls.get()).some(({ name }) => name === text)
      // By hand a note that is closed sends nothing more.
      const isThrough = isSent || (rescind === 'off' && what === 'closed')
      return what !== 'pin' && isThrough && calls.get().every(({ ended }) => ended !== undefined)
    })
    const [what, text] = parse(state.get())
    const note = (await call(`./api/note?note=${idOf(play)}`, { signal: ctx.signal })) as Note
    const isPinned = note.isPinned || what === 'open'
    const result = `the server has “${note.text}”${note.isPinned ? ', pinned' : isPinned ? '' : ', not pinned'}`
    return { kind: note.text === text && isPinned ? 'success' : 'failed', text: result }
  },
}

function Scene({ play, onAct }: SceneProps<State>) {
  const { ms, note, rescind, state, take } = play
  const [what, text] = parse(useStore(state))
  const server = useMemo(() => serverOf(play), [play])
  const Open = rescind === 'on' ? Editor : EditorByHand
  useEffect(() => {
    const turn = () => {
      if (document.hidden && what === 'open' && text !== '') note('step', 'tab hidden')
    }
    document.addEventListener('visibilitychange', turn)
    return () => document.removeEventListener('visibilitychange', turn)
  }, [note, text, what])
  return (
    <div className="editor" data-open={what !== 'closed'}>
      {what === 'closed' ? (
        <>
          <p>The note is closed. What was typed: “{text}”.</p>
          <button type="button" onClick={() => onAct('open ', 'open')}>
            Open another
          </button>
        </>
      ) : (
        <Open key={take} debounce={ms('debounce')} {...{ onAct, play, server, text }} />
      )}
    </div>
  )
}

interface EditorProps extends Pick<SceneProps<State>, 'onAct' | 'play'> {
  readonly text: string
  readonly server: Server
  readonly debounce: number
}

function Editor(props: EditorProps) {
  return <Fields {...props} writes={useNote(props.server, props.debounce)} />
}

function EditorByHand(props: EditorProps) {
  return <Fields {...props} writes={useNoteByHand(props.server, props.debounce)} />
}

function Fields({ text, play, writes, onAct }: EditorProps & { readonly writes: Writes }) {
  useSteps(play, (state) => {
    const [what, text] = parse(state)
    if (what === 'open' && text !== '') writes.edit(text)
    if (what !== 'pin') return
    writes.pin()
    play.go(`closed ${text}`)
  })
  return (
    <>
      <label className="field">
        <span>Note</span>
        <input
          type="text"
          value={text}
          maxLength={40}
          autoComplete="off"
          spellCheck={false}
          onChange={({ target }) => onAct(`open ${target.value}`)}
        />
      </label>
      <button type="button" onClick={() => onAct(`pin ${text}`, 'pin')}>
        Pin and close
      </button>
    </>
  )
}

/** Every save takes half as long as the one before. */
function serverOf(play: Play<State>): Server {
  const { calls, ms, url } = play
  const params = { note: idOf(play) }
  const latency = () => Math.round(ms('latency') / 2 ** savesOf(calls.get()).length)
  return {
    save: (text, signal) =>
      call(url(text, { latency: latency(), at: 'save', params }), {
        method: 'POST',
        body: text,
        keepalive: true,
        ...(signal && { signal }),
      }),
    pin: (signal) => call(url(PIN, { latency: PIN_MS, at: PIN, params }), { method: 'POST', signal }),
  }
}

/** The server's id for the note of a run. */
function idOf({ started }: Play<State>): string {
  return `${pageId}note${Math.round(started)}`
}

function parse(state: State): [what: string, text: string] {
  const space = state.indexOf(' ')
  return [state.slice(0, space), state.slice(space + 1)]
}

function savesOf(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ name }) => name !== PIN)
}

/** How many saves ended after a save that was sent later. */
function overtakenOf(calls: readonly Call[]): number {
  const saves = savesOf(calls)
  const isOvertaken = ({ ended = Infinity }: Call, index: number) => {
    return saves.slice(index + 1).some((later) => (later.ended ?? Infinity) < ended)
  }
  return saves.filter(isOvertaken).length
}
