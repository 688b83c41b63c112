/** A value that belongs to a request, and is passed on into every line of the server's log. */

import { useCallback } from 'react'
import { withValue } from 'rescind'
import type { Context } from 'rescind'
import { Scope, useScope, useTask } from 'rescind/react'
import { headers } from 'rescind/wire'
import { requestId } from '../server/request-id.ts'
import type { SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import { call } from '../ui/trace.ts'

// #region with
async function getOrder(parent: Context, id: string, url: string) {
  const ctx = withValue(parent, requestId.key, id)
  await getPart(ctx, url)
}
async function getPart(ctx: Context, url: string) {
  const sent = headers(ctx, { to: url, values: [requestId] })
  return await call(url, { signal: ctx.signal, headers: sent })
}
// #endregion

// #region without
async function getOrderByHand(_id: string, url: string) {
  await getPartByHand(url)
}
async function getPartByHand(url: string) {
  return await call(url)
}
// #endregion

const GO = `func withRequestID(next http.Handler) http.Handler {
    return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
        ctx := context.WithValue(r.Context(), requestIDKey{}, r.Header.Get("X-Request-Id"))
        next.ServeHTTP(w, r.WithContext(ctx))
    })
}

func logf(ctx context.Context, format string, args ...any) {
    id, _ := ctx.Value(requestIDKey{}).(string)
    log.Printf("[%s] %s", id, fmt.Sprintf(format, args...))
}`

const REST_MS = 400

export const scenario: SceneScenario = {
  title: 'Request-scoped values',
  order: 40,
  about: (
    <>
      Type a request id. The page puts it into a context, a header carries it to the server, and the context of the
      handler has it again. Every line of the log shows it, though no function on the way has a parameter for it.
    </>
  ),
  go: GO,
  sliders: [{ name: 'latency', label: 'Latency', min: 50, max: 3000, step: 50, initial: 500 }],
  rows: 1,
  marks: () => [],
  span: (ms) => ms('latency') + REST_MS,
  initial: 'order-17',
  Scene,
  // The scene sends the request.
  script: async () => {},
  async verdict(ctx, { calls, notes, rescind, state, when }) {
    const id = state.get().trim()
    if (id === '') return { kind: 'success', text: 'no id, no request' }
    const isAnswered = () => notes.get().findLast(({ kind }) => kind === 'right')?.label === id
    await when(ctx, () => isAnswered() && calls.get().every(({ ended }) => ended !== undefined))
    return { kind: 'success', text: rescind === 'on' ? `the server’s log says ${id}` : 'the server’s log has no id' }
  },
}

function Scene({ play, onAct }: SceneProps) {
  const { ctx, state } = play
  const id = useStore(state)
  return (
    <Scope parent={ctx}>
      <label className="field">
        <span>Request id</span>
        <input value={id} maxLength={24} spellCheck={false} onChange={({ target }) => onAct(target.value)} />
      </label>
      {id.trim() !== '' && <Order key={play.take} id={id.trim()} play={play} />}
    </Scope>
  )
}

function Order({ id, play: { giveUp, ms, note, rescind, url } }: { id: string; play: SceneProps['play'] }) {
  const scope = useScope()
  const get = useCallback(
    async (ctx: Context) => {
      giveUp(() => true)
      const target = url('order', { latency: ms('latency') })
      await (rescind === 'on' ? getOrder(ctx, id, target) : getOrderByHand(id, target))
      note('right', id)
    },
    [giveUp, id, ms, note, rescind, url],
  )
  const { status } = useTask(get, [get], { parent: scope, debounce: REST_MS })
  return (
    <p className="found">
      {status === 'success'
        ? 'Answered: see the server’s log below.'
        : status === 'error'
          ? 'Failed.'
          : 'Waiting for the answer.'}
    </p>
  )
}
