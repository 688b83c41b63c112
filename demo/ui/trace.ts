/**
 * The browser's side of the lanes. A trace gives out the addresses of a run's requests; `fetch` is the platform's, and
 * notes when a request of a trace was sent and how it ended. The code that is shown runs with it, unaware.
 */

import { pageId } from './link.ts'
import type { Work } from './scenario.ts'
import { Store } from './store.ts'

export type CallOutcome = 'answered' | 'failed' | 'canceled'

export interface Call {
  readonly id: string
  readonly name: string
  /** How long the server was asked to work, in milliseconds. */
  readonly latency: number
  /** On the page's monotonic clock, in milliseconds. */
  readonly sent: number
  readonly ended?: number
  readonly outcome?: CallOutcome
  /** Why it failed or was canceled. */
  readonly why?: string
  readonly bytes?: number
}

/** The calls of one run, in the order they were sent. */
export class Trace extends Store<readonly Call[]> {
  readonly #isTold: boolean

  /** @param told whether the server's handlers work under a context that ends when the client goes */
  constructor({ told }: { told: boolean }) {
    super([])
    this.#isTold = told
  }

  url(name: string, { latency, fails }: Work): string {
    const id = `${pageId}${++requests}`
    announced.set(id, { trace: this, name, latency })
    const query = new URLSearchParams({ id, name, latency: String(latency) })
    if (fails) query.set('fails', 'yes')
    if (!this.#isTold) query.set('rescind', 'off')
    return `/api/work?${query}`
  }

  send(call: Pick<Call, 'id' | 'name' | 'latency'>): void {
    this.set([...this.get(), { ...call, sent: performance.now() }])
  }

  end(id: string, outcome: CallOutcome, details: Pick<Call, 'why' | 'bytes'>): void {
    const ended = performance.now()
    const calls = this.get()
    const index = calls.findIndex((call) => call.id === id)
    const call = calls[index]
    if (call !== undefined) this.set(calls.with(index, { ...call, ended, outcome, ...details }))
  }
}

let requests = 0

/** The addresses given out and not fetched yet, by the id of the request. */
const announced = new Map<string, { readonly trace: Trace; readonly name: string; readonly latency: number }>()

/** The platform's fetch, drawn into the lanes. It resolves when the body is there, so that its end can be drawn too. */
export async function fetch(url: string, init: RequestInit = {}): Promise<Response> {
  const id = new URL(url, location.href).searchParams.get('id') ?? ''
  const request = announced.get(id)
  if (request === undefined) return globalThis.fetch(url, init)
  const { trace, name, latency } = request
  announced.delete(id)
  trace.send({ id, name, latency })
  try {
    const response = await globalThis.fetch(url, init)
    const body = await response.arrayBuffer()
    const failure = failureIn(response, body)
    if (failure === undefined) trace.end(id, 'answered', { bytes: body.byteLength })
    else trace.end(id, 'failed', { why: failure })
    return new Response(body, response)
  } catch (error) {
    const { signal } = init
    if (signal?.aborted) trace.end(id, 'canceled', { why: describe(signal.reason) })
    else trace.end(id, 'failed', { why: 'no answer from the server' })
    throw error
  }
}

/** As `fetch`, for an answer in JSON: resolves to its content, rejects when it says that the work failed. */
export async function call(url: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(url, init)
  const answer = (await response.json()) as { readonly error?: string }
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer
}

/** An error and its cause in words: `context canceled: Esc`. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** The server reports a failure of the work in the body: browsers log every status from 400 on as an error. */
function failureIn(response: Response, body: ArrayBuffer): string | undefined {
  if (!response.ok) return `status ${response.status}`
  const text = new TextDecoder().decode(body.slice(0, 200))
  return /^\{"error":"(.*)"\}$/.exec(text)?.[1]
}
