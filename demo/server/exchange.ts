/**
 * A request and its answer for all endpoints: Node's, or those of a service worker. Each answer names its type, and
 * forbids browsers to guess another.
 */

import type { Inspector } from 'rescind/inspect'
import type { ServerRequest, ServerResponse } from 'rescind/node'
import type { Databases } from './databases.ts'
import type { Log } from './log.ts'

/** The response: Node's, or that of a service worker. */
export interface DemoResponse extends ServerResponse {
  readonly headersSent: boolean
  /** The bytes that were written and have not been sent yet. */
  readonly writableLength: number
  writeHead(status: number, headers?: Record<string, string>): { end(text?: string): unknown }
  write(text: string): unknown
  end(text?: string): unknown
  destroy(): unknown
}

/** A request: Node's, or that of a service worker. Iterating it reads its body. */
export interface Request extends ServerRequest, AsyncIterable<Uint8Array> {}

export interface Exchange {
  readonly req: Request
  readonly res: DemoResponse
  readonly url: URL
  readonly log: Log
  readonly databases: Databases
  /** Sees the contexts of all requests. */
  readonly inspector: Inspector
}

/** The headers of an answer in `type`. */
export function typed(type: string): Record<string, string> {
  return { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
}

export function sendJson(res: DemoResponse, value: unknown): void {
  res.writeHead(200, typed('application/json')).end(JSON.stringify(value))
}

/** Answers with one line of text, as every refusal does. */
export function sendText(res: DemoResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  res.writeHead(status, { ...typed('text/plain; charset=utf-8'), ...headers }).end(`${text}\n`)
}

/** Refuses a request with an invalid query. */
export function refuse({ res }: Exchange, why: string): void {
  sendText(res, 400, why)
}
