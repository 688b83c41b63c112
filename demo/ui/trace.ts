/**
 * The browser's side of the lanes. A trace makes the addresses of a run's requests. The `fetch` of this file calls that
 * of the platform, and records when a request of a trace was sent and how it ended, so the code that is shown needs no
 * changes for it.
 */

import { reasonOf } from '../words.ts'
import { pageId, serverTime } from './link.ts'
import { fromRoot } from './root.ts'
import { Store } from './store.ts'
import { tabLog } from './tab-log.ts'

/** The server accepts no more ids in one report. */
const MAX_WORDS = 100

export type CallOutcome = 'answered' | 'failed' | 'canceled'

export interface Call {
  readonly id: string
  readonly name: string
  /** On the page's monotonic clock, in milliseconds. */
  readonly sent: number
  /** Without rescind: when the answer became unwanted, and whether the server's log knows. */
  readonly unwanted?: number
  readonly isReported?: boolean
  readonly ended?: number
  readonly outcome?: CallOutcome
  /** Why it failed or was canceled. */
  readonly why?: string
  readonly bytes?: number
}

/** What a request asks the server for: work for `latency` milliseconds, and then an answer or a failure. */
export interface Work {
  readonly latency: number
  readonly fails?: boolean
  /** Sends its rows one by one, as they are made. */
  readonly streams?: boolean
  /** The endpoint, `work` by default, and its other parameters. */
  readonly at?: string
  readonly params?: Readonly<Record<string, string>>
}

/** The calls of one run, in the order they were sent. */
export class Trace extends Store<readonly Call[]> {
  readonly #isTold: boolean
  #isReporting = false

  /** @param told whether the server's handlers work under a context that ends when the client goes */
  constructor({ told }: { told: boolean }) {
    super([])
    this.#isTold = told
  }

  url(name: string, { latency, fails, streams, at = 'work', params }: Work): string {
    const id = `${pageId}${++requests}`
    announced.set(id, { trace: this, name })
    const query = new URLSearchParams({ id, name, latency: String(latency), ...params })
    if (fails) query.set('fails', 'yes')
    if (streams) query.set('streams', 'yes')
    if (!this.#isTold) query.set('rescind', 'off')
    return fromRoot(`api/${at}?${query}`)
  }

  send(id: string, name: string): void {
    this.set([...this.get(), { id, name, sent: performance.now() }])
  }

  /** Only the first end counts. */
  end(id: string, outcome: CallOutcome, details: Pick<Call, 'why' | 'bytes'>): void {
    const call = this.get().find((call) => call.id === id)
    if (call?.ended === undefined) this.#change(id, { ended: performance.now(), outcome, ...details })
  }

  /**
   * Marks the answers to these requests as unwanted. With rescind this does nothing: the requests are canceled. Without
   * rescind they continue and the handlers are not told. Only the server's log is, so that it can count the waste.
   */
  giveUp(isUnwanted: (call: Call) => boolean): void {
    if (this.#isTold) return
    const unwanted = performance.now()
    const isNew = (call: Call) => call.ended === undefined && call.unwanted === undefined && isUnwanted(call)
    const calls = this.get().filter(isNew)
    for (const { id } of calls) {
      this.#change(id, { unwanted })
      if (tabLog.entries(id).length === 0) continue
      tabLog.unwanted(id, 'the answer is unwanted, and the worker is not told', unwanted)
    }
    if (calls.length > 0) void this.#report()
  }

  /** Sends one report at a time: a browser has few connections to a server, and the measured requests need them. */
  async #report(): Promise<void> {
    if (this.#isReporting) return
    this.#isReporting = true
    for (;;) {
      const isOpen = ({ unwanted, isReported }: Call) => unwanted !== undefined && !isReported
      const open = this.get().filter(isOpen).slice(0, MAX_WORDS)
      if (open.length === 0) break
      const query = new URLSearchParams()
      for (const { id, unwanted = 0 } of open) {
        query.append('id', id)
        query.append('at', String(serverTime(unwanted)))
      }
      await globalThis.fetch(fromRoot(`api/unwanted?${query}`), { method: 'POST' }).catch(() => {})
      for (const { id } of open) this.#change(id, { isReported: true })
    }
    this.#isReporting = false
  }

  #change(id: string, patch: Partial<Call>): void {
    const calls = this.get()
    const index = calls.findIndex((call) => call.id === id)
    const call = calls[index]
    if (call !== undefined) this.set(calls.with(index, { ...call, ...patch }))
  }
}

let requests = 0

/** The addresses that were made and are not fetched yet, by the id of the request. */
const announced = new Map<string, { readonly trace: Trace; readonly name: string }>()

interface Tracked {
  readonly id: string
  sent(): void
  end(outcome: CallOutcome, details: Pick<Call, 'why' | 'bytes'>): void
}

/** Records a request that other code sends. */
export function track(url: string): Tracked {
  const id = new URL(url).searchParams.get('id') ?? ''
  const request = announced.get(id)
  announced.delete(id)
  return {
    id,
    sent: () => request?.trace.send(id, request.name),
    end: (outcome, details) => request?.trace.end(id, outcome, details),
  }
}

/** The platform's `fetch`, recorded for the lanes. A relative address is from the root of the site. */
export async function fetch(address: string, init: RequestInit = {}): Promise<Response> {
  const url = fromRoot(address)
  const id = new URL(url).searchParams.get('id') ?? ''
  const request = announced.get(id)
  if (request === undefined) return globalThis.fetch(url, init)
  const { trace, name } = request
  announced.delete(id)
  const fail = (error: unknown) => {
    const { signal } = init
    if (signal?.aborted) trace.end(id, 'canceled', { why: reasonOf(signal.reason) })
    else trace.end(id, 'failed', { why: 'no answer from the server' })
    return error
  }
  trace.send(id, name)
  try {
    const response = await globalThis.fetch(url, init)
    const end = (head: string, bytes: number) => {
      const failure = response.ok ? /^\{"error":"(.*)"\}$/.exec(head)?.[1] : `status ${response.status}`
      if (failure === undefined) trace.end(id, 'answered', { bytes })
      else trace.end(id, 'failed', { why: failure })
    }
    return new Response(response.body && watched(response.body, end, fail), response)
  } catch (error) {
    throw fail(error)
  }
}

/**
 * Passes `body` on as it arrives, and reports how it ended. The server reports a failed piece of work at the start of
 * the body: browsers log every status from 400 on as an error.
 */
function watched(
  body: ReadableStream<Uint8Array>,
  onEnd: (head: string, bytes: number) => void,
  onError: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let head = ''
  let bytes = 0
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) {
          onEnd(head, bytes)
          controller.close()
          return
        }
        bytes += value.byteLength
        if (head.length < 200) head += new TextDecoder().decode(value)
        controller.enqueue(value)
      } catch (error) {
        throw onError(error)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/** Fetches JSON. Resolves to the content; rejects if it says that the work failed. */
export async function call(url: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(url, init)
  const answer = (await response.json()) as { readonly error?: string }
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer
}

/** The text of an answer, chunk by chunk, as it arrives. */
export async function* textOf({ body }: Response): AsyncGenerator<string, void> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    if (done) return
    yield decoder.decode(value, { stream: true })
  }
}

/** Calls `read` with each line of an answer, as it arrives. */
export async function eachLine(response: Response, read: (line: string) => void): Promise<void> {
  let rest = ''
  for await (const text of textOf(response)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(read)
  }
}
